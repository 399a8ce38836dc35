//! Methods of Python's own values. Those that change a value exist and are refused, as the sandbox does.

mod case;
mod search;
mod split;

pub(crate) use case::{capitalized, is_lower, is_upper};
pub(crate) use search::{replaced, stripped};
pub(crate) use split::lines;

use indexmap::IndexMap;

use crate::arguments::{optional, required, text};
use crate::fault::{Outcome, failed};
use crate::filters::escaped;
use crate::format;
use crate::meter::Meter;
use crate::value::{Items, Method, Value, Values, View, equal};
use std::rc::Rc;

const TEXT: [&str; 44] = [
    "capitalize",
    "casefold",
    "center",
    "count",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "upper",
    "zfill",
];

const DICT: [&str; 5] = ["copy", "get", "items", "keys", "values"];
const DICT_CHANGES: [&str; 5] = ["clear", "pop", "popitem", "setdefault", "update"];
const LIST: [&str; 3] = ["copy", "count", "index"];
const LIST_CHANGES: [&str; 8] = ["append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"];
const TUPLE: [&str; 2] = ["count", "index"];
const CYCLER: [&str; 2] = ["next", "reset"];
const LOOP: [&str; 2] = ["changed", "cycle"];
const FLOAT: [&str; 1] = ["is_integer"];
const INT: [&str; 1] = ["bit_length"];

/// The method of this name, if the value has one.
pub(crate) fn named(value: &Value, name: &str) -> Option<&'static str> {
    let methods: &[&'static str] = match value {
        Value::Text(_) | Value::Markup(_) => &TEXT,
        Value::Dict(_) => &DICT,
        Value::List(_) => &LIST,
        Value::Tuple(_) | Value::Range(_) => &TUPLE,
        Value::Cycler(_) => &CYCLER,
        Value::Loop(_) => &LOOP,
        Value::Float(_) => &FLOAT,
        Value::Int(_) | Value::Bool(_) => &INT,
        _ => return None,
    };
    methods.iter().find(|method| **method == name).copied()
}

/// Whether a method of this name would change the value.
pub(crate) fn changes(value: &Value, name: &str) -> bool {
    match value {
        Value::Dict(_) => DICT_CHANGES.contains(&name),
        Value::List(_) => LIST_CHANGES.contains(&name),
        _ => false,
    }
}

/// Calls a method.
pub(crate) fn call(method: &Method, arguments: Values, meter: &Meter<'_>) -> Outcome<Value> {
    let name = method.name;
    match &method.object {
        Value::Text(text) => of_text(text, name, arguments, meter),
        Value::Markup(text) => of_markup(text, name, arguments, meter),
        Value::Dict(_) => of_dict(&method.object, name, arguments, meter),
        Value::List(items) if name == "copy" => Value::list(items.values.clone(), meter),
        Value::List(_) | Value::Tuple(_) | Value::Range(_) => {
            of_sequence(&method.object, name, arguments, meter)
        }
        Value::Cycler(cycler) => {
            if name == "reset" {
                cycler.at.set(0);
                return Ok(Value::None);
            }
            let at = cycler.at.get();
            cycler.at.set((at + 1) % cycler.items.values.len());
            Ok(cycler.items.values[at].clone())
        }
        Value::Loop(state) if name == "cycle" => {
            let values = arguments.positional;
            if values.is_empty() {
                return failed("no items for cycling given");
            }
            Ok(values[state.index.get() % values.len()].clone())
        }
        Value::Loop(state) => {
            let same = state.changed.borrow().as_ref().is_some_and(|before| {
                let pairs = before.iter().zip(&arguments.positional);
                before.len() == arguments.positional.len()
                    && pairs.into_iter().all(|(before, now)| equal(before, now))
            });
            *state.changed.borrow_mut() = Some(arguments.positional);
            Ok(Value::Bool(!same))
        }
        Value::Float(number) => Ok(Value::Bool(number.is_finite() && number.fract() == 0.0)),
        other => match other.as_int() {
            Some(number) => Ok(Value::Int(i128::from(128 - number.unsigned_abs().leading_zeros()))),
            None => failed(format!("'{}' object has no method '{name}'", other.type_name())),
        },
    }
}

/// Methods of markup give markup; what `format`, `join` and `replace` put into it is escaped.
fn of_markup(text: &str, name: &str, mut arguments: Values, meter: &Meter<'_>) -> Outcome<Value> {
    if matches!(name, "format" | "replace") {
        for value in arguments.positional.iter_mut().chain(arguments.named.iter_mut().map(|(_, value)| value))
        {
            if value.as_text().is_some() {
                *value = escaped(value, meter)?;
            }
        }
    }
    if let ("join", [iterable]) = (name, arguments.positional.as_mut_slice()) {
        let values = iterable.iterate(meter)?;
        let escaped = values.iter().map(|value| escaped(value, meter)).collect::<Outcome<_>>()?;
        *iterable = Value::list(escaped, meter)?;
    }
    Ok(match of_text(text, name, arguments, meter)? {
        Value::List(items) => Value::list(items.values.iter().cloned().map(Value::marked).collect(), meter)?,
        Value::Tuple(items) => {
            Value::tuple(items.values.iter().cloned().map(Value::marked).collect(), meter)?
        }
        other => other.marked(),
    })
}

