//! Files that an engine writes appear whole or not at all: they are written beside their place, and moved there when complete.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use crate::EngineError;

/// Characters of the target's name in that of its part, of four bytes each at most.
const NAME_CHARACTERS: usize = 40;

/// A file that is being written. Removed on drop, whatever else happens to its writer.
#[derive(Debug)]
pub(crate) struct PartFile {
    part: TempPath,
    target: PathBuf,
}

impl PartFile {
    /// A new empty file in the folder of `target`.
    pub(crate) fn beside(target: &Path) -> Result<Self, EngineError> {
        let target = std::path::absolute(target).map_err(|error| unusable(target, &error))?;
        let folder = target.parent().unwrap_or(Path::new("/"));
        // Names are bounded; that of the part says only whose part it is.
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let name: String = name.chars().take(NAME_CHARACTERS).collect();
        let part = tempfile::Builder::new().prefix(&format!(".{name}.")).suffix(".part").tempfile_in(folder);
        let part = part.map_err(|error| unusable(folder, &error))?.into_temp_path();
        Ok(Self { part, target })
    }

    /// Where to write.
    pub(crate) fn path(&self) -> &Path {
        &self.part
    }

    /// What stands in the way of the file's growing, if anything does: native code that fails to write seldom says why. To be asked when
    /// the file is given up, since it grows.
    pub(crate) fn stuck(&self) -> Option<EngineError> {
        use std::io::Write as _;
        let grow = || std::fs::OpenOptions::new().append(true).open(&self.part)?.write_all(&[0; 4096]);
        let error = grow().err()?;
        Some(EngineError::Write { path: self.target.display().to_string(), reason: error.to_string() })
    }

    /// Puts the complete file into its place, over what may be there; gives its length, bytes.
    pub(crate) async fn appear(self) -> Result<u64, EngineError> {
        let moved = tokio::task::spawn_blocking(move || self.move_there()).await;
        moved
            .map_err(|error| EngineError::Internal(format!("a new file was not put in its place: {error}")))?
    }

    fn move_there(self) -> Result<u64, EngineError> {
        let unwritten = |error: std::io::Error| unusable(&self.target, &error);
        let file = std::fs::File::open(&self.part).map_err(unwritten)?;
        // Made private for the time of writing; complete, it is as readable as other files.
        file.set_permissions(std::fs::Permissions::from_mode(0o644)).map_err(unwritten)?;
        file.sync_all().map_err(unwritten)?;
        let bytes = file.metadata().map_err(unwritten)?.len();
        self.part.persist(&self.target).map_err(|error| unwritten(error.error))?;
        // The name is safe once its folder is; a file system that cannot say so is not at fault.
        let folder = self.target.parent().and_then(|folder| std::fs::File::open(folder).ok());
        let _ = folder.map(|folder| folder.sync_all());
        Ok(bytes)
    }
}

/// For a file or folder that the caller named.
pub(crate) fn unusable(path: &Path, error: &std::io::Error) -> EngineError {
    EngineError::BadRequest(format!("{} cannot be used: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_of_the_longest_name_appears_under_it() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["n".repeat(255), "é".repeat(127), "𝒏".repeat(63)] {
            let target = folder.path().join(name);
            let part = PartFile::beside(&target).unwrap();
            std::fs::write(part.path(), "whole").unwrap();
            assert_eq!(part.appear().await, Ok(5));
            assert_eq!(std::fs::read(&target).unwrap(), b"whole");
        }
    }

    #[test]
    fn only_a_file_that_cannot_grow_is_stuck() {
        let folder = tempfile::tempdir().unwrap();
        let part = PartFile::beside(&folder.path().join("m.gguf")).unwrap();
        assert_eq!(part.stuck(), None);
        std::fs::remove_file(part.path()).unwrap();
        let error = part.stuck().unwrap().to_string();
        assert!(error.contains("m.gguf cannot be written: ") && error.contains("free some space"), "{error}");
    }
}
