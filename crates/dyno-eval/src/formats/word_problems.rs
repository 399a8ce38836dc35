//! GSM8K and LAMBADA: problems in words with a number, passages with their last word.

use super::Format;
use crate::fields::{FieldProblem, Fields, quoted};
use crate::{Item, ItemKind};

/// Cobbe et al. 2021, "Training Verifiers to Solve Math Word Problems".
pub(super) const GSM8K: Format = Format::new(
    "gsm8k",
    "GSM8K: grade-school word problems",
    "GSM8K, Cobbe et al. 2021",
    &["question", "answer"],
    gsm8k,
);

/// Paperno et al. 2016, "The LAMBADA dataset".
pub(super) const LAMBADA: Format = Format {
    // Any file of texts has this field; only its name tells a test from a corpus.
    by_file_name_only: true,
    ..Format::new(
        "lambada",
        "LAMBADA: the last word of a passage",
        "LAMBADA, Paperno et al. 2016",
        &["text"],
        lambada,
    )
};

fn gsm8k(fields: &Fields<'_>, number: u64) -> Result<Item, FieldProblem> {
    let answer = fields.text("answer")?;
    let Some((steps, result)) = answer.rsplit_once("####") else {
        let what = format!("is {}, without the `#### number` that ends a solution", quoted(&answer));
        return Err(FieldProblem::new("answer", what));
    };
    let result = result.trim();
    let id = format!("gsm8k-{number}");
    let mut item = Item::new(id, "gsm8k", ItemKind::Numeric, fields.text("question")?);
    item.category = Some("reasoning".to_owned());
    item.answers = vec![result.to_owned()];
    item.solution = Some(format!("{}\nThe answer is {result}.", without_calculator(steps.trim())));
    Ok(item)
}

/// Takes the calculator annotations `<<16-3-4=9>>` out of a solution.
pub(super) fn without_calculator(steps: &str) -> String {
    let mut kept = String::with_capacity(steps.len());
    let mut rest = steps;
    while let Some((before, after)) = rest.split_once("<<") {
        kept.push_str(before);
        match after.split_once(">>") {
            Some((_, behind)) => rest = behind,
            None => rest = "",
        }
    }
    kept.push_str(rest);
    kept
}

fn lambada(fields: &Fields<'_>, number: u64) -> Result<Item, FieldProblem> {
    let text = fields.text("text")?;
    // The last word is what stands behind the last space, as lm-evaluation-harness splits it.
    let Some((passage, last)) = text.trim_end().rsplit_once(' ') else {
        return Err(FieldProblem::new("text", format!("is {}, a single word", quoted(&text))));
    };
    let mut item = Item::new(format!("lambada-{number}"), "lambada", ItemKind::Cloze, "");
    item.context = passage.to_owned();
    item.answers = vec![last.to_owned()];
    Ok(item)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calculator_annotations_leave_their_result() {
        assert_eq!(
            without_calculator("16 - 3 = <<16-3=13>>13 eggs, 2*2=<<2*2=4>>4"),
            "16 - 3 = 13 eggs, 2*2=4"
        );
        assert_eq!(without_calculator("plain"), "plain");
        assert_eq!(without_calculator("open <<1+1"), "open ");
    }
}
