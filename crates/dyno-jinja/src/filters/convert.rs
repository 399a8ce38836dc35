//! Filters that make one value of another kind.

use super::text_of;
use crate::arguments::{flag, integer, optional};
use crate::fault::{Outcome, failed};
use crate::meter::Meter;
use crate::value::{JsonStyle, Value, Values, rounded, to_json};

pub(super) fn apply(name: &str, value: &Value, arguments: Values, meter: &Meter<'_>) -> Outcome<Value> {
    match name {
        "int" => {
            let [default, base] = arguments.bind(name, ["default", "base"])?;
            let base = base.map_or(Ok(10), |base| integer(&base))?;
            let number = whole(value, u32::try_from(base).unwrap_or(10));
            Ok(number.map(Value::Int).or(default).unwrap_or(Value::Int(0)))
        }
        "float" => {
            let [default] = arguments.bind(name, ["default"])?;
            let number = value.as_float().or_else(|| value.as_text().and_then(python_float));
            Ok(number.map(Value::Float).or(default).unwrap_or(Value::Float(0.0)))
        }
        "round" => round(value, arguments),
        "tojson" => {
            let style = json_style(arguments, meter)?;
            let mut json = meter.builder();
            to_json(value, &style, &mut json)?;
            Ok(json.finish())
        }
        "filesizeformat" => {
            let [binary] = arguments.bind(name, ["binary"])?;
            let bytes = value.as_float().or_else(|| value.as_text().and_then(python_float));
            match bytes {
                Some(bytes) => Ok(Value::text(file_size(bytes, flag(binary.as_ref(), false)))),
                None => failed("filesizeformat needs a number"),
            }
        }
        _ => {
            let [] = arguments.bind(name, [])?;
            match name {
                "abs" => absolute(value),
                "wordcount" => {
                    let text = text_of(value, meter)?;
                    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
                    Ok(Value::Int(words.filter(|word| !word.is_empty()).count() as i128))
                }
                "safe" => Ok(Value::text(text_of(value, meter)?).marked()),
                _ if matches!(value, Value::Markup(_)) => Ok(value.clone()),
                _ => meter.text(&text_of(value, meter)?),
            }
        }
    }
}

fn absolute(value: &Value) -> Outcome<Value> {
    match (value.defined()?.as_int(), value) {
        (Some(number), _) => Ok(Value::Int(number.saturating_abs())),
        (None, Value::Float(number)) => Ok(Value::Float(number.abs())),
        _ => failed(format!("bad operand type for abs(): '{}'", value.type_name())),
    }
}

/// Python's `float` of a text.
fn python_float(text: &str) -> Option<f64> {
    let text = text.trim();
    let is_number = text.chars().any(|c| c.is_ascii_digit())
        || text.to_ascii_lowercase().contains("inf")
        || text.eq_ignore_ascii_case("nan");
    text.replace('_', "").parse().ok().filter(|_| is_number)
}

/// Jinja's `int` filter: whole numbers, floats cut off, texts of either.
fn whole(value: &Value, base: u32) -> Option<i128> {
    if let Some(number) = value.as_int() {
        return Some(number);
    }
    let Some(text) = value.as_text() else {
        return value.as_float().filter(|number| number.is_finite()).map(|number| number as i128);
    };
    let text = text.trim().replace('_', "");
    let lower = text.to_ascii_lowercase();
    let prefix = match base {
        16 => "0x",
        8 => "0o",
        2 => "0b",
        _ => "",
    };
    let digits = lower.strip_prefix(prefix).unwrap_or(&lower);
    let whole = if (2..=36).contains(&base) { i128::from_str_radix(digits, base).ok() } else { None };
    whole.or_else(|| python_float(&text).filter(|number| number.is_finite()).map(|number| number as i128))
}

fn round(value: &Value, arguments: Values) -> Outcome<Value> {
    let [precision, method] = arguments.bind("round", ["precision", "method"])?;
    let precision = precision.map_or(Ok(0), |precision| integer(&precision))?;
    let precision = i32::try_from(precision.clamp(-400, 400)).unwrap_or(0);
    let Some(number) = value.defined()?.as_float() else {
        return failed(format!("type {} doesn't define __round__ method", value.type_name()));
    };
    let scale = 10_f64.powi(precision);
    match method.as_ref().and_then(Value::as_text).unwrap_or("common") {
        "common" => match value.as_int() {
            Some(number) if precision >= 0 => Ok(Value::Int(number)),
            Some(number) => Ok(Value::Int(rounded(number as f64, precision) as i128)),
            None => Ok(Value::Float(rounded(number, precision))),
        },
        "ceil" => Ok(Value::Float((number * scale).ceil() / scale)),
        "floor" => Ok(Value::Float((number * scale).floor() / scale)),
        _ => failed("method must be common, ceil or floor"),
    }
}

fn json_style(arguments: Values, meter: &Meter<'_>) -> Outcome<JsonStyle> {
    let parameters = ["ensure_ascii", "indent", "separators", "sort_keys"];
    let [ensure_ascii, indent, separators, sort_keys] = arguments.bind("tojson", parameters)?;
    let indent = match optional(indent) {
        None => None,
        Some(Value::Text(indent) | Value::Markup(indent)) => Some(indent.to_string()),
        Some(width) => Some(" ".repeat(usize::try_from(integer(&width)?.clamp(0, 1000)).unwrap_or(0))),
    };
    let (item_separator, key_separator) = match optional(separators) {
        None => (if indent.is_some() { "," } else { ", " }.to_owned(), ": ".to_owned()),
        Some(separators) => {
            let parts = separators.iterate(meter)?;
            match parts.as_slice() {
                [Value::Text(item), Value::Text(key)] => (item.to_string(), key.to_string()),
                _ => return failed("separators must be two texts"),
            }
        }
    };
    Ok(JsonStyle {
        ensure_ascii: flag(ensure_ascii.as_ref(), false),
        sort_keys: flag(sort_keys.as_ref(), false),
        indent,
        item_separator,
        key_separator,
    })
}

fn file_size(bytes: f64, binary: bool) -> String {
    let base: f64 = if binary { 1024.0 } else { 1000.0 };
    let units = if binary {
        ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"]
    } else {
        ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"]
    };
    if bytes == 1.0 {
        return "1 Byte".to_owned();
    }
    if bytes < base {
        return format!("{} Bytes", bytes.trunc());
    }
    let mut size = bytes / base;
    let mut unit = 0;
    while size >= base && unit + 1 < units.len() {
        size /= base;
        unit += 1;
    }
    format!("{size:.1} {}", units[unit])
}
