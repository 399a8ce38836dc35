//! Equality, order and membership.

use std::cmp::Ordering;
use std::rc::Rc;

use super::{Items, Key, Value};
use crate::fault::{Outcome, failed};
use crate::meter::Meter;

/// Python's `==`.
pub(crate) fn equal(left: &Value, right: &Value) -> bool {
    if let (Some(left), Some(right)) = (left.as_int(), right.as_int()) {
        return left == right;
    }
    if let (Some(left), Some(right)) = (left.as_float(), right.as_float()) {
        return left == right;
    }
    if let (Some(left), Some(right)) = (left.as_text(), right.as_text()) {
        return left == right;
    }
    match (left, right) {
        (Value::Undefined(_), Value::Undefined(_)) | (Value::None, Value::None) => true,
        (Value::List(left), Value::List(right)) | (Value::Tuple(left), Value::Tuple(right)) => {
            equal_items(left, right)
        }
        (Value::Dict(left), Value::Dict(right)) => {
            let same = |(key, value): (&Key, &Value)| {
                right.entries.get(key).is_some_and(|other| equal(value, other))
            };
            left.entries.len() == right.entries.len() && left.entries.iter().all(same)
        }
        (Value::View(left), Value::View(right)) => {
            left.kind == right.kind && equal_items(&left.items, &right.items)
        }
        (Value::Range(left), Value::Range(right)) => left == right,
        _ => same(left, right),
    }
}

fn equal_items(left: &Items, right: &Items) -> bool {
    let pairs = left.values.iter().zip(&right.values);
    left.values.len() == right.values.len() && pairs.into_iter().all(|(left, right)| equal(left, right))
}

/// Python's `is`, for values that have an identity of their own.
pub(crate) fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::None, Value::None) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::List(left), Value::List(right)) | (Value::Tuple(left), Value::Tuple(right)) => {
            Rc::ptr_eq(left, right)
        }
        (Value::Dict(left), Value::Dict(right)) => Rc::ptr_eq(left, right),
        (Value::Namespace(left), Value::Namespace(right)) => Rc::ptr_eq(left, right),
        (Value::Loop(left), Value::Loop(right)) => Rc::ptr_eq(left, right),
        (Value::Macro(left), Value::Macro(right)) => Rc::ptr_eq(left, right),
        (Value::Stream(left), Value::Stream(right)) => Rc::ptr_eq(left, right),
        (Value::Function(left), Value::Function(right)) => left == right,
        _ => false,
    }
}

/// The order of two values; `sign` is the operator, for the message where they have none.
pub(crate) fn compare(left: &Value, right: &Value, sign: &str) -> Outcome<Option<Ordering>> {
    left.defined()?;
    right.defined()?;
    if let (Some(left), Some(right)) = (left.as_int(), right.as_int()) {
        return Ok(Some(left.cmp(&right)));
    }
    if let (Some(left), Some(right)) = (left.as_float(), right.as_float()) {
        return Ok(left.partial_cmp(&right));
    }
    if let (Some(left), Some(right)) = (left.as_text(), right.as_text()) {
        return Ok(Some(left.cmp(right)));
    }
    match (left, right) {
        (Value::List(left), Value::List(right)) | (Value::Tuple(left), Value::Tuple(right)) => {
            for (left, right) in left.values.iter().zip(&right.values) {
                if !equal(left, right) {
                    return compare(left, right, sign);
                }
            }
            Ok(Some(left.values.len().cmp(&right.values.len())))
        }
        _ => failed(format!(
            "'{sign}' not supported between instances of '{}' and '{}'",
            left.type_name(),
            right.type_name()
        )),
    }
}

/// Python's `item in container`.
pub(crate) fn contains(container: &Value, item: &Value, meter: &Meter<'_>) -> Outcome<bool> {
    meter.work(container.weight().saturating_add(item.weight()))?;
    match container {
        Value::Text(text) | Value::Markup(text) => match item {
            Value::Text(part) | Value::Markup(part) => Ok(text.contains(&**part)),
            Value::Undefined(message) => failed(&**message),
            other => {
                failed(format!("'in <string>' requires string as left operand, not {}", other.type_name()))
            }
        },
        Value::Dict(dict) => Ok(dict.entries.contains_key(&Key::of(item)?)),
        Value::List(items) | Value::Tuple(items) => Ok(items.values.iter().any(|other| equal(item, other))),
        Value::View(view) => Ok(view.items.values.iter().any(|other| equal(item, other))),
        Value::Undefined(_) | Value::Range(_) | Value::Stream(_) => {
            Ok(container.iterate(meter)?.iter().any(|other| equal(item, other)))
        }
        other => failed(format!("argument of type '{}' is not iterable", other.type_name())),
    }
}
