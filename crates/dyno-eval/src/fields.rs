//! Typed access to the fields of one record, with errors that name field and value.

pub(crate) use dyno_datasets::{quoted, shown};
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
            Some(Value::String(text)) if text.trim_start().starts_with('[') => match list_in(text) {
                Some(values) => values.iter().map(|value| text_of(field, value)).collect(),
                None => Ok(vec![text.clone()]),
            },
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

/// The elements of a list that was written into a cell of a table: JSON (`["a", "b"]`), Python (`['a', 'b']`) or NumPy
/// (`['a' 'b']`); `None` for any other text.
pub(crate) fn list_in(text: &str) -> Option<Vec<Value>> {
    let text = text.trim();
    if let Ok(Value::Array(values)) = serde_json::from_str(text) {
        return Some(values);
    }
    let mut rest = text.strip_prefix('[')?.strip_suffix(']')?.trim_start();
    let mut found = Vec::new();
    while let Some(quote) = rest.chars().next() {
        if !matches!(quote, '\'' | '"') {
            return None;
        }
        let (element, behind) = quoted_element(&rest[1..], quote)?;
        found.push(Value::String(element));
        let behind = behind.trim_start();
        rest = behind.strip_prefix(',').unwrap_or(behind).trim_start();
    }
    Some(found)
}

/// A text up to its closing quote, and what stands behind it; a backslash takes the next character as it is.
fn quoted_element(text: &str, quote: char) -> Option<(String, &str)> {
    let mut element = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next()?.1 {
                'n' => element.push('\n'),
                't' => element.push('\t'),
                other => element.push(other),
            },
            _ if c == quote => return Some((element, &text[at + c.len_utf8()..])),
            _ => element.push(c),
        }
    }
    None
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
    fn lists_in_cells_are_read_as_json_python_and_numpy_write_them() {
        for (cell, expected) in [
            (r#"["a", "b"]"#, Some(vec!["a", "b"])),
            ("['Paris', 'Rome']", Some(vec!["Paris", "Rome"])),
            ("['Paris' 'Rome'\n 'Berlin']", Some(vec!["Paris", "Rome", "Berlin"])),
            (r#"["it's", 'so "so"', 'don\'t']"#, Some(vec!["it's", "so \"so\"", "don't"])),
            ("[]", Some(vec![])),
            ("[a] is a set", None),
            ("['open", None),
            ("plain", None),
        ] {
            let found = list_in(cell);
            let texts = found.as_ref().map(|values| values.iter().map(|v| v.as_str().unwrap()).collect());
            assert_eq!(texts, expected, "{cell}");
        }
    }
}
