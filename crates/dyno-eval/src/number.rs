//! Numbers as people and models write them: 1,096 · $2.50 · 1 096.0 · 3/4 · −5 · 12% · 3 × 10^5 · \frac{3}{4}.

mod grammar;
mod quantities;

use crate::Reading;
use crate::plain::plain;
use grammar::number_at_start;
use quantities::{Quantity, quantities};

pub(crate) use quantities::is_ideograph;

/// A number that was read out of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Number {
    /// Value; percentages keep their figure (50 % is 50).
    value: f64,
    /// Exact decimal writing without sign of zero, leading and trailing zeros; absent for fractions.
    decimal: Option<String>,
}

/// Relative difference below which two numbers count as equal when at least one of them is a fraction or a tolerance was
/// given: room for rounding, not for wrong answers.
const ROUNDING: f64 = 1e-9;

impl Number {
    /// Reads a text that is one number and nothing else but white space, a currency, a unit sign or a final period.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = plain(text);
        let text = text.trim().trim_end_matches('.').trim();
        let (number, rest) = number_at_start(text, None)?;
        let rest = rest.trim();
        let only_a_sign = rest.is_empty() || SIGNS_BEHIND.contains(&rest);
        only_a_sign.then_some(number)
    }

    /// The last number of a text; `None` where the last figures are no number but a range, a date or a sum not worked out.
    #[must_use]
    pub fn last_in(text: &str) -> Option<Self> {
        quantities(&plain(text)).last()?.single().cloned()
    }

    /// Every number of a text, in order. Digits inside words (`x2`, `B2B`; but `4th` counts as 4) are passed over, and a
    /// minus right behind a digit or a bracket is an operator, no sign.
    #[must_use]
    pub fn all_in(text: &str) -> Vec<Self> {
        quantities(&plain(text)).into_iter().flat_map(|quantity| quantity.numbers).collect()
    }

    /// The number that a text states as an answer: what it begins with, or else its last one; of an equation the last side that is
    /// a number. Ranges, lists and sums that are not worked out are several.
    #[must_use]
    pub fn stated_in(text: &str) -> Reading<Self> {
        let text = plain(text);
        let mut several = false;
        for side in text.rsplit('=') {
            match side_of_equation(side) {
                Reading::One(number) => return Reading::One(number),
                Reading::Several => several = true,
                Reading::Nothing => {}
            }
        }
        if several { Reading::Several } else { Reading::Nothing }
    }

    fn from_value(value: f64) -> Self {
        Self { value, decimal: None }
    }

    /// From digits before and behind the point.
    fn from_digits(negative: bool, whole: &str, part: &str) -> Option<Self> {
        let whole = whole.trim_start_matches('0');
        let whole = if whole.is_empty() { "0" } else { whole };
        let part = part.trim_end_matches('0');
        let mut decimal = if part.is_empty() { whole.to_owned() } else { format!("{whole}.{part}") };
        if negative && decimal != "0" {
            decimal.insert(0, '-');
        }
        let value: f64 = decimal.parse().ok().filter(|value: &f64| value.is_finite())?;
        Some(Self { value, decimal: Some(decimal) })
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

/// What may stand behind a number that is alone.
const SIGNS_BEHIND: [&str; 10] = ["%", "$", "€", "£", "¥", "₹", "°", "percent", "dollars", "$$"];

/// Words before a number that say nothing about which one it is.
const LEADING_WORDS: [&str; 18] = [
    "about",
    "approximately",
    "approx.",
    "around",
    "roughly",
    "exactly",
    "only",
    "just",
    "nearly",
    "almost",
    "simply",
    "equal to",
    "equals",
    "therefore",
    "thus",
    "now",
    "a total of",
    "the number",
];

fn side_of_equation(side: &str) -> Reading<Number> {
    let found = quantities(side);
    let first = found.first().filter(|first| is_leading(&side[..first.start]));
    match first.or(found.last()).map(Quantity::single) {
        None => Reading::Nothing,
        Some(None) => Reading::Several,
        Some(Some(number)) => Reading::One(number.clone()),
    }
}

/// Whether a text before a number leaves it the first thing said.
fn is_leading(before: &str) -> bool {
    let mut rest = before;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || "*_`\"'([{~≈:$".contains(c));
        let lower = rest.to_ascii_lowercase();
        match LEADING_WORDS.iter().find(|word| lower.starts_with(**word)) {
            Some(word) => rest = &rest[word.len()..],
            None => return rest.is_empty(),
        }
    }
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
            ("1,09", 1.09),
            ("007", 7.0),
            ("-0", 0.0),
        ] {
            assert_eq!(Number::parse(text).map(|number| number.value()), Some(value), "{text}");
        }
        for text in ["", "abc", "12 apples", "1,09,5", "-", "$", ".", "1/0", "\\frac{1}{0}", "1 2", "--5"] {
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
            ("version 1.2.3", &[1.2, 3.0]),
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
            let _ = Number::stated_in(&text);
            let _ = Number::parse(&text);
        }

        #[test]
        fn number_like_noise_is_survived(text in "[-+−$0-9.,/ eE{}\\\\frac%_]{0,60}") {
            let found = Number::all_in(&text);
            prop_assert!(found.iter().all(|number| number.value().is_finite()));
        }
    }
}
