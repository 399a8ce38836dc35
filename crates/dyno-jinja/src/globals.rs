//! Functions that every template has: Jinja's, and those of the transformers library.

use std::cell::Cell;
use std::rc::Rc;

use indexmap::IndexMap;

use crate::arguments::{integer, required, text};
use crate::fault::{Outcome, Reason, failed};
use crate::meter::Meter;
use crate::value::{Cycler, Function, Items, Joiner, Key, Range, Value, Values, shown};

/// Longest range that Jinja's sandbox makes.
const RANGE_MAX: usize = 100_000;

/// A name that no template has to define.
pub(crate) fn named(name: &str) -> Option<Value> {
    Some(Value::Function(match name {
        "range" => Function::Range,
        "dict" => Function::Dict,
        "namespace" => Function::Namespace,
        "cycler" => Function::Cycler,
        "joiner" => Function::Joiner,
        "raise_exception" => Function::RaiseException,
        "strftime_now" => Function::StrftimeNow,
        _ => return None,
    }))
}

/// Calls one of them.
pub(crate) fn call(function: Function, arguments: Values, meter: &Meter<'_>) -> Outcome<Value> {
    match function {
        Function::Range => range(arguments),
        // A namespace begins as a dictionary.
        Function::Dict | Function::Namespace => dict(arguments, meter),
        Function::Cycler => {
            if arguments.positional.is_empty() {
                return failed("at least one item has to be provided");
            }
            let items = Rc::new(Items::new(arguments.positional, meter)?);
            Ok(Value::Cycler(Rc::new(Cycler { items, at: Cell::new(0) })))
        }
        Function::Joiner => {
            let [separator] = arguments.bind("joiner", ["sep"])?;
            let separator = match separator {
                Some(separator) => Rc::from(text(&separator, "joiner")?),
                None => Rc::from(", "),
            };
            Ok(Value::Joiner(Rc::new(Joiner { separator, used: Cell::new(false) })))
        }
        Function::RaiseException => {
            let [message] = arguments.bind("raise_exception", ["message"])?;
            let mut words = meter.builder();
            shown(&required(message, "raise_exception", "message")?, &mut words)?;
            Err(Reason::Refused(words.into_string()))
        }
        Function::StrftimeNow => {
            let [format] = arguments.bind("strftime_now", ["format"])?;
            let format = required(format, "strftime_now", "format")?;
            match meter.host.strftime_now(text(&format, "strftime_now")?) {
                Ok(now) => meter.text(&now),
                Err(message) => failed(message),
            }
        }
    }
}

fn range(arguments: Values) -> Outcome<Value> {
    let numbers = arguments.positional.iter().map(integer).collect::<Outcome<Vec<_>>>()?;
    let (start, stop, step) = match (numbers.as_slice(), arguments.named.is_empty()) {
        ([stop], true) => (0, *stop, 1),
        ([start, stop], true) => (*start, *stop, 1),
        ([start, stop, step], true) => (*start, *stop, *step),
        _ => return failed("range expected 1 to 3 arguments"),
    };
    if step == 0 {
        return failed("range() arg 3 must not be zero");
    }
    let small = |number: i128| i64::try_from(number).is_ok();
    let range = Range { start, stop, step };
    if !small(start) || !small(stop) || !small(step) || range.length() > RANGE_MAX {
        return failed(format!(
            "Range too big. The sandbox blocks ranges larger than MAX_RANGE ({RANGE_MAX})."
        ));
    }
    Ok(Value::Range(range))
}

fn dict(arguments: Values, meter: &Meter<'_>) -> Outcome<Value> {
    let mut entries = IndexMap::new();
    match arguments.positional.as_slice() {
        [] => {}
        [Value::Dict(dict)] => {
            meter.make(Value::Dict(Rc::clone(dict)).weight())?;
            entries.clone_from(&dict.entries);
        }
        [pairs] => {
            for pair in pairs.iterate(meter)? {
                let [key, value] = pair
                    .iterate(meter)?
                    .try_into()
                    .or_else(|_| failed("dictionary update sequence has elements that are not pairs"))?;
                entries.insert(Key::of(&key)?, value);
            }
        }
        _ => return failed("dict expected at most 1 argument"),
    }
    for (name, value) in arguments.named {
        entries.insert(Key::text(&name), value);
    }
    Value::dict(entries, meter)
}
