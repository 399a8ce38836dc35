//! The records of collections that keep many sets in one spelling each (LLM Foundry's evaluation gauntlet and those like it):
//! `query`/`choices`/`gold`, `context`/`continuation` and `context_options`/`continuation`/`gold`. The prompt is written out
//! in the record, so it is put as it stands; the file's name says which set it is.

use super::Format;
use super::choices::{choice, id_or, index_below};
use crate::fields::{FieldProblem, Fields};
use crate::{ChoiceStyle, Item, ItemKind};

/// A prompt and its continuations, one of them right.
pub(super) const QUERY_CHOICES: Format = Format::new(
    "query_choices",
    "Prompts with continuations, one of them right",
    "a collection of evaluation sets",
    &["query", "choices[]", "gold"],
    query_choices,
);

/// Beginnings of a sentence that ends the same way, one of them right: the end is scored behind each.
pub(super) const CONTEXT_OPTIONS: Format = Format::new(
    "context_options",
    "Beginnings of a sentence, one of them right",
    "a collection of evaluation sets",
    &["context_options[]", "continuation", "gold"],
    context_options,
);

/// A passage and the words that follow it.
pub(super) const CONTEXT_CONTINUATION: Format = Format::new(
    "context_continuation",
    "Passages and how they go on",
    "a collection of evaluation sets",
    &["context", "continuation"],
    context_continuation,
);

fn query_choices(fields: &Fields<'_>, number: u64) -> Result<Item, FieldProblem> {
    let query = fields.text("query")?;
    let id = id_or(fields, "id", "query", number)?;
    let mut item = choice(id, task(fields)?, ChoiceStyle::Ending, String::new());
    item.context = query.trim_end().to_owned();
    item.choices = fields.texts("choices")?.into_iter().map(|text| text.trim().to_owned()).collect();
    item.correct = Some(index_below(fields, "gold", item.choices.len(), "choices")?);
    Ok(item)
}

fn context_options(fields: &Fields<'_>, number: u64) -> Result<Item, FieldProblem> {
    let options = fields.texts("context_options")?;
    let correct = index_below(fields, "gold", options.len(), "options")?;
    let continuation = fields.text("continuation")?;
    let id = id_or(fields, "id", "options", number)?;
    let question = format!("_ {}", continuation.trim());
    let mut item = choice(id, task(fields)?, ChoiceStyle::Blank, question);
    item.choices = options.into_iter().map(|option| option.trim_end().to_owned()).collect();
    item.correct = Some(correct);
    Ok(item)
}

fn context_continuation(fields: &Fields<'_>, number: u64) -> Result<Item, FieldProblem> {
    let id = id_or(fields, "id", "passage", number)?;
    let mut item = Item::new(id, task(fields)?, ItemKind::Cloze, "");
    item.context = fields.text("context")?.trim_end().to_owned();
    item.answers = vec![fields.text("continuation")?.trim().to_owned()];
    Ok(item)
}

fn task(fields: &Fields<'_>) -> Result<String, FieldProblem> {
    let category = fields.optional_text("category")?.filter(|category| !category.trim().is_empty());
    Ok(category.unwrap_or_else(|| "all".to_owned()))
}
