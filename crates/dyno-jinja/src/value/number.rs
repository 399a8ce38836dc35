//! Floats as Python writes and rounds them.

/// Python's `repr` of a float: the shortest digits that give it back.
pub(crate) fn float_text(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf".to_owned() } else { "-inf".to_owned() };
    }
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = format!("{number}");
        return if plain.contains('.') { plain } else { format!("{plain}.0") };
    }
    format!("{mantissa}{}", exponent_text(exponent))
}

/// `e+16`, as C and Python write exponents.
pub(crate) fn exponent_text(exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("e{sign}{:02}", exponent.abs())
}

/// Python's `round(number, digits)`: to the nearest decimal of the exact value, ties to even.
pub(crate) fn rounded(number: f64, digits: i32) -> f64 {
    if let Ok(digits) = usize::try_from(digits) {
        return format!("{number:.*}", digits.min(340)).parse().unwrap_or(number);
    }
    let scale = 10_f64.powi(-digits);
    let scaled = (number / scale).round_ties_even() * scale;
    if scaled.is_finite() { scaled } else { 0.0 }
}
