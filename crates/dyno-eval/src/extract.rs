//! Reading the answer out of what a model wrote; each way has a name, and a text without an answer is told apart from a
//! wrong one.

use crate::number::Number;

/// One way to find an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Extractor {
    /// Behind the last `####`, to the end of its line.
    Hashes,
    /// Inside the last `\boxed{…}`.
    Boxed,
    /// Behind the last "answer is", "answer:", to the end of its sentence.
    AnswerIs,
    /// The last number.
    LastNumber,
    /// The first line that has text.
    FirstLine,
    /// The last line that has text.
    LastLine,
    /// A letter of a choice, standing alone: `B`, `(B)`, `B.`, `B)`.
    Letter,
    /// Everything.
    Whole,
}

impl Extractor {
    /// Every way with its name.
    pub const ALL: [(&'static str, Self); 8] = [
        ("hashes", Self::Hashes),
        ("boxed", Self::Boxed),
        ("answer_is", Self::AnswerIs),
        ("last_number", Self::LastNumber),
        ("first_line", Self::FirstLine),
        ("last_line", Self::LastLine),
        ("letter", Self::Letter),
        ("whole", Self::Whole),
    ];

    /// The name, as results state it.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, extractor)| *extractor == self).map_or("whole", |(name, _)| name)
    }

    /// What it finds; `None` where there is nothing of its kind.
    #[must_use]
    pub fn find(self, text: &str) -> Option<String> {
        let found = match self {
            Self::Hashes => text.rsplit_once("####").map(|(_, after)| first_line(after).to_owned()),
            Self::Boxed => boxed(text).map(str::to_owned),
            Self::AnswerIs => answer_is(text).map(str::to_owned),
            Self::LastNumber => Number::last_in(text).map(|number| number.to_string()),
            Self::FirstLine => Some(first_line(text).to_owned()),
            Self::LastLine => text.lines().rev().find(|line| !line.trim().is_empty()).map(str::to_owned),
            Self::Letter => lone_letter(text).map(|letter| letter.to_string()),
            Self::Whole => Some(text.to_owned()),
        };
        found.map(|found| found.trim().to_owned()).filter(|found| !found.is_empty())
    }
}

/// What was found, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extracted {
    /// The answer as written.
    pub text: String,
    /// Which way found it.
    pub by: Extractor,
}

/// Tries ways in order and takes the first that finds something. Reasoning between `<think>` and `</think>` is left out
/// first; reasoning that never ended holds no answer.
#[must_use]
pub fn extract(text: &str, ways: &[Extractor]) -> Option<Extracted> {
    let text = without_reasoning(text)?;
    ways.iter().find_map(|by| by.find(text).map(|text| Extracted { text, by: *by }))
}

/// The text behind the last `</think>`; `None` when a `<think>` is still open.
#[must_use]
pub fn without_reasoning(text: &str) -> Option<&str> {
    let after = text.rsplit_once("</think>").map_or(text, |(_, after)| after);
    (!after.contains("<think>")).then_some(after)
}

fn first_line(text: &str) -> &str {
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default()
}

/// The inside of the last `\boxed{…}`, braces balanced.
fn boxed(text: &str) -> Option<&str> {
    let inside = &text[text.rfind("\\boxed{")? + "\\boxed{".len()..];
    let mut depth = 1_u32;
    for (at, c) in inside.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(&inside[..at]);
        }
    }
    None
}

/// What follows the last "answer is" or "answer:", without formatting around it, up to the end of the sentence.
fn answer_is(text: &str) -> Option<&str> {
    // Only ASCII letters change, so positions in the lowered text are positions in the text.
    let lower = text.to_ascii_lowercase();
    let marks =
        ["answer is:", "answer is", "answer:", "answer**:", "answer:**", "answer =", "answer would be"];
    let start = marks
        .iter()
        .filter_map(|mark| lower.rfind(mark).map(|at| (at, at + mark.len())))
        .max_by_key(|found| *found)?
        .1;
    let rest = text[start..].trim_start_matches([' ', ':', '*', '\n', '\t']);
    let line = rest.lines().next().unwrap_or_default();
    Some(end_of_sentence(line).trim_end_matches(['*', ' ']))
}

