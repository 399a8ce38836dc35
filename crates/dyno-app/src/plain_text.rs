//! Bytes of a file as text.

/// The character with which some editors begin UTF-8 files: it marks the encoding and is no part of the text.
const BYTE_ORDER_MARK: char = '\u{FEFF}';

/// UTF-8, or UTF-16 behind its mark, as text, without a byte order mark.
///
/// # Errors
/// What the bytes are instead, as a sentence.
pub fn plain_text(bytes: Vec<u8>) -> Result<String, String> {
    if let Some(text) = dyno_datasets::from_utf16(&bytes) {
        return text;
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let line = bytes[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        format!(
            "it is not UTF-8 text: byte {} (0x{:02X}, line {line}); if it is in an older encoding, convert it, for example with \
             `iconv -f LATIN1 -t UTF-8`",
            at + 1,
            bytes[at]
        )
    })?;
    Ok(text.strip_prefix(BYTE_ORDER_MARK).map(str::to_owned).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::plain_text;

    #[test]
    fn the_mark_of_the_encoding_is_no_text() {
        let text = |bytes: &[u8]| plain_text(bytes.to_vec());
        assert_eq!(text("\u{FEFF}Once".as_bytes()), Ok("Once".to_owned()));
        assert_eq!(
            text("Once\u{FEFF}".as_bytes()),
            Ok("Once\u{FEFF}".to_owned()),
            "within a text it is a character"
        );
        assert_eq!(text("\u{FEFF}\u{FEFF}x".as_bytes()), Ok("\u{FEFF}x".to_owned()), "only one");
        assert_eq!(text(b""), Ok(String::new()));
        assert_eq!(text(b"\xFF\xFEO\0n\0"), Ok("On".to_owned()));
        assert_eq!(text(b"\xFE\xFF\0O"), Ok("O".to_owned()));
        assert!(text(b"\xFE\xFF\0").unwrap_err().contains("UTF-16"));
        assert!(text(b"a\nOn\xFFce").unwrap_err().contains("not UTF-8 text: byte 5 (0xFF, line 2)"));
    }
}
