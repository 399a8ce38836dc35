//! Reading the answer out of what a model wrote; each way has a name, and a text without an answer is told apart from a
//! wrong one.

use std::sync::LazyLock;

use regex::Regex;

use crate::choice_letter::{letter_in, letters};
use crate::number::Number;
use crate::reasoning::without_reasoning;

/// One way to find an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Extractor {
    /// Behind the last `####` that is a mark and no heading, to the end of its line.
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
            Self::Hashes => marked_by_hashes(text).map(str::to_owned),
            Self::Boxed => boxed(text).map(str::to_owned),
            Self::AnswerIs => answer_is(text).map(str::to_owned),
            Self::LastNumber => Number::last_in(text).map(|number| number.to_string()),
            Self::FirstLine => Some(first_line(text).to_owned()),
            Self::LastLine => text.lines().rev().find(|line| !line.trim().is_empty()).map(str::to_owned),
            Self::Letter => letter_in(text, &letters(LETTERS)).one().map(|letter| letter.to_string()),
            Self::Whole => Some(text.to_owned()),
        };
        found.map(|found| found.trim().to_owned()).filter(|found| !found.is_empty())
    }
}

/// Letters that [`Extractor::Letter`] knows.
const LETTERS: usize = 26;

/// What was found, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extracted {
    /// The answer as written.
    pub text: String,
    /// Which way found it.
    pub by: Extractor,
}

/// Tries ways in order and takes the first that finds something. Reasoning is left out first ([`without_reasoning`]).
#[must_use]
pub fn extract(text: &str, ways: &[Extractor]) -> Option<Extracted> {
    let text = without_reasoning(text)?;
    ways.iter().find_map(|by| by.find(text).map(|text| Extracted { text, by: *by }))
}

fn first_line(text: &str) -> &str {
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default()
}

/// GSM8K's mark: `####` and an answer, at the start of a line. Headings of Markdown look alike: the answer is a number or a letter and
/// nothing else, or the last line of the text.
fn marked_by_hashes(text: &str) -> Option<&str> {
    let mut rest = text.trim_end();
    let mut behind_it = false;
    loop {
        let (before, line) = rest.rsplit_once('\n').unwrap_or(("", rest));
        if let Some(marked) = line.trim_start().strip_prefix("####").filter(|marked| !marked.starts_with('#'))
        {
            let bare = Number::parse(marked.trim_matches(MARKS)).is_some() || is_letter(marked);
            if bare || (!behind_it && !is_numbered_heading(marked)) {
                return Some(marked);
            }
        }
        behind_it |= !line.trim().is_empty();
        if before.is_empty() {
            return None;
        }
        rest = before;
    }
}

/// Marks around a text that mean nothing.
const MARKS: &[char] = &['*', '_', '`', ' ', '\t', '$'];

fn is_letter(text: &str) -> bool {
    let text = text.trim_matches(|c: char| MARKS.contains(&c) || "().".contains(c));
    text.len() == 1 && text.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// `Step 2: add`, `2. Add`, `Step 3`.
fn is_numbered_heading(text: &str) -> bool {
    static HEADING: LazyLock<Regex> = LazyLock::new(|| {
        let words = "step|part|case|stage|phase|solution|method|option|explanation";
        Regex::new(&format!(r"(?i)^[\s*_]*(?:(?:{words})\b|\d+[.):]\s)")).expect("the pattern is constant")
    });
    HEADING.is_match(text)
}

/// The inside of the last `\boxed{…}` or `\fbox{…}`, braces balanced; of `\boxed 5` what follows.
fn boxed(text: &str) -> Option<&str> {
    let mark = |mark: &str| text.rfind(mark).map(|at| at + mark.len());
    let start = ["\\boxed", "\\fbox"].into_iter().filter_map(mark).max()?;
    let behind = text[start..].trim_start();
    let Some(inside) = behind.strip_prefix('{') else {
        return behind.split(|c: char| c.is_whitespace() || c == '$').next();
    };
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

/// Words that announce an answer.
static ANSWER_IS: LazyLock<Regex> = LazyLock::new(|| {
    let what = r"(?:answer|option|choice|letter|final result)";
    // "The answer to the question is", but no whole sentence between.
    let about = r"(?:\s+(?:to|of|for)\s[^.:=\n]{0,60}?)?";
    let is = r"(?:\s(?:is|was|are|should be|would be|must be|will be|equals|comes (?:out )?to)\b|\s*[:：=→⇒]|\s*=>|\s[-–—]\s)";
    let heading = r"(?m:^[\s#*_]*(?:the\s+)?(?:final\s+|correct\s+)?answer[ \t*_#]*$)";
    let elsewhere = r"答案(?:是|为|為|[:：])|réponse(?:\s+est|\s*:)|respuesta(?:\s+es|\s*:)|antwort(?:\s+(?:ist|lautet)|\s*:)|risposta(?:\s+è|\s*:)|resposta(?:\s+é|\s*:)";
    Regex::new(&format!(r"(?i)\b{what}{about}[*_`]*{is}|{heading}|(?:{elsewhere})"))
        .expect("the pattern is constant")
});

/// Words right before "answer" that say that it is not the one given.
static NOT_THE_ANSWER: LazyLock<Regex> = LazyLock::new(|| {
    let words = "wrong|incorrect|false|mistaken|tempting|naive|initial|previous|earlier|original|first";
    Regex::new(&format!(r"(?i)\b(?:{words})[*_`]*\s+[*_`]*$")).expect("the pattern is constant")
});

/// What follows the last "answer is", "answer:" and the like, without formatting around it, up to the end of the sentence.
fn answer_is(text: &str) -> Option<&str> {
    let stated = ANSWER_IS.find_iter(text).filter_map(|mark| {
        let rest =
            text[mark.end()..].trim_start_matches([' ', ':', '：', '=', '*', '_', '#', '\n', '\r', '\t']);
        let denied = rest.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("not "))
            || NOT_THE_ANSWER.is_match(&text[..mark.start()]);
        (!denied).then_some(rest)
    });
    let line = stated.last()?.lines().next().unwrap_or_default();
    Some(end_of_sentence(line).trim_end_matches(['*', '_', ' ']))
}

/// Words with a period that ends no sentence.
const ABBREVIATIONS: [&str; 7] = ["approx", "ca", "Rs", "No", "vs", "Dr", "Mr"];

/// Up to a `.`, `!`, `?` or `;` that is followed by white space or the end; a point inside a number does not end it.
fn end_of_sentence(line: &str) -> &str {
    let mut chars = line.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let ends = chars.peek().is_none_or(|(_, next)| next.is_whitespace());
        let short =
            || c == '.' && ABBREVIATIONS.contains(&last_word(&line[..at])) && chars.clone().next().is_some();
        if c == '。' || (ends && ".!?;".contains(c) && !short()) {
            return &line[..at];
        }
    }
    line
}

fn last_word(text: &str) -> &str {
    text.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default()
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
