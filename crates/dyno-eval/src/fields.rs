//! Typed access to the fields of one record, with errors that name field and value.

use serde_json::{Map, Value};

/// One field that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldProblem {
    /// Field.
    pub(crate) field: String,
    /// What is wrong with it, naming it.
    pub(crate) message: String,
}

impl FieldProblem {
    /// A problem of a field; `what` follows its name, e.g. "is missing".
    pub(crate) fn new(field: &str, what: impl std::fmt::Display) -> Self {
        Self { field: field.to_owned(), message: format!("`{field}` {what}") }
    }
}

/// The fields of one record. A field that is `null` counts as absent.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    map: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(map: &'a Map<String, Value>) -> Self {
        Self { map }
    }

    /// The raw value.
    pub(crate) fn value(&self, field: &str) -> Option<&'a Value> {
        self.map.get(field).filter(|value| !value.is_null())
    }

    /// Names of the fields.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.map.keys().map(String::as_str)
    }

    /// A text that must be there and have more than white space.
    pub(crate) fn text(&self, field: &str) -> Result<String, FieldProblem> {
        let text = self.optional_text(field)?.ok_or_else(|| FieldProblem::new(field, "is missing"))?;
        if text.trim().is_empty() { Err(FieldProblem::new(field, "is empty")) } else { Ok(text) }
    }

    /// A text, or nothing. Numbers and truth values count as their text.
    pub(crate) fn optional_text(&self, field: &str) -> Result<Option<String>, FieldProblem> {
        self.value(field).map(|value| text_of(field, value)).transpose()
    }

    /// A list of texts; one text alone is a list of one, an absent field an empty list.
    pub(crate) fn texts(&self, field: &str) -> Result<Vec<String>, FieldProblem> {
        match self.value(field) {
            None => Ok(Vec::new()),
            Some(Value::Array(values)) => values.iter().map(|value| text_of(field, value)).collect(),
            Some(value) => Ok(vec![text_of(field, value)?]),
        }
    }

    /// A whole number from 0, or nothing; digits in a text count.
    pub(crate) fn whole(&self, field: &str) -> Result<Option<u64>, FieldProblem> {
        let Some(value) = self.value(field) else { return Ok(None) };
        let number = match value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.map(Some).ok_or_else(|| {
            FieldProblem::new(field, format!("is {}, which is no whole number from 0", shown(value)))
        })
    }

    /// A whole number that fits 32 bits, or nothing.
    pub(crate) fn whole_u32(&self, field: &str) -> Result<Option<u32>, FieldProblem> {
        let Some(number) = self.whole(field)? else { return Ok(None) };
        let fits = u32::try_from(number);
        fits.map(Some)
            .map_err(|_| FieldProblem::new(field, format!("is {number}, but at most {} fits", u32::MAX)))
    }

    /// A finite number, or nothing.
    pub(crate) fn number(&self, field: &str) -> Result<Option<f64>, FieldProblem> {
        let Some(value) = self.value(field) else { return Ok(None) };
        let number = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number
            .filter(|number| number.is_finite())
            .map(Some)
            .ok_or_else(|| FieldProblem::new(field, format!("is {}, which is no number", shown(value))))
    }

    /// One of several names, or nothing.
    pub(crate) fn name<T: Copy>(&self, field: &str, known: &[(&str, T)]) -> Result<Option<T>, FieldProblem> {
        let Some(text) = self.optional_text(field)? else { return Ok(None) };
        one_of(field, &text, known).map(Some)
    }
}

/// The value that a name stands for.
pub(crate) fn one_of<T: Copy>(field: &str, text: &str, known: &[(&str, T)]) -> Result<T, FieldProblem> {
    known.iter().find(|(name, _)| *name == text).map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        FieldProblem::new(field, format!("is {}, but must be one of: {}", quoted(text), names.join(", ")))
    })
}

fn text_of(field: &str, value: &Value) -> Result<String, FieldProblem> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(truth) => Ok(truth.to_string()),
        _ => Err(FieldProblem::new(field, format!("is {}, but must be a text", shown(value)))),
    }
}

/// A value as errors show it: short, whatever it is.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Array(values) => format!("a list of {}", values.len()),
        Value::Object(map) => format!("an object with {} fields", map.len()),
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

/// A text as errors show it: quoted, at most forty characters.
pub(crate) fn quoted(text: &str) -> String {
    const SHOWN_CHARS: usize = 40;
    if text.chars().count() <= SHOWN_CHARS {
        return format!("{text:?}");
    }
    let start: String = text.chars().take(SHOWN_CHARS).collect();
    format!("{start:?}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(text: &str) -> Map<String, Value> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn wrong_values_are_named() {
        let map = record(r#"{"a": [1, {}], "b": "x", "c": -1, "d": "", "e": null, "f": 99999999999}"#);
        let fields = Fields::new(&map);
        let message = |problem: FieldProblem| problem.message;
        assert_eq!(message(fields.text("a").unwrap_err()), "`a` is a list of 2, but must be a text");
        assert_eq!(
            message(fields.texts("a").unwrap_err()),
            "`a` is an object with 0 fields, but must be a text"
        );
        assert_eq!(message(fields.whole("b").unwrap_err()), "`b` is \"x\", which is no whole number from 0");
        assert_eq!(message(fields.whole("c").unwrap_err()), "`c` is -1, which is no whole number from 0");
        assert_eq!(message(fields.text("d").unwrap_err()), "`d` is empty");
        assert_eq!(message(fields.text("e").unwrap_err()), "`e` is missing");
        assert_eq!(
            message(fields.whole_u32("f").unwrap_err()),
            "`f` is 99999999999, but at most 4294967295 fits"
        );
        let known = [("one", 1), ("two", 2)];
        assert_eq!(
            message(fields.name("b", &known).unwrap_err()),
            "`b` is \"x\", but must be one of: one, two"
        );
    }

    #[test]
    fn numbers_and_single_texts_are_taken_as_meant() {
        let map = record(r#"{"answer": 1096, "list": ["a", 2], "number": "2.5"}"#);
        let fields = Fields::new(&map);
        assert_eq!(fields.texts("answer"), Ok(vec!["1096".to_owned()]));
        assert_eq!(fields.texts("list"), Ok(vec!["a".to_owned(), "2".to_owned()]));
        assert_eq!(fields.number("number"), Ok(Some(2.5)));
        assert_eq!(fields.texts("none"), Ok(vec![]));
    }

    #[test]
    fn long_values_are_cut_where_a_character_ends() {
        assert_eq!(quoted("short"), "\"short\"");
        let long = quoted(&"ä".repeat(500));
        assert!(long.ends_with("\"…") && long.chars().count() == 43, "{long}");
    }
}
