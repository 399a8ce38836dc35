//! From an answer to an outcome, and from likelihoods to an outcome.

use std::collections::HashMap;
use std::sync::LazyLock;

use dyno_types::{ChoiceScore, ItemOutcome};
use regex::Regex;

use crate::choice_letter::{is_formula, letter_in, letters};
use crate::extract::{Extracted, Extractor, extract};
use crate::normalise::normalise;
use crate::number::Number;
use crate::reasoning::without_reasoning;
use crate::{Item, ItemKind, Normaliser, Reading, letter};

/// What became of a generated answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// The outcome.
    pub outcome: ItemOutcome,
    /// What was read out of the answer.
    pub extracted: Option<String>,
    /// Which way read it; absent where nothing was read.
    pub by: Option<&'static str>,
}

/// Name of the score of shared words.
pub const F1_METRIC: &str = "f1";

/// Ways for short answers without steps, first found first.
pub const DIRECT_WAYS: [Extractor; 4] =
    [Extractor::Hashes, Extractor::Boxed, Extractor::AnswerIs, Extractor::FirstLine];

/// Ways for answers with written steps.
pub const STEPS_WAYS: [Extractor; 4] =
    [Extractor::Hashes, Extractor::Boxed, Extractor::AnswerIs, Extractor::LastLine];

/// Ways for numbers.
pub const NUMBER_WAYS: [Extractor; 4] =
    [Extractor::Hashes, Extractor::Boxed, Extractor::AnswerIs, Extractor::LastNumber];

impl Scored {
    fn unparsed() -> Self {
        Self { outcome: ItemOutcome::Unparsed, extracted: None, by: None }
    }

    fn right_if(right: bool, extracted: String, by: &'static str) -> Self {
        let outcome = if right { ItemOutcome::Correct } else { ItemOutcome::Wrong };
        Self { outcome, extracted: Some(extracted), by: Some(by) }
    }

    fn failed(reason: &str) -> Self {
        Self { outcome: ItemOutcome::Failed { reason: reason.to_owned() }, extracted: None, by: None }
    }
}

/// Scores a generated answer. `steps` says whether the strategy asked for written steps, so that the answer stands last.
/// Code has to be run ([`crate::program`]) and cloze has to be scored by likelihood; both come back as failed here.
#[must_use]
pub fn score_text(item: &Item, answer: &str, steps: bool) -> Scored {
    match item.kind {
        ItemKind::Numeric => score_number(item, answer),
        ItemKind::Exact => score_exact(item, answer, steps),
        ItemKind::Contains => score_contained(item, answer),
        ItemKind::F1 => score_shared_words(item, answer),
        ItemKind::Regex => score_pattern(item, answer),
        ItemKind::Choice => score_written_choice(item, answer),
        ItemKind::Open | ItemKind::Heuristic => {
            Scored { outcome: ItemOutcome::Open, extracted: None, by: None }
        }
        ItemKind::Code => Scored::failed("code is scored by running it"),
        ItemKind::Cloze => Scored::failed("cloze is scored by likelihood"),
    }
}

fn score_number(item: &Item, answer: &str) -> Scored {
    match number_in_answer(answer) {
        Reading::One((number, way)) => {
            let right = item.answers.iter().filter_map(|answer| Number::parse(answer));
            let matches = right.into_iter().any(|right| number.matches(&right, item.tolerance));
            Scored::right_if(matches, number.to_string(), way.name())
        }
        Reading::Several | Reading::Nothing => Scored::unparsed(),
    }
}

/// The number that an answer states, and which way found it.
pub(crate) fn number_in_answer(answer: &str) -> Reading<(Number, Extractor)> {
    first_reading(answer, &NUMBER_WAYS, |found| Number::stated_in(&found.text))
}

/// The letter that an answer chooses among these.
pub(crate) fn letter_in_answer(answer: &str, options: &[char]) -> Reading<char> {
    first_reading(answer, &CHOICE_WAYS, |found| letter_of(found, options)).map(|(letter, _)| letter)
}

/// The one of these texts that an answer names, by its index.
pub(crate) fn choice_in_answer(answer: &str, choices: &[String]) -> Reading<usize> {
    let read = |found: &Extracted| match same_as(choices, &found.text) {
        Some(index) => Reading::One(index),
        None => only_occurring(choices, &found.text),
    };
    first_reading(answer, &CHOICE_WAYS, read).map(|(index, _)| index)
}

/// The letter in what was found: the letters of a formula in a box are its symbols, unless it begins with one as a choice does.
fn letter_of(found: &Extracted, options: &[char]) -> Reading<char> {
    match found.by == Extractor::Boxed && is_formula(&found.text) {
        true => Reading::Nothing,
        false => letter_in(&found.text, options),
    }
}

/// What the first way finds in which something can be read.
fn first_reading<T>(
    answer: &str,
    ways: &[Extractor],
    read: impl Fn(&Extracted) -> Reading<T>,
) -> Reading<(T, Extractor)> {
    for way in ways {
        let Some(found) = extract(answer, &[*way]) else { continue };
        match read(&found) {
            Reading::One(found) => return Reading::One((found, *way)),
            Reading::Several => return Reading::Several,
            Reading::Nothing => {}
        }
    }
    Reading::Nothing
}

