//! The text that perplexity is measured on where nobody names a file.

use dyno_eval::{Item, ItemKind, builtin_suite};

use crate::AppError;
use crate::eval::Passage;

/// Suites whose questions make the text. The one about long contexts is not among them: it is the longest, and says one thing.
const SUITES: [&str; 4] = ["heldout-single", "heldout-steps", "heldout-code", "heldout-choice"];

/// Questions of the held-out suites, each with its solution, or its answer where it has none.
pub(crate) fn built_in() -> Result<Passage, AppError> {
    let mut text = String::new();
    for name in SUITES {
        let Some(suite) = builtin_suite(name) else { continue };
        let suite = suite.load().map_err(|error| AppError::Input(error.to_string()))?;
        for item in &suite.items {
            text.push_str(&passage(item));
        }
    }
    text.truncate(text.trim_end().len());
    Ok(Passage::of_text("questions and solutions of the held-out suites", text))
}

fn passage(item: &Item) -> String {
    let choice = item.correct.filter(|_| item.kind == ItemKind::Choice);
    let right = choice.and_then(|correct| item.choices.get(correct)).or(item.answers.first());
    let answer = item.solution.as_ref().or(right).map_or("", String::as_str);
    format!("{}\n{answer}\n\n", item.question)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_holds_questions_with_their_answers_and_is_always_the_same() {
        let passage = built_in().unwrap();
        assert_eq!(built_in().unwrap().sha256, passage.sha256);
        assert!(passage.text.len() > 50_000 && !passage.text.ends_with('\n'), "{}", passage.text.len());
        let single = builtin_suite("heldout-single").unwrap().load().unwrap();
        let first = &single.items[0];
        assert!(passage.text.starts_with(&format!("{}\n{}\n", first.question, first.answers[0])));
        let steps = builtin_suite("heldout-steps").unwrap().load().unwrap();
        assert!(passage.text.contains(steps.items[0].solution.as_deref().unwrap()));
        let choice = builtin_suite("heldout-choice").unwrap().load().unwrap();
        let item = &choice.items[0];
        let right = &item.choices[item.correct.unwrap()];
        assert!(passage.text.contains(&format!("{}\n{right}\n", item.question)));
    }
}
