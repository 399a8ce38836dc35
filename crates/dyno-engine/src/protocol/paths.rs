//! Paths in messages: absolute, since the engine may stand in another folder, and in the bytes of the system, whatever they spell.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

/// A path as it travels; an absent one is empty.
pub(crate) fn sent_path(path: Option<&Path>) -> Vec<u8> {
    let absolute = path.map(|path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
    absolute.map(|path| path.as_os_str().as_bytes().to_owned()).unwrap_or_default()
}

/// A path that travelled; `None` where there is none.
#[must_use]
pub fn received_path(bytes: Vec<u8>) -> Option<PathBuf> {
    (!bytes.is_empty()).then(|| PathBuf::from(OsString::from_vec(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_comes_back_absolute() {
        let latin = PathBuf::from(OsString::from_vec(b"/m/caf\xe9.gguf".to_vec()));
        for path in [Path::new("/a/b"), &latin] {
            assert_eq!(received_path(sent_path(Some(path))).as_deref(), Some(path));
        }
        assert!(received_path(sent_path(Some(Path::new("b")))).unwrap().is_absolute());
        assert_eq!(received_path(sent_path(None)), None);
    }
}
