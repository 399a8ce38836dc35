//! Writing a rendered page: whole or not at all.

use std::io::Write;
use std::path::Path;

use crate::AppError;

/// Writes `text` to `path` atomically: into a temporary file beside it, then renamed. A full disk leaves what was there. What a link
/// points to is replaced, not the link; a pipe or device is written into and stays what it is.
///
/// # Errors
/// [`AppError::Write`] when the folder or file cannot be written.
pub fn write_page(path: &Path, text: &str) -> Result<(), AppError> {
    let fail = |source| AppError::Write { path: path.to_owned(), source };
    if is_special(path) {
        let mut file = std::fs::OpenOptions::new().write(true).open(path).map_err(fail)?;
        return file.write_all(text.as_bytes()).map_err(fail);
    }
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(fail)?;
    let mut file =
        tempfile::Builder::new().prefix(".dyno-").suffix(".tmp").tempfile_in(folder).map_err(fail)?;
    file.write_all(text.as_bytes()).map_err(fail)?;
    file.as_file().sync_all().map_err(fail)?;
    file.persist(path).map_err(|error| fail(error.error))?;
    readable_by_others(path);
    Ok(())
}

/// Whether something is there, or behind a link there, that is neither a file nor a folder.
pub(crate) fn is_special(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|about| !about.is_file() && !about.is_dir())
}

/// Temporary files are private; a page is for showing.
#[cfg(unix)]
fn readable_by_others(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    // A page that stays private is still a page.
    let _ = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644));
}

#[cfg(not(unix))]
fn readable_by_others(_path: &Path) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_whole_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/page.html");
        write_page(&path, "one").unwrap();
        write_page(&path, "two").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_refused_write_keeps_the_old_page_and_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("page");
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("kept"), "x").unwrap();
        let error = write_page(&path, "text").unwrap_err().to_string();
        assert!(error.contains("page") && error.contains("cannot be written"), "{error}");
        assert!(path.join("kept").exists());
    }

    #[cfg(unix)]
    #[test]
    fn pipes_are_written_into_and_links_stay_links() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::read_to_string(pipe).unwrap()
        });
        write_page(&pipe, "text").unwrap();
        assert_eq!(reader.join().unwrap(), "text");
        assert!(is_special(&pipe), "it is still a pipe");
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write_page(&link, "new").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
        assert!(link.symlink_metadata().unwrap().is_symlink());
    }
}
