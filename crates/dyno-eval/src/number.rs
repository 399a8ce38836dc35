//! Numbers as people and models write them: 1,096 · $2.50 · 1096.0 · 3/4 · −5 · 12% · \frac{3}{4}.

/// A number that was read out of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Number {
    /// Value; percentages keep their figure (50 % is 50).
    value: f64,
    /// Exact decimal writing without sign of zero, leading and trailing zeros; absent for fractions.
    decimal: Option<String>,
}

/// Longest number read, bytes; more digits than any answer has.
const NUMBER_BYTES_MAX: usize = 400;

/// Relative difference below which two numbers count as equal when at least one of them is a fraction or a tolerance was
/// given: room for rounding, not for wrong answers.
const ROUNDING: f64 = 1e-9;

impl Number {
    /// Reads a text that is one number and nothing else but white space, a currency, a unit sign or a final period.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_end_matches('.').trim();
        let (number, rest) = Self::at_start(text)?;
        let rest = rest.trim();
        let only_a_sign = rest.is_empty() || ["%", "$", "€", "£", "°", "percent", "dollars"].contains(&rest);
        only_a_sign.then_some(number)
    }

    /// The last number of a text.
    #[must_use]
    pub fn last_in(text: &str) -> Option<Self> {
        Self::all_in(text).pop()
    }

    /// The first number of a text.
    #[must_use]
    pub fn first_in(text: &str) -> Option<Self> {
        Self::all_in(text).into_iter().next()
    }

    /// Every number of a text, in order. Digits inside words (`x2`, `B2B`; but `4th` counts as 4) are passed over, and a
    /// minus right behind a digit or a bracket is an operator, no sign.
    #[must_use]
    pub fn all_in(text: &str) -> Vec<Self> {
        let mut found = Vec::new();
        let mut rest = text;
        let mut before: Option<char> = None;
        while let Some(start) = next_start(rest) {
            before = rest[..start].chars().next_back().or(before);
            let here = &rest[start..];
            if here.starts_with(['-', '−', '–', '+'])
                && before.is_some_and(|c| c.is_ascii_digit() || c == ')')
            {
                before = here.chars().next();
                rest = after_one_char(here);
                continue;
            }
            let inside_word =
                before.is_some_and(char::is_alphabetic) && here.starts_with(|c: char| c.is_ascii_digit());
            match Self::at_start(here) {
                Some((number, after)) => {
                    if !inside_word {
                        found.push(number);
                    }
                    before = here[..here.len() - after.len()].chars().next_back();
                    rest = after;
                }
                None => {
                    before = here.chars().next();
                    rest = after_one_char(here);
                }
            }
        }
        found
    }

    /// A number at the very start of a text, and what follows it.
    fn at_start(text: &str) -> Option<(Self, &str)> {
        let (negative, after_sign) = sign(text);
        let after_sign = after_sign.trim_start_matches("\\$");
        let after_sign = after_sign.strip_prefix(['$', '€', '£']).map_or(after_sign, str::trim_start);
        let (negative, digits) = if negative { (true, after_sign) } else { sign(after_sign) };
        if let Some((value, rest)) = latex_fraction(digits) {
            return Some((Self::fraction(negative, value), rest));
        }
        let (decimal, rest) = decimal(digits)?;
        if decimal.len() > NUMBER_BYTES_MAX {
            return None;
        }
        if let Some((whole, value, rest)) = plain_fraction(&decimal, rest) {
            return Some((Self::fraction(negative, whole + value), rest));
        }
        Some((Self::decimal(negative, &decimal)?, rest))
    }

    fn fraction(negative: bool, value: f64) -> Self {
        Self { value: if negative { -value } else { value }, decimal: None }
    }

    fn decimal(negative: bool, digits: &str) -> Option<Self> {
        let magnitude: f64 = digits.parse().ok().filter(|value: &f64| value.is_finite())?;
        if digits.contains(['e', 'E']) {
            return Some(Self::fraction(negative, magnitude));
        }
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let (whole, part) = (whole.trim_start_matches('0'), part.trim_end_matches('0'));
        let whole = if whole.is_empty() { "0" } else { whole };
        let mut canonical = if part.is_empty() { whole.to_owned() } else { format!("{whole}.{part}") };
        let negative = negative && canonical != "0";
        if negative {
            canonical.insert(0, '-');
        }
        Some(Self { value: if negative { -magnitude } else { magnitude }, decimal: Some(canonical) })
    }

    /// Its value.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.value
    }

    /// Whether it is the same number, up to a tolerance in its own unit. Two decimals without a tolerance must agree in
    /// every digit, however long they are; with a fraction, a rounding of one part in a thousand million is allowed.
    #[must_use]
    pub fn matches(&self, other: &Self, tolerance: f64) -> bool {
        if let (Some(left), Some(right)) = (&self.decimal, &other.decimal)
            && (tolerance <= 0.0 || left == right)
        {
            return left == right;
        }
        let allowed = tolerance.max(0.0) + ROUNDING * self.value.abs().max(other.value.abs());
        (self.value - other.value).abs() <= allowed
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.decimal {
            Some(decimal) => f.write_str(decimal),
            None => write!(f, "{}", self.value),
        }
    }
}

