//! Small files of our own and of other programs: plain ones, read whole and bounded. A pipe or device under their name is refused, and never
//! waited for.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Opens a plain file for reading, also behind a link.
///
/// # Errors
/// What the system says; [`ErrorKind::InvalidInput`] for what is no plain file.
pub fn open_plain(path: &Path) -> std::io::Result<File> {
    let plain = |about: std::fs::Metadata| match about.is_file() {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::InvalidInput, "it is no plain file")),
    };
    // Before opening: opening a device can have effects. After it: the path may have come to name something else.
    plain(std::fs::metadata(path)?)?;
    let no_waiting = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(no_waiting).open(path)?;
    plain(file.metadata()?)?;
    Ok(file)
}

/// The text of a plain file of at most so many bytes.
///
/// # Errors
/// As [`open_plain`]; [`ErrorKind::FileTooLarge`], [`ErrorKind::InvalidData`] for what is no UTF-8.
pub fn read_plain(path: &Path, bytes_max: u64) -> std::io::Result<String> {
    let mut text = String::new();
    open_plain(path)?.take(bytes_max.saturating_add(1)).read_to_string(&mut text)?;
    if text.len() as u64 > bytes_max {
        let reason = format!("it has more than {bytes_max} bytes");
        return Err(Error::new(ErrorKind::FileTooLarge, reason));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_files_are_read_and_nothing_else_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("file"), "12345").unwrap();
        std::os::unix::fs::symlink(path("file"), path("link")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
        std::os::unix::fs::symlink(path("pipe"), path("link to pipe")).unwrap();
        assert_eq!(read_plain(&path("link"), 5).unwrap(), "12345");
        for (name, kind) in [
            ("pipe", ErrorKind::InvalidInput),
            ("link to pipe", ErrorKind::InvalidInput),
            ("", ErrorKind::InvalidInput),
            ("none", ErrorKind::NotFound),
            ("file", ErrorKind::FileTooLarge),
        ] {
            assert_eq!(read_plain(&path(name), 4).unwrap_err().kind(), kind, "{name}");
        }
        assert_eq!(open_plain(Path::new("/dev/zero")).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}
