//! Jinja's tests: what stands behind `is`.

use crate::arguments::{integer, required};
use crate::fault::{Outcome, failed};
use crate::filters;
use crate::meter::Meter;
use crate::methods::{is_lower, is_upper};
use crate::value::{Value, Values, compare, contains, equal, same, shown};

/// All of them.
const NAMES: [&str; 39] = [
    "odd",
    "even",
    "divisibleby",
    "defined",
    "undefined",
    "filter",
    "test",
    "none",
    "boolean",
    "false",
    "true",
    "integer",
    "float",
    "lower",
    "upper",
    "string",
    "mapping",
    "number",
    "sequence",
    "iterable",
    "callable",
    "sameas",
    "escaped",
    "in",
    "==",
    "eq",
    "equalto",
    "!=",
    "ne",
    ">",
    "gt",
    "greaterthan",
    "ge",
    ">=",
    "<",
    "lt",
    "lessthan",
    "<=",
    "le",
];

/// Whether `value is name(arguments)`.
pub(crate) fn holds(name: &str, value: &Value, arguments: Values, meter: &Meter<'_>) -> Outcome<bool> {
    if !NAMES.contains(&name) {
        return failed(format!("No test named '{name}'."));
    }
    if let Some(holds) = of_kind(name, value) {
        let [] = arguments.bind(name, [])?;
        return Ok(holds);
    }
    match name {
        "odd" | "even" | "lower" | "upper" | "filter" | "test" => {
            let [] = arguments.bind(name, [])?;
            of_content(name, value, meter)
        }
        _ => {
            let [other] = arguments.bind(name, ["other"])?;
            of_two(name, value, &required(other, name, "other")?, meter)
        }
    }
}

/// Tests of what a value is.
fn of_kind(name: &str, value: &Value) -> Option<bool> {
    Some(match name {
        "defined" => !matches!(value, Value::Undefined(_)),
        "undefined" => matches!(value, Value::Undefined(_)),
        "none" => matches!(value, Value::None),
        "boolean" => matches!(value, Value::Bool(_)),
        "false" => matches!(value, Value::Bool(false)),
        "true" => matches!(value, Value::Bool(true)),
        "integer" => matches!(value, Value::Int(_)),
        "float" => matches!(value, Value::Float(_)),
        "string" => value.as_text().is_some(),
        "mapping" => matches!(value, Value::Dict(_)),
        "number" => value.as_float().is_some(),
        "sequence" => matches!(
            value,
            Value::Text(_)
                | Value::Markup(_)
                | Value::List(_)
                | Value::Tuple(_)
                | Value::Dict(_)
                | Value::Range(_)
        ),
        "iterable" => value.is_iterable(),
        "callable" => value.is_callable(),
        "escaped" => matches!(value, Value::Markup(_)),
        _ => return None,
    })
}

fn of_content(name: &str, value: &Value, meter: &Meter<'_>) -> Outcome<bool> {
    match name {
        "odd" | "even" => {
            let remainder =
                crate::operators::binary(crate::ast::Operator::Rem, value, &Value::Int(2), meter)?;
            Ok(equal(&remainder, &Value::Int(i128::from(name == "odd"))))
        }
        "lower" | "upper" => {
            let mut text = meter.builder();
            shown(value, &mut text)?;
            Ok(if name == "lower" { is_lower(text.as_str()) } else { is_upper(text.as_str()) })
        }
        "filter" => Ok(value.as_text().is_some_and(filters::exists)),
        _ => Ok(value.as_text().is_some_and(|name| NAMES.contains(&name))),
    }
}

fn of_two(name: &str, value: &Value, other: &Value, meter: &Meter<'_>) -> Outcome<bool> {
    meter.work(value.weight().min(other.weight()))?;
    Ok(match name {
        "divisibleby" => {
            let divisor = integer(other)?;
            let remainder =
                crate::operators::binary(crate::ast::Operator::Rem, value, &Value::Int(divisor), meter)?;
            equal(&remainder, &Value::Int(0))
        }
        "sameas" => same(value, other) || is_same_text_or_number(value, other),
        "in" => contains(other, value, meter)?,
        "==" | "eq" | "equalto" => equal(value, other),
        "!=" | "ne" => !equal(value, other),
        ">" | "gt" | "greaterthan" => compare(value, other, ">")?.is_some_and(std::cmp::Ordering::is_gt),
        ">=" | "ge" => compare(value, other, ">=")?.is_some_and(std::cmp::Ordering::is_ge),
        "<" | "lt" | "lessthan" => compare(value, other, "<")?.is_some_and(std::cmp::Ordering::is_lt),
        _ => compare(value, other, "<=")?.is_some_and(std::cmp::Ordering::is_le),
    })
}

/// Python keeps one object for equal small numbers and for equal names; larger ones may differ.
fn is_same_text_or_number(value: &Value, other: &Value) -> bool {
    match (value, other) {
        (Value::Text(value), Value::Text(other)) => value == other,
        (Value::Int(value), Value::Int(other)) => value == other,
        _ => false,
    }
}
