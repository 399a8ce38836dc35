//! Splitting a text.

use super::optional_text;
use crate::arguments::{flag, integer, optional, required, text};
use crate::fault::{Outcome, failed};
use crate::lexer::is_space;
use crate::meter::Meter;
use crate::value::{ITEM_BYTES, Value, Values};

pub(super) fn call(text_: &str, name: &str, arguments: Values, meter: &Meter<'_>) -> Outcome<Value> {
    match name {
        "splitlines" => {
            let [keep] = arguments.bind(name, ["keepends"])?;
            listed(lines(text_, flag(keep.as_ref(), false)), meter)
        }
        "partition" | "rpartition" => {
            let [separator] = arguments.bind(name, ["sep"])?;
            let separator = required(separator, name, "sep")?;
            let separator = text(&separator, name)?;
            if separator.is_empty() {
                return failed("empty separator");
            }
            let parts = match (name, text_.split_once(separator), text_.rsplit_once(separator)) {
                ("partition", Some((before, after)), _) | ("rpartition", _, Some((before, after))) => {
                    [before, separator, after]
                }
                ("partition", ..) => [text_, "", ""],
                _ => ["", "", text_],
            };
            let parts = parts.into_iter().map(|part| meter.text(part)).collect::<Outcome<_>>()?;
            Value::tuple(parts, meter)
        }
        _ => {
            let [separator, most] = arguments.bind(name, ["sep", "maxsplit"])?;
            let separator = optional_text(separator, name)?;
            let most = match optional(most) {
                Some(most) => usize::try_from(integer(&most)?).unwrap_or(usize::MAX),
                None => usize::MAX,
            };
            match separator.as_deref() {
                Some("") => failed("empty separator"),
                Some(separator) => by_separator(text_, separator, most, name, meter),
                None if name == "split" => listed(words(text_, most), meter),
                None => listed(last_words(text_, most), meter),
            }
        }
    }
}

/// Parts as a list of texts.
fn listed<'t>(parts: impl Iterator<Item = &'t str>, meter: &Meter<'_>) -> Outcome<Value> {
    let mut values = Vec::new();
    for part in parts {
        meter.make(ITEM_BYTES + part.len())?;
        values.push(Value::text(part));
    }
    Value::list(values, meter)
}

fn by_separator(text: &str, separator: &str, most: usize, name: &str, meter: &Meter<'_>) -> Outcome<Value> {
    let pieces = most.saturating_add(1);
    if name == "split" {
        return listed(text.splitn(pieces, separator), meter);
    }
    meter.make(super::search::occurrences(text, separator) * size_of::<&str>())?;
    let mut parts: Vec<&str> = text.rsplitn(pieces, separator).collect();
    parts.reverse();
    listed(parts.into_iter(), meter)
}

/// Words between white space; after `most` of them, the rest.
fn words(text: &str, most: usize) -> impl Iterator<Item = &str> {
    let mut rest = text.trim_start_matches(is_space);
    let mut taken = 0;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if taken == most {
            return Some(std::mem::take(&mut rest));
        }
        taken += 1;
        let end = rest.find(is_space).unwrap_or(rest.len());
        let word = &rest[..end];
        rest = rest[end..].trim_start_matches(is_space);
        Some(word)
    })
}

/// The last `most` words, and before them the rest.
fn last_words(text: &str, most: usize) -> impl Iterator<Item = &str> {
    let mut rest = text.trim_end_matches(is_space);
    let mut parts = Vec::new();
    while !rest.is_empty() {
        if parts.len() == most {
            parts.push(rest);
            break;
        }
        let at =
            rest.rfind(is_space).map_or(0, |at| at + rest[at..].chars().next().map_or(1, char::len_utf8));
        parts.push(&rest[at..]);
        rest = rest[..at].trim_end_matches(is_space);
    }
    parts.into_iter().rev()
}

/// Lines as Python splits them.
pub(crate) fn lines(text: &str, keep_ends: bool) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let is_end = |c: char| {
            matches!(
                c,
                '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
            )
        };
        let end = rest.find(is_end).unwrap_or(rest.len());
        let ending = match &rest[end..] {
            more if more.starts_with("\r\n") => 2,
            more => more.chars().next().map_or(0, char::len_utf8),
        };
        let line = &rest[..if keep_ends { end + ending } else { end }];
        rest = &rest[end + ending..];
        Some(line)
    })
}
