//! What an item must have to be asked and scored.

use crate::fields::{FieldProblem, quoted};
use crate::number::Number;
use crate::{ChoiceStyle, Item, ItemKind, letter};

/// Most choices of one item.
const CHOICES_MAX: usize = 64;

/// Longest id and task, bytes.
const NAME_BYTES_MAX: usize = 200;

/// Most tokens an item may ask for.
const MAX_TOKENS_MAX: u32 = 32_768;

/// Refuses items that cannot be asked or whose score would mean nothing, naming field and value.
pub(crate) fn check(item: &Item) -> Result<(), FieldProblem> {
    for (field, name) in [("id", &item.id), ("task", &item.task)] {
        if name.trim().is_empty() {
            return Err(FieldProblem::new(field, "is empty"));
        }
        if name.len() > NAME_BYTES_MAX {
            let what = format!("has {} bytes, but at most {NAME_BYTES_MAX} are taken", name.len());
            return Err(FieldProblem::new(field, what));
        }
    }
    check_figures(item)?;
    match item.kind {
        ItemKind::Numeric => check_numbers(item),
        ItemKind::Exact | ItemKind::Contains | ItemKind::F1 | ItemKind::Cloze => check_answers(item),
        ItemKind::Regex => check_patterns(item),
        ItemKind::Choice => check_choices(item),
        ItemKind::Code => check_code(item),
        ItemKind::Open => Ok(()),
        ItemKind::Heuristic => check_heuristic(item),
    }
}

fn check_figures(item: &Item) -> Result<(), FieldProblem> {
    if let Some(position) = item.position.filter(|position| !(0.0..=1.0).contains(position)) {
        return Err(FieldProblem::new("position", format!("is {position}, but must be 0 to 1")));
    }
    if let Some(tokens) = item.max_tokens.filter(|tokens| !(1..=MAX_TOKENS_MAX).contains(tokens)) {
        let what = format!("is {tokens}, but must be 1 to {MAX_TOKENS_MAX}");
        return Err(FieldProblem::new("max_tokens", what));
    }
    if !(item.tolerance >= 0.0 && item.tolerance.is_finite()) {
        return Err(FieldProblem::new("tolerance", format!("is {}, but must be 0 or more", item.tolerance)));
    }
    if let Some([fewest, most]) = item.words.filter(|[fewest, most]| fewest > most) {
        return Err(FieldProblem::new("words", format!("runs from {fewest} to {most}, backwards")));
    }
    Ok(())
}

fn check_answers(item: &Item) -> Result<(), FieldProblem> {
    if item.answers.is_empty() {
        return Err(FieldProblem::new("answer", "is missing"));
    }
    match item.answers.iter().position(|answer| answer.trim().is_empty()) {
        Some(index) => Err(FieldProblem::new("answer", format!("number {} is empty", index + 1))),
        None => Ok(()),
    }
}

fn check_numbers(item: &Item) -> Result<(), FieldProblem> {
    check_answers(item)?;
    match item.answers.iter().find(|answer| Number::parse(answer).is_none()) {
        Some(answer) => {
            Err(FieldProblem::new("answer", format!("is {}, which is no number", quoted(answer))))
        }
        None => Ok(()),
    }
}

fn check_patterns(item: &Item) -> Result<(), FieldProblem> {
    check_answers(item)?;
    for answer in &item.answers {
        if let Err(error) = regex::Regex::new(answer) {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            let what = format!("is {}, which is no regular expression: {reason}", quoted(answer));
            return Err(FieldProblem::new("answer", what));
        }
    }
    Ok(())
}

fn check_choices(item: &Item) -> Result<(), FieldProblem> {
    let count = item.choices.len();
    if !(2..=CHOICES_MAX).contains(&count) {
        return Err(FieldProblem::new("choices", format!("has {count}, but must have 2 to {CHOICES_MAX}")));
    }
    if item.style == ChoiceStyle::Letters && letter(count - 1).is_none() {
        return Err(FieldProblem::new("choices", format!("has {count}, but there are only 26 letters")));
    }
    for (index, choice) in item.choices.iter().enumerate() {
        if choice.trim().is_empty() {
            return Err(FieldProblem::new("choices", format!("number {} (from 0) is empty", index)));
        }
        if let Some(same) = item.choices[..index].iter().position(|other| other.trim() == choice.trim()) {
            let what = format!("{same} and {index} are equal ({}), so neither can win", quoted(choice));
            return Err(FieldProblem::new("choices", what));
        }
    }
    match item.correct {
        None => Err(FieldProblem::new("correct", "is missing")),
        Some(correct) if correct >= count => Err(FieldProblem::new(
            "correct",
            format!("is {correct}, but there are {count} choices (0 to {})", count - 1),
        )),
        Some(_) => check_gap(item),
    }
}

fn check_gap(item: &Item) -> Result<(), FieldProblem> {
    let gaps = item.question.matches('_').count();
    if item.style != ChoiceStyle::Blank {
        return Ok(());
    }
    if gaps != 1 {
        return Err(FieldProblem::new("question", format!("has {gaps} gaps `_`, but must have one")));
    }
    if item.question.trim_end().ends_with('_') {
        return Err(FieldProblem::new("question", "ends in its gap `_`, so no text is left to score"));
    }
    Ok(())
}

fn check_code(item: &Item) -> Result<(), FieldProblem> {
    if item.tests.trim().is_empty() {
        return Err(FieldProblem::new("tests", "is missing"));
    }
    let name = &item.entry_point;
    let first = name.chars().next();
    let usable = first.is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if usable {
        Ok(())
    } else {
        Err(FieldProblem::new("entry_point", format!("is {}, but must be a function name", quoted(name))))
    }
}

fn check_heuristic(item: &Item) -> Result<(), FieldProblem> {
    if item.scorer.is_none() {
        return Err(FieldProblem::new(
            "scorer",
            "is missing; a heuristic item names the one that checks its form",
        ));
    }
    Ok(())
}
