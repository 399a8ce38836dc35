//! Values as text: Python's `str` and `repr`.

use super::{Value, float_text};
use crate::fault::Outcome;
use crate::meter::Builder;

/// Appends `str(value)`.
pub(crate) fn shown(value: &Value, out: &mut Builder<'_>) -> Outcome<()> {
    match value {
        Value::Undefined(_) => Ok(()),
        Value::Text(text) | Value::Markup(text) => out.push(text),
        other => represented(other, out),
    }
}

/// Appends `repr(value)`.
pub(crate) fn represented(value: &Value, out: &mut Builder<'_>) -> Outcome<()> {
    match value {
        Value::Undefined(_) => out.push("Undefined"),
        Value::None => out.push("None"),
        Value::Bool(true) => out.push("True"),
        Value::Bool(false) => out.push("False"),
        Value::Int(number) => out.push(&number.to_string()),
        Value::Float(number) => out.push(&float_text(*number)),
        Value::Text(text) => quoted(text, out),
        Value::Markup(text) => {
            out.push("Markup(")?;
            quoted(text, out)?;
            out.push(")")
        }
        Value::List(items) => sequence("[", &items.values, "]", out),
        Value::Tuple(items) => {
            sequence("(", &items.values, if items.values.len() == 1 { ",)" } else { ")" }, out)
        }
        Value::Dict(dict) => {
            out.push("{")?;
            for (at, (key, value)) in dict.entries.iter().enumerate() {
                if at > 0 {
                    out.push(", ")?;
                }
                represented(&key.0, out)?;
                out.push(": ")?;
                represented(value, out)?;
            }
            out.push("}")
        }
        Value::View(view) => {
            out.push(view.kind)?;
            sequence("([", &view.items.values, "])", out)
        }
        Value::Range(range) => {
            out.push(&format!("range({}, {}", range.start, range.stop))?;
            if range.step != 1 {
                out.push(&format!(", {}", range.step))?;
            }
            out.push(")")
        }
        Value::Loop(state) => {
            out.push(&format!("<LoopContext {}/{}>", state.index.get() + 1, state.items.values.len()))
        }
        Value::Macro(bound) => {
            out.push("<Macro ")?;
            quoted(&bound.definition.name, out)?;
            out.push(">")
        }
        // Python prints an address here; no prompt can depend on it.
        other => out.push(&format!("<{}>", other.type_name())),
    }
}

fn sequence(open: &str, values: &[Value], close: &str, out: &mut Builder<'_>) -> Outcome<()> {
    out.push(open)?;
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            out.push(", ")?;
        }
        represented(value, out)?;
    }
    out.push(close)
}

/// Appends `repr` of a string: single quotes, unless it has those and no double ones.
pub(crate) fn quoted(text: &str, out: &mut Builder<'_>) -> Outcome<()> {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push_char(quote)?;
    for character in text.chars() {
        match character {
            '\\' => out.push("\\\\")?,
            '\n' => out.push("\\n")?,
            '\r' => out.push("\\r")?,
            '\t' => out.push("\\t")?,
            c if c == quote => out.push(&format!("\\{quote}"))?,
            c if is_printable(c) => out.push_char(c)?,
            c => {
                let code = u32::from(c);
                let escape = match code {
                    0..=0xff => format!("\\x{code:02x}"),
                    0x100..=0xffff => format!("\\u{code:04x}"),
                    _ => format!("\\U{code:08x}"),
                };
                out.push(&escape)?;
            }
        }
    }
    out.push_char(quote)
}

/// Whether Python prints a character as itself.
pub(crate) fn is_printable(character: char) -> bool {
    // The standard library escapes, behind another character, exactly what is not printable, quotes and backslash.
    let pair = ['a', character].iter().collect::<String>();
    matches!(character, '\'' | '"' | '\\') || pair.escape_debug().count() == 2
}
