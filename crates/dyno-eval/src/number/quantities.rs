//! Numbers in running text, told apart from what only looks like one: ranges, sums not worked out, dates, times, ratios.

use std::sync::LazyLock;

use regex::Regex;

use super::grammar::{
    CURRENCIES, CURRENCY_NAMES, is_space, is_vulgar_fraction, number_at_start, run, sign_word,
};
use crate::Number;

/// Numbers that belong together, and where they stand.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Quantity {
    /// The numbers; one where it is clear.
    pub(super) numbers: Vec<Number>,
    /// Whether it is more than its numbers: `5√2`, `5 * (3 + 2)`, `3 hours 20 minutes`.
    open: bool,
    pub(super) start: usize,
    end: usize,
}

impl Quantity {
    /// The number, where it is one and nothing else.
    pub(super) fn single(&self) -> Option<&Number> {
        match self.numbers.as_slice() {
            [number] if !self.open => Some(number),
            _ => None,
        }
    }
}

/// Words that join two numbers to something that is neither of them.
static JOINING_WORD: LazyLock<Regex> = LazyLock::new(|| {
    let words = "to|or|and|times|plus|minus|nor|through|divided by|multiplied by";
    Regex::new(&format!(r"(?i)^[ \t]+(?:{words})[ \t]+")).expect("the pattern is constant")
});

/// Units that are added up: `3 hours and 20 minutes`, `5 feet 6 inches`, `2 dollars and 50 cents`.
static UNIT_BEFORE_SMALLER_UNIT: LazyLock<Regex> = LazyLock::new(|| {
    let larger = "years?|months?|weeks?|days?|hours?|hrs?|h|minutes?|mins?|min|feet|foot|ft|pounds?|lbs?|dollars?|euros?";
    let smaller = "months?|weeks?|days?|hours?|hrs?|h|minutes?|mins?|min|seconds?|secs?|s|inch(?:es)?|in|ounces?|oz|cents?";
    let pattern = format!(r"(?i)^[ \t]?(?:{larger})(?:,|,?[ \t]+and)?[ \t]+\d[\d.,]*[ \t]?(?:{smaller})\b");
    Regex::new(&pattern).expect("the pattern is constant")
});

/// Every quantity of a plain text, in order.
pub(super) fn quantities(text: &str) -> Vec<Quantity> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(step) = text[at..].find(could_begin) {
        at += step;
        at = match quantity_at(text, at) {
            Some(quantity) => {
                let end = quantity.end;
                if !is_part_of_word(text, at) && !is_label(&text[..at], &text[end..]) {
                    found.push(quantity);
                }
                end
            }
            None => at + text[at..].chars().next().map_or(1, char::len_utf8),
        };
    }
    found
}

fn could_begin(c: char) -> bool {
    c.is_ascii_digit() || CURRENCIES.contains(&c) || is_vulgar_fraction(c) || "+-−–\\.mMnN".contains(c)
}

/// Whether digits stand inside a word, as in `x2` and `B2B`; behind the name of a currency they do not.
fn is_part_of_word(text: &str, at: usize) -> bool {
    let before = &text[..at];
    let in_word = before.chars().next_back().is_some_and(|c| c.is_alphabetic() && !is_ideograph(c));
    in_word
        && text[at..].starts_with(|c: char| c.is_ascii_digit())
        && !CURRENCY_NAMES.iter().any(|name| before.ends_with(name))
}

/// Whether a number counts what is written and not what is asked for: `Step 2`, `#### 2. Add`.
fn is_label(before: &str, behind: &str) -> bool {
    static LABELLED: LazyLock<Regex> = LazyLock::new(|| {
        let words = "step|part|case|stage|phase|figure|fig\\.|equation|eq\\.|example|chapter|section|method|solution|line";
        Regex::new(&format!(r"(?i)\b(?:{words})[ \t]*[#*_(]*$")).expect("the pattern is constant")
    });
    let line = before.rsplit('\n').next().unwrap_or_default();
    let in_heading = line.starts_with('#') && line.trim_start_matches('#').trim().is_empty();
    let enumerates = behind.starts_with([':', '.', ')']) && behind[1..].starts_with([' ', '*']);
    LABELLED.is_match(line) || (in_heading && enumerates)
}

