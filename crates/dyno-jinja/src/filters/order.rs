//! Filters that compare items with each other.

use std::cmp::Ordering;
use std::rc::Rc;

use indexmap::IndexMap;

use crate::arguments::{flag, optional, required, text};
use crate::ast::Operator;
use crate::attribute::picked;
use crate::fault::{Outcome, Reason, failed};
use crate::meter::Meter;
use crate::methods;
use crate::operators::binary;
use crate::value::{Items, Key, Value, Values, compare, equal};

pub(super) fn apply(name: &str, value: &Value, arguments: Values, meter: &Meter<'_>) -> Outcome<Value> {
    match name {
        "sort" => {
            let [reverse, case_sensitive, path] =
                arguments.bind(name, ["reverse", "case_sensitive", "attribute"])?;
            let key = SortKey { path: optional(path), case_sensitive: flag(case_sensitive.as_ref(), false) };
            let keyed = key.all(value.iterate(meter)?, meter)?;
            Value::list(values(sorted(keyed, flag(reverse.as_ref(), false), meter)?), meter)
        }
        "dictsort" => dictsort(value, arguments, meter),
        "unique" => {
            let [case_sensitive, path] = arguments.bind(name, ["case_sensitive", "attribute"])?;
            let key = SortKey { path: optional(path), case_sensitive: flag(case_sensitive.as_ref(), false) };
            let mut seen = IndexMap::new();
            let mut unique = Vec::new();
            for item in key.all(value.iterate(meter)?, meter)? {
                meter.work(item.key[0].weight())?;
                if seen.insert(Key::of(&item.key[0])?, ()).is_none() {
                    unique.push(item.value);
                }
            }
            Value::stream(unique, meter)
        }
        "min" | "max" => extreme(name, value, arguments, meter),
        "sum" => sum(value, arguments, meter),
        "groupby" => groupby(value, arguments, meter),
        _ => {
            let [] = arguments.bind(name, [])?;
            if let Some(text) = value.as_text() {
                let mut out = meter.builder();
                text.chars().rev().try_for_each(|character| out.push_char(character))?;
                return Ok(out.finish());
            }
            let mut items = value.iterate(meter)?;
            items.reverse();
            Value::stream(items, meter)
        }
    }
}

/// What items are sorted by.
struct SortKey {
    path: Option<Value>,
    case_sensitive: bool,
}

/// An item and what it is sorted by.
struct Keyed {
    key: Vec<Value>,
    value: Value,
}

impl SortKey {
    fn all(&self, items: Vec<Value>, meter: &Meter<'_>) -> Outcome<Vec<Keyed>> {
        items.into_iter().map(|value| Ok(Keyed { key: self.of(&value, meter)?, value })).collect()
    }

    /// One part for each attribute, of which `sort` may have several.
    fn of(&self, item: &Value, meter: &Meter<'_>) -> Outcome<Vec<Value>> {
        let parts = match &self.path {
            None => vec![item.clone()],
            Some(Value::Text(paths) | Value::Markup(paths)) => {
                let part = |path: &str| picked(item, &Value::text(path), meter);
                paths.split(',').map(part).collect::<Outcome<_>>()?
            }
            Some(index) => vec![picked(item, index, meter)?],
        };
        parts.into_iter().map(|part| self.folded(part, meter)).collect()
    }

    fn folded(&self, part: Value, meter: &Meter<'_>) -> Outcome<Value> {
        match part.as_text() {
            Some(text) if !self.case_sensitive => meter.text(&text.to_lowercase()),
            _ => Ok(part),
        }
    }
}

fn values(keyed: Vec<Keyed>) -> Vec<Value> {
    keyed.into_iter().map(|item| item.value).collect()
}

/// In order, equal ones as they came.
fn sorted(mut items: Vec<Keyed>, reverse: bool, meter: &Meter<'_>) -> Outcome<Vec<Keyed>> {
    let mut fault: Option<Reason> = None;
    items.sort_by(|left, right| {
        if fault.is_some() {
            return Ordering::Equal;
        }
        match order(left, right, meter) {
            Ok(order) => {
                if reverse {
                    order.reverse()
                } else {
                    order
                }
            }
            Err(reason) => {
                fault = Some(reason);
                Ordering::Equal
            }
        }
    });
    match fault {
        Some(reason) => Err(reason),
        None => Ok(items),
    }
}