fn of_text(text: &str, name: &str, arguments: Values, meter: &Meter<'_>) -> Outcome<Value> {
    meter.work(text.len())?;
    match name {
        "split" | "rsplit" | "splitlines" | "partition" | "rpartition" => {
            split::call(text, name, arguments, meter)
        }
        "find" | "rfind" | "index" | "rindex" | "count" | "startswith" | "endswith" | "replace"
        | "removeprefix" | "removesuffix" | "strip" | "lstrip" | "rstrip" => {
            search::call(text, name, arguments, meter)
        }
        "join" => join(text, arguments, meter),
        "format" => format::braces(text, &arguments, meter),
        "format_map" => {
            let [mapping] = arguments.bind(name, ["mapping"])?;
            let Value::Dict(dict) = required(mapping, name, "mapping")? else {
                return failed("format_map() argument must be a mapping");
            };
            let entry = |(key, value): (&crate::value::Key, &Value)| {
                key.0.as_text().map(|key| (key.to_owned(), value.clone()))
            };
            let named = dict.entries.iter().filter_map(entry).collect();
            format::braces(text, &Values { positional: Vec::new(), named }, meter)
        }
        "isprintable" => Ok(Value::Bool(text.chars().all(crate::value::is_printable))),
        "center" | "ljust" | "rjust" | "zfill" | "expandtabs" => case::padded(text, name, arguments, meter),
        _ => match case::predicate(text, name) {
            Some(holds) => Ok(Value::Bool(holds)),
            None => meter.text(&case::changed(text, name, meter)?),
        },
    }
}

fn join(separator: &str, arguments: Values, meter: &Meter<'_>) -> Outcome<Value> {
    let [iterable] = arguments.bind("join", ["iterable"])?;
    let values = required(iterable, "join", "iterable")?.iterate(meter)?;
    let mut joined = meter.builder();
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            joined.push(separator)?;
        }
        match value.as_text() {
            Some(text) => joined.push(text)?,
            None => {
                let kind = value.type_name();
                return failed(format!("sequence item {at}: expected str instance, {kind} found"));
            }
        }
    }
    Ok(joined.finish())
}

fn of_dict(object: &Value, name: &str, arguments: Values, meter: &Meter<'_>) -> Outcome<Value> {
    let Value::Dict(dict) = object else { return Ok(Value::None) };
    if name == "get" {
        let [key, default] = arguments.bind(name, ["key", "default"])?;
        let key = crate::value::Key::of(&required(key, name, "key")?)?;
        return Ok(dict.entries.get(&key).cloned().or(default).unwrap_or(Value::None));
    }
    let [] = arguments.bind(name, [])?;
    let (kind, values) = match name {
        "keys" => ("dict_keys", dict.entries.keys().map(|key| key.0.clone()).collect()),
        "values" => ("dict_values", dict.entries.values().cloned().collect()),
        "items" => ("dict_items", pairs(object, meter)?),
        _ => {
            let entries: IndexMap<_, _> = dict.entries.clone();
            return Value::dict(entries, meter);
        }
    };
    Ok(Value::View(Rc::new(View { kind, items: Rc::new(Items::new(values, meter)?) })))
}

/// Keys and values of a dictionary, as tuples.
pub(crate) fn pairs(object: &Value, meter: &Meter<'_>) -> Outcome<Vec<Value>> {
    let Value::Dict(dict) = object else {
        return failed("Can only get item pairs from a mapping.");
    };
    let pair =
        |(key, value): (&crate::value::Key, &Value)| Value::tuple(vec![key.0.clone(), value.clone()], meter);
    dict.entries.iter().map(pair).collect()
}

fn of_sequence(object: &Value, name: &str, arguments: Values, meter: &Meter<'_>) -> Outcome<Value> {
    let [wanted, start, stop] = arguments.bind(name, ["value", "start", "stop"])?;
    let wanted = required(wanted, name, "value")?;
    let values = object.iterate(meter)?;
    meter.work(object.weight())?;
    if name == "count" {
        return Ok(Value::Int(values.iter().filter(|value| equal(value, &wanted)).count() as i128));
    }
    let bound = |value: Option<Value>, default: usize| match optional(value) {
        Some(value) => crate::arguments::count(&value),
        None => Ok(default),
    };
    let (start, stop) = (bound(start, 0)?, bound(stop, values.len())?);
    let found = values.iter().take(stop).skip(start).position(|value| equal(value, &wanted));
    match found {
        Some(at) => Ok(Value::Int((start + at) as i128)),
        None => failed(format!("the value is not in {}", object.type_name())),
    }
}

/// A text argument that may be None or missing.
fn optional_text(value: Option<Value>, function: &str) -> Outcome<Option<Rc<str>>> {
    match optional(value) {
        Some(value) => text(&value, function).map(|text| Some(Rc::from(text))),
        None => Ok(None),
    }
}
