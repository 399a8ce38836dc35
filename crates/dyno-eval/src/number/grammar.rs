//! One number at the start of a text: sign, currency, digits in groups, decimals, fractions, powers, words such as million.
//!
//! `docs/answers.md` has the grammar as a table.

use super::Number;

/// Longest number read, digits; more than any answer has.
const DIGITS_MAX: usize = 400;

/// Signs of currencies that stand before a number.
pub(super) const CURRENCIES: [char; 7] = ['$', '€', '£', '¥', '₹', '₽', '₩'];

/// Names of currencies that stand before a number.
pub(super) const CURRENCY_NAMES: [&str; 12] =
    ["US$", "USD", "EUR", "GBP", "INR", "CNY", "JPY", "CHF", "RMB", "Rs.", "Rs", "R$"];

/// Words for powers of ten.
const SCALES: [(&str, i32); 7] = [
    ("hundred", 2),
    ("thousand", 3),
    ("million", 6),
    ("billion", 9),
    ("trillion", 12),
    ("lakh", 5),
    ("crore", 7),
];

/// Letters for powers of ten, behind sums of money alone: elsewhere they are units.
const MONEY_SCALES: [(&str, i32); 7] =
    [("bn", 9), ("k", 3), ("K", 3), ("m", 6), ("M", 6), ("b", 9), ("B", 9)];

/// Fractions with a character of their own.
const VULGAR: [(char, f64, f64); 15] = [
    ('½', 1.0, 2.0),
    ('⅓', 1.0, 3.0),
    ('⅔', 2.0, 3.0),
    ('¼', 1.0, 4.0),
    ('¾', 3.0, 4.0),
    ('⅕', 1.0, 5.0),
    ('⅖', 2.0, 5.0),
    ('⅗', 3.0, 5.0),
    ('⅘', 4.0, 5.0),
    ('⅙', 1.0, 6.0),
    ('⅚', 5.0, 6.0),
    ('⅛', 1.0, 8.0),
    ('⅜', 3.0, 8.0),
    ('⅝', 5.0, 8.0),
    ('⅞', 7.0, 8.0),
];

/// A number at the very start of a text, and what follows it. `before` is the character in front of the text: behind a
/// comma or a bracket a comma between digits separates a list.
pub(super) fn number_at_start(text: &str, before: Option<char>) -> Option<(Number, &str)> {
    let (negative, after_sign) = sign(text);
    let (money, after_currency) = currency(after_sign);
    let (negative, digits) = if negative { (true, after_currency) } else { sign(after_currency) };
    let (magnitude, rest) = magnitude(digits, before)?;
    let (exponent, rest) = scale(rest, money);
    Some((magnitude.scaled(exponent)?.number(negative)?, rest))
}

/// A number without its sign.
#[derive(Debug)]
enum Magnitude {
    /// Digits before and behind the point, exact.
    Decimal { whole: String, part: String },
    /// A fraction or a power.
    Value(f64),
}

impl Magnitude {
    fn whole(digits: impl Into<String>) -> Self {
        Self::Decimal { whole: digits.into(), part: String::new() }
    }

    fn value(&self) -> Option<f64> {
        match self {
            Self::Decimal { whole, part } => format!("{whole}.{part}0").parse().ok(),
            Self::Value(value) => Some(*value),
        }
    }

    /// Times a power of ten, every digit kept.
    fn scaled(self, exponent: i32) -> Option<Self> {
        let (mut whole, mut part) = match self {
            Self::Value(value) => return Some(Self::Value(value * 10_f64.powi(exponent))),
            Self::Decimal { whole, part } => (whole, part),
        };
        let shift = usize::try_from(exponent.unsigned_abs()).ok().filter(|shift| *shift <= DIGITS_MAX)?;
        if exponent >= 0 {
            part.extend(std::iter::repeat_n('0', shift.saturating_sub(part.len())));
            whole.extend(part.drain(..shift));
        } else {
            let zeros = (shift + 1).saturating_sub(whole.len());
            whole.insert_str(0, &"0".repeat(zeros));
            part.insert_str(0, &whole.split_off(whole.len() - shift));
        }
        Some(Self::Decimal { whole, part })
    }