/// Whether a character stands for a whole word or syllable, so that what is beside it stands alone.
pub(crate) fn is_ideograph(c: char) -> bool {
    ('\u{2e80}'..='\u{ffdc}').contains(&c) || c >= '\u{20000}'
}

/// The quantity that begins at this place.
fn quantity_at(text: &str, at: usize) -> Option<Quantity> {
    let before = text[..at].chars().next_back();
    if !may_begin(&text[at..], before) {
        return None;
    }
    let (number, mut rest) = number_at_start(&text[at..], before)?;
    let mut quantity =
        Quantity { numbers: vec![number], open: is_under_root(&text[..at]), start: at, end: 0 };
    loop {
        match joint(rest) {
            Some(Joint::Number(number, behind)) => {
                quantity.numbers.push(number);
                rest = behind;
            }
            Some(Joint::Open) => {
                quantity.open = true;
                break;
            }
            None => break,
        }
    }
    quantity.open |= UNIT_BEFORE_SMALLER_UNIT.is_match(rest);
    quantity.end = text.len() - rest.len();
    Some(quantity)
}

/// A sign behind a digit, a bracket or a letter is an operator; a word is a sign only where a word may begin.
fn may_begin(text: &str, before: Option<char>) -> bool {
    let behind = |test: fn(char) -> bool| before.is_some_and(test);
    if text.starts_with(['+', '-', '−', '–', '.']) {
        return !behind(|c| (c.is_alphanumeric() && !is_ideograph(c)) || c == ')');
    }
    if text.starts_with(['m', 'M', 'n', 'N']) {
        return sign_word(text).is_some() && !behind(char::is_alphanumeric);
    }
    true
}

fn is_under_root(before: &str) -> bool {
    before.trim_end_matches(['{', '(']).ends_with('√')
}

/// What is joined to a number.
enum Joint<'a> {
    /// Another number, and what follows it.
    Number(Number, &'a str),
    /// Something that is no number.
    Open,
}

fn joint(rest: &str) -> Option<Joint<'_>> {
    let spaced = rest.trim_start_matches(is_space);
    if spaced.starts_with(['√', 'π']) {
        return Some(Joint::Open);
    }
    tight(rest).or_else(|| operator(rest, spaced)).or_else(|| listed(rest)).or_else(|| {
        let word = JOINING_WORD.find(rest)?;
        number(&rest[word.end()..])
    })
}

fn number(text: &str) -> Option<Joint<'_>> {
    number_at_start(text, Some('(')).map(|(number, rest)| Joint::Number(number, rest))
}

/// `8:30`, `1.2.3`, `3,4,5`, `7/11/2020`.
fn tight(rest: &str) -> Option<Joint<'_>> {
    let behind = rest.strip_prefix([':', '.', ',', '/'])?;
    if run(behind) == 0 { None } else { number(behind) }
}

/// A sign of calculation, or a dash of a range. A dash between spaces is punctuation when it is long, and so are marks of bold
/// type.
fn operator<'a>(rest: &'a str, spaced: &'a str) -> Option<Joint<'a>> {
    const OPERATORS: [&str; 14] = ["..", "…", "-", "−", "–", "—", "+", "*", "×", "·", "÷", "/", "^", "±"];
    if spaced.starts_with("**") || (spaced.len() < rest.len() && spaced.starts_with('—')) {
        return None;
    }
    let times = |text: &'a str| text.strip_prefix("x ").or_else(|| text.strip_prefix("x"));
    let behind = OPERATORS.iter().find_map(|sign| spaced.strip_prefix(sign)).or_else(|| times(spaced))?;
    let operand = behind.trim_start_matches(is_space);
    if let Some(joint) = number(operand) {
        return Some(joint);
    }
    let bracket = operand.trim_start_matches(['(', '[', '{']);
    (bracket.len() < operand.len() && number(bracket).is_some()).then_some(Joint::Open)
}

/// `, 6` where nothing but the end, or more numbers, follows: a list. (`5, 3 of which` is none.)
fn listed(rest: &str) -> Option<Joint<'_>> {
    let Some(Joint::Number(number, behind)) = number(rest.strip_prefix(", ")?.trim_start()) else {
        return None;
    };
    let next = behind.trim_start_matches(['*', '$', ')', ']', '.', ' ']);
    let goes_on = next.is_empty() || next.starts_with(',') || JOINING_WORD.is_match(behind);
    goes_on.then_some(Joint::Number(number, behind))
}
