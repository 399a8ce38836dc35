//! Where the engine executable is.

use std::path::{Path, PathBuf};

use crate::EngineError;

/// Finds the engine executable `name` (no suffix): in `named` when a person named a folder (then nowhere else), otherwise
/// in `beside`, the folder of the running executable.
///
/// # Errors
/// [`EngineError::NotFound`] with the folders that were searched.
pub fn find_engine(name: &str, named: Option<&Path>, beside: Option<&Path>) -> Result<PathBuf, EngineError> {
    let file_name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let folder = named.or(beside);
    let candidate = folder.map(|folder| folder.join(&file_name)).filter(|path| is_executable(path));
    // A path without a slash would be looked up in PATH when it is started.
    candidate.and_then(|path| std::path::absolute(path).ok()).ok_or_else(|| EngineError::NotFound {
        name: file_name,
        searched: folder.map_or_else(|| "any named folder".to_owned(), |folder| folder.display().to_string()),
    })
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_named_folder_wins_and_only_executables_count() {
        let (named, beside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let put = |folder: &tempfile::TempDir, mode| {
            let path = folder.path().join("engine-x");
            std::fs::write(&path, "").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            path
        };
        let expected = put(&beside, 0o755);
        assert_eq!(find_engine("engine-x", None, Some(beside.path())), Ok(expected));
        put(&named, 0o644);
        let error = find_engine("engine-x", Some(named.path()), Some(beside.path())).unwrap_err();
        assert!(error.to_string().contains(&*named.path().to_string_lossy()), "{error}");
        let expected = put(&named, 0o755);
        assert_eq!(find_engine("engine-x", Some(named.path()), Some(beside.path())), Ok(expected));
        assert!(matches!(find_engine("engine-x", None, None), Err(EngineError::NotFound { .. })));
    }
}
