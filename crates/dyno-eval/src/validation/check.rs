//! What an answer can be held to, and what is wrong with one that does not.

use std::fmt;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::schema::Schema;
use super::{Attempt, Language};
use crate::normalise;
use crate::reading::Reading;
use crate::reasoning::without_reasoning;
use crate::score::{choice_in_answer, letter_in_answer, number_in_answer};

/// Longest pattern, bytes; and most memory of a pattern that was prepared.
const PATTERN_BYTES_MAX: usize = 1000;
const PATTERN_MEMORY_MAX: usize = 1 << 20;

/// One thing an answer is held to. What a model thinks before it answers is not part of its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// There is text.
    NotEmpty,
    /// The model ended it: it was not cut off by a limit, and no fence, thought or bracketed value is left open.
    EndsProperly,
    /// So many words, the fewest and the most.
    Words([u32; 2]),
    /// Written in this language, as far as its words tell.
    Language(Language),
    /// This pattern occurs (syntax of the `regex` crate; `^` and `$` for the whole answer, `(?m)` for lines).
    Matches(String),
    /// This pattern does not occur.
    Lacks(String),
    /// A number, read out of the answer as an evaluation reads it.
    Number,
    /// One of these letters, read out of the answer as an evaluation reads it.
    Letter(Vec<char>),
    /// One of these texts, and no other of them.
    OneOf(Vec<String>),
    /// JSON of this schema, alone or in one fence; of the schema language `type`, `required`, `properties`, `enum` and
    /// `items` are known.
    Json(Value),
}

/// A policy that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} = {value}: {reason}")]
pub struct PolicyError {
    /// Name of the field.
    pub field: &'static str,
    /// Its value.
    pub value: String,
    /// What it should be.
    pub reason: String,
}

impl PolicyError {
    pub(super) fn new(field: &'static str, value: impl fmt::Display, reason: impl Into<String>) -> Self {
        Self { field, value: value.to_string(), reason: reason.into() }
    }
}

/// What is wrong with an answer, said so that a model can mend it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem(pub String);

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A check with its pattern or schema prepared.
#[derive(Debug, Clone)]
pub(super) enum Prepared {
    NotEmpty,
    EndsProperly,
    Words([u32; 2]),
    Language(Language),
    Pattern { pattern: Regex, wanted: bool },
    Number,
    Letter(Vec<char>),
    OneOf(Vec<String>),
    Json(Schema),
}

impl Check {
    pub(super) fn prepare(&self) -> Result<Prepared, PolicyError> {
        Ok(match self {
            Self::NotEmpty => Prepared::NotEmpty,
            Self::EndsProperly => Prepared::EndsProperly,
            Self::Words([fewest, most]) if fewest > most => {
                return Err(PolicyError::new(
                    "words",
                    format!("{fewest}..{most}"),
                    "put the smaller number first",
                ));
            }
            Self::Words(range) => Prepared::Words(*range),
            Self::Language(language) => Prepared::Language(*language),
            Self::Matches(pattern) => {
                Prepared::Pattern { pattern: prepare("matches", pattern)?, wanted: true }
            }
            Self::Lacks(pattern) => Prepared::Pattern { pattern: prepare("lacks", pattern)?, wanted: false },
            Self::Number => Prepared::Number,
            Self::Letter(letters) => Prepared::Letter(capital_letters(letters)?),
            Self::OneOf(choices) => Prepared::OneOf(distinct_choices(choices)?),
            Self::Json(schema) => Prepared::Json(Schema::read(schema)?),
        })
    }
}

fn capital_letters(letters: &[char]) -> Result<Vec<char>, PolicyError> {
    if letters.is_empty() || !letters.iter().all(char::is_ascii_alphabetic) {
        let given: String = letters.iter().take(80).collect();
        return Err(PolicyError::new("letter", given, "give letters, as in A-D"));
    }
    Ok(letters.iter().map(char::to_ascii_uppercase).collect())
}

