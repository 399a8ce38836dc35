//! Work that may block where nobody looks at the cancel flag: reads of pipes and of network folders, waits of the database for others.
//! It is done on a thread of its own, which is left to itself when nobody wants the work any more.

use std::io::{Error, ErrorKind, Read as _};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use dyno_types::CancelFlag;

use crate::AppError;

/// How often the flag is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The result of the work, unless the flag is raised first.
///
/// # Errors
/// [`AppError::Cancelled`].
pub(crate) fn unless_cancelled<T: Send + 'static>(
    cancel: &CancelFlag,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, AppError> {
    if cancel.is_cancelled() {
        return Err(AppError::Cancelled);
    }
    let (done, result) = channel();
    // Nobody may be left to hear of it.
    std::thread::spawn(move || done.send(work()));
    loop {
        match result.recv_timeout(LOOK_EVERY) {
            Ok(result) => return Ok(result),
            Err(RecvTimeoutError::Timeout) if !cancel.is_cancelled() => {}
            Err(RecvTimeoutError::Timeout) => return Err(AppError::Cancelled),
            Err(RecvTimeoutError::Disconnected) => panic!("the thread that does the work says why it ended"),
        }
    }
}

/// The bytes of a file that somebody named, which may be a pipe; at most so many.
///
/// # Errors
/// [`AppError::Cancelled`] outside; inside, what the system says, or that there is more.
pub(crate) fn read_named(
    path: &Path,
    bytes_max: u64,
    cancel: &CancelFlag,
) -> Result<std::io::Result<Vec<u8>>, AppError> {
    let path = path.to_owned();
    unless_cancelled(cancel, move || read(&path, bytes_max))
}

fn read(path: &Path, bytes_max: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        let text = format!("it is larger than {bytes_max} bytes");
        return Err(Error::new(ErrorKind::FileTooLarge, text));
    }
    Ok(bytes)
}

/// The text of a file that somebody named; a mark of its encoding is no part of it.
///
/// # Errors
/// [`AppError::Cancelled`]; [`AppError::Input`] with `what` the file is, its name, and why it cannot be read.
pub(crate) fn read_named_text(
    path: &Path,
    bytes_max: u64,
    what: &str,
    cancel: &CancelFlag,
) -> Result<String, AppError> {
    let bytes = read_named(path, bytes_max, cancel)?.map_err(|error| error.to_string());
    bytes
        .and_then(crate::plain_text)
        .map_err(|reason| AppError::Input(format!("the {what} {} cannot be read: {reason}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_whole_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (file, cancel) = (folder.path().join("f"), CancelFlag::default());
        std::fs::write(&file, "12345").unwrap();
        let read = |bytes_max| read_named(&file, bytes_max, &cancel).unwrap();
        assert_eq!(read(5).unwrap(), b"12345");
        assert_eq!(read(u64::MAX).unwrap(), b"12345");
        assert!(read(4).unwrap_err().to_string().contains("larger than 4 bytes"));
        assert!(read_named(folder.path(), 9, &cancel).unwrap().is_err());
        std::fs::write(&file, b"\xff\xfea").unwrap();
        let error = read_named_text(&file, 9, "policy", &cancel).unwrap_err().to_string();
        assert!(error.starts_with("the policy ") && error.contains("UTF-16"), "{error}");
    }

    #[test]
    fn a_pipe_that_nobody_writes_to_is_waited_for_until_the_flag() {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, cancel) = (folder.path().join("pipe"), CancelFlag::default());
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let raising = cancel.clone();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            raising.cancel();
        });
        assert!(matches!(read_named(&pipe, 9, &cancel), Err(AppError::Cancelled)));
        assert!(matches!(read_named(&pipe, 9, &cancel), Err(AppError::Cancelled)));
    }
}
