//! The folder for files that are gone after the run.

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use crate::EngineError;

/// The folder that TMPDIR names, else the system's. A variable that is set to nothing counts as unset.
#[must_use]
pub fn temporary_folder() -> PathBuf {
    or_usual(std::env::temp_dir())
}

fn or_usual(named: PathBuf) -> PathBuf {
    if named.as_os_str().is_empty() { PathBuf::from("/tmp") } else { named }
}

impl EngineError {
    /// What it means that nothing can be made in the folder for temporary files.
    #[must_use]
    pub fn of_temporary_folder(folder: &Path, error: &Error) -> Self {
        let reason = match error.kind() {
            ErrorKind::NotFound => "does not exist".to_owned(),
            ErrorKind::NotADirectory => "is not a folder".to_owned(),
            _ => format!("cannot be written: {error}"),
        };
        Self::TemporaryFolder { folder: folder.display().to_string(), reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_set_to_nothing_names_no_folder() {
        assert_eq!(or_usual(PathBuf::new()), Path::new("/tmp"));
        assert_eq!(or_usual(PathBuf::from("/var/tmp")), Path::new("/var/tmp"));
    }

    #[test]
    fn a_folder_in_which_nothing_can_be_made_is_named_with_what_to_set() {
        for (kind, part) in [
            (ErrorKind::NotFound, "/here does not exist"),
            (ErrorKind::NotADirectory, "/here is not a folder"),
            (ErrorKind::PermissionDenied, "/here cannot be written: permission denied"),
        ] {
            let text = EngineError::of_temporary_folder(Path::new("/here"), &kind.into()).to_string();
            assert!(text.contains(part) && text.contains("TMPDIR"), "{text}");
        }
    }
}