    fn number(self, negative: bool) -> Option<Number> {
        match self {
            Self::Value(value) if value.is_finite() => {
                Some(Number::from_value(if negative { -value } else { value }))
            }
            Self::Value(_) => None,
            Self::Decimal { whole, part } if whole.len() + part.len() <= DIGITS_MAX => {
                Number::from_digits(negative, &whole, &part)
            }
            Self::Decimal { .. } => None,
        }
    }
}

/// A sign and what follows it: `-`, the minus of typography also with a space, `minus`, `negative`. A plus is dropped.
fn sign(text: &str) -> (bool, &str) {
    let mut chars = text.chars();
    match chars.next() {
        Some('−') => (true, chars.as_str().trim_start_matches(' ')),
        Some('-' | '–') => (true, chars.as_str()),
        Some('+') => (false, chars.as_str()),
        _ => match sign_word(text) {
            Some(rest) => (true, rest),
            None => (false, text),
        },
    }
}

/// What follows a word that is a sign.
pub(super) fn sign_word(text: &str) -> Option<&str> {
    let behind = |word: &&str| strip_word(text, word)?.strip_prefix(' ');
    ["minus", "negative"].iter().find_map(behind)
}

/// Takes a word off the start, in upper or lower case.
fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let begins = text.get(..word.len())?.eq_ignore_ascii_case(word);
    begins.then(|| &text[word.len()..])
}

/// A currency before a number, and what follows it.
fn currency(text: &str) -> (bool, &str) {
    if let Some(rest) = CURRENCY_NAMES.iter().find_map(|name| text.strip_prefix(name)) {
        return (true, rest.trim_start());
    }
    match text.strip_prefix(CURRENCIES) {
        // Signs of display mathematics stand twice.
        Some(rest) => (true, rest.trim_start_matches('$').trim_start()),
        None => (false, text),
    }
}

fn magnitude(text: &str, before: Option<char>) -> Option<(Magnitude, &str)> {
    if let Some((value, rest)) = vulgar_fraction(text).or_else(|| latex_fraction(text)) {
        return Some((Magnitude::Value(value), rest));
    }
    let (digits, rest) = decimal(text, before)?;
    if let Magnitude::Decimal { whole, part } = &digits
        && part.is_empty()
        && let Some((value, rest)) = plus_fraction(whole, rest)
    {
        return Some((Magnitude::Value(value), rest));
    }
    if let Some((exponent, rest)) = e_notation(rest).or_else(|| times_ten(rest)) {
        return Some((digits.scaled(exponent)?, rest));
    }
    match raised(rest) {
        Some((exponent, rest)) => Some((power(&digits, exponent)?, rest)),
        None => Some((digits, rest)),
    }
}

/// Digits without what separates their groups, and at most one point or comma of decimals.
fn decimal(text: &str, before: Option<char>) -> Option<(Magnitude, &str)> {
    let (whole, separator, rest) = grouped_digits(text);
    let (part, rest) = decimals(&whole, separator, rest, before);
    if whole.is_empty() && part.is_empty() {
        return None;
    }
    Some((Magnitude::Decimal { whole, part: part.to_owned() }, rest))
}

/// The digits behind the point, or behind a comma that separates no thousands and no list.
fn decimals<'a>(
    whole: &str,
    separator: Option<&str>,
    rest: &'a str,
    before: Option<char>,
) -> (&'a str, &'a str) {
    let digits_behind = |mark: char| {
        let after = rest.strip_prefix(mark)?;
        let end = run(after);
        (end > 0).then(|| after.split_at(end))
    };
    if separator != Some(".")
        && let Some(found) = digits_behind('.')
    {
        return found;
    }
    let in_list = before.is_some_and(|c| ",([{".contains(c));
    let Some((part, after)) = digits_behind(',').filter(|_| !whole.is_empty() && !in_list) else {
        return ("", rest);
    };
    let goes_on = after.strip_prefix([',', '.']).is_some_and(|next| run(next) > 0);
    let groups = separator.is_none() && part.len() == 3 && whole != "0";
    if separator == Some(",") || goes_on || groups { ("", rest) } else { (part, after) }
}

/// Length of the digits that a text begins with.
pub(super) fn run(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len())
}

/// What separates groups of three digits: comma, spaces of all widths, underline, apostrophes.
const SEPARATORS: [&str; 8] = [",", "\u{2009}", "\u{202f}", "\u{a0}", " ", "_", "'", "’"];

