//! Files by a text, also where the path is no text: what is not UTF-8 in it stands as %XX after `file:`.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

/// Begins a path in which bytes stand as %XX.
const PREFIX: &str = "file:";

/// The text that names a file, so that [`named_path`] leads back to it: the path itself wherever it is text.
#[must_use]
pub fn path_name(path: &Path) -> String {
    match path.to_str() {
        Some(text) if !text.starts_with(PREFIX) => text.to_owned(),
        _ => escaped(path),
    }
}

fn escaped(path: &Path) -> String {
    let mut name = PREFIX.to_owned();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        name.push_str(&chunk.valid().replace('%', "%25"));
        for byte in chunk.invalid() {
            // Cannot fail: it writes into a string.
            let _ = write!(name, "%{byte:02X}");
        }
    }
    name
}

/// The path that a text names: as it stands, or after `file:` (also `file://`, as addresses of files begin) with every %XX as
/// one byte.
#[must_use]
pub fn named_path(text: &str) -> PathBuf {
    let Some(rest) = text.strip_prefix(PREFIX) else { return PathBuf::from(text) };
    let rest = rest.strip_prefix("//").filter(|path| path.starts_with('/')).unwrap_or(rest);
    let mut bytes = Vec::with_capacity(rest.len());
    let mut left = rest.as_bytes();
    while let Some((first, others)) = left.split_first() {
        let escape = left.get(..3).filter(|_| *first == b'%').and_then(byte);
        bytes.push(escape.unwrap_or(*first));
        left = if escape.is_some() { &left[3..] } else { others };
    }
    PathBuf::from(OsString::from_vec(bytes))
}

/// The byte that `%XX` stands for.
fn byte(escape: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(escape.get(1..)?).ok()?;
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u8::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_that_are_text_stay_and_others_are_escaped() {
        let path = |bytes: &[u8]| PathBuf::from(OsString::from_vec(bytes.to_vec()));
        for (bytes, name) in [
            (&b"models/a b%41.gguf"[..], "models/a b%41.gguf"),
            ("/größe/模型.gguf".as_bytes(), "/größe/模型.gguf"),
            (b"/m/caf\xe9%.gguf", "file:/m/caf%E9%25.gguf"),
            (b"\xff", "file:%FF"),
            (b"file:x", "file:file:x"),
        ] {
            assert_eq!(path_name(&path(bytes)), name);
            assert_eq!(named_path(name), path(bytes));
        }
        for (name, bytes) in [
            ("file:///m/a%20b.gguf", &b"/m/a b.gguf"[..]),
            ("file:50%", b"50%"),
            ("file:%4", b"%4"),
            ("file:%+1", b"%+1"),
            ("file:%E9%é", b"\xe9%\xc3\xa9"),
        ] {
            assert_eq!(named_path(name), path(bytes), "{name}");
        }
    }

    proptest! {
        #[test]
        fn every_path_comes_back(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let path = PathBuf::from(OsString::from_vec(bytes));
            prop_assert_eq!(named_path(&path_name(&path)), path);
        }
    }
}
