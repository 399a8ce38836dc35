//! The folder of one program: empty before, watched while it runs, gone after.

use std::path::Path;

use tempfile::TempDir;

use crate::SandboxError;

/// Most bytes of all files of a program together.
pub(crate) const MAX_BYTES: u64 = 64 << 20;
/// Most files of a program.
pub(crate) const MAX_FILES: usize = 1000;

/// A scratch folder; dropping it removes it.
#[derive(Debug)]
pub(crate) struct Scratch {
    folder: TempDir,
}

impl Scratch {
    pub(crate) fn new(root: &Path) -> Result<Self, SandboxError> {
        let what = || format!("no scratch folder can be made in {}", root.display());
        let folder = tempfile::Builder::new()
            .prefix("dyno-sandbox-")
            .tempdir_in(root)
            .map_err(SandboxError::io(what()))?;
        Ok(Self { folder })
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

#[cfg(test)]
mod tests {
    use super::*;

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