/// Where the next number could begin.
fn next_start(text: &str) -> Option<usize> {
    let starts = |c: char| c.is_ascii_digit() || "$€£+-−–\\.".contains(c);
    text.find(starts)
}

fn after_one_char(text: &str) -> &str {
    let mut chars = text.chars();
    chars.next();
    chars.as_str()
}

/// A sign and what follows it. A plus is dropped.
fn sign(text: &str) -> (bool, &str) {
    let mut chars = text.chars();
    match chars.next() {
        Some('-' | '−' | '–') => (true, chars.as_str()),
        Some('+') => (false, chars.as_str()),
        _ => (false, text),
    }
}

/// Digits without separators of thousands, with at most one point and an exponent, and what follows them.
fn decimal(text: &str) -> Option<(String, &str)> {
    let (mut digits, mut rest) = whole_digits(text);
    let point = rest.strip_prefix('.').filter(|after| after.starts_with(|c: char| c.is_ascii_digit()));
    if let Some(after) = point {
        let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        if digits.is_empty() {
            digits.push('0');
        }
        digits.push('.');
        digits.push_str(&after[..end]);
        rest = &after[end..];
    }
    if digits.is_empty() {
        return None;
    }
    if let Some((exponent, after)) = exponent(rest) {
        digits.push_str(&exponent);
        rest = after;
    }
    Some((digits, rest))
}

/// `e-5` and the like, when digits follow and no letter after them.
fn exponent(text: &str) -> Option<(String, &str)> {
    let after = text.strip_prefix(['e', 'E'])?;
    let (negative, digits) = sign(after);
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    if end == 0 || end > 3 || digits[end..].starts_with(char::is_alphabetic) {
        return None;
    }
    Some((format!("e{}{}", if negative { "-" } else { "" }, &digits[..end]), &digits[end..]))
}

/// Leading digits; commas (also `{,}` as in LaTeX, and thin spaces) between groups of exactly three are dropped.
fn whole_digits(text: &str) -> (String, &str) {
    let run = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let end = run(text);
    let mut digits = text[..end].to_owned();
    let mut rest = &text[end..];
    if !(1..=3).contains(&end) {
        return (digits, rest);
    }
    while let Some(after) =
        [",", "{,}", "\u{202f}", "\u{2009}", "_"].iter().find_map(|mark| rest.strip_prefix(mark))
    {
        if run(after) != 3 {
            break;
        }
        digits.push_str(&after[..3]);
        rest = &after[3..];
    }
    (digits, rest)
}

/// `3/4` behind a whole number 3, or ` 1/2` behind a whole number that it adds to: (whole part, fraction, rest).
fn plain_fraction<'a>(whole: &str, rest: &'a str) -> Option<(f64, f64, &'a str)> {
    if whole.contains(['.', 'e']) {
        return None;
    }
    let first: f64 = whole.parse().ok()?;
    if let Some(below) = rest.strip_prefix('/') {
        let (divisor, rest) = divisor(below)?;
        return Some((0.0, first / divisor, rest));
    }
    let (top, after) = whole_digits(rest.strip_prefix(' ')?);
    let (divisor, rest) = divisor(after.strip_prefix('/')?)?;
    let top: f64 = top.parse().ok()?;
    (top < divisor).then_some((first, top / divisor, rest))
}

/// A divisor that is not followed by another division (dates are no fractions).
fn divisor(text: &str) -> Option<(f64, &str)> {
    let (digits, rest) = whole_digits(text);
    let value: f64 = digits.parse().ok().filter(|value| *value != 0.0)?;
    let another = rest.strip_prefix('/').is_some_and(|after| after.starts_with(|c: char| c.is_ascii_digit()));
    (!another).then_some((value, rest))
}

