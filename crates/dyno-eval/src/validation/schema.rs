//! The part of JSON Schema that answers of models are held to: `type`, `required`, `properties`, `enum` and `items`.

use serde_json::{Map, Value};

use super::PolicyError;

/// Deepest schema.
const DEPTH_MAX: u32 = 16;
/// Keywords that say nothing about values.
const SILENT: [&str; 4] = ["$schema", "title", "description", "additionalProperties"];

/// A schema that was read and whose keywords are all known.
#[derive(Debug, Clone, Default)]
pub(super) struct Schema {
    types: Vec<Type>,
    required: Vec<String>,
    properties: Vec<(String, Schema)>,
    /// Whether properties that are not listed are refused.
    closed: bool,
    choices: Option<Vec<Value>>,
    items: Option<Box<Schema>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

impl Type {
    const ALL: [(&'static str, Self); 7] = [
        ("null", Self::Null),
        ("boolean", Self::Boolean),
        ("integer", Self::Integer),
        ("number", Self::Number),
        ("string", Self::String),
        ("array", Self::Array),
        ("object", Self::Object),
    ];

    fn holds(self, value: &Value) -> bool {
        match self {
            Self::Null => value.is_null(),
            Self::Boolean => value.is_boolean(),
            // 1.0 is an integer to JSON Schema.
            Self::Integer => {
                value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|value| value.fract() == 0.0)
            }
            Self::Number => value.is_number(),
            Self::String => value.is_string(),
            Self::Array => value.is_array(),
            Self::Object => value.is_object(),
        }
    }

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, known)| *known == self).map_or("value", |(name, _)| name)
    }
}

fn refused(value: impl std::fmt::Display, reason: &str) -> PolicyError {
    PolicyError::new("json", value, reason)
}

impl Schema {
    /// Reads a schema; a keyword that would be ignored is refused, since ignoring it would accept wrong answers.
    pub(super) fn read(schema: &Value) -> Result<Self, PolicyError> {
        Self::read_at(schema, 0)
    }

    fn read_at(schema: &Value, depth: u32) -> Result<Self, PolicyError> {
        if depth > DEPTH_MAX {
            return Err(refused("the schema", "it is too deep; 16 levels are the most"));
        }
        let Value::Object(keywords) = schema else { return Err(refused(schema, "a schema is an object")) };
        let mut read = Self::default();
        for (keyword, value) in keywords {
            match keyword.as_str() {
                "type" => read.types = listed(value).into_iter().map(type_named).collect::<Result<_, _>>()?,
                "required" => read.required = names(value)?,
                "enum" => {
                    read.choices =
                        Some(value.as_array().ok_or_else(|| refused(value, "enum is a list"))?.clone())
                }
                "items" => read.items = Some(Box::new(Self::read_at(value, depth + 1)?)),
                "properties" => {
                    let Value::Object(fields) = value else {
                        return Err(refused(value, "properties is an object"));
                    };
                    let field = |(name, schema): (&String, &Value)| {
                        Ok((name.clone(), Self::read_at(schema, depth + 1)?))
                    };
                    read.properties = fields.iter().map(field).collect::<Result<_, _>>()?;
                }
                known if SILENT.contains(&known) => {}
                unknown => {
                    return Err(refused(
                        unknown,
                        "this keyword is not known here; type, required, properties, enum and items are",
                    ));
                }
            }
        }
        read.closed = keywords.get("additionalProperties") == Some(&Value::Bool(false));
        Ok(read)
    }

    /// What is wrong with this text, if anything is: the first thing, with its place.
    pub(super) fn problem(&self, text: &str) -> Option<String> {
        match serde_json::from_str(text) {
            Ok(value) => self.mismatch(&value, "the answer"),
            Err(error) => Some(format!("it is not JSON: {error}")),
        }
    }

