//! Jinja's filters: what stands behind `|`.

mod choose;
mod convert;
mod order;
mod rewrite;
mod shape;
mod web;

pub(crate) use web::escaped;

use crate::fault::{Outcome, failed};
use crate::meter::Meter;
use crate::value::{Value, Values, shown};

/// All of them. Jinja's `random`, `pprint` and `urlize` are left out: no prompt can depend on chance, on the width of a
/// screen, or on links.
const NAMES: [&str; 51] = [
    "abs",
    "attr",
    "batch",
    "capitalize",
    "center",
    "count",
    "d",
    "default",
    "dictsort",
    "e",
    "escape",
    "filesizeformat",
    "first",
    "float",
    "forceescape",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "slice",
    "sort",
    "string",
    "striptags",
    "sum",
    "title",
    "tojson",
    "trim",
    "truncate",
    "unique",
    "upper",
    "urlencode",
    "wordcount",
    "wordwrap",
    "xmlattr",
];

/// Whether there is a filter of this name.
pub(crate) fn exists(name: &str) -> bool {
    NAMES.contains(&name)
}

/// `value | name(arguments)`
pub(crate) fn apply(name: &str, value: Value, arguments: Values, meter: &Meter<'_>) -> Outcome<Value> {
    meter.step()?;
    match name {
        "d" | "default" => {
            let [default, boolean] = arguments.bind(name, ["default_value", "boolean"])?;
            let is_missing = matches!(value, Value::Undefined(_))
                || boolean.is_some_and(|boolean| boolean.is_true()) && !value.is_true();
            Ok(if is_missing { default.unwrap_or_else(|| Value::text("")) } else { value })
        }
        "attr" | "map" | "select" | "selectattr" | "reject" | "rejectattr" => {
            choose::apply(name, &value, arguments, meter)
        }
        "sort" | "dictsort" | "unique" | "min" | "max" | "sum" | "groupby" | "reverse" => {
            order::apply(name, &value, arguments, meter)
        }
        "batch" | "slice" | "first" | "last" | "length" | "count" | "list" | "items" | "join" => {
            shape::apply(name, &value, arguments, meter)
        }
        "abs" | "int" | "float" | "round" | "string" | "safe" | "tojson" | "filesizeformat" | "wordcount" => {
            convert::apply(name, &value, arguments, meter)
        }
        "e" | "escape" | "forceescape" | "striptags" | "urlencode" | "xmlattr" => {
            web::apply(name, &value, arguments, meter)
        }
        name if exists(name) => rewrite::apply(name, &value, arguments, meter),
        _ => failed(format!("No filter named '{name}'.")),
    }
}

/// `str(value)`
fn text_of(value: &Value, meter: &Meter<'_>) -> Outcome<String> {
    let mut text = meter.builder();
    shown(value, &mut text)?;
    Ok(text.into_string())
}
