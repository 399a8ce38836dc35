//! MT-Bench: conversations of several turns, without right answers.

use super::Format;
use crate::fields::{FieldProblem, Fields};
use crate::{Heuristic, Item, ItemKind};

/// Zheng et al. 2023, "Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena". Its score is a judge's;
/// without one the form of the answers is checked, which says how they look and not whether they are right.
pub(super) const MT_BENCH: Format = Format::new(
    "mt_bench",
    "MT-Bench: conversations of two turns",
    "MT-Bench, Zheng et al. 2023",
    &["question_id", "category", "turns[]"],
    convert,
);

fn convert(fields: &Fields<'_>, _number: u64) -> Result<Item, FieldProblem> {
    let mut turns = fields.texts("turns")?;
    if turns.is_empty() || turns.iter().any(|turn| turn.trim().is_empty()) {
        return Err(FieldProblem::new("turns", "must be a list of questions, none of them empty"));
    }
    let category = fields.text("category")?;
    let question = turns.remove(0);
    let mut item = Item::new(fields.text("question_id")?, category.clone(), ItemKind::Heuristic, question);
    item.turns = turns;
    item.scorer = Some(Heuristic::Seed001Suite);
    item.category = Some(
        match category.as_str() {
            "writing" | "roleplay" => "creativity",
            "reasoning" | "math" => "reasoning",
            "coding" => "code",
            _ => "knowledge",
        }
        .to_owned(),
    );
    // One for each turn.
    item.answers = fields.texts("reference")?;
    Ok(item)
}
