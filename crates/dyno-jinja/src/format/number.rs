//! Numbers as digits, for both kinds of formatting.

use crate::value::exponent_text;

/// Most digits behind the point; a float has no more that differ from zero.
const DIGITS_MAX: usize = 1100;

/// A number as text: sign and base first, then its digits.
pub(super) struct Number {
    /// Sign and `0x`.
    pub(super) prefix: String,
    /// The rest.
    pub(super) digits: String,
    negative: bool,
}

impl Number {
    /// A whole number in the base of `kind`: `d`, `x`, `X`, `o` or `b`.
    pub(super) fn integer(number: i128, kind: char, alternate: bool) -> Self {
        let size = number.unsigned_abs();
        let (base, digits) = match kind {
            'x' => ("0x", format!("{size:x}")),
            'X' => ("0X", format!("{size:X}")),
            'o' => ("0o", format!("{size:o}")),
            'b' => ("0b", format!("{size:b}")),
            _ => ("", size.to_string()),
        };
        let prefix = if alternate { base.to_owned() } else { String::new() };
        Self { prefix, digits, negative: number < 0 }
    }

    /// A float as `e`, `f`, `g` (or their capitals) or `%` writes it.
    pub(super) fn float(number: f64, kind: char, precision: usize, alternate: bool) -> Self {
        let size = number.abs();
        let precision = precision.min(DIGITS_MAX);
        let digits = if size.is_nan() {
            "nan".to_owned()
        } else if size.is_infinite() {
            "inf".to_owned()
        } else {
            match kind.to_ascii_lowercase() {
                'e' => scientific(size, precision),
                'g' => general(size, precision.max(1), alternate),
                '%' => format!("{:.precision$}%", size * 100.0),
                _ => format!("{size:.precision$}"),
            }
        };
        let digits = if kind.is_ascii_uppercase() { digits.to_uppercase() } else { digits };
        Self { prefix: String::new(), digits, negative: number.is_sign_negative() && !number.is_nan() }
    }

    /// Puts the sign in front; `positive` is what a number without minus gets.
    pub(super) fn sign(&mut self, positive: Option<char>) {
        if let Some(sign) = if self.negative { Some('-') } else { positive } {
            self.prefix.insert(0, sign);
        }
    }

    /// Zeros in front up to a number of digits.
    pub(super) fn at_least(&mut self, digits: usize) {
        let missing = digits.saturating_sub(self.digits.len());
        self.digits.insert_str(0, &"0".repeat(missing));
    }

    /// Separators between thousands (or groups of four digits in other bases).
    pub(super) fn grouped(&mut self, separator: char, group: usize) {
        let whole = self.digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(self.digits.len());
        let (whole, rest) = self.digits.split_at(whole);
        let mut grouped = String::new();
        for (at, digit) in whole.chars().enumerate() {
            if at > 0 && (whole.len() - at) % group == 0 {
                grouped.push(separator);
            }
            grouped.push(digit);
        }
        self.digits = grouped + rest;
    }

    pub(super) fn length(&self) -> usize {
        self.prefix.chars().count() + self.digits.chars().count()
    }
}

fn scientific(size: f64, precision: usize) -> String {
    let text = format!("{size:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    format!("{mantissa}{}", exponent_text(exponent.parse().unwrap_or(0)))
}

fn general(size: f64, precision: usize, alternate: bool) -> String {
    let rounded = format!("{size:.*e}", precision - 1);
    let exponent: i32 = rounded.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0);
    let most = i32::try_from(precision).unwrap_or(i32::MAX);
    if (-4..most).contains(&exponent) {
        let decimals = usize::try_from(most - 1 - exponent).unwrap_or(0);
        let fixed = format!("{size:.decimals$}");
        return if alternate { fixed } else { trimmed(&fixed).to_owned() };
    }
    let text = scientific(size, precision - 1);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "+00"));
    format!("{}e{exponent}", if alternate { mantissa } else { trimmed(mantissa) })
}

/// Without zeros at the end of a fraction.
fn trimmed(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}
