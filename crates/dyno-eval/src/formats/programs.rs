//! HumanEval: functions to complete, with their tests.

use super::Format;
use crate::fields::{FieldProblem, Fields};
use crate::{Item, ItemKind};

/// Chen et al. 2021, "Evaluating Large Language Models Trained on Code".
pub(super) const HUMAN_EVAL: Format = Format::new(
    "humaneval",
    "HumanEval: functions from their description",
    "HumanEval, Chen et al. 2021",
    &["task_id", "prompt", "entry_point", "test"],
    convert,
);

fn convert(fields: &Fields<'_>, _number: u64) -> Result<Item, FieldProblem> {
    let question = "Complete this Python function. Answer with the whole function.";
    let mut item = Item::new(fields.text("task_id")?, "humaneval", ItemKind::Code, question);
    item.category = Some("code".to_owned());
    item.code_start = fields.text("prompt")?;
    item.entry_point = fields.text("entry_point")?;
    item.tests = fields.text("test")?;
    item.solution = fields.optional_text("canonical_solution")?;
    Ok(item)
}
