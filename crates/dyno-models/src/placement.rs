//! A file that appears whole or not at all: written beside its final place, synced, then renamed.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use tempfile::NamedTempFile;

use crate::ModelError;

/// End of the names of unfinished files.
const UNFINISHED: &str = ".part";
/// An unfinished file nobody holds a lock on is left over once it is this old. (Younger ones may be about to be locked.)
const LEFT_OVER_AFTER: Duration = Duration::from_secs(60);

/// A file being made. Dropping it removes what was written.
#[derive(Debug)]
pub(crate) struct Placement {
    unfinished: NamedTempFile,
    target: PathBuf,
}

impl Placement {
    /// Creates the folder when needed, clears what killed processes left, checks the room, and opens the file.
    pub(crate) fn begin(target: &Path, needed_bytes: u64) -> Result<Self, ModelError> {
        let folder =
            target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let failed = |source| ModelError::Write { path: folder.to_owned(), source };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let prefix = format!(".{}.", file_name(target));
        remove_left_over(folder, &prefix);
        let free_bytes = free_bytes(folder).map_err(failed)?;
        if free_bytes < needed_bytes {
            return Err(disk_full(target, needed_bytes, free_bytes));
        }
        let unfinished = create(folder, &prefix).map_err(failed)?;
        // Tells other processes that somebody is writing; without lock support nothing is lost but tidiness.
        let _ = flock(unfinished.as_file(), FlockOperation::NonBlockingLockExclusive);
        Ok(Self { unfinished, target: target.to_owned() })
    }

    /// Where to write.
    pub(crate) fn file(&mut self) -> &mut File {
        self.unfinished.as_file_mut()
    }

    /// Syncs and renames; an existing file is replaced.
    pub(crate) fn finish(mut self) -> Result<(), ModelError> {
        let target = self.target.clone();
        let failed = |source| ModelError::Write { path: target.clone(), source };
        let file = self.unfinished.as_file_mut();
        file.flush().and_then(|()| file.sync_all()).map_err(failed)?;
        self.unfinished.persist(&self.target).map_err(|error| failed(error.error))?;
        // Makes the new name durable where folders can be synced; the data already is.
        if let Some(folder) = self.target.parent() {
            let _ = File::open(folder).and_then(|folder| folder.sync_all());
        }
        Ok(())
    }
}

/// The error of a write that failed: a full disk is named as such.
pub(crate) fn write_failed(target: &Path, needed_bytes: u64, source: std::io::Error) -> ModelError {
    let full = matches!(source.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded);
    match target.parent().map(free_bytes) {
        Some(Ok(free_bytes)) if full => disk_full(target, needed_bytes, free_bytes),
        _ => ModelError::Write { path: target.to_owned(), source },
    }
}

fn disk_full(target: &Path, needed_bytes: u64, free_bytes: u64) -> ModelError {
    let folder = target.parent().unwrap_or(Path::new("."));
    ModelError::DiskFull { file_name: file_name(target), folder: folder.to_owned(), needed_bytes, free_bytes }
}

pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Bytes this user may still write in the folder's file system.
fn free_bytes(folder: &Path) -> std::io::Result<u64> {
    let about = rustix::fs::statvfs(folder)?;
    Ok(about.f_bavail.saturating_mul(about.f_frsize))
}

fn create(folder: &Path, prefix: &str) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).suffix(UNFINISHED);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As any other file of the user (the umask still applies), not private as temporary files are.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Removes unfinished files of the same target whose writers were killed. Best effort.
fn remove_left_over(folder: &Path, prefix: &str) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let ours = name.to_str().is_some_and(|name| name.starts_with(prefix) && name.ends_with(UNFINISHED));
        if ours && is_left_over(&entry.path()) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn is_left_over(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    let age = file
        .metadata()
        .and_then(|about| about.modified())
        .map(|modified| modified.elapsed().unwrap_or_default());
    age.is_ok_and(|age| age > LEFT_OVER_AFTER)
        && flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok()
}
