//! What is in a value: attributes, items, slices, with the sandbox's refusals.

use std::rc::Rc;

use crate::arguments::integer;
use crate::fault::{Outcome, failed};
use crate::meter::Meter;
use crate::methods;
use crate::value::{Key, Loop, Method, Range, Value};

/// Bounds of a slice.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Slice {
    pub(crate) start: Option<i128>,
    pub(crate) stop: Option<i128>,
    pub(crate) step: Option<i128>,
}

/// `value.name`: an attribute, or else an item of that name.
pub(crate) fn attribute(value: &Value, name: &str) -> Outcome<Value> {
    value.defined()?;
    if let Some(found) = own_attribute(value, name)? {
        return Ok(found);
    }
    if let Value::Dict(dict) = value
        && let Some(found) = dict.entries.get(&Key::text(name))
    {
        return Ok(found.clone());
    }
    Ok(Value::undefined(format!("{} has no attribute '{name}'", value.described())))
}

/// `value[key]`: an item, or else an attribute of that name.
pub(crate) fn item(value: &Value, key: &Value, meter: &Meter<'_>) -> Outcome<Value> {
    value.defined()?;
    if let Some(found) = own_item(value, key, meter)? {
        return Ok(found);
    }
    match key.as_text() {
        Some(name) => match own_attribute(value, name)? {
            Some(found) => Ok(found),
            None => Ok(Value::undefined(format!("{} has no attribute '{name}'", value.described()))),
        },
        None => {
            let mut shown = meter.builder();
            crate::value::represented(key, &mut shown)?;
            Ok(Value::undefined(format!("{} has no element {}", value.described(), shown.as_str())))
        }
    }
}

/// A method or property of a value.
fn own_attribute(value: &Value, name: &str) -> Outcome<Option<Value>> {
    if let Some(name) = methods::named(value, name) {
        return Ok(Some(Value::Method(Rc::new(Method { object: value.clone(), name }))));
    }
    if methods::changes(value, name) || is_internal(name) {
        let kind = value.type_name();
        return Ok(Some(Value::undefined(format!(
            "access to attribute '{name}' of '{kind}' object is unsafe."
        ))));
    }
    Ok(match value {
        Value::Namespace(namespace) => namespace.attributes.borrow().get(name).cloned(),
        Value::Loop(state) => loop_attribute(state, name),
        Value::Cycler(cycler) if name == "current" => cycler.items.values.get(cycler.at.get()).cloned(),
        Value::Tuple(items) if items.is_group => match name {
            "grouper" => Some(items.values[0].clone()),
            "list" => Some(items.values[1].clone()),
            _ => None,
        },
        Value::Macro(bound) => match name {
            "name" => Some(Value::text(bound.definition.name.as_str())),
            "catch_kwargs" => Some(Value::Bool(bound.definition.takes.kwargs)),
            "catch_varargs" => Some(Value::Bool(bound.definition.takes.varargs)),
            "caller" => Some(Value::Bool(bound.definition.takes.caller)),
            _ => None,
        },
        Value::Range(range) => match name {
            "start" => Some(Value::Int(range.start)),
            "stop" => Some(Value::Int(range.stop)),
            "step" => Some(Value::Int(range.step)),
            _ => None,
        },
        Value::Int(number) if matches!(name, "real" | "numerator") => Some(Value::Int(*number)),
        Value::Float(number) if name == "real" => Some(Value::Float(*number)),
        _ => None,
    })
}

/// Attributes of Python objects that the sandbox hides.
fn is_internal(name: &str) -> bool {
    name.len() > 4 && name.starts_with("__") && name.ends_with("__")
}

fn loop_attribute(state: &Loop, name: &str) -> Option<Value> {
    let index = state.index.get();
    let length = state.items.values.len();
    let number = |number: usize| Some(Value::Int(number as i128));
    let neighbour = |at: Option<usize>, which: &str| {
        let found = at.and_then(|at| state.items.values.get(at)).cloned();
        Some(found.unwrap_or_else(|| Value::undefined(format!("there is no {which} item"))))
    };
    match name {
        "index" => number(index + 1),
        "index0" => number(index),
        "revindex" => number(length - index),
        "revindex0" => number(length - index - 1),
        "first" => Some(Value::Bool(index == 0)),
        "last" => Some(Value::Bool(index + 1 == length)),
        "length" => number(length),
        "depth" => number(state.depth0 + 1),
        "depth0" => number(state.depth0),
        "previtem" => neighbour(index.checked_sub(1), "previous"),
        "nextitem" => neighbour(Some(index + 1), "next"),
        _ => None,
    }
}

