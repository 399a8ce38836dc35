//! Sequential read speed of a disk, past the page cache.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Files below this are read too quickly to say anything, bytes.
const FILE_BYTES_MIN: u64 = 64 << 20;
/// Longest time of reading, and of writing when nothing is there to be read.
const TIME_MAX: Duration = Duration::from_secs(1);
/// One read or write, bytes.
const STEP_BYTES: usize = 4 << 20;
/// Most written, bytes.
const WRITTEN_BYTES_MAX: u64 = 256 << 20;
/// Space that must stay free after writing, bytes.
const FREE_BYTES_MIN: u64 = 2 << 30;
/// Entries looked at, and folders gone down, when choosing a file.
const ENTRIES_MAX: usize = 20_000;
const DEPTH_MAX: usize = 8;

/// Names of files that somebody may still be writing.
const UNFINISHED: [&str; 5] = [".part", ".partial", ".incomplete", ".tmp", ".lock"];

/// Sequential read of the disk that holds `folder`, bytes/s, over a second at most.
///
/// The largest file there is read, after its pages were given back; where there is none of 64 MiB, or an engine has it in
/// memory, a temporary one is written, read and removed when there is room for it. `None` when neither is possible, when the pages do not leave the page cache
/// (files in memory, some network shares), or when the system offers no way to know. Caches beneath the system (the disk's
/// own, those of a virtual machine's host) cannot be seen from here.
pub(crate) fn read_bytes_per_s(folder: &Path, free_bytes: u64, go_on: &dyn Fn() -> bool) -> Option<f64> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let of_existing = largest_file(folder).and_then(|file| past_page_cache(&file, go_on));
    // Pages of a file that an engine has mapped stay where they are; another file may still tell.
    of_existing.or_else(|| of_temporary(folder, free_bytes, go_on))
}

fn of_temporary(folder: &Path, free_bytes: u64, go_on: &dyn Fn() -> bool) -> Option<f64> {
    if free_bytes < FREE_BYTES_MIN + WRITTEN_BYTES_MAX || !go_on() {
        return None;
    }
    let file = written(&crate::disk::nearest_existing(folder)?, go_on).ok()?;
    past_page_cache(&reopened(&file)?, go_on)
}

/// The largest regular file at or below a folder that is really on the disk and that nobody is writing.
fn largest_file(folder: &Path) -> Option<PathBuf> {
    let mut folders = vec![(folder.to_owned(), 0)];
    let mut best: Option<(u64, PathBuf)> = None;
    let mut left = ENTRIES_MAX;
    while let Some((folder, depth)) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten().take(left) {
            left -= 1;
            // Links are not followed: they lead to files seen elsewhere, or off this disk.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() && depth < DEPTH_MAX {
                folders.push((entry.path(), depth + 1));
            } else if let Some(size) = readable_size(&entry.path(), &metadata)
                && best.as_ref().is_none_or(|(largest, _)| size > *largest)
            {
                best = Some((size, entry.path()));
            }
        }
    }
    best.map(|(_, path)| path)
}

/// The size of a file that is worth reading.
#[cfg(unix)]
fn readable_size(path: &Path, metadata: &fs::Metadata) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    let name = path.file_name()?.to_string_lossy();
    let finished = !name.starts_with('.') && !UNFINISHED.iter().any(|ending| name.ends_with(ending));
    // Holes of sparse files are read from nowhere.
    let whole = metadata.blocks().saturating_mul(512) >= metadata.size() / 10 * 9;
    (metadata.is_file() && finished && whole && metadata.size() >= FILE_BYTES_MIN).then_some(metadata.size())
}

#[cfg(not(unix))]
fn readable_size(_path: &Path, _metadata: &fs::Metadata) -> Option<u64> {
    None
}

/// A file without a name, so that nothing is left behind whatever happens; its bytes repeat nowhere, so that no file system
/// or disk can shorten them.
fn written(folder: &Path, go_on: &dyn Fn() -> bool) -> io::Result<File> {
    use std::io::Write;
    let begun = std::time::Instant::now();
    let mut file = tempfile::tempfile_in(folder)?;
    let mut noise = Noise::new();
    let mut step = vec![0_u8; STEP_BYTES];
    let mut bytes = 0;
    while bytes < WRITTEN_BYTES_MAX && go_on() && (bytes < FILE_BYTES_MIN || begun.elapsed() < TIME_MAX) {
        noise.fill(&mut step);
        file.write_all(&step)?;
        bytes += STEP_BYTES as u64;
        if bytes.is_multiple_of(FILE_BYTES_MIN / 2) {
            // Else a slow disk would have all of it to write in the end.
            file.sync_data()?;
        }
    }
    Ok(file)
}

/// A path that opens the same file again, although it has no name.
#[cfg(unix)]
fn reopened(file: &File) -> Option<PathBuf> {
    use std::os::fd::AsRawFd;
    let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    path.exists().then_some(path)
}

