//! Texts in UTF-16, as spreadsheets and editors of one system write them, known by the mark they begin with.

/// The text behind a mark of UTF-16; `None` without one.
///
/// # Errors
/// What is wrong with the bytes, as a sentence.
#[must_use]
pub fn from_utf16(bytes: &[u8]) -> Option<Result<String, String>> {
    let unit = match bytes {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => return None,
    };
    let (pairs, rest) = bytes[2..].as_chunks::<2>();
    if !rest.is_empty() {
        return Some(Err("it is UTF-16 that ends inside a character; it was cut, save it again".to_owned()));
    }
    let decoded = char::decode_utf16(pairs.iter().map(|pair| unit(*pair))).collect::<Result<String, _>>();
    Some(decoded.map_err(|error| {
        let code = error.unpaired_surrogate();
        format!("it is UTF-16 with half a character (0x{code:04X}); save it again, as UTF-8")
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_orders_are_read_and_broken_texts_refused() {
        let text = "\u{feff}Größe 🚀\n";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [&little, &big] {
            assert_eq!(from_utf16(bytes), Some(Ok("Größe 🚀\n".to_owned())));
            assert!(from_utf16(&bytes[..bytes.len() - 1]).unwrap().unwrap_err().contains("ends inside"));
            // Between the halves of the rocket.
            assert!(from_utf16(&bytes[..bytes.len() - 4]).unwrap().unwrap_err().contains("0xD83D"));
        }
        assert_eq!(from_utf16(b"\xff\xfe"), Some(Ok(String::new())));
        assert_eq!((from_utf16(b"\xef\xbb\xbfx"), from_utf16(b"")), (None, None));
    }
}
