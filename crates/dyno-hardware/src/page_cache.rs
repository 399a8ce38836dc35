//! Puts a file, or a part of it, out of the page cache, and checks that it is out.

use std::ops::Range;
use std::path::Path;

use dyno_types::PageCache;

/// Drops a file from the page cache, so that the next load reads from the disk.
///
/// The file is written out, its pages are given back (`posix_fadvise`), and then pages spread over it are asked for without
/// waiting (`preadv2` with `RWF_NOWAIT`): a page that comes at once was still in memory. [`PageCache::Dropped`] means that
/// none came. [`PageCache::NotDropped`] means that some did (another process maps the file, the file lies in memory), or
/// that the system offers no way to know.
#[must_use]
pub fn drop_from_page_cache(path: &Path) -> PageCache {
    drop_range_from_page_cache(path, 0..u64::MAX)
}

/// The same for a range of bytes of the file.
#[must_use]
pub(crate) fn drop_range_from_page_cache(path: &Path, range: Range<u64>) -> PageCache {
    match drop_and_count_resident(path, range) {
        Ok(0) => PageCache::Dropped,
        Ok(_) | Err(_) => PageCache::NotDropped,
    }
}

#[cfg(target_os = "linux")]
fn drop_and_count_resident(path: &Path, range: Range<u64>) -> rustix::io::Result<usize> {
    use std::num::NonZeroU64;

    use rustix::fs::{Advice, Mode, OFlags, fadvise, fsync, open};

    let open = || open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    let file = open()?;
    let size = u64::try_from(rustix::fs::fstat(&file)?.st_size).unwrap_or(0);
    let range = range.start.min(size)..range.end.min(size);
    let give_back = || {
        let length = NonZeroU64::new(range.end.saturating_sub(range.start));
        fadvise(&file, range.start, length, Advice::DontNeed)
    };
    // Pages not yet written cannot be dropped.
    fsync(&file)?;
    // Asking must not read ahead, or each question would change the answer to the next.
    let probe = open()?;
    fadvise(&probe, 0, None, Advice::Random)?;
    let mut resident = usize::MAX;
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            std::thread::sleep(BETWEEN_ATTEMPTS);
        }
        give_back()?;
        resident = count_resident(&probe, range.clone())?;
        if resident == 0 {
            break;
        }
    }
    give_back()?;
    Ok(resident)
}

/// A page that is locked for a moment (just written, on its way between the kernel's lists) survives one attempt.
#[cfg(target_os = "linux")]
const ATTEMPTS: u32 = 5;
#[cfg(target_os = "linux")]
const BETWEEN_ATTEMPTS: std::time::Duration = std::time::Duration::from_millis(50);

/// How many of some pages spread evenly over a range of the file are in memory.
#[cfg(target_os = "linux")]
fn count_resident(file: impl std::os::fd::AsFd, range: Range<u64>) -> rustix::io::Result<usize> {
    use std::io::IoSliceMut;

    use rustix::io::{Errno, ReadWriteFlags, preadv2};

    /// Pages asked for; enough that a partly cached file is noticed.
    const PROBES: u64 = 64;

    let step = range.end.saturating_sub(range.start).div_ceil(PROBES).max(1);
    let mut resident = 0;
    for offset in range.step_by(usize::try_from(step).unwrap_or(usize::MAX)) {
        let mut byte = [0_u8];
        match preadv2(&file, &mut [IoSliceMut::new(&mut byte)], offset, ReadWriteFlags::NOWAIT) {
            Ok(_) => resident += 1,
            Err(Errno::AGAIN) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(resident)
}

#[cfg(not(target_os = "linux"))]
fn drop_and_count_resident(_path: &Path, _range: Range<u64>) -> std::io::Result<usize> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs::File;

    use super::*;

    const SIZE: u64 = 16 << 20;

    #[test]
    fn a_range_is_dropped_alone() {
        let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let path = folder.path().join("model.tmp");
        std::fs::write(&path, vec![7_u8; SIZE as usize]).unwrap();
        let half = SIZE / 2;
        if drop_range_from_page_cache(&path, half..u64::MAX) != PageCache::Dropped {
            eprintln!("SKIPPED: a_range_is_dropped_alone: this file system cannot drop pages");
            return;
        }
        let probe = File::open(&path).unwrap();
        rustix::fs::fadvise(&probe, 0, None, rustix::fs::Advice::Random).unwrap();
        assert_eq!(count_resident(&probe, 0..half), Ok(64), "the other half stays");
        assert_eq!(count_resident(&probe, half..SIZE), Ok(0));
    }

    #[test]
    fn a_file_is_in_the_cache_after_reading_and_out_of_it_after_dropping() {
        // Beside the crate, because the folder for temporary files often lies in memory.
        let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let path = folder.path().join("model.tmp");
        std::fs::write(&path, vec![7_u8; SIZE as usize]).unwrap();
        let cached = count_resident(File::open(&path).unwrap(), 0..SIZE);
        let Ok(cached) = cached else {
            eprintln!("SKIPPED: page cache: this file system cannot say what is in memory: {cached:?}");
            return;
        };
        assert_eq!(cached, 64, "just written");
        assert_eq!(drop_from_page_cache(&path), PageCache::Dropped);
        let probe = File::open(&path).unwrap();
        rustix::fs::fadvise(&probe, 0, None, rustix::fs::Advice::Random).unwrap();
        assert_eq!(
            count_resident(&probe, 0..SIZE),
            Ok(0),
            "dropping leaves nothing of its own questions behind"
        );
        std::fs::read(&path).unwrap();
        assert_eq!(count_resident(File::open(&path).unwrap(), 0..SIZE), Ok(64), "and reading brings it back");
    }

    #[test]
    fn what_cannot_be_dropped_is_not_called_dropped() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(drop_from_page_cache(&folder.path().join("missing")), PageCache::NotDropped);
        assert_eq!(drop_from_page_cache(folder.path()), PageCache::NotDropped, "a folder");
    }

    #[test]
    fn a_file_that_lives_in_memory_cannot_be_dropped() {
        let Ok(folder) = tempfile::tempdir_in("/dev/shm") else {
            eprintln!("SKIPPED: page cache of a file in memory: no /dev/shm");
            return;
        };
        let path = folder.path().join("model");
        std::fs::write(&path, vec![1_u8; 1 << 20]).unwrap();
        assert_eq!(drop_from_page_cache(&path), PageCache::NotDropped);
    }
}