#[cfg(not(unix))]
fn reopened(_file: &File) -> Option<PathBuf> {
    None
}

/// Reads a file from its beginning for a second at most, when none of what will be read is in the page cache.
#[cfg(target_os = "linux")]
fn past_page_cache(path: &Path, go_on: &dyn Fn() -> bool) -> Option<f64> {
    use std::os::unix::fs::FileExt;
    use std::time::Instant;

    use dyno_types::PageCache;
    use rustix::fs::{Advice, fadvise};

    /// Most read of one file, bytes.
    const READ_BYTES_MAX: u64 = 4 << 30;

    let file = File::open(path).ok()?;
    let end = file.metadata().ok()?.len().min(READ_BYTES_MAX);
    let mut step = vec![0_u8; STEP_BYTES];
    if crate::page_cache::drop_range_from_page_cache(path, 0..end) != PageCache::Dropped {
        return None;
    }
    // As engines do when they load.
    fadvise(&file, 0, None, Advice::Sequential).ok()?;
    let begun = Instant::now();
    let mut bytes = 0;
    while bytes < end && begun.elapsed() < TIME_MAX && go_on() {
        match file.read_at(&mut step, bytes).ok()? {
            0 => break,
            read => bytes += read as u64,
        }
    }
    let took = begun.elapsed();
    // A second of a slow disk is enough; a moment of a fast one is not.
    let enough = bytes >= FILE_BYTES_MIN / 2 || took >= TIME_MAX;
    (enough && bytes > 0).then(|| bytes as f64 / took.as_secs_f64().max(1e-9))
}

#[cfg(not(target_os = "linux"))]
fn past_page_cache(_path: &Path, _go_on: &dyn Fn() -> bool) -> Option<f64> {
    None
}

/// Bytes that do not repeat (xorshift64*).
struct Noise(u64);

impl Noise {
    fn new() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self(now.map_or(1, |now| now.as_nanos() as u64) | 1)
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        for word in bytes.chunks_exact_mut(8) {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            word.copy_from_slice(&self.0.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
        }
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    /// A folder on a disk: the one for temporary files often lies in memory.
    fn folder() -> tempfile::TempDir {
        tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap()
    }

    fn file(path: &Path, bytes: usize) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, vec![7_u8; bytes]).unwrap();
    }

    #[test]
    fn the_largest_whole_file_is_chosen() {
        let folder = folder();
        let path = |name: &str| folder.path().join(name);
        let enough = usize::try_from(FILE_BYTES_MIN).unwrap();
        file(&path("small.gguf"), 1 << 20);
        assert_eq!(largest_file(folder.path()), None);
        file(&path("blobs/model"), enough);
        file(&path("blobs/model.incomplete"), enough + 1);
        file(&path(".hidden"), enough + 1);
        File::create(path("sparse.gguf")).unwrap().set_len(100 << 30).unwrap();
        std::os::unix::fs::symlink(path("sparse.gguf"), path("link.gguf")).unwrap();
        assert_eq!(largest_file(folder.path()), Some(path("blobs/model")));
        file(&path("deep/er/larger.gguf"), enough + (1 << 20));
        assert_eq!(largest_file(folder.path()), Some(path("deep/er/larger.gguf")));
        assert_eq!(largest_file(&path("missing")), None);
    }

    #[test]
    fn a_file_of_its_own_is_measured_and_leaves_nothing() {
        let folder = folder();
        let speed = read_bytes_per_s(folder.path(), u64::MAX, &|| true);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let Some(speed) = speed else {
            eprintln!(
                "SKIPPED: a_file_of_its_own_is_measured_and_leaves_nothing: pages cannot be dropped here"
            );
            return;
        };
        assert!(speed.is_finite() && speed > 0.0);
    }

    #[test]
    fn what_cannot_be_measured_honestly_is_not_measured() {
        let folder = folder();
        assert_eq!(read_bytes_per_s(folder.path(), 1 << 20, &|| true), None, "too little room to write");
        assert_eq!(read_bytes_per_s(folder.path(), u64::MAX, &|| false), None, "stopped");
        let Ok(memory) = tempfile::tempdir_in("/dev/shm") else {
            eprintln!("SKIPPED: what_cannot_be_measured_honestly_is_not_measured: no /dev/shm");
            return;
        };
        assert_eq!(read_bytes_per_s(memory.path(), u64::MAX, &|| true), None, "files in memory");
    }

    #[test]
    fn noise_does_not_repeat() {
        let (mut noise, mut one, mut two) = (Noise::new(), [0_u8; 64], [0_u8; 64]);
        noise.fill(&mut one);
        noise.fill(&mut two);
        assert_ne!(one, two);
        assert_ne!(one[..8], one[8..16]);
    }
}