fn score_exact(item: &Item, answer: &str, steps: bool) -> Scored {
    let ways = if steps { STEPS_WAYS } else { DIRECT_WAYS };
    let Some(found) = extract(answer, &ways) else { return Scored::unparsed() };
    let given = normalise(&found.text, &item.normalise);
    let right = item.answers.iter().any(|right| normalise(right, &item.normalise) == given);
    Scored::right_if(right, found.text, found.by.name())
}

fn score_contained(item: &Item, answer: &str) -> Scored {
    const WORDS: [Normaliser; 2] = [Normaliser::Lowercase, Normaliser::Whitespace];
    let Some(text) = without_reasoning(answer).filter(|text| !text.trim().is_empty()) else {
        return Scored::unparsed();
    };
    let steps = if item.normalise.is_empty() { &WORDS[..] } else { &item.normalise };
    let text = normalise(text, steps);
    let found = item.answers.iter().find(|right| occurs_as_words(&text, &normalise(right, steps)));
    match found {
        Some(right) => Scored::right_if(true, right.clone(), "contains"),
        None => Scored { outcome: ItemOutcome::Wrong, extracted: None, by: Some("contains") },
    }
}

/// The largest F1 of the words shared with any right answer, as SQuAD computes it.
fn score_shared_words(item: &Item, answer: &str) -> Scored {
    const WAYS: [Extractor; 4] = [Extractor::Hashes, Extractor::Boxed, Extractor::AnswerIs, Extractor::Whole];
    let Some(found) = extract(answer, &WAYS) else {
        // Nothing shares no word: a grade like any other, so that one mean holds for all answers.
        let outcome = ItemOutcome::Graded { grade: 0.0 };
        return Scored { outcome, extracted: None, by: Some(F1_METRIC) };
    };
    let given = normalise(&found.text, &item.normalise);
    let grade = item.answers.iter().map(|right| f1(&given, &normalise(right, &item.normalise)));
    let grade = grade.fold(0.0, f64::max);
    Scored { outcome: ItemOutcome::Graded { grade }, extracted: Some(found.text), by: Some(F1_METRIC) }
}

/// Harmonic mean of the shares of words that two texts have in common; words that occur twice count twice.
fn f1(given: &str, right: &str) -> f64 {
    let (given, right): (Vec<&str>, Vec<&str>) =
        (given.split_whitespace().collect(), right.split_whitespace().collect());
    if given.is_empty() || right.is_empty() {
        return f64::from(u8::from(given == right));
    }
    let mut left: HashMap<&str, usize> = HashMap::new();
    for word in &right {
        *left.entry(word).or_default() += 1;
    }
    let shared = given.iter().filter(|word| match left.get_mut(*word) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    });
    let shared = shared.count() as f64;
    2.0 * shared / (given.len() + right.len()) as f64
}

/// Right where one of the patterns matches somewhere in the answer.
fn score_pattern(item: &Item, answer: &str) -> Scored {
    let Some(text) = without_reasoning(answer).filter(|text| !text.trim().is_empty()) else {
        return Scored::unparsed();
    };
    let patterns = item.answers.iter().filter_map(|pattern| Regex::new(pattern).ok());
    let found =
        patterns.into_iter().find_map(|pattern| pattern.find(text).map(|found| found.as_str().to_owned()));
    match found {
        Some(found) => Scored::right_if(true, found, "regex"),
        None => Scored { outcome: ItemOutcome::Wrong, extracted: None, by: Some("regex") },
    }
}

/// Whether a text holds another one that neither begins nor ends inside a word: `ran` is not in `France`.
fn occurs_as_words(text: &str, wanted: &str) -> bool {
    if wanted.is_empty() {
        return false;
    }
    text.match_indices(wanted).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + wanted.len()..].chars().next();
        let inside = |edge: Option<char>, neighbour: Option<char>| {
            edge.is_some_and(char::is_alphanumeric) && neighbour.is_some_and(char::is_alphanumeric)
        };
        !inside(wanted.chars().next(), before) && !inside(wanted.chars().next_back(), after)
    })
}

/// Ways for choices that are written.
const CHOICE_WAYS: [Extractor; 4] =
    [Extractor::Hashes, Extractor::Boxed, Extractor::AnswerIs, Extractor::Whole];

fn score_written_choice(item: &Item, answer: &str) -> Scored {
    match first_reading(answer, &CHOICE_WAYS, |found| chosen(item, found)) {
        Reading::One((index, way)) => {
            Scored::right_if(item.correct == Some(index), item.choices[index].clone(), way.name())
        }
        Reading::Several | Reading::Nothing => Scored::unparsed(),
    }
}

