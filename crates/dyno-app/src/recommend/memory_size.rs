//! Sizes of memory as people write them.

use dyno_types::SizeError;

use crate::AppError;

use super::MemoryBasis;

/// More than any machine has, bytes: 64 TiB.
const MEMORY_BYTES_MAX: u64 = 64 << 40;

/// Less than any model needs, bytes: 64 MiB.
const MEMORY_BYTES_MIN: u64 = 64 << 20;

/// Reads `16GB`, `16 GiB`, `7.5GiB`, `17179869184`, or `free` for what is free right now. GB means GiB in sizes in which
/// memory is sold.
///
/// # Errors
/// [`AppError::Input`] for text that is no size, and for sizes no machine has.
pub fn parse_memory(text: &str) -> Result<MemoryBasis, AppError> {
    if text.trim().eq_ignore_ascii_case("free") {
        return Ok(MemoryBasis::FreeNow);
    }
    let shown: String = text.chars().take(40).collect();
    let refuse = |why: &str| {
        Err(AppError::Input(format!(
            "the memory {shown:?} {why}; write for example 16GB, 7.5GiB, or free for what is free right now"
        )))
    };
    let has_no_unit = text.trim().chars().all(|letter| letter.is_ascii_digit() || letter == '.');
    match dyno_types::parse_memory_size(text) {
        Err(SizeError::NoSize) => refuse("is no size of memory"),
        Ok(1..MEMORY_BYTES_MIN) if has_no_unit => refuse("has no unit, so it means bytes"),
        Ok(0..MEMORY_BYTES_MIN) => refuse("is less than any model needs (64 MiB)"),
        Ok(bytes @ MEMORY_BYTES_MIN..=MEMORY_BYTES_MAX) => Ok(MemoryBasis::Bytes(bytes)),
        Ok(_) | Err(SizeError::TooLarge) => refuse("is more than any machine has (64 TiB)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        let gib = |count: f64| MemoryBasis::Bytes((count * 1024.0 * 1024.0 * 1024.0) as u64);
        let cases = [
            ("16GB", gib(16.0)),
            ("16 GiB", gib(16.0)),
            (" 7.5gib ", gib(7.5)),
            (" 7.5g ", MemoryBasis::Bytes(7_500_000_000)),
            ("512M", gib(0.5)),
            ("1TiB", gib(1024.0)),
            ("17179869184", gib(16.0)),
            ("17179869184B", gib(16.0)),
            ("Free", MemoryBasis::FreeNow),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_memory(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn impossible_memory_is_refused_with_a_reason() {
        let cases = [
            ("0", "less than any model"),
            ("0GB", "less than any model"),
            ("16", "has no unit"),
            ("7.5", "no unit"),
            ("16kB", "less than any model"),
            ("3PB", "more than any machine"),
            ("99999999999999999999999999999TB", "more than any machine"),
            ("-4GB", "no size"),
            ("lots", "no size"),
            ("1e9GB", "no size"),
            ("1.2.3GB", "no size"),
            ("GB", "no size"),
            ("", "no size"),
            ("16 bananas", "no size"),
            ("∞GB", "no size"),
        ];
        for (text, reason) in cases {
            let error = parse_memory(text).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(
                error.to_string().contains(reason) && error.to_string().contains("16GB"),
                "{text}: {error}"
            );
        }
    }
}
