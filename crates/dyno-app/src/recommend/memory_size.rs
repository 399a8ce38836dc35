//! Sizes of memory as people write them.

use crate::AppError;

use super::MemoryBasis;

/// More than any machine has, bytes: 64 TiB.
const MEMORY_BYTES_MAX: u64 = 64 << 40;

/// Less than any model needs, bytes: 64 MiB.
const MEMORY_BYTES_MIN: u64 = 64 << 20;

/// Units; memory is sold in powers of two, so GB and GiB are the same here.
const UNITS: [(&str, u64); 6] =
    [("k", 1 << 10), ("m", 1 << 20), ("g", 1 << 30), ("t", 1 << 40), ("p", 1 << 50), ("", 1)];

/// Reads `16GB`, `16 GiB`, `7.5g`, `17179869184`, or `free` for what is free right now.
///
/// # Errors
/// [`AppError::Input`] for text that is no size, and for sizes no machine has.
pub fn parse_memory(text: &str) -> Result<MemoryBasis, AppError> {
    let word = text.trim().to_lowercase();
    if word == "free" {
        return Ok(MemoryBasis::FreeNow);
    }
    let shown: String = text.chars().take(40).collect();
    let refuse = |why: &str| {
        Err(AppError::Input(format!(
            "--memory {shown:?} {why}; write for example 16GB, 24GiB, 7.5g, or free for what is free right now"
        )))
    };
    let end =
        word.find(|character: char| !(character.is_ascii_digit() || character == '.')).unwrap_or(word.len());
    let (number, unit) = word.split_at(end);
    let unit = unit.trim();
    let unit = unit.strip_suffix("ib").or_else(|| unit.strip_suffix('b')).unwrap_or(unit);
    let Some((_, factor)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return refuse("is no size of memory");
    };
    let Ok(number) = number.parse::<f64>() else { return refuse("is no size of memory") };
    // Saturates far above the largest size accepted.
    let bytes = (number * *factor as f64) as u64;
    match bytes {
        0..MEMORY_BYTES_MIN => refuse("is less than any model needs (64 MiB)"),
        MEMORY_BYTES_MIN..=MEMORY_BYTES_MAX => Ok(MemoryBasis::Bytes(bytes)),
        _ => refuse("is more than any machine has (64 TiB)"),
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
            (" 7.5g ", gib(7.5)),
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
            ("16", "less than any model"),
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