/// The choice that a text names: by its own text, by a letter, or by being the only one that occurs in it.
fn chosen(item: &Item, found: &Extracted) -> Reading<usize> {
    let text = found.text.as_str();
    if let Some(index) = same_as(&item.choices, text) {
        return Reading::One(index);
    }
    match letter_of(found, &letters(item.choices.len())) {
        Reading::One(named) => {
            let index = (0..item.choices.len()).find(|index| letter(*index) == Some(named));
            index.map_or(Reading::Nothing, Reading::One)
        }
        Reading::Several => Reading::Several,
        Reading::Nothing => only_occurring(&item.choices, text),
    }
}

fn same_as(choices: &[String], text: &str) -> Option<usize> {
    choices.iter().position(|choice| normalise(choice, &[]) == normalise(text, &[]))
}

/// "No" as an answer: it begins a sentence or ends one, or stands by itself; "has no divisors" answers nothing.
static NO: LazyLock<Regex> = LazyLock::new(|| {
    let before = r#"^["'(*]*|[.!?:;]\s+["'(*]*|\b(?:is|be|answer|say|says|so)\s+["'(*]*"#;
    let behind = r#"["')*]*(?:$|\s*[.,!?:;–—-]|\s+(?:because|since|as|it|this|that|they)\b)"#;
    Regex::new(&format!(r"(?:{before})no\b|\bno{behind}")).expect("the pattern is constant")
});

/// The one choice that occurs in a text.
fn only_occurring(choices: &[String], text: &str) -> Reading<usize> {
    const WORDS: [Normaliser; 2] = [Normaliser::Lowercase, Normaliser::Whitespace];
    let lower = normalise(text, &WORDS);
    let occurs = |index: &usize| match normalise(&choices[*index], &WORDS) {
        no if no == "no" => NO.is_match(&lower),
        choice => occurs_as_words(&lower, &choice),
    };
    let mut occurring = (0..choices.len()).filter(occurs);
    match (occurring.next(), occurring.next()) {
        (Some(only), None) => Reading::One(only),
        (Some(_), Some(_)) => Reading::Several,
        (None, _) => Reading::Nothing,
    }
}

/// Outcomes of a multiple-choice item from the likelihood of each choice, in the item's order.
#[derive(Debug, Clone, PartialEq)]
pub struct ChoiceOutcome {
    /// The likeliest choice (`acc` of lm-evaluation-harness).
    pub plain: ItemOutcome,
    /// The likeliest choice per character of its text (`acc_norm`).
    pub per_char: ItemOutcome,
    /// The likeliest choice per byte of its text (`acc_bytes`).
    pub per_byte: ItemOutcome,
}

/// Picks the likeliest choice: by the sum of log-probabilities, and by that sum over the characters, and over the bytes, of the
/// choice's text.
/// When no single choice is likelier than all others there is no answer: the item is tied, not guessed. Figures that are
/// not finite, or not one per choice, are failures.
#[must_use]
pub fn score_choices(item: &Item, choices: &[ChoiceScore]) -> ChoiceOutcome {
    let failed = |reason: String| {
        let outcome = ItemOutcome::Failed { reason };
        ChoiceOutcome { plain: outcome.clone(), per_char: outcome.clone(), per_byte: outcome }
    };
    let Some(correct) = item.correct.filter(|correct| *correct < choices.len()) else {
        return failed("the item has no right choice".to_owned());
    };
    if choices.len() != item.choices.len() {
        return failed(format!("{} choices, but {} likelihoods", item.choices.len(), choices.len()));
    }
    if let Some(index) = choices.iter().position(|choice| !choice.logprob.is_finite() || choice.logprob > 0.0)
    {
        let value = choices[index].logprob;
        return failed(format!("choice {index} has the log-probability {value}, which no text can have"));
    }
    let outcome = |likelihoods: Vec<f64>| match single_largest(&likelihoods) {
        None => ItemOutcome::Tied,
        Some(index) if index == correct => ItemOutcome::Correct,
        Some(_) => ItemOutcome::Wrong,
    };
    ChoiceOutcome {
        plain: outcome(choices.iter().map(|choice| choice.logprob).collect()),
        per_char: outcome(
            choices.iter().map(|choice| choice.logprob / f64::from(choice.chars.max(1))).collect(),
        ),
        per_byte: outcome(
            choices.iter().map(|choice| choice.logprob / f64::from(choice.bytes.max(1))).collect(),
        ),
    }
}

/// Index of the one value that is larger than all others.
fn single_largest(values: &[f64]) -> Option<usize> {
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut at = (0..values.len()).filter(|index| values[*index] >= largest);
    let first = at.next();
    if at.next().is_some() { None } else { first }
}

/// Outcome of a cloze item: right when every token of one accepted ending was the likeliest.
#[must_use]
pub fn score_cloze(endings: &[ChoiceScore]) -> ItemOutcome {
    if endings.is_empty() || endings.iter().any(|ending| !ending.logprob.is_finite()) {
        let reason =
            "the ending has no likelihood; the engine or its log-probabilities are broken".to_owned();
        return ItemOutcome::Failed { reason };
    }
    if endings.iter().any(|ending| ending.greedy) { ItemOutcome::Correct } else { ItemOutcome::Wrong }
}

#[cfg(test)]
mod tests;
