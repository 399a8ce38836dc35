//! What a model is asked about a text that is read in parts.

/// The text of a prompt, and what is asked about it where that stands beside it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matter<'t> {
    pub(crate) text: &'t str,
    pub(crate) question: Option<&'t str>,
}

/// Asked about a part when the text itself holds the question, wherever that is.
const ABOUT_A_PART: &str = "If the text asks for something, answer as far as this part allows. \
                            Otherwise sum up this part with the names, numbers and facts that matter.";

/// Asked about the answers then.
const ABOUT_ANSWERS: &str = "Put them together into one answer about the whole text.";

impl Matter<'_> {
    /// The prompt with this much of the text.
    pub(crate) fn whole(&self, text: &str) -> String {
        match self.question {
            Some(question) if text.is_empty() => question.to_owned(),
            Some(question) => format!("{text}\n\n{question}"),
            None => text.to_owned(),
        }
    }

    /// The prompt about one part, counted from 1.
    pub(crate) fn part(&self, number: usize, count: usize, text: &str) -> String {
        let question = self.question.unwrap_or(ABOUT_A_PART);
        format!("Part {number} of {count} of a longer text:\n\n{text}\n\n{question}\n")
    }

    /// The prompt about the answers (as [`numbered`] writes them) to so many parts.
    pub(crate) fn together(&self, answers: &str) -> String {
        let question = self.question.map_or_else(
            || ABOUT_ANSWERS.to_owned(),
            |question| format!("The question was:\n{question}\n\n{ABOUT_ANSWERS}"),
        );
        format!(
            "A long text was read in parts. The answers to its parts, in their order:\n\n{answers}{question}\n"
        )
    }
}

/// One answer among others, counted from 1. Bytes that are no text are left out.
pub(crate) fn numbered(number: usize, answer: &str) -> String {
    let answer = dyno_eval::without_reasoning(answer).unwrap_or(answer).replace('\u{FFFD}', "");
    let answer = answer.trim();
    format!("[{number}] {}\n\n", if answer.is_empty() { "(no answer)" } else { answer })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_stands_behind_its_text_and_with_every_part() {
        let asked = Matter { text: "all", question: Some("Who?") };
        assert_eq!(asked.whole("some"), "some\n\nWho?");
        assert!(
            asked.part(2, 3, "some").contains("Part 2 of 3")
                && asked.part(2, 3, "some").contains("some\n\nWho?")
        );
        assert!(asked.together("[1] x\n\n").contains("[1] x\n\nThe question was:\nWho?"));
        let alone = Matter { text: "all", question: None };
        assert_eq!(alone.whole("some"), "some");
        assert!(alone.part(1, 2, "some").contains(ABOUT_A_PART));
    }

    #[test]
    fn thoughts_and_broken_characters_are_no_part_of_an_answer() {
        assert_eq!(numbered(2, "<think>hm</think> Yes.\u{FFFD}"), "[2] Yes.\n\n");
        assert_eq!(numbered(1, " \n"), "[1] (no answer)\n\n");
    }
}
