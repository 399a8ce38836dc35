//! Filters that look into each item: by attribute, by test, by another filter.

use crate::arguments::{optional, required, text};
use crate::attribute::{attribute, picked};
use crate::fault::{Outcome, failed};
use crate::meter::Meter;
use crate::predicates;
use crate::value::{Value, Values};

pub(super) fn apply(name: &str, value: &Value, arguments: Values, meter: &Meter<'_>) -> Outcome<Value> {
    match name {
        "attr" => {
            let [attribute_name] = arguments.bind(name, ["name"])?;
            let attribute_name = required(attribute_name, name, "name")?;
            let found = attribute(value, text(&attribute_name, name)?)?;
            // Unlike a dot, this filter never looks for an item.
            let is_item = matches!(value, Value::Dict(_)) && !matches!(found, Value::Method(_));
            let missing = || Value::undefined(format!("{} has no such attribute", value.described()));
            Ok(if is_item { missing() } else { found })
        }
        // A generator of nothing.
        _ if !value.is_true() => Value::stream(Vec::new(), meter),
        "map" => map(value, arguments, meter),
        _ => choose(name, value, arguments, meter),
    }
}

fn map(value: &Value, arguments: Values, meter: &Meter<'_>) -> Outcome<Value> {
    let items = value.iterate(meter)?;
    let mapped = if arguments.positional.is_empty() {
        let [path, default] = arguments.bind("map", ["attribute", "default"])?;
        let path = required(path, "map", "attribute")?;
        let default = optional(default);
        let pick = |item: &Value| {
            let found = picked(item, &path, meter)?;
            Ok(match (&found, &default) {
                (Value::Undefined(_), Some(default)) => default.clone(),
                _ => found,
            })
        };
        items.iter().map(pick).collect::<Outcome<_>>()?
    } else {
        let mut arguments = arguments;
        let filter = arguments.positional.remove(0);
        let filter = text(&filter, "map")?;
        let apply = |item: Value| super::apply(filter, item, arguments.clone(), meter);
        items.into_iter().map(apply).collect::<Outcome<_>>()?
    };
    Value::stream(mapped, meter)
}

/// `select`, `reject`, `selectattr`, `rejectattr`
fn choose(name: &str, value: &Value, mut arguments: Values, meter: &Meter<'_>) -> Outcome<Value> {
    let path = if name.ends_with("attr") {
        if arguments.positional.is_empty() {
            return failed("Missing parameter for attribute name");
        }
        Some(arguments.positional.remove(0))
    } else {
        None
    };
    let test = if arguments.positional.is_empty() { None } else { Some(arguments.positional.remove(0)) };
    let wanted = name.starts_with("select");
    let mut chosen = Vec::new();
    for item in value.iterate(meter)? {
        let subject = match &path {
            Some(path) => picked(&item, path, meter)?,
            None => item.clone(),
        };
        let holds = match &test {
            Some(test) => predicates::holds(text(test, name)?, &subject, arguments.clone(), meter)?,
            None => subject.is_true(),
        };
        if holds == wanted {
            chosen.push(item);
        }
    }
    Value::stream(chosen, meter)
}
