//! How answers to plain questions are scored: as asked, or as the answers' shape says.

use super::Draft;
use crate::fields::{FieldProblem, quoted};
use crate::normalise::normalise;
use crate::number::Number;
use crate::{ChoiceStyle, Item, ItemKind, Normaliser, letter};

/// Ways to score an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScoreBy {
    /// The same text, after SQuAD's normalisation.
    Exact,
    /// The same number.
    Number,
    /// The answer's words occur in what the model wrote.
    Contains,
    /// Shared words, as SQuAD's F1 counts them.
    F1,
    /// The answer is a regular expression that matches what the model wrote.
    Regex,
    /// The right one of several choices.
    Choice,
    /// A judge rates it, with the answer, if there is one, as reference.
    Judge,
}

/// Every way with its name and what it means.
pub const SCORES_BY: [(&str, ScoreBy, &str); 7] = [
    ("exact", ScoreBy::Exact, "the same text, apart from case, punctuation and articles"),
    ("number", ScoreBy::Number, "the same number"),
    ("contains", ScoreBy::Contains, "the words of the answer occur in what the model writes"),
    ("f1", ScoreBy::F1, "the share of words in common (SQuAD's F1)"),
    ("regex", ScoreBy::Regex, "the answer is a regular expression that matches somewhere"),
    ("choice", ScoreBy::Choice, "the right one of the choices is the likeliest"),
    (
        "judge",
        ScoreBy::Judge,
        "another model rates it from 1 to 10, with the answer, if there is one, as reference",
    ),
];

/// What SQuAD's own script takes away before it compares.
const SQUAD: [Normaliser; 4] =
    [Normaliser::Lowercase, Normaliser::Punctuation, Normaliser::Articles, Normaliser::Whitespace];

/// Most words of answers that are looked for in what the model writes; longer ones are compared word by word.
const SHORT_WORDS: usize = 8;

/// Pairs of answers that are choices although the file lists none.
const EITHER: [[&str; 2]; 2] = [["yes", "no"], ["true", "false"]];

impl ScoreBy {
    fn entry(self) -> (&'static str, &'static str) {
        let entry = SCORES_BY.iter().find(|(_, by, _)| *by == self);
        entry.map_or(("exact", ""), |(name, _, meaning)| (name, meaning))
    }
}

/// The way of one file.
#[derive(Debug)]
pub(super) struct Scoring {
    by: ScoreBy,
    /// Why, where nobody said.
    because: Option<&'static str>,
    /// Choices of all items, where the file lists none.
    either: Option<[&'static str; 2]>,
    /// Whether numbers name choices from 1.
    from_one: bool,
}

impl Scoring {
    /// The way that was asked for, or the one that fits all answers; the message says why the one asked for cannot be.
    pub(super) fn choose(drafts: &[&Draft], asked: Option<ScoreBy>) -> Result<Self, String> {
        let either = EITHER.into_iter().find(|pair| {
            let named = |answer: &String| pair.iter().any(|name| answer.trim().eq_ignore_ascii_case(name));
            all(drafts, |draft| draft.answers.len() == 1 && named(&draft.answers[0]))
        });
        let listed = all(drafts, |draft| draft.choices.len() >= 2);
        let either = either.filter(|_| !listed);
        let number = |draft: &Draft| draft.answers.iter().all(|answer| Number::parse(answer).is_some());
        let short = |draft: &Draft| draft.answers.iter().all(|answer| words(answer) <= SHORT_WORDS);
        let (by, because) = match asked {
            Some(ScoreBy::Choice) if !listed && either.is_none() => {
                return Err("answers can only be scored as choices where each question lists them (choices, options, \
                            or a column for each: A, B, C, …)"
                    .to_owned());
            }
            Some(asked) => (asked, None),
            None if listed => (ScoreBy::Choice, Some("each question lists choices")),
            None if either.is_some() => (ScoreBy::Choice, Some("every answer is one of two")),
            None if all(drafts, number) => (ScoreBy::Number, Some("every answer is a number")),
            None if all(drafts, short) => (ScoreBy::Contains, Some("the answers are short texts")),
            None => (ScoreBy::F1, Some("some answers are long")),
        };
        let from_one = listed && counts_from_one(drafts);
        Ok(Self { by, because, either, from_one })
    }

