//! Text that a person hands over in a file or through standard input: bounded, UTF-8, and refused with what is wrong with it.

use std::io::{IsTerminal as _, Read};
use std::path::Path;

use dyno_app::AppError;
use dyno_types::CancelFlag;

/// Largest text, bytes; a larger one is a mistake in the file name.
const BYTES_MAX: u64 = 64 << 20;

/// The name by which standard input is asked for.
pub(crate) const STANDARD_INPUT: &str = "-";

/// Where a text is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A file.
    File(std::path::PathBuf),
    /// Standard input.
    StandardInput,
}

impl Source {
    /// A file by its name, or standard input.
    pub(crate) fn named(file: &Path) -> Self {
        if file == Path::new(STANDARD_INPUT) { Self::StandardInput } else { Self::File(file.to_owned()) }
    }

    /// The text without its byte order mark and without a final line end. A wait for more of it ends with the flag.
    pub(crate) async fn read(self, cancel: &CancelFlag) -> anyhow::Result<String> {
        if self == Self::StandardInput && std::io::stdin().is_terminal() {
            crate::printer::remark("type the prompt, then end it with Ctrl-D on a line of its own");
        }
        let (sender, receiver) = tokio::sync::oneshot::channel();
        // A thread of its own: nothing waits for it where the text never ends.
        std::thread::spawn(move || sender.send(self.read_blocking()));
        tokio::select! {
            text = receiver => Ok(text.map_err(|_| AppError::Input("the prompt could not be read".to_owned()))??),
            () = cancel.cancelled() => Err(AppError::Cancelled.into()),
        }
    }

    fn read_blocking(&self) -> Result<String, AppError> {
        let mut bytes = Vec::new();
        let read = match self {
            Self::StandardInput => std::io::stdin().lock().take(BYTES_MAX + 1).read_to_end(&mut bytes),
            Self::File(file) => {
                std::fs::File::open(file).and_then(|open| open.take(BYTES_MAX + 1).read_to_end(&mut bytes))
            }
        };
        read.map_err(|error| self.refused(&error.to_string()))?;
        if bytes.len() as u64 > BYTES_MAX {
            return Err(self.refused("it is larger than 64 MiB"));
        }
        text(bytes).map_err(|fault| self.refused(&fault))
    }

    fn refused(&self, reason: &str) -> AppError {
        let place = match self {
            Self::StandardInput => "on standard input".to_owned(),
            Self::File(file) => format!("file {}", file.display()),
        };
        AppError::Input(format!("the prompt {place} cannot be read: {reason}"))
    }
}

/// The text these bytes are, or what is wrong with them.
fn text(bytes: Vec<u8>) -> Result<String, String> {
    let text = dyno_app::plain_text(bytes)?;
    let text = text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_in_front_and_one_line_end_are_no_text() {
        let cases = [
            ("hello", "hello"),
            ("hello\n", "hello"),
            ("hello\r\n", "hello"),
            ("hello\n\n", "hello\n"),
            (" hello \r", " hello \r"),
            ("\u{FEFF}hello\n", "hello"),
            ("\n", ""),
            ("", ""),
        ];
        for (bytes, expected) in cases {
            assert_eq!(text(bytes.into()).unwrap(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn what_is_no_text_is_refused_with_where_and_a_remedy() {
        let cases: [(&[u8], &[&str]); 4] = [
            (b"ok\ncaf\xe9 au lait", &["byte 7", "0xE9", "line 2", "iconv"]),
            (b"\xff\xfeh\0i", &["UTF-16", "cut"]),
            (b"\xfe\xff\xd8\0", &["UTF-16", "0xD800"]),
            (b"cut \xc3", &["byte 5", "0xC3"]),
        ];
        for (bytes, parts) in cases {
            let fault = text(bytes.to_vec()).unwrap_err();
            assert!(parts.iter().all(|part| fault.contains(part)), "{fault}");
        }
    }
}