fn order(left: &Keyed, right: &Keyed, meter: &Meter<'_>) -> Outcome<Ordering> {
    for (left, right) in left.key.iter().zip(&right.key) {
        meter.work(left.weight().min(right.weight()))?;
        if !equal(left, right) {
            return Ok(compare(left, right, "<")?.unwrap_or(Ordering::Equal));
        }
    }
    Ok(Ordering::Equal)
}

fn dictsort(value: &Value, arguments: Values, meter: &Meter<'_>) -> Outcome<Value> {
    let [case_sensitive, by, reverse] = arguments.bind("dictsort", ["case_sensitive", "by", "reverse"])?;
    let place = match by.as_ref().and_then(Value::as_text) {
        None | Some("key") => 0,
        Some("value") => 1,
        Some(_) => return failed("You can only sort by either \"key\" or \"value\""),
    };
    let key = SortKey { path: Some(Value::Int(place)), case_sensitive: flag(case_sensitive.as_ref(), false) };
    let keyed = key.all(methods::pairs(value, meter)?, meter)?;
    Value::list(values(sorted(keyed, flag(reverse.as_ref(), false), meter)?), meter)
}

fn extreme(name: &str, value: &Value, arguments: Values, meter: &Meter<'_>) -> Outcome<Value> {
    let [case_sensitive, path] = arguments.bind(name, ["case_sensitive", "attribute"])?;
    let key = SortKey { path: optional(path), case_sensitive: flag(case_sensitive.as_ref(), false) };
    let wanted = if name == "min" { Ordering::Less } else { Ordering::Greater };
    let mut best: Option<Keyed> = None;
    for item in key.all(value.iterate(meter)?, meter)? {
        let is_better = match &best {
            Some(best) => order(&item, best, meter)? == wanted,
            None => true,
        };
        if is_better {
            best = Some(item);
        }
    }
    Ok(best.map_or_else(|| Value::undefined("No aggregated item, sequence was empty."), |best| best.value))
}

fn sum(value: &Value, arguments: Values, meter: &Meter<'_>) -> Outcome<Value> {
    let [path, start] = arguments.bind("sum", ["attribute", "start"])?;
    let path = optional(path);
    let mut total = start.unwrap_or(Value::Int(0));
    for item in value.iterate(meter)? {
        let item = match &path {
            Some(path) => picked(&item, path, meter)?,
            None => item,
        };
        total = binary(Operator::Add, &total, &item, meter)?;
    }
    Ok(total)
}

fn groupby(value: &Value, arguments: Values, meter: &Meter<'_>) -> Outcome<Value> {
    let [path, default, case_sensitive] =
        arguments.bind("groupby", ["attribute", "default", "case_sensitive"])?;
    let path = required(path, "groupby", "attribute")?;
    text(&path, "groupby")?;
    let default = optional(default);
    let key = SortKey { path: None, case_sensitive: flag(case_sensitive.as_ref(), false) };
    let mut items = Vec::new();
    for value in value.iterate(meter)? {
        let grouper = match (picked(&value, &path, meter)?, &default) {
            (Value::Undefined(_), Some(default)) => default.clone(),
            (found, _) => found,
        };
        let folded = key.folded(grouper.clone(), meter)?;
        items.push(Keyed { key: vec![folded], value: Value::tuple(vec![grouper, value], meter)? });
    }
    let mut groups: Vec<Group> = Vec::new();
    for Keyed { key, value } in sorted(items, false, meter)? {
        let Value::Tuple(pair) = value else { continue };
        match groups.last_mut().filter(|group| equal(&group.folded, &key[0])) {
            Some(group) => group.list.push(pair.values[1].clone()),
            None => groups.push(Group {
                folded: key[0].clone(),
                grouper: pair.values[0].clone(),
                list: vec![pair.values[1].clone()],
            }),
        }
    }
    let tuple = |group: Group| {
        let list = Value::list(group.list, meter)?;
        Ok(Value::Tuple(Rc::new(Items::group(group.grouper, list, meter)?)))
    };
    Value::list(groups.into_iter().map(tuple).collect::<Outcome<_>>()?, meter)
}

/// A group of `groupby`; its name keeps the case of its first item.
struct Group {
    folded: Value,
    grouper: Value,
    list: Vec<Value>,
}
