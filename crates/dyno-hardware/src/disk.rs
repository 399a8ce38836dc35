//! Free space.

use std::path::{Path, PathBuf};

/// Bytes an ordinary user may still write where `path` lies or would lie; `None` when the system does not say.
#[must_use]
pub fn free_disk_bytes(path: &Path) -> Option<u64> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path));
    // A cache that does not exist yet will lie in its nearest existing parent.
    let existing = absolute.ancestors().find(|ancestor| ancestor.exists())?;
    let space = rustix::fs::statvfs(existing).ok()?;
    space.f_bavail.checked_mul(space.f_frsize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_space_is_known_for_what_exists_and_for_what_does_not_yet() {
        let folder = tempfile::tempdir().unwrap();
        assert!(free_disk_bytes(folder.path()).unwrap() > 0);
        assert!(free_disk_bytes(&folder.path().join("not/yet/there")).unwrap() > 0);
    }
}