/// Up to a `.`, `!`, `?` or `;` that is followed by white space or the end; a point inside a number does not end it.
fn end_of_sentence(line: &str) -> &str {
    let mut chars = line.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let ends = chars.peek().is_none_or(|(_, next)| next.is_whitespace());
        if ends && ".!?;".contains(c) {
            return &line[..at];
        }
    }
    line
}

/// The first capital letter A to Z standing alone at the start, or else the last one anywhere that is in parentheses or
/// alone between white space and punctuation. `A` and `I` as words of a sentence do not count.
fn lone_letter(text: &str) -> Option<char> {
    let text = text.trim();
    let mut candidates =
        text.char_indices().filter(|(at, c)| c.is_ascii_uppercase() && stands_alone(text, *at));
    let at_start =
        candidates.clone().next().filter(|(at, _)| text[..*at].chars().all(|c| "(*[\"'".contains(c)));
    if let Some((at, letter)) = at_start
        && !(is_word(letter) && followed_by_word(&text[at + 1..]))
    {
        return Some(letter);
    }
    candidates
        .rfind(|(at, letter)| !(is_word(*letter) && followed_by_word(&text[at + 1..])))
        .map(|(_, letter)| letter)
}

fn stands_alone(text: &str, at: usize) -> bool {
    let before = text[..at].chars().next_back();
    let after = text[at + 1..].chars().next();
    let apart = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '\'' && c != '-');
    apart(before) && apart(after)
}

fn is_word(letter: char) -> bool {
    letter == 'A' || letter == 'I'
}

fn followed_by_word(after: &str) -> bool {
    after.strip_prefix(' ').is_some_and(|after| after.starts_with(|c: char| c.is_lowercase()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_way_finds_its_own_kind() {
        use Extractor as E;
        let cases = [
            (E::Hashes, "16 - 3 = 13\n#### 13\nmore", Some("13")),
            (E::Hashes, "none", None),
            (E::Boxed, "so \\boxed{\\frac{3}{4}} and \\boxed{2{,}000}.", Some("2{,}000")),
            (E::Boxed, "open \\boxed{3", None),
            (E::AnswerIs, "First 4. The answer is 1,096.5. Done.", Some("1,096.5")),
            (E::AnswerIs, "**Answer:** Canberra", Some("Canberra")),
            (E::AnswerIs, "The answer is: **42**", Some("42")),
            (E::AnswerIs, "The answer is 3. No, the answer is 4!", Some("4")),
            (E::AnswerIs, "I do not know", None),
            (E::LastNumber, "47 * 23 = 1,081 plus 15 is 1,096.", Some("1096")),
            (E::LastNumber, "none", None),
            (E::FirstLine, "\n\n Paris \nFrance", Some("Paris")),
            (E::LastLine, "steps\nParis\n\n", Some("Paris")),
            (E::Letter, "B", Some("B")),
            (E::Letter, "(C) because", Some("C")),
            (E::Letter, "A plant needs light, so B.", Some("B")),
            (E::Letter, "I think it is (D)", Some("D")),
            (E::Letter, "**A** is right", Some("A")),
            (E::Letter, "A", Some("A")),
            (E::Letter, "no idea", None),
            (E::Letter, "DNA", None),
            (E::Whole, " x ", Some("x")),
            (E::Whole, " ", None),
        ];
        for (way, text, expected) in cases {
            assert_eq!(way.find(text).as_deref(), expected, "{way:?} {text:?}");
        }
    }

    #[test]
    fn ways_are_tried_in_order_and_reasoning_is_left_out() {
        let ways = [Extractor::Hashes, Extractor::LastNumber];
        let found = extract("<think>maybe 7</think> It is 8.", &ways).unwrap();
        assert_eq!((found.text.as_str(), found.by), ("8", Extractor::LastNumber));
        assert_eq!(extract("<think>it is 7, no, ", &ways), None);
        assert_eq!(extract("no number", &ways), None);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "\\PC{0,200}") {
            for (_, way) in Extractor::ALL {
                let _ = way.find(&text);
            }
        }

        #[test]
        fn marked_noise_is_survived(text in "(answer is|####|\\\\boxed\\{|\\}|ä|[0-9]|[A-D]|\n| |</think>|<think>){0,30}") {
            for (_, way) in Extractor::ALL {
                if let Some(found) = extract(&text, &[way]) {
                    prop_assert!(!found.text.trim().is_empty());
                }
            }
        }
    }
}
