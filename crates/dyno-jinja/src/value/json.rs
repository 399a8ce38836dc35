//! `json.dumps`, as the transformers library offers it to templates: nothing is escaped for web pages.

use super::{Value, float_text};
use crate::fault::{Outcome, failed};
use crate::meter::Builder;

/// How JSON is written.
#[derive(Debug, Clone)]
pub(crate) struct JsonStyle {
    pub(crate) ensure_ascii: bool,
    pub(crate) sort_keys: bool,
    /// Text of one level of indentation; none: everything on one line.
    pub(crate) indent: Option<String>,
    pub(crate) item_separator: String,
    pub(crate) key_separator: String,
}

/// Appends `value` as JSON.
pub(crate) fn to_json(value: &Value, style: &JsonStyle, out: &mut Builder<'_>) -> Outcome<()> {
    Writer { style, level: 0 }.value(value, out)
}

struct Writer<'s> {
    style: &'s JsonStyle,
    level: usize,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value, out: &mut Builder<'_>) -> Outcome<()> {
        match value {
            Value::None => out.push("null"),
            Value::Bool(true) => out.push("true"),
            Value::Bool(false) => out.push("false"),
            Value::Int(number) => out.push(&number.to_string()),
            Value::Float(number) => out.push(&json_float(*number)),
            Value::Text(text) | Value::Markup(text) => self.text(text, out),
            Value::List(items) | Value::Tuple(items) => self.list(&items.values, out),
            Value::Dict(dict) => {
                let mut entries = Vec::with_capacity(dict.entries.len());
                for (key, value) in &dict.entries {
                    entries.push((key_text(&key.0)?, value));
                }
                if self.style.sort_keys {
                    entries.sort_by(|left, right| left.0.cmp(&right.0));
                }
                self.object(&entries, out)
            }
            other => failed(format!("Object of type {} is not JSON serializable", other.type_name())),
        }
    }

    fn list(&mut self, values: &[Value], out: &mut Builder<'_>) -> Outcome<()> {
        if values.is_empty() {
            return out.push("[]");
        }
        out.push("[")?;
        self.level += 1;
        for (at, value) in values.iter().enumerate() {
            self.separate(at, out)?;
            self.value(value, out)?;
        }
        self.level -= 1;
        self.line(out)?;
        out.push("]")
    }

    fn object(&mut self, entries: &[(String, &Value)], out: &mut Builder<'_>) -> Outcome<()> {
        if entries.is_empty() {
            return out.push("{}");
        }
        out.push("{")?;
        self.level += 1;
        for (at, (key, value)) in entries.iter().enumerate() {
            self.separate(at, out)?;
            self.text(key, out)?;
            out.push(&self.style.key_separator)?;
            self.value(value, out)?;
        }
        self.level -= 1;
        self.line(out)?;
        out.push("}")
    }

    fn separate(&self, at: usize, out: &mut Builder<'_>) -> Outcome<()> {
        if at > 0 {
            out.push(&self.style.item_separator)?;
        }
        self.line(out)
    }

    fn line(&self, out: &mut Builder<'_>) -> Outcome<()> {
        let Some(indent) = &self.style.indent else { return Ok(()) };
        out.push("\n")?;
        for _ in 0..self.level {
            out.push(indent)?;
        }
        Ok(())
    }

    fn text(&self, text: &str, out: &mut Builder<'_>) -> Outcome<()> {
        out.push("\"")?;
        for character in text.chars() {
            match character {
                '"' => out.push("\\\"")?,
                '\\' => out.push("\\\\")?,
                '\n' => out.push("\\n")?,
                '\r' => out.push("\\r")?,
                '\t' => out.push("\\t")?,
                '\u{8}' => out.push("\\b")?,
                '\u{c}' => out.push("\\f")?,
                c if u32::from(c) < 0x20 => out.push(&format!("\\u{:04x}", u32::from(c)))?,
                // Python escapes DEL only where it escapes everything that is not ASCII; DEL is.
                c if self.style.ensure_ascii && !c.is_ascii() => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        out.push(&format!("\\u{unit:04x}"))?;
                    }
                }
                c => out.push_char(c)?,
            }
        }
        out.push("\"")
    }
}

fn json_float(number: f64) -> String {
    match number {
        n if n.is_nan() => "NaN".to_owned(),
        n if n.is_infinite() => {
            if n > 0.0 {
                "Infinity".to_owned()
            } else {
                "-Infinity".to_owned()
            }
        }
        n => float_text(n),
    }
}

fn key_text(key: &Value) -> Outcome<String> {
    Ok(match key {
        Value::Text(text) | Value::Markup(text) => text.to_string(),
        Value::None => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => json_float(*number),
        other => {
            return failed(format!("keys must be str, int, float, bool or None, not {}", other.type_name()));
        }
    })
}