    /// How answers are scored, in words.
    pub(super) fn sentence(&self) -> String {
        let (name, meaning) = self.by.entry();
        let mut sentence = format!("scored by {name}: {meaning}");
        if let Some(because) = self.because {
            sentence.push_str(&format!(" (since {because})"));
        }
        if self.from_one {
            sentence.push_str("; numbers name choices from 1");
        }
        sentence
    }

    /// Gives an item its kind and what it is compared with.
    pub(super) fn apply(&self, item: &mut Item, draft: Draft) -> Result<(), FieldProblem> {
        item.kind = match self.by {
            ScoreBy::Exact => ItemKind::Exact,
            ScoreBy::Number => ItemKind::Numeric,
            ScoreBy::Contains => ItemKind::Contains,
            ScoreBy::F1 => ItemKind::F1,
            ScoreBy::Regex => ItemKind::Regex,
            ScoreBy::Choice => ItemKind::Choice,
            ScoreBy::Judge => ItemKind::Open,
        };
        match self.by {
            ScoreBy::Choice => self.choices(item, draft),
            _ => {
                // What a question lists is part of it, whatever its answer is compared with.
                for (index, choice) in draft.choices.iter().enumerate() {
                    let name = letter(index).map_or_else(|| (index + 1).to_string(), String::from);
                    item.question.push_str(&format!("\n{name}. {choice}"));
                }
                let compares_texts = matches!(self.by, ScoreBy::Exact | ScoreBy::Contains | ScoreBy::F1);
                // An answer of punctuation or an article alone would have nothing left.
                let leaves_all = |answer: &String| !normalise(answer, &SQUAD).is_empty();
                if compares_texts && draft.answers.iter().all(leaves_all) {
                    item.normalise = SQUAD.to_vec();
                }
                item.answers = draft.answers;
                Ok(())
            }
        }
    }

    fn choices(&self, item: &mut Item, draft: Draft) -> Result<(), FieldProblem> {
        let answer = draft.answers.first().map(|answer| answer.trim().to_owned()).unwrap_or_default();
        let correct = match self.either {
            Some(pair) => {
                item.choices = pair.map(str::to_owned).to_vec();
                pair.iter().position(|name| name.eq_ignore_ascii_case(&answer))
            }
            None => {
                let found = named(&draft, &answer, self.from_one);
                item.style = ChoiceStyle::Letters;
                item.choices = draft.choices;
                found
            }
        };
        let count = item.choices.len();
        item.correct = Some(correct.ok_or_else(|| {
            let last = letter(count.saturating_sub(1)).unwrap_or('Z');
            let what =
                format!("is {}, which is none of the {count} choices, nor A to {last}", quoted(&answer));
            FieldProblem::new("answer", what)
        })?);
        Ok(())
    }
}

/// The choice that an answer names: by its text, its letter, or its number.
fn named(draft: &Draft, answer: &str, from_one: bool) -> Option<usize> {
    let count = draft.choices.len();
    let by_text = || draft.choices.iter().position(|choice| choice.trim() == answer);
    let by_number = || {
        let number: usize = answer.parse().ok()?;
        number.checked_sub(usize::from(from_one)).filter(|index| *index < count)
    };
    let by_letter = || {
        let mut chars = answer.trim_matches(['(', ')', '.']).chars();
        let named = chars.next()?.to_ascii_uppercase();
        let alone = chars.next().is_none();
        (0..count).find(|index| alone && letter(*index) == Some(named))
    };
    if draft.answer_is_number {
        return by_number().or_else(by_text);
    }
    by_text().or_else(by_letter).or_else(by_number)
}

/// Whether the numbers that name choices count from 1: none is 0, and one is as large as there are choices.
fn counts_from_one(drafts: &[&Draft]) -> bool {
    let number = |draft: &Draft| {
        let answer = draft.answers.first()?.trim();
        let is_text = !draft.answer_is_number && draft.choices.iter().any(|choice| choice.trim() == answer);
        answer.parse::<usize>().ok().filter(|_| !is_text)
    };
    let numbers: Vec<(usize, usize)> =
        drafts.iter().filter_map(|draft| Some((number(draft)?, draft.choices.len()))).collect();
    numbers.iter().all(|(number, _)| *number > 0) && numbers.iter().any(|(number, count)| number == count)
}

fn all(drafts: &[&Draft], is_so: impl Fn(&Draft) -> bool) -> bool {
    !drafts.is_empty() && drafts.iter().all(|draft| is_so(draft))
}

fn words(text: &str) -> usize {
    text.split_whitespace().count()
}