/// Leading digits without what separates their groups of three, and what that was.
fn grouped_digits(text: &str) -> (String, Option<&'static str>, &str) {
    let (first, rest) = text.split_at(run(text));
    if (1..=3).contains(&first.len()) && !first.starts_with('0') {
        for separator in SEPARATORS {
            let (groups, after) = groups_of_three(rest, separator);
            if !groups.is_empty() {
                return (format!("{first}{groups}"), Some(separator), after);
            }
        }
        // A single point separates decimals; several of them, or one before a comma, separate groups.
        let (groups, after) = groups_of_three(rest, ".");
        let comma = after.strip_prefix(',').is_some_and(|after| run(after) > 0);
        if groups.len() > 3 || (groups.len() == 3 && comma) {
            return (format!("{first}{groups}"), Some("."), after);
        }
        if let Some((groups, after)) = indian_groups(first, rest) {
            return (format!("{first}{groups}"), Some(","), after);
        }
    }
    (first.to_owned(), None, rest)
}

/// Groups of exactly three digits, each behind this separator.
fn groups_of_three<'a>(text: &'a str, separator: &str) -> (String, &'a str) {
    let (mut groups, mut rest) = (String::new(), text);
    while let Some(after) = rest.strip_prefix(separator)
        && run(after) == 3
    {
        groups.push_str(&after[..3]);
        rest = &after[3..];
    }
    (groups, rest)
}

/// Lakhs and crores: groups of two digits, the last one of three, as in 12,34,567.
fn indian_groups<'a>(first: &str, text: &'a str) -> Option<(String, &'a str)> {
    let (mut groups, mut rest) = (String::new(), text);
    while let Some(after) = rest.strip_prefix(',') {
        let size = run(after);
        if !(2..=3).contains(&size) || first.len() > 2 {
            return None;
        }
        groups.push_str(&after[..size]);
        rest = &after[size..];
        if size == 3 {
            return (groups.len() > 3).then_some((groups, rest));
        }
    }
    None
}

/// `e-5` and the like, when digits follow and no letter after them.
fn e_notation(text: &str) -> Option<(i32, &str)> {
    let (exponent, rest) = signed_exponent(text.strip_prefix(['e', 'E'])?)?;
    (!rest.starts_with(char::is_alphabetic)).then_some((exponent, rest))
}

/// Up to three digits with a sign.
fn signed_exponent(text: &str) -> Option<(i32, &str)> {
    let (negative, digits) = match text.strip_prefix(['-', '−', '–']) {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (digits, rest) = digits.split_at(run(digits));
    let exponent: i32 = digits.parse().ok().filter(|_| digits.len() <= 3)?;
    Some((if negative { -exponent } else { exponent }, rest))
}

/// `× 10^5` behind a number.
fn times_ten(text: &str) -> Option<(i32, &str)> {
    let behind = text.trim_start_matches(is_space).strip_prefix(['×', 'x', '*', '·'])?;
    raised(behind.trim_start_matches(is_space).strip_prefix("10")?)
}

/// A space within a line.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() && c != '\n' && c != '\r'
}

/// `^5`, `^{-5}`, `**5` or `⁵` directly behind a number.
fn raised(text: &str) -> Option<(i32, &str)> {
    if let Some(behind) = text.strip_prefix('^').or_else(|| text.strip_prefix("**")) {
        for (open, close) in [("{", "}"), ("(", ")")] {
            if let Some(inside) = behind.strip_prefix(open) {
                let (exponent, rest) = signed_exponent(inside.trim_start())?;
                return Some((exponent, rest.trim_start().strip_prefix(close)?));
            }
        }
        return signed_exponent(behind);
    }
    let is_raised = |c: char| "⁰¹²³⁴⁵⁶⁷⁸⁹⁻".contains(c);
    let end = text.find(|c: char| !is_raised(c)).unwrap_or(text.len());
    let plain: String =
        text[..end].chars().map(|c| "0123456789-".chars().nth(raised_index(c)).unwrap_or(c)).collect();
    let (exponent, behind) = signed_exponent(&plain)?;
    behind.is_empty().then(|| (exponent, &text[end..]))
}

