//! The folder of one program: empty before, watched while it runs, gone after.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use tempfile::TempDir;

use crate::SandboxError;

/// Most bytes of all files of a program together.
pub(crate) const MAX_BYTES: u64 = 64 << 20;
/// Most files of a program.
pub(crate) const MAX_FILES: usize = 1000;

/// What the names of all scratch folders begin with.
const PREFIX: &str = "dyno-sandbox-";
/// A folder is left alone for so long: whoever made it may not have locked it yet.
const LEFT_ALONE: Duration = Duration::from_secs(60);

/// A scratch folder; dropping it removes it.
#[derive(Debug)]
pub(crate) struct Scratch {
    folder: TempDir,
    /// Locked as long as this process lives: who can lock it knows that nobody uses the folder.
    _lock: File,
}

impl Scratch {
    pub(crate) fn new(root: &Path) -> Result<Self, SandboxError> {
        let make = || -> std::io::Result<Self> {
            let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(root)?;
            let lock = File::open(folder.path())?;
            // Where folders cannot be locked, remains stay.
            let _ = flock(&lock, FlockOperation::NonBlockingLockExclusive);
            Ok(Self { folder, _lock: lock })
        };
        make().map_err(SandboxError::io(format!("no scratch folder can be made in {}", root.display())))
    }

    /// Removes the folders of processes that were killed. Best effort: what stays is looked at again the next time.
    pub(crate) fn sweep(root: &Path) {
        let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
        let ours = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
        for path in ours.map(|entry| entry.path()) {
            if let Some(_unused) = lock_if_left(&path) {
                let _ = std::fs::remove_dir_all(&path);
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Whether the program keeps more in it than it may. Folders cannot be made in it where file rules hold, so
    /// one level is all there is.
    pub(crate) fn is_over_limit(&self) -> bool {
        let Ok(entries) = std::fs::read_dir(self.path()) else { return false };
        let mut bytes = 0_u64;
        for (index, entry) in entries.flatten().enumerate() {
            // Not followed: a link to a large file elsewhere is not the program's.
            bytes = bytes.saturating_add(entry.metadata().map_or(0, |metadata| metadata.len()));
            if bytes > MAX_BYTES || index >= MAX_FILES {
                return true;
            }
        }
        false
    }
}

/// The lock of a folder of this user's that nobody uses any more.
fn lock_if_left(path: &Path) -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = File::from(rustix::fs::open(path, flags, Mode::empty()).ok()?);
    let about = folder.metadata().ok()?;
    let age = about.modified().ok()?.elapsed().ok()?;
    if about.uid() != rustix::process::geteuid().as_raw() || age < LEFT_ALONE {
        return None;
    }
    flock(&folder, FlockOperation::NonBlockingLockExclusive).ok().map(|()| folder.into())
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn folders_of_killed_processes_are_swept_and_no_others() {
        let root = tempfile::tempdir().unwrap();
        let old = SystemTime::now() - LEFT_ALONE - Duration::from_secs(1);
        let folder = |name: &str, age: SystemTime| {
            let path = root.path().join(name);
            std::fs::create_dir(&path).unwrap();
            std::fs::write(path.join("left"), "").unwrap();
            File::open(&path).unwrap().set_modified(age).unwrap();
            path
        };
        let left = folder("dyno-sandbox-left", old);
        let young = folder("dyno-sandbox-young", SystemTime::now());
        let foreign = folder("other", old);
        std::os::unix::fs::symlink(&foreign, root.path().join("dyno-sandbox-link")).unwrap();
        let used = Scratch::new(root.path()).unwrap();
        File::open(used.path()).unwrap().set_modified(old).unwrap();
        Scratch::sweep(root.path());
        let stays = |path: &Path| path.exists();
        assert!(!stays(&left) && stays(&young) && stays(&foreign.join("left")) && stays(used.path()));
    }

    #[test]
    fn it_is_watched_and_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(root.path()).unwrap();
        assert!(!scratch.is_over_limit());
        let file = std::fs::File::create(scratch.path().join("large")).unwrap();
        file.set_len(MAX_BYTES).unwrap();
        assert!(!scratch.is_over_limit());
        file.set_len(MAX_BYTES + 1).unwrap();
        assert!(scratch.is_over_limit());
        file.set_len(0).unwrap();
        (0..MAX_FILES).for_each(|index| std::fs::write(scratch.path().join(index.to_string()), "").unwrap());
        assert!(scratch.is_over_limit());
        drop(scratch);
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_root_that_is_not_there_is_named() {
        let error = Scratch::new(Path::new("/nowhere/at/all")).unwrap_err().to_string();
        assert!(error.starts_with("no scratch folder can be made in /nowhere/at/all: "), "{error}");
    }
}