/// `\frac{a}{b}` and `\dfrac{a}{b}`.
fn latex_fraction(text: &str) -> Option<(f64, &str)> {
    let text = text.strip_prefix("\\dfrac").or_else(|| text.strip_prefix("\\frac"))?;
    let (top, text) = text.strip_prefix('{')?.split_once('}')?;
    let (below, rest) = text.strip_prefix('{')?.split_once('}')?;
    let (top, below): (f64, f64) = (top.trim().parse().ok()?, below.trim().parse().ok()?);
    (below != 0.0 && top.is_finite() && below.is_finite()).then_some((top / below, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(text: &str) -> Vec<f64> {
        Number::all_in(text).iter().map(Number::value).collect()
    }

    #[test]
    fn the_usual_writings_are_one_number() {
        for text in
            ["1096", "1,096", "1096.0", "1,096.00", "$1,096", " 1096. ", "+1096", "1096%", "$ 1096", "1096 $"]
        {
            let number = Number::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(number.to_string(), "1096", "{text}");
        }
        for (text, value) in [
            ("-5", -5.0),
            ("−5", -5.0),
            ("-$2.50", -2.5),
            ("$-2.50", -2.5),
            (".5", 0.5),
            ("3/4", 0.75),
            ("-3/4", -0.75),
            ("1 1/2", 1.5),
            ("\\frac{3}{4}", 0.75),
            ("-\\dfrac{1}{2}", -0.5),
            ("1e3", 1000.0),
            ("2.5e-3", 0.0025),
            ("1{,}234", 1234.0),
            ("007", 7.0),
            ("-0", 0.0),
        ] {
            assert_eq!(Number::parse(text).map(|number| number.value()), Some(value), "{text}");
        }
        for text in ["", "abc", "12 apples", "1,09", "-", "$", ".", "1/0", "\\frac{1}{0}", "1 2", "--5"] {
            assert_eq!(Number::parse(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_found_in_running_text() {
        let cases: [(&str, &[f64]); 12] = [
            ("47 * 23 = 1081, and 1081 + 15 = 1096.", &[47.0, 23.0, 1081.0, 1081.0, 15.0, 1096.0]),
            ("She pays $1,234.50 in total.", &[1234.5]),
            ("one two 3,4,5", &[3.0, 4.0, 5.0]),
            ("x2 is 7, B2B", &[7.0]),
            ("from 3-5, or 3 to -5", &[3.0, 5.0, 3.0, -5.0]),
            ("2.75.", &[2.75]),
            ("version 1.2.3", &[1.2, 0.3]),
            ("36 cm² or 36cm", &[36.0, 36.0]),
            ("the 4th", &[4.0]),
            ("1,096,000 people", &[1_096_000.0]),
            ("on 7/11/2020", &[7.0, 11.0, 2020.0]),
            ("5 - 3", &[5.0, 3.0]),
        ];
        for (text, expected) in cases {
            let mut found = values(text);
            if text == "on 7/11/2020" {
                // A date is no fraction of three; how its parts are read does not matter, only that the year is the last.
                found = found.split_off(found.len() - 1);
                assert!(found[0] == 2020.0 || found[0] == 11.0 / 2020.0, "{found:?}");
                continue;
            }
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn long_whole_numbers_must_agree_in_every_digit() {
        let number = |text| Number::parse(text).unwrap();
        assert!(!number("1234567").matches(&number("1234568"), 0.0));
        assert!(!number("12345678901234567890123").matches(&number("12345678901234567890124"), 0.0));
        assert!(number("12345678901234567890123.0").matches(&number("12,345,678,901,234,567,890,123"), 0.0));
        assert!(number("3/4").matches(&number("0.75"), 0.0));
        assert!(number("1/3").matches(&number("0.33"), 0.01) && !number("1/3").matches(&number("0.33"), 0.0));
        assert!(number("10.4").matches(&number("10"), 0.5) && !number("10.6").matches(&number("10"), 0.5));
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_back(value in -1_000_000_000_i64..1_000_000_000) {
            let text = format!("so it is {value}.");
            let found = Number::last_in(&text).unwrap();
            prop_assert_eq!(found.to_string(), value.to_string());
        }

        #[test]
        fn any_text_is_survived(text in "\\PC*") {
            let _ = Number::all_in(&text);
            let _ = Number::first_in(&text);
            let _ = Number::parse(&text);
        }

        #[test]
        fn number_like_noise_is_survived(text in "[-+−$0-9.,/ eE{}\\\\frac%_]{0,60}") {
            let found = Number::all_in(&text);
            prop_assert!(found.iter().all(|number| number.value().is_finite()));
        }
    }
}
