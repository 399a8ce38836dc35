//! Answers without the reasoning in front of them.

use dyno_types::{ItemResult, REASONING_MARKS};

/// Marks around an answer that follows reasoning.
const ANSWER_MARKS: [(&str, &str); 4] = [
    ("<answer>", "</answer>"),
    ("<output>", "</output>"),
    ("<|begin_of_solution|>", "<|end_of_solution|>"),
    ("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
];

/// Marks of Harmony around what is said in a channel.
const CHANNEL_START: &str = "<|message|>";
const CHANNEL_ENDS: [&str; 3] = ["<|return|>", "<|end|>", "<|call|>"];

/// The text behind the reasoning, without marks around it; `None` when reasoning is still open, so that there is no answer.
#[must_use]
pub fn without_reasoning(text: &str) -> Option<&str> {
    let ends = REASONING_MARKS
        .iter()
        .filter_map(|(_, close)| text.rfind(close).map(|at| (at + close.len(), *close)));
    let (after, close) = match ends.max_by_key(|(end, _)| *end) {
        Some((end, close)) => (&text[end..], close),
        None => (text, ""),
    };
    if REASONING_MARKS.iter().any(|(open, _)| after.contains(open)) {
        return None;
    }
    if close.starts_with("<|channel|>") {
        let said = after.split_once(CHANNEL_START).map_or(after, |(_, said)| said);
        let end = CHANNEL_ENDS.iter().filter_map(|mark| said.find(mark)).min().unwrap_or(said.len());
        return Some(&said[..end]);
    }
    Some(inside_answer_marks(after))
}

/// The inside of marks that stand around all of an answer; the last one may be missing.
fn inside_answer_marks(text: &str) -> &str {
    let inside = |(open, close): &(&str, &str)| {
        let (before, inside) = text.split_once(open)?;
        let (inside, behind) = inside.split_once(close).unwrap_or((inside, ""));
        (before.trim().is_empty() && behind.trim().is_empty()).then_some(inside)
    };
    ANSWER_MARKS.iter().find_map(inside).unwrap_or(text)
}

/// How many answers ended inside their reasoning.
#[must_use]
pub fn unfinished_reasoning(items: &[ItemResult]) -> usize {
    items.iter().filter(|item| without_reasoning(&item.answer).is_none()).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_pair_of_marks_is_left_out_and_none_may_stay_open() {
        for (open, close) in REASONING_MARKS {
            let message = if open.starts_with("<|channel|>") { "<|message|>" } else { "" };
            assert_eq!(without_reasoning(&format!("{open}{message}it is 7, no, ")), None, "{open}");
            let whole = format!("{open}{message}it is 7{close}{message} 8");
            assert_eq!(without_reasoning(&whole).map(str::trim), Some("8"), "{whole}");
            // The template opened it, so that only the end is written.
            assert_eq!(without_reasoning(&format!("it is 7{close}{message}8")), Some("8"), "{close}");
            assert_eq!(without_reasoning(&format!("7{close}8{open}9")), None, "{open}");
        }
    }

    #[test]
    fn channels_and_marks_of_answers_are_taken_off() {
        for (text, answer) in [
            (
                "<|channel|>analysis<|message|>2+2<|end|><|start|>assistant<|channel|>final<|message|>4<|return|>",
                Some("4"),
            ),
            ("<|channel|>final<|message|>4", Some("4")),
            ("<|channel|>analysis<|message|>2+2<|end|><|start|>assistant", None),
            ("<|channel|>final <|constrain|>json<|message|>{}", Some("{}")),
            ("<think>2+2</think><answer>4</answer>", Some("4")),
            ("<think>2+2</think>\n<answer> 4 </answer>\n", Some(" 4 ")),
            ("<answer>4", Some("4")),
            ("4 <answer>", Some("4 <answer>")),
            ("no marks", Some("no marks")),
        ] {
            assert_eq!(without_reasoning(text), answer, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_reasoned_never_becomes_the_answer(
            index in 0..REASONING_MARKS.len(), thought in "[a-z0-9 .\n]{0,40}", answer in "[a-z0-9 .]{0,40}", closed in any::<bool>(),
        ) {
            let (open, close) = REASONING_MARKS[index];
            let message = if open.starts_with("<|channel|>") { "<|message|>" } else { "" };
            let end = if closed { format!("{close}{message}{answer}") } else { String::new() };
            let text = format!("{open}{message}{thought}{end}");
            prop_assert_eq!(without_reasoning(&text), closed.then_some(answer.as_str()));
        }
    }
}