fn distinct_choices(choices: &[String]) -> Result<Vec<String>, PolicyError> {
    let given = || shortened(&choices.join("|"));
    let trimmed: Vec<String> = choices.iter().map(|choice| choice.trim().to_owned()).collect();
    if trimmed.len() < 2 || trimmed.iter().any(String::is_empty) {
        return Err(PolicyError::new("one-of", given(), "give at least two texts, as in yes|no"));
    }
    let same = |(index, choice): (usize, &String)| {
        trimmed[..index].iter().any(|other| normalise(other, &[]) == normalise(choice, &[]))
    };
    if trimmed.iter().enumerate().any(same) {
        return Err(PolicyError::new("one-of", given(), "two of these texts are read alike"));
    }
    Ok(trimmed)
}

/// What is wrong when one thing was asked for.
fn unless_one<T>(reading: &Reading<T>, nothing: String, several: String) -> Option<String> {
    match reading {
        Reading::One(_) => None,
        Reading::Several => Some(several),
        Reading::Nothing => Some(nothing),
    }
}

fn prepare(field: &'static str, pattern: &str) -> Result<Regex, PolicyError> {
    let shown: String = pattern.chars().take(80).collect();
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(PolicyError::new(field, shown, format!("at most {PATTERN_BYTES_MAX} bytes")));
    }
    let built = RegexBuilder::new(pattern).size_limit(PATTERN_MEMORY_MAX).build();
    built.map_err(|error| PolicyError::new(field, shown, error.to_string()))
}

impl Prepared {
    /// What is wrong with the attempt, if anything is.
    pub(super) fn problem(&self, attempt: &Attempt) -> Option<Problem> {
        let thought = without_reasoning(&attempt.text);
        let text = thought.unwrap_or_default().trim();
        let problem = match self {
            Self::NotEmpty => text.is_empty().then(|| "the answer is empty".to_owned()),
            Self::EndsProperly => unfinished(attempt, thought.is_none(), text).map(str::to_owned),
            Self::Words([fewest, most]) => {
                let words = text.split_whitespace().count();
                let fits = words >= *fewest as usize && words <= *most as usize;
                (!fits).then(|| format!("it has {words} words; {fewest} to {most} are asked for"))
            }
            Self::Language(wanted) => wanted
                .contradicted_by(text)
                .map(|found| format!("it is written in {found}; {} is asked for", wanted.name())),
            Self::Pattern { pattern, wanted: true } => {
                (!pattern.is_match(text)).then(|| format!("it does not match {}", pattern.as_str()))
            }
            Self::Pattern { pattern, wanted: false } => {
                pattern.find(text).map(|found| format!("it must not contain {:?}", shortened(found.as_str())))
            }
            Self::Number => unless_one(
                &number_in_answer(text),
                "no number can be read out of it".to_owned(),
                "it states no single number; one is asked for".to_owned(),
            ),
            Self::Letter(letters) => {
                let asked = letters.iter().map(char::to_string).collect::<Vec<_>>().join(", ");
                unless_one(
                    &letter_in_answer(text, letters),
                    format!("none of the letters {asked} can be read out of it"),
                    format!("it names several of the letters {asked}; one is asked for"),
                )
            }
            Self::OneOf(choices) => {
                let asked = choices.join(", ");
                unless_one(
                    &choice_in_answer(text, choices),
                    format!("it names none of: {asked}"),
                    format!("it names several of: {asked}; one is asked for"),
                )
            }
            Self::Json(schema) => schema.problem(unfenced(text)),
        };
        problem.map(Problem)
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

fn unfinished(attempt: &Attempt, thinking: bool, text: &str) -> Option<&'static str> {
    let fences = text.lines().filter(|line| line.trim_start().starts_with("```")).count();
    if thinking {
        return Some("its reasoning never ended");
    }
    if !attempt.complete {
        return Some("it was cut off before its end; be shorter");
    }
    if fences % 2 == 1 {
        return Some("its last code block is not closed");
    }
    text.ends_with([',', ':', ';', '(', '[', '{']).then_some("it ends in the middle of a sentence")
}

/// The inside of a fence that is the whole text; else the text.
fn unfenced(text: &str) -> &str {
    let inside = text
        .strip_prefix("```")
        .and_then(|rest| rest.strip_suffix("```"))
        .and_then(|rest| rest.split_once('\n'));
    match inside {
        Some((_language, inside)) if !inside.contains("```") => inside.trim(),
        _ => text,
    }
}
