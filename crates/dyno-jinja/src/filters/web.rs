//! Filters for web pages. Nothing is escaped on its own in a prompt; these are for templates that ask for it.

use super::text_of;
use crate::fault::{Outcome, failed};
use crate::meter::{Builder, Meter};
use crate::value::{Value, Values};

pub(super) fn apply(name: &str, value: &Value, arguments: Values, meter: &Meter<'_>) -> Outcome<Value> {
    match name {
        "urlencode" => {
            let [] = arguments.bind(name, [])?;
            urlencode(value, meter)
        }
        "xmlattr" => xmlattr(value, arguments, meter),
        "striptags" => {
            let [] = arguments.bind(name, [])?;
            striptags(&text_of(value, meter)?, meter)
        }
        _ => {
            let [] = arguments.bind(name, [])?;
            if name == "forceescape" {
                return escaped(&Value::text(text_of(value, meter)?), meter);
            }
            escaped(value, meter)
        }
    }
}

/// A value as markup; markup stays what it is.
pub(crate) fn escaped(value: &Value, meter: &Meter<'_>) -> Outcome<Value> {
    if let Value::Markup(_) = value {
        return Ok(value.clone());
    }
    let mut out = meter.builder();
    escape(&text_of(value, meter)?, &mut out)?;
    Ok(out.finish().marked())
}

fn escape(text: &str, out: &mut Builder<'_>) -> Outcome<()> {
    for character in text.chars() {
        match character {
            '&' => out.push("&amp;")?,
            '<' => out.push("&lt;")?,
            '>' => out.push("&gt;")?,
            '\'' => out.push("&#39;")?,
            '"' => out.push("&#34;")?,
            other => out.push_char(other)?,
        }
    }
    Ok(())
}

fn striptags(text: &str, meter: &Meter<'_>) -> Outcome<Value> {
    let mut plain = meter.builder();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (end, length) = if rest[at..].starts_with("<!--") {
            (rest[at..].find("-->"), 3)
        } else {
            (rest[at..].find('>'), 1)
        };
        let Some(end) = end else { break };
        plain.push(&rest[..at])?;
        rest = &rest[at + end + length..];
    }
    plain.push(rest)?;
    let words: Vec<&str> = plain.as_str().split_whitespace().collect();
    let text = words.join(" ");
    let entities =
        [("&lt;", "<"), ("&gt;", ">"), ("&#34;", "\""), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    let unescaped = entities.iter().fold(text, |text, (entity, plain)| text.replace(entity, plain));
    meter.text(&unescaped)
}

fn urlencode(value: &Value, meter: &Meter<'_>) -> Outcome<Value> {
    let mut out = meter.builder();
    let pairs = match value {
        Value::Text(text) | Value::Markup(text) => {
            quote(text, true, &mut out)?;
            return Ok(out.finish());
        }
        Value::Dict(_) => crate::methods::pairs(value, meter)?,
        other if other.is_iterable() => other.iterate(meter)?,
        other => {
            quote(&text_of(other, meter)?, true, &mut out)?;
            return Ok(out.finish());
        }
    };
    for (at, pair) in pairs.iter().enumerate() {
        let pair = pair.iterate(meter)?;
        let [key, value] = pair.as_slice() else { return failed("urlencode needs pairs") };
        if at > 0 {
            out.push("&")?;
        }
        quote(&text_of(key, meter)?, false, &mut out)?;
        out.push("=")?;
        quote(&text_of(value, meter)?, false, &mut out)?;
    }
    Ok(out.finish())
}

/// Percent signs for everything but letters, digits and a few others; within a query a space is `+`.
fn quote(text: &str, is_path: bool, out: &mut Builder<'_>) -> Outcome<()> {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => {
                out.push_char(byte as char)?
            }
            b'/' if is_path => out.push("/")?,
            b' ' if !is_path => out.push("+")?,
            other => out.push(&format!("%{other:02X}"))?,
        }
    }
    Ok(())
}

fn xmlattr(value: &Value, arguments: Values, meter: &Meter<'_>) -> Outcome<Value> {
    let [autospace] = arguments.bind("xmlattr", ["autospace"])?;
    let mut out = meter.builder();
    for pair in crate::methods::pairs(value, meter)? {
        let pair = pair.iterate(meter)?;
        let [key, value] = pair.as_slice() else { continue };
        if matches!(value, Value::None | Value::Undefined(_)) {
            continue;
        }
        let key = text_of(key, meter)?;
        if key.contains([' ', '\t', '\n', '\r', '\u{c}', '/', '>', '=']) {
            return failed(format!("Invalid character in attribute name: '{key}'"));
        }
        if !out.as_str().is_empty() || autospace.as_ref().is_none_or(Value::is_true) {
            out.push(" ")?;
        }
        escape(&key, &mut out)?;
        out.push("=\"")?;
        escape(&text_of(value, meter)?, &mut out)?;
        out.push("\"")?;
    }
    Ok(out.finish())
}
