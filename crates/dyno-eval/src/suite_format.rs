//! The suite format of dyno: one header line, then one item per line.

use serde_json::{Map, Value, json};

use crate::fields::{FieldProblem, Fields, one_of, quoted};
use crate::{
    ChoiceStyle, Demand, Heuristic, Item, ItemKind, Normaliser, SUITE_SCHEMA, Suite, SuiteHeader, TextFrame,
};

/// Fields of a header line.
const HEADER_FIELDS: [&str; 6] = ["schema", "name", "title", "description", "source", "license"];

/// Fields of an item line.
const ITEM_FIELDS: [&str; 32] = [
    "id",
    "task",
    "category",
    "kind",
    "question",
    "context",
    "system",
    "answer",
    "answers",
    "solution",
    "choices",
    "correct",
    "style",
    "opening",
    "before",
    "after",
    "tests",
    "entry_point",
    "code_start",
    "cluster",
    "max_tokens",
    "tags",
    "position",
    "length",
    "tolerance",
    "normalise",
    "scorer",
    "words",
    "complexity",
    "turns",
    "source",
    "note",
];

/// Whether a record is a header of this format, of whatever version.
pub(crate) fn is_header(record: &Map<String, Value>) -> bool {
    record.get("schema").and_then(Value::as_str).is_some_and(|schema| schema.starts_with("dyno.suite/"))
}

/// Reads a header; the message says what is wrong with it.
pub(crate) fn read_header(record: &Map<String, Value>) -> Result<SuiteHeader, String> {
    let fields = Fields::new(record);
    let message = |problem: FieldProblem| problem.message;
    let schema = fields.text("schema").map_err(message)?;
    if schema != SUITE_SCHEMA {
        return Err(format!("`schema` is {}, but this version reads {SUITE_SCHEMA:?}", quoted(&schema)));
    }
    refuse_unknown(&fields, &HEADER_FIELDS).map_err(message)?;
    let text = |field| fields.optional_text(field).map(Option::unwrap_or_default).map_err(message);
    let name = fields.text("name").map_err(message)?;
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) || name.len() > 64 {
        let rule = "must be letters, digits, `-`, `_` and `.`, at most 64 of them";
        return Err(format!("`name` is {}, but {rule}", quoted(&name)));
    }
    Ok(SuiteHeader {
        title: fields.text("title").map_err(message)?,
        description: text("description")?,
        source: text("source")?,
        license: text("license")?,
        name,
    })
}

fn refuse_unknown(fields: &Fields<'_>, known: &[&str]) -> Result<(), FieldProblem> {
    match fields.names().find(|name| !known.contains(name)) {
        Some(name) => Err(FieldProblem::new(
            name,
            format!("is no field of {SUITE_SCHEMA}; known are: {}", known.join(", ")),
        )),
        None => Ok(()),
    }
}

/// Reads an item line; it still has to pass the checks of every item.
pub(crate) fn read_item(record: &Map<String, Value>) -> Result<Item, FieldProblem> {
    let fields = Fields::new(record);
    refuse_unknown(&fields, &ITEM_FIELDS)?;
    let kind = fields.name("kind", &ItemKind::ALL)?.ok_or_else(|| FieldProblem::new("kind", "is missing"))?;
    let text = |field| fields.optional_text(field).map(Option::unwrap_or_default);
    let mut answers = fields.texts("answers")?;
    answers.extend(fields.texts("answer")?);
    let mut item = Item::new(fields.text("id")?, fields.text("task")?, kind, text("question")?);
    item.category = fields.optional_text("category")?;
    item.context = text("context")?;
    item.system = fields.optional_text("system")?;
    item.answers = answers;
    item.solution = fields.optional_text("solution")?;
    item.choices = fields.texts("choices")?;
    item.correct = fields.whole("correct")?.map(|correct| usize::try_from(correct).unwrap_or(usize::MAX));
    item.style = fields.name("style", &ChoiceStyle::ALL)?.unwrap_or_default();
    item.frame = frame(&fields)?;
    item.tests = text("tests")?;
    item.entry_point = text("entry_point")?;
    item.code_start = text("code_start")?;
    item.cluster = fields.optional_text("cluster")?;
    item.max_tokens = fields.whole_u32("max_tokens")?;
    item.tags = fields.texts("tags")?;
    item.position = fields.number("position")?;
    item.length = fields.whole_u32("length")?;
    item.tolerance = fields.number("tolerance")?.unwrap_or(0.0);
    let normalisers = fields.texts("normalise")?;
    item.normalise = normalisers
        .iter()
        .map(|name| one_of("normalise", name, &Normaliser::ALL))
        .collect::<Result<_, _>>()?;
    item.scorer = fields.name("scorer", &Heuristic::ALL)?;
    item.words = word_range(&fields)?;
    item.demand = fields.name("complexity", &Demand::ALL)?;
    item.turns = fields.texts("turns")?;
    if item.question.trim().is_empty() && item.context.trim().is_empty() {
        return Err(FieldProblem::new("question", "is missing, and there is no `context` either"));
    }
    Ok(item)
}

