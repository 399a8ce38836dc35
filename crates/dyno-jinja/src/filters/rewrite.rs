//! Filters of texts.

use super::text_of;
use crate::arguments::{count, flag, integer, optional, required, text};
use crate::fault::{Outcome, failed};
use crate::format::percent;
use crate::meter::Meter;
use crate::methods::{capitalized, lines, replaced, stripped};
use crate::value::{Value, Values};

pub(super) fn apply(name: &str, value: &Value, arguments: Values, meter: &Meter<'_>) -> Outcome<Value> {
    let rewritten = rewrite(name, value, arguments, meter)?;
    // These go through Python's `str`, which forgets that a text is markup; the others do not.
    let forgets = matches!(name, "replace" | "truncate" | "wordwrap" | "title" | "format");
    Ok(if matches!(value, Value::Markup(_)) && !forgets { rewritten.marked() } else { rewritten })
}

fn rewrite(name: &str, value: &Value, arguments: Values, meter: &Meter<'_>) -> Outcome<Value> {
    match name {
        "format" => format(value, arguments, meter),
        "indent" => indent(value, arguments, meter),
        "truncate" => truncate(value, arguments, meter),
        "wordwrap" => wordwrap(value, arguments, meter),
        "replace" => {
            let [old, new, times] = arguments.bind(name, ["old", "new", "count"])?;
            let (old, new) = (required(old, name, "old")?, required(new, name, "new")?);
            let times = match optional(times) {
                Some(times) => usize::try_from(integer(&times)?).ok(),
                None => None,
            };
            replaced(&text_of(value, meter)?, &text_of(&old, meter)?, &text_of(&new, meter)?, times, meter)
        }
        "trim" => {
            let [characters] = arguments.bind(name, ["chars"])?;
            let characters = optional(characters);
            let characters = match &characters {
                Some(characters) => Some(text(characters, name)?),
                None => None,
            };
            meter.text(stripped(&text_of(value, meter)?, characters, "strip"))
        }
        "center" => {
            let [width] = arguments.bind(name, ["width"])?;
            let text = Value::text(text_of(value, meter)?);
            let width = width.unwrap_or(Value::Int(80));
            let method = crate::value::Method { object: text, name: "center" };
            crate::methods::call(&method, Values::of(vec![width]), meter)
        }
        _ => {
            let [] = arguments.bind(name, [])?;
            let text = text_of(value, meter)?;
            meter.make(2 * text.len())?;
            Ok(Value::text(match name {
                "lower" => text.to_lowercase(),
                "upper" => text.to_uppercase(),
                "capitalize" => capitalized(&text),
                _ => title(&text),
            }))
        }
    }
}

/// Jinja's own idea of words: they begin behind spaces, hyphens and brackets alone.
fn title(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for part in text.split_inclusive(|c: char| is_word_break(c)) {
        let broken = part.chars().next_back().filter(|c| is_word_break(*c));
        let word = &part[..part.len() - broken.map_or(0, char::len_utf8)];
        result.push_str(&capitalized(word));
        result.extend(broken);
    }
    result
}

fn is_word_break(character: char) -> bool {
    crate::lexer::is_space(character) || matches!(character, '-' | '(' | '{' | '[' | '<')
}

fn format(value: &Value, arguments: Values, meter: &Meter<'_>) -> Outcome<Value> {
    let format = text_of(value, meter)?;
    if arguments.named.is_empty() {
        return percent(&format, &Value::tuple(arguments.positional, meter)?, meter);
    }
    if !arguments.positional.is_empty() {
        return failed("can't handle positional and keyword arguments at the same time");
    }
    let mut entries = indexmap::IndexMap::new();
    for (name, value) in arguments.named {
        entries.insert(crate::value::Key::text(&name), value);
    }
    percent(&format, &Value::dict(entries, meter)?, meter)
}

fn indent(value: &Value, arguments: Values, meter: &Meter<'_>) -> Outcome<Value> {
    let [width, first, blank] = arguments.bind("indent", ["width", "first", "blank"])?;
    let indention = match width {
        Some(Value::Text(indention) | Value::Markup(indention)) => indention.to_string(),
        Some(width) => " ".repeat(count(&width)?.min(10_000)),
        None => "    ".to_owned(),
    };
    let Some(text) = value.defined()?.as_text() else {
        return failed(format!("indent needs a text, not {}", value.type_name()));
    };
    let blank = flag(blank.as_ref(), false);
    let mut out = meter.builder();
    if flag(first.as_ref(), false) {
        out.push(&indention)?;
    }
    // Behind a line break at the end there is one more line, which is empty.
    let text = format!("{text}\n");
    for (at, line) in lines(&text, false).enumerate() {
        if at > 0 {
            out.push("\n")?;
            if blank || !line.is_empty() {
                out.push(&indention)?;
            }
        }
        out.push(line)?;
    }
    Ok(out.finish())
}

