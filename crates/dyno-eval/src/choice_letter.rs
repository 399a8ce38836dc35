//! The letter of a choice in an answer: `B`, `(b)`, `B. Paris`, `the correct option is **(B)**`; not the `A` of a sentence, not the
//! letters of a list of options, not one that is ruled out.
//!
//! `docs/answers.md` has the grammar as a table.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use crate::number::is_ideograph;
use crate::plain::plain;
use crate::{Reading, letter};

/// Fewest lines, each with the next letter, that are a list of options and no answer.
const LIST_LINES: usize = 2;

/// Marks that stand around a letter without meaning anything.
const WRAPPERS: &[char] =
    &['*', '_', '`', '"', '\'', '“', '”', '(', ')', '[', ']', '{', '}', '<', '>', '$', '#'];

/// A line of a list of options: marks of bold type, its letter, and text.
static OPTION_LINE: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"^[ \t]*(?:[-*•+][ \t]+)?(\*{0,2})\(?([A-Za-z])(?:[.):]|[ \t][-–—])\*{0,2}[ \t]+\S")
});

/// A mark that says which line of a list is meant.
static CHECKED: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?i)[✓✔✅☑]|\(correct\)|<-+\s*correct|←\s*correct"));

/// Options that are ruled out: `A and C are wrong`, `not (B)`, `neither A nor D`.
static RULED_OUT: LazyLock<Regex> = LazyLock::new(|| {
    let one = r#"[*("'\[]*\b[A-Z]\b[*)"'\]]*"#;
    let named = r"(?:(?i:options?|choices?|answers?)\s+)?";
    let group = format!(r"{named}{one}(?:\s*(?:,\s*(?:and|or|nor)?|and|or|nor|/|&)\s*{named}{one})*");
    let wrong = "not|incorrect|wrong|false|eliminated|ruled out|out|implausible|impossible|irrelevant";
    let verb = format!(
        r"(?:is|are|was|were|can be|could be|seems?)\s+(?:\w+ly\s+|all\s+|both\s+|also\s+)*(?:{wrong})"
    );
    let negated = r"(?:isn't|aren't|cannot be|can't be|doesn't|don't)";
    let ruling =
        r"(?i:not|neither|nor|isn't|eliminates?|rules? out|ruling out|except|instead of|rather than)";
    regex(&format!(r"{group}\s+(?:{verb}|{negated})\b|\b{ruling}\s+{group}"))
});

/// What joins two letters of which neither is chosen.
static JOINED: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r#"(?i)^[*_)"'\]]*\s*(?:,|/|&|\bor\b|\band\b|,\s*(?:or|and)\b)\s*(?:option\s+|choice\s+)?[*_("'\[]*$"#,
    )
});

/// Words right before a letter that choose it.
static CUE_BEFORE: LazyLock<Regex> = LazyLock::new(|| {
    let words = "answer|option|choice|letter|select|choose|chose|pick|with|be|is|so|thus|therefore|hence";
    regex(&format!(r#"(?i)\b(?:{words})\b[\s:=*_("'\[]*$"#))
});

/// Words right behind a letter that choose it.
static CUE_BEHIND: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"^[*_)"'\].:]*\s+is\s+(?:the\s+)?(?:correct|right|best|answer)\b"#));

/// Words that name an option, so that its letter may be small.
static NAMED: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"(?i)\b(?:option|choice|letter|answer)\s+(?:is\s+)?[*_("'\[]*$"#));

/// Words with which a letter names something else than a choice, and figures of which it is the unit.
static OTHER_NAME: LazyLock<Regex> = LazyLock::new(|| {
    let words = "vitamin|type|plan|hepatitis|grade|group|team|figure|point|blood|class|section|table|appendix|vector|matrix|set";
    regex(&format!(r"(?i)(?:\b(?:{words})\s+|\d\s*°?\s*|°\s*)$"))
});

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is constant")
}

/// The letter that an answer chooses among these.
pub(crate) fn letter_in(text: &str, options: &[char]) -> Reading<char> {
    let text = plain(text);
    let first_line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    if let Some(letter) = alone(&text, options).or_else(|| alone(first_line, options)) {
        return Reading::One(letter);
    }
    let (body, list) = without_list(&text);
    let body = RULED_OUT.replace_all(&body, ";");
    match chosen(&body, &candidates(&body, options)) {
        Reading::Nothing if !list.is_empty() => picked(&list),
        reading => reading,
    }
}

/// Whether a text is a formula, whose letters are symbols: commands of LaTeX or signs of a calculation, and no `B.` or `(B)` in front.
pub(crate) fn is_formula(text: &str) -> bool {
    static CHOICE_FIRST: LazyLock<Regex> =
        LazyLock::new(|| regex(r"^[\s*_$({\[]*[A-Za-z](?:[)\]}*_\s]*$|[*_]*[.):\]])"));
    let text = plain(text);
    text.contains(['\\', '=', '<', '>', '^', '+']) && !CHOICE_FIRST.is_match(&text)
}

/// The letters of this many choices.
pub(crate) fn letters(choices: usize) -> Vec<char> {
    (0..choices).map_while(letter).collect()
}

/// The letter that is all of a text but for marks around it, in upper or lower case.
fn alone(text: &str, options: &[char]) -> Option<char> {
    let around = |c: char| c.is_whitespace() || WRAPPERS.contains(&c) || ".,:;!。，".contains(c);
    let core = text.trim_matches(around);
    let named = ["option", "choice", "letter", "answer"]
        .iter()
        .find_map(|word| core.get(..word.len()).filter(|start| start.eq_ignore_ascii_case(word)));
    let core = named.map_or(core, |word| core[word.len()..].trim_matches(around));
    let mut chars = core.chars();
    let letter = chars.next().filter(|_| chars.next().is_none())?.to_ascii_uppercase();
    options.contains(&letter).then_some(letter)
}

/// A line of a list of options.
struct Listed {
    line: usize,
    letter: char,
    bold: bool,
    checked: bool,
}

/// A text without its lists of options, and these. A list begins with A and may have text between its lines, or its lines follow one
/// another; in both cases the letters go up.
fn without_list(text: &str) -> (String, Vec<Listed>) {
    let lines: Vec<&str> = text.lines().collect();
    let listed = |(line, text): (usize, &&str)| {
        let found = OPTION_LINE.captures(text)?;
        let letter = found[2].chars().next()?.to_ascii_uppercase();
        Some(Listed { line, letter, bold: !found[1].is_empty(), checked: CHECKED.is_match(text) })
    };
    let mut lists: Vec<Vec<Listed>> = Vec::new();
    for next in lines.iter().enumerate().filter_map(listed) {
        let follows = |list: &&mut Vec<Listed>| {
            let from_a = list.first().is_some_and(|first| first.letter == 'A');
            list.last()
                .is_some_and(|last| last.letter < next.letter && (from_a || last.line + 1 == next.line))
        };
        match lists.last_mut().filter(follows) {
            Some(list) => list.push(next),
            None => lists.push(vec![next]),
        }
    }
    let list: Vec<Listed> = lists.into_iter().filter(|list| list.len() >= LIST_LINES).flatten().collect();
    let gone: BTreeSet<usize> = list.iter().map(|listed| listed.line).collect();
    let kept = lines.iter().enumerate().filter(|(line, _)| !gone.contains(line)).map(|(_, text)| *text);
    (kept.collect::<Vec<_>>().join("\n"), list)
}

/// The one line of a list that is set apart from the others.
fn picked(list: &[Listed]) -> Reading<char> {
    let only = |is_set_apart: fn(&Listed) -> bool| {
        let mut found = list.iter().filter(|listed| is_set_apart(listed));
        found.next().filter(|_| found.next().is_none())
    };
    match only(|listed| listed.checked).or_else(|| only(|listed| listed.bold)) {
        Some(listed) => Reading::One(listed.letter),
        None => Reading::Several,
    }
}

/// A letter that may be meant as a choice.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    at: usize,
    letter: char,
    cued: bool,
    marked: bool,
}