fn raised_index(c: char) -> usize {
    "⁰¹²³⁴⁵⁶⁷⁸⁹⁻".chars().position(|raised| raised == c).unwrap_or(usize::MAX)
}

fn power(base: &Magnitude, exponent: i32) -> Option<Magnitude> {
    let exact = match base {
        Magnitude::Decimal { whole, part } if part.is_empty() => whole
            .parse::<u128>()
            .ok()
            .zip(u32::try_from(exponent).ok())
            .and_then(|(base, exponent)| base.checked_pow(exponent)),
        _ => None,
    };
    match exact {
        Some(exact) => Some(Magnitude::whole(exact.to_string())),
        None => Some(Magnitude::Value(base.value()?.powi(exponent))),
    }
}

/// `3/4` behind a whole number 3, or `1/2`, `½`, `\frac{1}{2}` behind a whole number that it adds to.
fn plus_fraction<'a>(whole: &str, rest: &'a str) -> Option<(f64, &'a str)> {
    let first: f64 = whole.parse().ok()?;
    if let Some((divisor, rest)) = divisor(rest) {
        return Some((first / divisor, rest));
    }
    if let Some((value, rest)) = vulgar_fraction(rest.trim_start_matches(is_space)) {
        return Some((first + value, rest));
    }
    if let Some((value, rest)) = latex_fraction(rest.trim_start_matches(is_space)) {
        return Some((first + value, rest));
    }
    let top = rest.strip_prefix(' ')?;
    let (top, behind) = top.split_at(run(top));
    let (divisor, rest) = divisor(behind)?;
    let top: f64 = top.parse().ok()?;
    (top < divisor).then_some((first + top / divisor, rest))
}

/// A stroke and a divisor that no other division follows (dates are no fractions).
fn divisor(text: &str) -> Option<(f64, &str)> {
    let stroke = |text: &'_ str| text.starts_with(['/', '⁄']);
    let tight = stroke(text);
    let text = text.trim_start_matches(' ');
    let below = text.strip_prefix(['/', '⁄'])?;
    let (digits, _, rest) = grouped_digits(if tight { below } else { below.trim_start_matches(' ') });
    let value: f64 = digits.parse().ok().filter(|value| *value != 0.0)?;
    let another = stroke(rest.trim_start_matches(' '));
    (!another).then_some((value, rest))
}

fn vulgar_fraction(text: &str) -> Option<(f64, &str)> {
    let first = text.chars().next()?;
    let (_, top, below) = VULGAR.iter().find(|(c, ..)| *c == first)?;
    Some((top / below, &text[first.len_utf8()..]))
}

/// Whether a character is a fraction of its own.
pub(super) fn is_vulgar_fraction(c: char) -> bool {
    VULGAR.iter().any(|(known, ..)| *known == c)
}

/// `\frac{a}{b}`, also `\frac34`.
fn latex_fraction(text: &str) -> Option<(f64, &str)> {
    let (top, rest) = latex_argument(text.strip_prefix("\\frac")?)?;
    let (below, rest) = latex_argument(rest)?;
    let value = |text: &str| Number::parse(text).map(|number| number.value());
    let (top, below) = (value(top)?, value(below)?);
    (below != 0.0).then_some((top / below, rest))
}

/// What stands in braces, or a single digit.
fn latex_argument(text: &str) -> Option<(&str, &str)> {
    match text.trim_start().strip_prefix('{') {
        Some(inside) => inside.split_once('}').filter(|(inside, _)| !inside.contains('{')),
        None => text.starts_with(|c: char| c.is_ascii_digit()).then(|| text.split_at(1)),
    }
}

/// The power of ten that a word behind a number stands for.
fn scale(text: &str, money: bool) -> (i32, &str) {
    let word = text.trim_start_matches(is_space);
    let word = word.strip_prefix('-').unwrap_or(word);
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric());
    for (name, exponent) in SCALES {
        if let Some(rest) = strip_word(word, name) {
            let rest = rest.strip_prefix('s').unwrap_or(rest);
            if ends(rest) {
                return (exponent, rest);
            }
        }
    }
    if money {
        let letters =
            MONEY_SCALES.iter().find_map(|(name, exponent)| Some((*exponent, text.strip_prefix(name)?)));
        if let Some(found) = letters.filter(|(_, rest)| ends(rest)) {
            return found;
        }
    }
    (0, text)
}
