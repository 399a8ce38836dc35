//! Unpacks a file and refuses what is empty, too large, or no text at all.

use std::io::Read;

use crate::utf16::from_utf16;
use crate::{DatasetError, FILE_BYTES_MAX};

/// Beginnings of files that hold no text: what they are, and what to do.
const FOREIGN: [(&[u8], &str, &str); 9] = [
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook", "unpack it, or save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save the sheet as CSV"),
    (b"ARROW1", "an Arrow or Feather file", "save it as Parquet, CSV or JSON lines"),
    (b"SQLite format 3\0", "a SQLite data base", "export the table as CSV"),
    (b"%PDF-", "a PDF document", "copy the questions into a CSV file"),
    (b"BZh", "packed with bzip2", "unpack it with bunzip2"),
    (b"\xfd7zXZ\0", "packed with xz", "unpack it with unxz"),
    (b"7z\xbc\xaf", "a 7-Zip archive", "unpack it"),
    (b"GGUF", "a model", "name it as the model, and give questions here"),
];

/// Unpacks gzip and zstd; other bytes as they are.
pub(crate) fn plain_bytes(name: &str, bytes: &[u8]) -> Result<Vec<u8>, DatasetError> {
    match bytes {
        [0x1f, 0x8b, ..] => bounded(name, "gzip", flate2::read::MultiGzDecoder::new(bytes), FILE_BYTES_MAX),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => unpack_zstd(name, bytes, FILE_BYTES_MAX),
        _ if bytes.len() > FILE_BYTES_MAX => {
            Err(DatasetError::TooLarge { name: name.to_owned(), limit: FILE_BYTES_MAX, after: "" })
        }
        _ => Ok(bytes.to_vec()),
    }
}

fn unpack_zstd(name: &str, bytes: &[u8], limit: usize) -> Result<Vec<u8>, DatasetError> {
    let packed = |reason: std::io::Error| DatasetError::Packed {
        name: name.to_owned(),
        method: "zstd",
        reason: reason.to_string(),
    };
    let decoder = zstd::stream::read::Decoder::with_buffer(bytes).map_err(packed)?;
    bounded(name, "zstd", decoder, limit)
}

/// Everything a decoder gives, up to a limit. Reading one byte past it tells a file at the limit from one beyond it, and
/// bounds what a bomb can do.
fn bounded(
    name: &str,
    method: &'static str,
    decoder: impl Read,
    limit: usize,
) -> Result<Vec<u8>, DatasetError> {
    let mut plain = Vec::new();
    let read = decoder.take(limit as u64 + 1).read_to_end(&mut plain);
    read.map_err(|error| DatasetError::Packed { name: name.to_owned(), method, reason: error.to_string() })?;
    if plain.len() > limit {
        return Err(DatasetError::TooLarge { name: name.to_owned(), limit, after: " after unpacking" });
    }
    Ok(plain)
}

/// Takes a byte order mark off, turns UTF-16 into UTF-8, and refuses what is empty or no text.
pub(crate) fn text_bytes(name: &str, mut plain: Vec<u8>) -> Result<Vec<u8>, DatasetError> {
    let name = || name.to_owned();
    if let Some((_, found, remedy)) = FOREIGN.iter().find(|(magic, ..)| plain.starts_with(magic)) {
        return Err(DatasetError::Foreign { name: name(), found, remedy });
    }
    if plain.starts_with(&[0xef, 0xbb, 0xbf]) {
        plain.drain(..3);
    }
    match from_utf16(&plain) {
        Some(Ok(text)) => plain = text.into_bytes(),
        Some(Err(_)) => {
            return Err(DatasetError::NotUtf8 { name: name(), found: "it begins as UTF-16 and is broken" });
        }
        None => {}
    }
    if plain.iter().take(4096).any(|byte| *byte == 0) {
        let found = "it contains zero bytes, so it is UTF-16 without its mark or no text at all";
        return Err(DatasetError::NotUtf8 { name: name(), found });
    }
    if plain.iter().all(u8::is_ascii_whitespace) {
        return Err(DatasetError::Empty { name: name() });
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 3).unwrap()
    }

    fn text_of(bytes: &[u8]) -> Result<Vec<u8>, DatasetError> {
        text_bytes("a", plain_bytes("a", bytes)?)
    }

    #[test]
    fn encodings_other_than_utf8_are_named() {
        let utf16: Vec<u8> = "\u{feff}{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let bare: Vec<u8> = "{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(text_of(&utf16).unwrap(), b"{}");
        for bytes in [utf16[..5].to_vec(), bare] {
            let error = text_of(&bytes).unwrap_err();
            assert!(matches!(error, DatasetError::NotUtf8 { .. }), "{error}");
            assert!(error.to_string().contains("save it as UTF-8"), "{error}");
        }
        assert_eq!(text_of(b"\xef\xbb\xbf{}").unwrap(), b"{}");
        assert!(matches!(text_of(b" \n\t"), Err(DatasetError::Empty { .. })));
    }

    #[test]
    fn packed_files_are_unpacked_and_broken_or_endless_ones_refused() {
        assert_eq!(plain_bytes("a.gz", &gzip(b"text")).unwrap(), b"text");
        assert_eq!(plain_bytes("a.zst", &zstd(b"text")).unwrap(), b"text");
        for packed in [gzip(b"some text that is packed"), zstd(b"some text that is packed")] {
            let error = plain_bytes("a", &packed[..packed.len() - 9]).unwrap_err();
            assert!(matches!(error, DatasetError::Packed { .. }), "{error}");
        }
        // A frame of zstd that says more than it holds.
        let broken = plain_bytes("x.zst", b"\x28\xb5\x2f\xfd\x04\x00abc").unwrap_err().to_string();
        assert!(broken.starts_with("x.zst is packed with zstd and cannot be unpacked"), "{broken}");
        let bomb = gzip(&[b'a'; 1001]);
        let open = |limit| bounded("a", "gzip", flate2::read::MultiGzDecoder::new(&bomb[..]), limit);
        assert_eq!(open(1001).unwrap().len(), 1001);
        assert!(matches!(open(1000), Err(DatasetError::TooLarge { limit: 1000, .. })));
        let bomb = zstd(&[b'a'; 1001]);
        assert_eq!(unpack_zstd("a", &bomb, 1001).unwrap().len(), 1001);
        assert!(matches!(unpack_zstd("a", &bomb, 1000), Err(DatasetError::TooLarge { limit: 1000, .. })));
    }

    #[test]
    fn files_of_other_kinds_are_named_with_what_to_do() {
        for (start, word) in
            [(&b"PK\x03\x04\x14\0"[..], "Excel"), (b"ARROW1\0\0", "Parquet"), (b"%PDF-1.7", "CSV")]
        {
            let error = text_of(start).unwrap_err();
            assert!(matches!(error, DatasetError::Foreign { .. }), "{error}");
            assert!(error.to_string().contains(word), "{error}");
        }
    }
}
