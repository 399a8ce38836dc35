//! Filters that take sequences apart or put them together.

use crate::arguments::{count, optional, required};
use crate::attribute::picked;
use crate::fault::{Outcome, failed};
use crate::meter::Meter;
use crate::methods;
use crate::value::{Value, Values, shown};

pub(super) fn apply(name: &str, value: &Value, arguments: Values, meter: &Meter<'_>) -> Outcome<Value> {
    match name {
        "join" => join(value, arguments, meter),
        "batch" => {
            let [size, fill] = arguments.bind(name, ["linecount", "fill_with"])?;
            let size = count(&required(size, name, "linecount")?)?.max(1);
            batch(value.iterate(meter)?, size, optional(fill).as_ref(), meter)
        }
        "slice" => {
            let [slices, fill] = arguments.bind(name, ["slices", "fill_with"])?;
            let slices = count(&required(slices, name, "slices")?)?;
            if slices == 0 {
                return failed("integer division or modulo by zero");
            }
            slice(&value.iterate(meter)?, slices, optional(fill).as_ref(), meter)
        }
        _ => {
            let [] = arguments.bind(name, [])?;
            whole(name, value, meter)
        }
    }
}

fn whole(name: &str, value: &Value, meter: &Meter<'_>) -> Outcome<Value> {
    match name {
        "list" => Value::list(value.iterate(meter)?, meter),
        "items" => match value {
            Value::Undefined(_) => Value::stream(Vec::new(), meter),
            _ => Value::stream(methods::pairs(value, meter)?, meter),
        },
        "first" => {
            let first = value.iterate(meter)?.into_iter().next();
            Ok(first.unwrap_or_else(|| Value::undefined("No first item, sequence was empty.")))
        }
        "last" => {
            if matches!(value, Value::Stream(_)) {
                return failed("'generator' object is not reversible");
            }
            let last = value.iterate(meter)?.pop();
            Ok(last.unwrap_or_else(|| Value::undefined("No last item, sequence was empty.")))
        }
        _ => match value.length() {
            Some(length) => Ok(Value::Int(length as i128)),
            None => failed(format!("object of type '{}' has no len()", value.type_name())),
        },
    }
}

fn join(value: &Value, arguments: Values, meter: &Meter<'_>) -> Outcome<Value> {
    let [separator, path] = arguments.bind("join", ["d", "attribute"])?;
    let separator = match separator {
        Some(separator) => super::text_of(&separator, meter)?,
        None => String::new(),
    };
    let path = optional(path);
    let mut joined = meter.builder();
    for (at, item) in value.iterate(meter)?.iter().enumerate() {
        if at > 0 {
            joined.push(&separator)?;
        }
        match &path {
            Some(path) => shown(&picked(item, path, meter)?, &mut joined)?,
            None => shown(item, &mut joined)?,
        }
    }
    Ok(joined.finish())
}

fn batch(items: Vec<Value>, size: usize, fill: Option<&Value>, meter: &Meter<'_>) -> Outcome<Value> {
    let mut batches = Vec::new();
    for chunk in items.chunks(size) {
        let mut batch = chunk.to_vec();
        if let Some(fill) = fill {
            meter.make((size - batch.len()).saturating_mul(crate::value::ITEM_BYTES))?;
            batch.resize(size, fill.clone());
        }
        batches.push(Value::list(batch, meter)?);
    }
    Value::stream(batches, meter)
}

fn slice(items: &[Value], slices: usize, fill: Option<&Value>, meter: &Meter<'_>) -> Outcome<Value> {
    meter.make(slices.saturating_mul(crate::value::ITEM_BYTES))?;
    let (each, longer) = (items.len() / slices, items.len() % slices);
    let mut parts = Vec::new();
    let mut from = 0;
    for number in 0..slices {
        let length = each + usize::from(number < longer);
        let mut part = items[from..from + length].to_vec();
        from += length;
        if let Some(fill) = fill.filter(|_| number >= longer && longer > 0) {
            part.push(fill.clone());
        }
        parts.push(Value::list(part, meter)?);
    }
    Value::stream(parts, meter)
}