/// What Python's own `value[key]` gives; none where it raises.
fn own_item(value: &Value, key: &Value, meter: &Meter<'_>) -> Outcome<Option<Value>> {
    Ok(match value {
        Value::Dict(dict) => match Key::of(key) {
            Ok(key) => dict.entries.get(&key).cloned(),
            Err(_) => None,
        },
        Value::Text(text) | Value::Markup(text) => {
            let Some(index) = key.as_int() else { return Ok(None) };
            meter.work(text.len())?;
            let at = if index < 0 { index + text.chars().count() as i128 } else { index };
            let character = usize::try_from(at).ok().and_then(|at| text.chars().nth(at));
            character.map(|character| Value::text(character.encode_utf8(&mut [0; 4]) as &str))
        }
        Value::List(items) | Value::Tuple(items) => {
            let at = key.as_int().and_then(|index| position(index, items.values.len()));
            at.and_then(|at| items.values.get(at)).cloned()
        }
        Value::Range(range) => {
            let at = key.as_int().and_then(|index| position(index, range.length()));
            at.filter(|at| *at < range.length()).map(|at| Value::Int(range.start + at as i128 * range.step))
        }
        _ => None,
    })
}

/// An index, counted from the end if it is negative.
fn position(index: i128, length: usize) -> Option<usize> {
    usize::try_from(if index < 0 { index + length as i128 } else { index }).ok()
}

/// `value[start:stop:step]`
pub(crate) fn slice(value: &Value, slice: &Slice, meter: &Meter<'_>) -> Outcome<Value> {
    value.defined()?;
    match value {
        Value::Text(text) | Value::Markup(text) => {
            meter.make(text.len())?;
            // The usual case needs no list of characters.
            if slice.step.unwrap_or(1) == 1 {
                let picked = slice.indices(text.chars().count())?;
                let length = picked.length();
                let part: String = text.chars().skip(picked.start.max(0) as usize).take(length).collect();
                return Ok(Value::text(part));
            }
            meter.make(text.len() * size_of::<char>())?;
            let characters: Vec<char> = text.chars().collect();
            let picked = slice.indices(characters.len())?;
            let part = (0..picked.length()).map(|at| characters[picked.at(at)]);
            Ok(Value::text(part.collect::<String>()))
        }
        Value::List(items) => {
            let picked = slice.indices(items.values.len())?;
            Value::list((0..picked.length()).map(|at| items.values[picked.at(at)].clone()).collect(), meter)
        }
        Value::Tuple(items) => {
            let picked = slice.indices(items.values.len())?;
            Value::tuple((0..picked.length()).map(|at| items.values[picked.at(at)].clone()).collect(), meter)
        }
        Value::Range(range) => {
            let picked = slice.indices(range.length())?;
            Ok(Value::Range(Range {
                start: range.start + picked.start * range.step,
                stop: range.start + picked.stop * range.step,
                step: range.step * picked.step,
            }))
        }
        other => Ok(Value::undefined(format!("{} has no such element", other.described()))),
    }
}

impl Slice {
    /// The indices it picks out of `length` items, by Python's rules.
    fn indices(&self, length: usize) -> Outcome<Range> {
        let length = length as i128;
        let step = self.step.unwrap_or(1).clamp(-(1 << 40), 1 << 40);
        if step == 0 {
            return failed("slice step cannot be zero");
        }
        let (lowest, highest) = if step > 0 { (0, length) } else { (-1, length - 1) };
        let clamped = |bound: i128| {
            let bound = bound.clamp(-(1 << 62), 1 << 62);
            (if bound < 0 { bound + length } else { bound }).clamp(lowest, highest)
        };
        let (first, last) = if step > 0 { (lowest, highest) } else { (highest, lowest) };
        Ok(Range { start: self.start.map_or(first, clamped), stop: self.stop.map_or(last, clamped), step })
    }
}

impl Range {
    /// The index at a place of a slice, which is not negative.
    fn at(&self, place: usize) -> usize {
        (self.start + place as i128 * self.step) as usize
    }
}

/// What `attribute="a.0.b"` of a filter picks.
pub(crate) fn picked(value: &Value, path: &Value, meter: &Meter<'_>) -> Outcome<Value> {
    let Some(path) = path.as_text() else {
        return item(value, &Value::Int(integer(path)?), meter);
    };
    let mut value = value.clone();
    for part in path.split('.') {
        let key = match part.parse() {
            Ok(index) if part.bytes().all(|byte| byte.is_ascii_digit()) => Value::Int(index),
            _ => Value::text(part),
        };
        value = item(&value, &key, meter)?;
    }
    Ok(value)
}
