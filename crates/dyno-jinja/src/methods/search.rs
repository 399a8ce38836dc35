//! Finding, counting, replacing and stripping parts of a text.

use std::ops::Range;

use super::optional_text;
use crate::arguments::{integer, optional, required, text};
use crate::fault::{Outcome, failed};
use crate::lexer::is_space;
use crate::meter::Meter;
use crate::value::{Value, Values};

pub(super) fn call(text_: &str, name: &str, arguments: Values, meter: &Meter<'_>) -> Outcome<Value> {
    match name {
        "strip" | "lstrip" | "rstrip" => {
            let [characters] = arguments.bind(name, ["chars"])?;
            let characters = optional_text(characters, name)?;
            meter.text(stripped(text_, characters.as_deref(), name))
        }
        "replace" => {
            let [old, new, times] = arguments.bind(name, ["old", "new", "count"])?;
            let (old, new) = (required(old, name, "old")?, required(new, name, "new")?);
            let times = match optional(times) {
                Some(times) => usize::try_from(integer(&times)?).ok(),
                None => None,
            };
            replaced(text_, text(&old, name)?, text(&new, name)?, times, meter)
        }
        "removeprefix" => {
            let [prefix] = arguments.bind(name, ["prefix"])?;
            let prefix = required(prefix, name, "prefix")?;
            meter.text(text_.strip_prefix(text(&prefix, name)?).unwrap_or(text_))
        }
        "removesuffix" => {
            let [suffix] = arguments.bind(name, ["suffix"])?;
            let suffix = required(suffix, name, "suffix")?;
            meter.text(text_.strip_suffix(text(&suffix, name)?).unwrap_or(text_))
        }
        _ => {
            let [part, start, stop] = arguments.bind(name, ["sub", "start", "end"])?;
            let part = required(part, name, "sub")?;
            let within = Within::of(text_, start, stop)?;
            within.search(name, &part)
        }
    }
}

/// Python's `strip` and its kin; no characters: white space.
pub(crate) fn stripped<'t>(text: &'t str, characters: Option<&str>, side: &str) -> &'t str {
    let cut = |c: char| characters.map_or_else(|| is_space(c), |characters| characters.contains(c));
    match side {
        "lstrip" => text.trim_start_matches(cut),
        "rstrip" => text.trim_end_matches(cut),
        _ => text.trim_matches(cut),
    }
}

/// Python's `replace`.
pub(crate) fn replaced(
    text: &str,
    old: &str,
    new: &str,
    times: Option<usize>,
    meter: &Meter<'_>,
) -> Outcome<Value> {
    meter.work(text.len())?;
    let mut out = meter.builder();
    let mut from = 0;
    for (at, found) in text.match_indices(old).take(times.unwrap_or(usize::MAX)) {
        out.push(&text[from..at])?;
        out.push(new)?;
        from = at + found.len();
    }
    out.push(&text[from..])?;
    Ok(out.finish())
}

/// A part of a text to search in.
struct Within<'t> {
    whole: &'t str,
    /// In bytes; none when the part begins behind the end.
    range: Option<Range<usize>>,
    /// Characters before it.
    offset: usize,
}

impl<'t> Within<'t> {
    fn of(whole: &'t str, start: Option<Value>, stop: Option<Value>) -> Outcome<Self> {
        let (start, stop) = (optional(start), optional(stop));
        if start.is_none() && stop.is_none() {
            return Ok(Self { whole, range: Some(0..whole.len()), offset: 0 });
        }
        let length = whole.chars().count() as i128;
        let bound = |value: Option<Value>, default: i128| -> Outcome<i128> {
            let bound = match value {
                Some(value) => integer(&value)?,
                None => default,
            };
            Ok(if bound < 0 { bound.saturating_add(length).max(0) } else { bound })
        };
        let (start, stop) = (bound(start, 0)?, bound(stop, length)?.min(length));
        if start > length || start > stop {
            return Ok(Self { whole, range: None, offset: 0 });
        }
        let byte = |characters: i128| {
            whole.char_indices().nth(characters as usize).map_or(whole.len(), |(at, _)| at)
        };
        Ok(Self { whole, range: Some(byte(start)..byte(stop)), offset: start as usize })
    }

    fn search(&self, name: &str, part: &Value) -> Outcome<Value> {
        if let (Value::Tuple(parts), "startswith" | "endswith") = (part, name) {
            for part in &parts.values {
                if self.search(name, part)?.is_true() {
                    return Ok(Value::Bool(true));
                }
            }
            return Ok(Value::Bool(false));
        }
        let part = text(part, name)?;
        let within = self.range.clone().map(|range| &self.whole[range]);
        match name {
            "startswith" => Ok(Value::Bool(within.is_some_and(|within| within.starts_with(part)))),
            "endswith" => Ok(Value::Bool(within.is_some_and(|within| within.ends_with(part)))),
            "count" => Ok(Value::Int(within.map_or(0, |within| occurrences(within, part)) as i128)),
            _ => {
                let found = within.and_then(|within| {
                    let at = if name.starts_with('r') { within.rfind(part) } else { within.find(part) };
                    at.map(|at| self.offset + within[..at].chars().count())
                });
                match found {
                    Some(at) => Ok(Value::Int(at as i128)),
                    None if name.ends_with("index") => failed("substring not found"),
                    None => Ok(Value::Int(-1)),
                }
            }
        }
    }
}

/// How often a part is in a text without overlap; an empty one is before, between and behind all characters.
pub(super) fn occurrences(text: &str, part: &str) -> usize {
    text.matches(part).count()
}