    fn mismatch(&self, value: &Value, place: &str) -> Option<String> {
        if !self.types.is_empty() && !self.types.iter().any(|wanted| wanted.holds(value)) {
            let wanted: Vec<&str> = self.types.iter().map(|wanted| wanted.name()).collect();
            return Some(format!("{place} must be of type {}", wanted.join(" or ")));
        }
        if let Some(choices) = &self.choices
            && !choices.contains(value)
        {
            return Some(format!("{place} must be one of {}", Value::from(choices.clone())));
        }
        match value {
            Value::Object(fields) => self.field_mismatch(fields, place),
            Value::Array(items) => {
                let schema = self.items.as_ref()?;
                items
                    .iter()
                    .enumerate()
                    .find_map(|(index, item)| schema.mismatch(item, &format!("{place}[{index}]")))
            }
            _ => None,
        }
    }

    fn field_mismatch(&self, fields: &Map<String, Value>, place: &str) -> Option<String> {
        if let Some(missing) = self.required.iter().find(|name| !fields.contains_key(*name)) {
            return Some(format!("{place} lacks the field {missing:?}"));
        }
        let listed = |name: &String| self.properties.iter().any(|(known, _)| known == name);
        if self.closed
            && let Some(surplus) = fields.keys().find(|name| !listed(name))
        {
            return Some(format!("{place} must not have the field {surplus:?}"));
        }
        let each =
            |(name, schema): &(String, Self)| schema.mismatch(fields.get(name)?, &format!("{place}.{name}"));
        self.properties.iter().find_map(each)
    }
}

fn listed(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |values| values.iter().collect())
}

fn type_named(value: &Value) -> Result<Type, PolicyError> {
    let found = Type::ALL.iter().find(|(name, _)| value == name).map(|(_, found)| *found);
    found.ok_or_else(|| refused(value, "types are null, boolean, integer, number, string, array and object"))
}

fn names(value: &Value) -> Result<Vec<String>, PolicyError> {
    serde_json::from_value(value.clone()).map_err(|_| refused(value, "required is a list of names"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_held_to_the_schema() {
        let schema = json!({
            "type": "object", "required": ["name", "tags"], "additionalProperties": false,
            "properties": {
                "name": {"type": "string"}, "age": {"type": ["integer", "null"]},
                "tags": {"type": "array", "items": {"enum": ["a", "b"]}},
            },
        });
        let schema = Schema::read(&schema).unwrap();
        let table = [
            (r#"{"name": "x", "tags": []}"#, None),
            (r#"{"name": "x", "tags": ["a", "b"], "age": 3.0}"#, None),
            (r#"{"name": "x", "tags": [], "age": null}"#, None),
            (r#"{"name": "x"}"#, Some("the answer lacks the field \"tags\"")),
            (r#"{"name": 1, "tags": []}"#, Some("the answer.name must be of type string")),
            (r#"{"name": "x", "tags": ["a", "c"]}"#, Some("the answer.tags[1] must be one of [\"a\",\"b\"]")),
            (
                r#"{"name": "x", "tags": [], "age": 1.5}"#,
                Some("the answer.age must be of type integer or null"),
            ),
            (r#"{"name": "x", "tags": [], "more": 1}"#, Some("the answer must not have the field \"more\"")),
            ("[1]", Some("the answer must be of type object")),
        ];
        for (text, problem) in table {
            assert_eq!(schema.problem(text).as_deref(), problem, "{text}");
        }
        assert!(schema.problem("{").unwrap().starts_with("it is not JSON: "));
        // Nested deeper than the parser allows, which refuses it.
        assert!(schema.problem(&"[".repeat(100_000)).unwrap().starts_with("it is not JSON: "));
    }

    #[test]
    fn schemas_that_would_be_ignored_are_refused() {
        let mut deep = json!({});
        for _ in 0..20 {
            deep = json!({"items": deep});
        }
        let table = [
            (json!(true), "json = true: a schema is an object"),
            (json!({"minimum": 3}), "json = minimum: this keyword is not known here"),
            (json!({"type": "text"}), "json = \"text\": types are"),
            (json!({"required": "name"}), "json = \"name\": required is a list of names"),
            (json!({"properties": {"a": {"pattern": "x"}}}), "json = pattern: "),
            (deep, "json = the schema: it is too deep"),
        ];
        for (schema, text) in table {
            let error = Schema::read(&schema).unwrap_err().to_string();
            assert!(error.starts_with(text), "{error}");
        }
    }
}