fn truncate(value: &Value, arguments: Values, meter: &Meter<'_>) -> Outcome<Value> {
    let parameters = ["length", "killwords", "end", "leeway"];
    let [length, killwords, end, leeway] = arguments.bind("truncate", parameters)?;
    let length = length.map_or(Ok(255), |length| count(&length))?;
    let leeway = optional(leeway).map_or(Ok(5), |leeway| count(&leeway))?;
    let end = match &end {
        Some(end) => text(end, "truncate")?.to_owned(),
        None => "...".to_owned(),
    };
    let text = text_of(value, meter)?;
    let end_length = end.chars().count();
    if length < end_length {
        return failed(format!("expected length >= {end_length}, got {length}"));
    }
    if text.chars().count() <= length.saturating_add(leeway) {
        return meter.text(&text);
    }
    let cut: String = text.chars().take(length - end_length).collect();
    let kept = if flag(killwords.as_ref(), false) {
        cut.as_str()
    } else {
        cut.rsplit_once(' ').map_or(cut.as_str(), |(before, _)| before)
    };
    meter.text(&format!("{kept}{end}"))
}

fn wordwrap(value: &Value, arguments: Values, meter: &Meter<'_>) -> Outcome<Value> {
    let parameters = ["width", "break_long_words", "wrapstring", "break_on_hyphens"];
    let [width, break_long, between, hyphens] = arguments.bind("wordwrap", parameters)?;
    let wrap = Wrap {
        width: width.map_or(Ok(79), |width| count(&width))?.max(1),
        break_long: flag(break_long.as_ref(), true),
        hyphens: flag(hyphens.as_ref(), true),
    };
    let between = match optional(between) {
        Some(between) => text_of(&between, meter)?,
        None => "\n".to_owned(),
    };
    let mut out = meter.builder();
    for (at, line) in lines(&text_of(value, meter)?, false).enumerate() {
        if at > 0 {
            out.push(&between)?;
        }
        meter.make(line.len())?;
        for (at, wrapped) in wrap.lines(line).iter().enumerate() {
            if at > 0 {
                out.push(&between)?;
            }
            out.push(wrapped)?;
        }
    }
    Ok(out.finish())
}

/// Python's `textwrap`, for one paragraph.
struct Wrap {
    width: usize,
    break_long: bool,
    hyphens: bool,
}

impl Wrap {
    fn lines(&self, paragraph: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = String::new();
        for chunk in self.chunks(paragraph) {
            let mut chunk = chunk.as_str();
            loop {
                let used = line.chars().count();
                // White space never begins a line but the first.
                if line.is_empty() && !lines.is_empty() && chunk.trim().is_empty() {
                    break;
                }
                let fits = used + chunk.chars().count() <= self.width;
                if fits || line.trim().is_empty() && !self.break_long {
                    line.push_str(chunk);
                    break;
                }
                if self.break_long && chunk.chars().count() > self.width && used < self.width {
                    let at = chunk.char_indices().nth(self.width - used).map_or(chunk.len(), |(at, _)| at);
                    line.push_str(&chunk[..at]);
                    chunk = &chunk[at..];
                }
                end_line(&mut line, &mut lines);
            }
        }
        end_line(&mut line, &mut lines);
        lines
    }

    /// Words, the white space between them, and the parts of words with hyphens.
    fn chunks(&self, paragraph: &str) -> Vec<String> {
        let mut chunks: Vec<String> = Vec::new();
        let mut previous: Option<char> = None;
        for character in paragraph.chars() {
            let same_kind = previous.is_some_and(|previous| {
                let after_hyphen = self.hyphens && previous == '-' && character.is_alphabetic();
                previous.is_whitespace() == character.is_whitespace() && !after_hyphen
            });
            match chunks.last_mut().filter(|_| same_kind) {
                Some(chunk) => chunk.push(character),
                None => chunks.push(character.to_string()),
            }
            previous = Some(character);
        }
        chunks
    }
}

fn end_line(line: &mut String, lines: &mut Vec<String>) {
    let text = line.trim_end();
    if !text.is_empty() {
        lines.push(text.to_owned());
    }
    line.clear();
}
