//! Files of a cache that others may write to, too: opened only where they are what they seem. A link that somebody planted under the name of
//! a file of ours would make us write elsewhere, and a pipe would make us wait.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;
use tempfile::NamedTempFile;

/// Opens a file for reading, if it is a plain one.
pub(crate) fn open(path: &Path) -> std::io::Result<File> {
    opened(OpenOptions::new().read(true), path)
}

/// Opens a file for reading and writing, made empty when there is none, if it is a plain one with no other name.
pub(crate) fn open_to_write(path: &Path) -> std::io::Result<File> {
    let file = opened(OpenOptions::new().read(true).write(true).create(true).truncate(false), path)?;
    if file.metadata()?.nlink() > 1 {
        return Err(refused(path, "it is another file as well (a hard link)"));
    }
    Ok(file)
}

/// A file to be given its name by renaming; readable for others as any other file of this user is (the umask still applies): who shares a
/// cache must not take what is private for damage.
pub(crate) fn beside(folder: &Path, prefix: &str) -> std::io::Result<NamedTempFile> {
    let permissions = std::fs::Permissions::from_mode(0o666);
    tempfile::Builder::new().prefix(prefix).permissions(permissions).tempfile_in(folder)
}

/// Its text, at most so many bytes.
pub(crate) fn read_text(path: &Path, bytes_max: u64) -> std::io::Result<String> {
    let mut text = String::new();
    open(path)?.take(bytes_max).read_to_string(&mut text)?;
    Ok(text)
}

/// Refuses a folder that is a link which neither this user nor the system's administrator made.
pub(crate) fn check_folder(path: &Path) -> std::io::Result<()> {
    let about = match path.symlink_metadata() {
        Ok(about) => about,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let own = [0, rustix::process::geteuid().as_raw()].contains(&about.uid());
    if about.is_symlink() && !own {
        return Err(refused(path, "it is a link that another user made"));
    }
    Ok(())
}

fn opened(options: &mut OpenOptions, path: &Path) -> std::io::Result<File> {
    // Opening a pipe waits for its other end, unless it is told not to; for a plain file it means nothing.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = options.custom_flags(flags).open(path).map_err(|error| {
        let is_link = path.symlink_metadata().is_ok_and(|about| about.is_symlink());
        if is_link { refused(path, "it is a link") } else { error }
    })?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(refused(path, "it is no plain file")) }
}

fn refused(path: &Path, why: &str) -> Error {
    let name = path.file_name().unwrap_or(path.as_os_str()).display();
    Error::new(ErrorKind::InvalidInput, format!("{name} is not used: {why}; remove it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_pipes_and_folders_are_no_files_of_ours() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("plain"), "text").unwrap();
        std::fs::hard_link(path("plain"), path("hard")).unwrap();
        std::os::unix::fs::symlink(path("plain"), path("link")).unwrap();
        std::os::unix::fs::symlink(path("nowhere"), path("dangling")).unwrap();
        std::fs::create_dir(path("folder")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            path("pipe"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        for name in ["link", "dangling", "folder", "pipe"] {
            assert!(open(&path(name)).is_err(), "{name}");
            assert!(open_to_write(&path(name)).is_err(), "{name}");
        }
        assert!(!path("nowhere").exists(), "nothing is made where a link leads");
        assert!(open_to_write(&path("hard")).unwrap_err().to_string().contains("hard link"));
        assert_eq!(read_text(&path("plain"), 2).unwrap(), "te");
        std::fs::remove_file(path("hard")).unwrap();
        assert!(open_to_write(&path("plain")).is_ok() && open_to_write(&path("new")).is_ok());
        assert_eq!(open(&path("missing")).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn only_own_links_lead_to_folders() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path(), &link).unwrap();
        assert!(check_folder(&link).is_ok() && check_folder(folder.path()).is_ok());
        assert!(check_folder(&folder.path().join("missing")).is_ok());
        // Only the administrator can give a link to somebody else.
        let stranger = Some(rustix::fs::Uid::from_raw(65_533));
        let given = rustix::fs::chownat(
            rustix::fs::CWD,
            &link,
            stranger,
            None,
            rustix::fs::AtFlags::SYMLINK_NOFOLLOW,
        );
        if given.is_ok() {
            assert!(check_folder(&link).unwrap_err().to_string().contains("another user"));
        }
    }
}
