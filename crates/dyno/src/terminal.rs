//! The one filter between texts from outside and a terminal. What goes to a pipe or a file is never touched.
//!
//! Answers, file names, metadata, errors and log lines may hold escape sequences that move the cursor, set titles, write to the clipboard,
//! or turn the direction of writing. A terminal gets them spelled out instead.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The colours that reports are printed in; none of them can hide anything.
const COLOURS: [&str; 5] = ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[32m", "\u{1b}[33m", "\u{1b}[1;31m"];

/// Text from outside, for a terminal: everything but line breaks and tabs that a terminal would act on is spelled out.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for (at, character) in text.char_indices() {
        let ends_line = character == '\r' && text[at..].starts_with("\r\n");
        if !acts(character) || ends_line {
            shown.push(character);
        } else {
            // Cannot fail: it writes into a string.
            let _ = write!(shown, "{}", character.escape_default());
        }
    }
    Cow::Owned(shown)
}

/// A report of our own making, for a terminal: the same, but our colours stay.
pub(crate) fn harmless_report(text: &str) -> Cow<'_, str> {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        shown.push_str(&harmless(&rest[..at]));
        let escape = &rest[at..];
        let colour = COLOURS.iter().find(|colour| escape.starts_with(**colour));
        let taken = match colour {
            Some(colour) => {
                shown.push_str(colour);
                colour.len()
            }
            None => {
                shown.push_str(&harmless("\u{1b}"));
                1
            }
        };
        rest = &escape[taken..];
    }
    if shown.is_empty() {
        return harmless(rest);
    }
    shown.push_str(&harmless(rest));
    Cow::Owned(shown)
}

/// Whether a terminal acts on a character: control characters of both sets, line separators, and what turns the
/// direction of writing. Joiners, which emoji and scripts need, do not act.
fn acts(character: char) -> bool {
    let direction = matches!(
        character,
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    let control = character.is_control() && !matches!(character, '\n' | '\t');
    // Tags spell out invisible text.
    control || direction || matches!(character, '\u{2028}' | '\u{2029}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_acts_on_is_spelled_out() {
        for (text, shown) in [
            ("plain ü 👩‍🚀\tשלום\n", "plain ü 👩‍🚀\tשלום\n"),
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            ("\u{1b}]52;c;aGk=\u{1b}\\", "\\u{1b}]52;c;aGk=\\u{1b}\\"),
            ("\u{1b}[2J\u{1b}[31mred", "\\u{1b}[2J\\u{1b}[31mred"),
            ("\u{9b}2J\u{9d}0;x\u{9c}\u{90}", "\\u{9b}2J\\u{9d}0;x\\u{9c}\\u{90}"),
            ("safe\rfake\r\nnext\u{8}\u{7f}\0", "safe\\rfake\r\nnext\\u{8}\\u{7f}\\u{0}"),
            ("a\u{202e}b\u{2066}c\u{200f}d\u{2028}e", "a\\u{202e}b\\u{2066}c\\u{200f}d\\u{2028}e"),
            ("\u{e0041}", "\\u{e0041}"),
        ] {
            assert_eq!(harmless(text), shown);
        }
    }

    #[test]
    fn reports_keep_their_own_colours_and_nothing_else() {
        let report = "\u{1b}[1mSpeed\u{1b}[0m evil\u{1b}[8m\u{1b}]0;x\u{7} \u{1b}[1;31mbad\u{1b}[0m\u{202e}";
        let shown =
            "\u{1b}[1mSpeed\u{1b}[0m evil\\u{1b}[8m\\u{1b}]0;x\\u{7} \u{1b}[1;31mbad\u{1b}[0m\\u{202e}";
        assert_eq!(harmless_report(report), shown);
        assert_eq!(harmless_report("nothing"), "nothing");
    }
}