/// What stands around the question; absent fields are as usual.
fn frame(fields: &Fields<'_>) -> Result<TextFrame, FieldProblem> {
    let usual = TextFrame::default();
    Ok(TextFrame {
        opening: fields.optional_text("opening")?.unwrap_or(usual.opening),
        before: fields.optional_text("before")?.unwrap_or(usual.before),
        after: fields.optional_text("after")?.unwrap_or(usual.after),
    })
}

fn word_range(fields: &Fields<'_>) -> Result<Option<[u32; 2]>, FieldProblem> {
    let Some(value) = fields.value("words") else { return Ok(None) };
    let range: Option<[u32; 2]> = serde_json::from_value(value.clone()).ok();
    let wrong = || FieldProblem::new("words", "must be a list of two whole numbers: fewest and most");
    range.map(Some).ok_or_else(wrong)
}

/// Writes a suite in this format: header, worked examples and items as they are, one line each.
#[must_use]
pub fn write_suite(suite: &Suite) -> String {
    let header = &suite.header;
    let mut lines = vec![
        json!({
            "schema": SUITE_SCHEMA, "name": header.name, "title": header.title, "description": header.description,
            "source": header.source, "license": header.license,
        })
        .to_string(),
    ];
    lines.extend(
        suite.examples.iter().chain(&suite.items).map(|item| Value::Object(item_record(item)).to_string()),
    );
    lines.push(String::new());
    lines.join("\n")
}

fn item_record(item: &Item) -> Map<String, Value> {
    let names = |normalisers: &[Normaliser]| normalisers.iter().map(|n| n.name()).collect::<Vec<_>>();
    let record = json!({
        "id": item.id, "task": item.task, "category": item.category, "kind": item.kind.name(),
        "question": item.question, "context": item.context, "system": item.system, "answers": item.answers,
        "solution": item.solution, "choices": item.choices, "correct": item.correct, "style": item.style.name(),
        "tests": item.tests, "entry_point": item.entry_point, "code_start": item.code_start,
        "cluster": item.cluster, "max_tokens": item.max_tokens, "tags": item.tags, "position": item.position,
        "length": item.length, "tolerance": item.tolerance, "normalise": names(&item.normalise),
        "scorer": item.scorer.map(Heuristic::name), "words": item.words,
        "complexity": item.demand.map(Demand::name), "turns": item.turns,
    });
    let Value::Object(mut record) = record else { unreachable!("an object was written") };
    let says_nothing = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        _ => false,
    };
    record.retain(|_, value| !says_nothing(value));
    if item.kind != ItemKind::Choice {
        record.remove("style");
    }
    let usual = TextFrame::default();
    let frame = [
        ("opening", &item.frame.opening, &usual.opening),
        ("before", &item.frame.before, &usual.before),
        ("after", &item.frame.after, &usual.after),
    ];
    for (field, text, _) in frame.into_iter().filter(|(_, text, usual)| text != usual) {
        record.insert(field.to_owned(), Value::from(text.as_str()));
    }
    if item.tolerance == 0.0 {
        record.remove("tolerance");
    }
    record
}