/// Letters that stand alone and are none of the words A, I and names such as "vitamin C".
fn candidates(text: &str, options: &[char]) -> Vec<Candidate> {
    let candidate = |(at, c): (usize, char)| {
        let (before, behind) = (&text[..at], &text[at + c.len_utf8()..]);
        let letter = c.to_ascii_uppercase();
        let apart = stands_alone(before, behind) && options.contains(&letter);
        if !apart || is_word(c, behind) || OTHER_NAME.is_match(before) {
            return None;
        }
        let marked = before.ends_with(['(', '[', '*']) && behind.starts_with([')', ']', '*']);
        if c.is_ascii_lowercase() && !marked && !is_small_option(before, behind) {
            return None;
        }
        let cued = CUE_BEFORE.is_match(before) || CUE_BEHIND.is_match(behind);
        Some(Candidate { at, letter, cued, marked })
    };
    text.char_indices().filter(|(_, c)| c.is_ascii_alphabetic()).filter_map(candidate).collect()
}

fn stands_alone(before: &str, behind: &str) -> bool {
    let apart = |c: Option<char>| {
        c.is_none_or(|c| (!c.is_alphanumeric() || is_ideograph(c)) && !"'’-+#\\".contains(c))
    };
    apart(before.chars().next_back()) && apart(behind.chars().next())
}

/// `A` and `I` before another word, unless that word joins it to another letter or says that it is right.
fn is_word(letter: char, behind: &str) -> bool {
    let before_word =
        behind.strip_prefix(' ').is_some_and(|behind| behind.starts_with(|c: char| c.is_lowercase()));
    let joins = || [" or ", " and ", " nor "].iter().any(|word| behind.starts_with(word));
    "aAiI".contains(letter) && before_word && !joins() && !CUE_BEHIND.is_match(behind)
}

/// A small letter is an option behind a word that says so, or as the mark of a line.
fn is_small_option(before: &str, behind: &str) -> bool {
    let ends = behind.chars().next().is_none_or(|c| c.is_whitespace() || ".,:;)!*\"".contains(c));
    let begins_line = before.is_empty() || before.ends_with('\n');
    (NAMED.is_match(before) && ends) || (begins_line && (behind.starts_with(')') || behind.starts_with(". ")))
}

/// The letter a text begins with, or else the last one that words choose, or is in brackets or bold, or stands alone.
fn chosen(text: &str, found: &[Candidate]) -> Reading<char> {
    let is_first =
        |first: &&Candidate| text[..first.at].chars().all(|c| c.is_whitespace() || WRAPPERS.contains(&c));
    let last = |wanted: fn(&Candidate) -> bool| found.iter().rposition(wanted);
    let chosen = match found.first().filter(is_first) {
        Some(_) => Some(0),
        None => last(|one| one.cued).or_else(|| last(|one| one.marked)).or_else(|| last(|_| true)),
    };
    let Some(index) = chosen else { return Reading::Nothing };
    let chosen = found[index];
    let joined = |left: &Candidate, right: &Candidate| {
        left.letter != right.letter && JOINED.is_match(&text[left.at + 1..right.at])
    };
    let neighbours = [index.checked_sub(1).map(|before| (before, index)), Some((index, index + 1))];
    let is_joined = neighbours.into_iter().flatten().any(|(left, right)| {
        found.get(left).zip(found.get(right)).is_some_and(|(left, right)| joined(left, right))
    });
    if is_joined { Reading::Several } else { Reading::One(chosen.letter) }
}
