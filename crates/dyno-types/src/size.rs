//! Sizes as people write them: one reader for every flag, variable and file. GB counts by thousands, GiB by 1024; memory is
//! the one thing that is sold under the wrong unit.

/// Units and their bytes, in lower case and without the closing `b`.
const UNITS: [(&str, f64); 11] = [
    ("", 1.0),
    ("k", 1e3),
    ("m", 1e6),
    ("g", 1e9),
    ("t", 1e12),
    ("p", 1e15),
    ("ki", 1024.0),
    ("mi", 1_048_576.0),
    ("gi", 1_073_741_824.0),
    ("ti", 1_099_511_627_776.0),
    ("pi", 1_125_899_906_842_624.0),
];

/// From here on a float no longer counts single bytes: 2^53.
const BYTES_END: f64 = 9_007_199_254_740_992.0;

/// Sizes in which memory is sold, GiB; its sellers write GB.
const SOLD_GIB: [f64; 27] = [
    0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 12.0, 16.0, 18.0, 20.0, 24.0, 32.0, 36.0, 40.0, 48.0,
    64.0, 80.0, 96.0, 128.0, 192.0, 256.0, 384.0, 512.0, 768.0,
];

/// A text that is no size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// Not a number with a unit.
    #[error("a size is a number of bytes, or has a unit as in 16GB (by thousands) or 1.5GiB (by 1024)")]
    NoSize,
    /// More bytes than anything has.
    #[error("that is more than 8 PiB")]
    TooLarge,
}

/// Reads a size: bytes (`5000000000`) or with a unit (`16GB`, `1.5 GiB`, `2k`). K, M, G, T, P count by thousands; Ki, Mi,
/// Gi, Ti, Pi by 1024; the closing B and the case of letters do not matter.
///
/// # Errors
/// [`SizeError`].
pub fn parse_size(text: &str) -> Result<u64, SizeError> {
    let (number, unit) = number_and_unit(text)?;
    whole(number * unit_bytes(&unit)?)
}

/// Reads a size of memory: as [`parse_size`], but a decimal unit in a size in which memory is sold means what is sold:
/// 16GB of memory are 16 GiB.
///
/// # Errors
/// [`SizeError`].
pub fn parse_memory_size(text: &str) -> Result<u64, SizeError> {
    let (number, unit) = number_and_unit(text)?;
    let by_1024 = matches!(unit.as_str(), "m" | "g" | "t").then(|| unit_bytes(&format!("{unit}i")));
    let sold = by_1024.transpose()?.map(|unit| number * unit).filter(|bytes| is_sold(*bytes));
    match sold {
        Some(bytes) => whole(bytes),
        None => parse_size(text),
    }
}

/// Whether memory of so many bytes is sold: a size of the table, or whole TiB.
fn is_sold(bytes: f64) -> bool {
    let gib = bytes / 1_073_741_824.0;
    SOLD_GIB.contains(&gib) || (gib >= 1024.0 && gib % 1024.0 == 0.0)
}

/// The number, and the unit in lower case without the closing `b`.
fn number_and_unit(text: &str) -> Result<(f64, String), SizeError> {
    let text = text.trim();
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number = number.parse().map_err(|_| SizeError::NoSize)?;
    let unit = unit.trim().to_lowercase();
    Ok((number, unit.strip_suffix('b').unwrap_or(&unit).to_owned()))
}

fn unit_bytes(unit: &str) -> Result<f64, SizeError> {
    UNITS.iter().find(|(name, _)| *name == unit).map(|(_, bytes)| *bytes).ok_or(SizeError::NoSize)
}

fn whole(bytes: f64) -> Result<u64, SizeError> {
    if bytes < BYTES_END { Ok(bytes as u64) } else { Err(SizeError::TooLarge) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bytes_or_have_a_unit() {
        let cases = [
            ("0", 0),
            ("5000000000", 5_000_000_000),
            ("5b", 5),
            ("2k", 2000),
            ("16GB", 16_000_000_000),
            ("16 GiB", 16 << 30),
            (" 1.5 gib ", 3 << 29),
            ("7 MiB", 7 << 20),
            ("1TB", 1_000_000_000_000),
            ("1TiB", 1 << 40),
            ("3pb", 3_000_000_000_000_000),
            ("9007199254740991", (1 << 53) - 1),
        ];
        for (text, bytes) in cases {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn memory_is_what_is_sold_under_that_size() {
        let cases = [
            ("16GB", 16 << 30),
            ("16g", 16 << 30),
            ("16 GiB", 16 << 30),
            ("24GB", 24 << 30),
            ("512MB", 512 << 20),
            ("16384MB", 16 << 30),
            ("1TB", 1 << 40),
            ("0.5GB", 512 << 20),
            // Nobody sells these: they are what they say.
            ("7.5GB", 7_500_000_000),
            ("1.5TB", 1_500_000_000_000),
            ("15GB", 15_000_000_000),
            ("16000MB", 16_000_000_000),
            ("7.5GiB", 15 << 29),
            ("16000000000", 16_000_000_000),
        ];
        for (text, bytes) in cases {
            assert_eq!(parse_memory_size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in [
            "",
            "-1",
            "GB",
            "1.2.3G",
            "5 parsecs",
            "0x10",
            "1e9",
            "1e99T",
            "∞GB",
            "16 GiBB",
            "inf",
            "NaN",
            ".",
        ] {
            assert_eq!(parse_size(text), Err(SizeError::NoSize), "{text}");
            assert_eq!(parse_memory_size(text), Err(SizeError::NoSize), "{text}");
        }
        for text in ["9999999T", "9007199254740992", "99999999999999999999999999999TB"] {
            assert_eq!(parse_size(text), Err(SizeError::TooLarge), "{text}");
        }
    }
}
