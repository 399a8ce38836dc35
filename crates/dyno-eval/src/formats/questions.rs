//! Plain questions and answers, under whatever names people give them: the file that most people have.

mod columns;
mod scoring;

use dyno_datasets::RecordResult;
use serde_json::{Map, Value};

pub(super) use columns::{Columns, field_names};
pub use scoring::{SCORES_BY, ScoreBy};

use super::{header, looked_at};
use crate::fields::{FieldProblem, Fields, list_in, shown};
use crate::formats::word_problems::without_calculator;
use crate::item_check::check;
use crate::load::{Gather, at};
use crate::{Item, ItemKind, LineProblem, LoadOptions, Place, Suite, SuiteError, SuiteHeader};
use columns::Asked;
use scoring::Scoring;

/// Name of the format.
pub(super) const NAME: &str = "questions";

/// What one record says, before it is known how answers are scored.
struct Draft {
    question: String,
    answers: Vec<String>,
    /// Whether the answer is a number in the file, not a text.
    answer_is_number: bool,
    choices: Vec<String>,
    system: Option<String>,
    category: Option<String>,
    context: String,
    id: Option<String>,
    solution: Option<String>,
}

/// Reads questions and answers.
pub(super) fn suite(
    name: &str,
    records: Vec<RecordResult>,
    options: LoadOptions<'_>,
) -> Result<Suite, SuiteError> {
    let refuse = |reason: String| SuiteError::Questions { name: name.to_owned(), reason };
    let columns = Columns::find(&looked_at(name, &records)?, options).map_err(refuse)?;
    let drafts: Vec<Result<(Place, Draft), LineProblem>> = records
        .into_iter()
        .map(|record| {
            let (place, record) = record?;
            draft(&columns, &record).map(|draft| (place, draft)).map_err(|problem| at(place, problem))
        })
        .collect();
    let readable: Vec<&Draft> =
        drafts.iter().filter_map(|draft| draft.as_ref().ok()).map(|(_, draft)| draft).collect();
    let scoring = Scoring::choose(&readable, options.score).map_err(refuse)?;
    let mut gather = Gather::new(name, options.strict);
    for (number, draft) in (1_u64..).zip(drafts) {
        let item = draft.and_then(|(place, draft)| {
            let item = item(draft, number, &scoring).and_then(|item| check(&item).map(|()| item));
            item.map(|item| (place, item)).map_err(|problem| at(place, problem))
        });
        gather.add(item)?;
    }
    let remark = format!("{}, {}", columns.sentence(), scoring.sentence());
    let header = header(name, "Questions and answers", &format!("a file of one's own: {remark}"));
    let mut suite = gather.suite(SuiteHeader { license: String::new(), ..header }, NAME)?;
    suite.remarks = vec![remark];
    Ok(suite)
}

fn item(draft: Draft, number: u64, scoring: &Scoring) -> Result<Item, FieldProblem> {
    let id = draft.id.clone().unwrap_or_else(|| format!("q{number}"));
    let task = draft.category.clone().unwrap_or_else(|| "all".to_owned());
    let mut item = Item::new(id, task, ItemKind::Exact, draft.question.clone());
    item.system.clone_from(&draft.system);
    item.context.clone_from(&draft.context);
    item.solution.clone_from(&draft.solution);
    scoring.apply(&mut item, draft)?;
    Ok(item)
}

fn draft(columns: &Columns, record: &Map<String, Value>) -> Result<Draft, FieldProblem> {
    let fields = Fields::new(record);
    let optional = |column: &Option<String>| match column {
        Some(column) => fields.optional_text(column).map(|text| text.filter(|text| !text.trim().is_empty())),
        None => Ok(None),
    };
    let mut system = optional(&columns.system)?;
    let mut answers = Vec::new();
    let mut answer_is_number = false;
    let question = match &columns.question {
        Asked::Field(field) => fields.text(field)?,
        Asked::Instruction { instruction, input } => {
            let input = fields.optional_text(input)?.filter(|input| !input.trim().is_empty());
            let instruction = fields.text(instruction)?;
            input.map_or_else(|| instruction.clone(), |input| format!("{instruction}\n\n{input}"))
        }
        Asked::Messages(field) => {
            let talk = Talk::read(field, fields.value(field))?;
            system = talk.system.or(system);
            answers.extend(talk.answer.filter(|_| columns.answer.is_none()));
            talk.question
        }
    };
    let mut solution = optional(&columns.solution)?;
    if let Some(column) = &columns.answer {
        match fields.value(column) {
            Some(value) => {
                answer_is_number = value.is_number();
                answers.extend(texts(column, value)?);
            }
            None if columns.open => {}
            None => return Err(FieldProblem::new(column, "is missing")),
        }
        if let [one] = &mut answers[..]
            && let Some((steps, result)) = one.rsplit_once("####")
        {
            solution =
                Some(format!("{}\nThe answer is {}.", without_calculator(steps.trim()), result.trim()));
            *one = result.trim().to_owned();
        }
    }
    if let Some(column) = &columns.further {
        answers.extend(fields.texts(column)?);
    }
    answers.retain(|answer| !answer.trim().is_empty());
    if answers.is_empty() && !columns.open {
        return Err(FieldProblem::new(columns.answer.as_deref().unwrap_or("answer"), "is empty"));
    }
    Ok(Draft {
        question,
        answers,
        answer_is_number,
        choices: columns.choices.read(&fields)?,
        system,
        category: optional(&columns.category)?.map(|category| category.trim().chars().take(60).collect()),
        context: optional(&columns.context)?.unwrap_or_default(),
        id: optional(&columns.id)?,
        solution,
    })
}

/// Answers in the spellings that are in use: a text, a list, SQuAD's `{"text": […]}`, TriviaQA's `{"value": …, "aliases": […]}`.
fn texts(column: &str, value: &Value) -> Result<Vec<String>, FieldProblem> {
    match value {
        Value::Object(map) => {
            let inner = Fields::new(map);
            let mut found = inner.texts("text")?;
            found.extend(inner.texts("value")?);
            found.extend(inner.texts("aliases")?);
            if found.is_empty() {
                let what = format!("is {}, but must be a text or a list of texts", shown(value));
                return Err(FieldProblem::new(column, what));
            }
            Ok(found)
        }
        Value::Array(values) if values.iter().any(Value::is_object) => values
            .iter()
            .map(|value| texts(column, value))
            .collect::<Result<Vec<_>, _>>()
            .map(|all| all.concat()),
        _ => {
            let mut map = Map::new();
            map.insert(column.to_owned(), value.clone());
            Fields::new(&map).texts(column)
        }
    }
}

/// A conversation that ends with the question, or with its answer.
struct Talk {
    system: Option<String>,
    question: String,
    answer: Option<String>,
}

impl Talk {
    fn read(field: &str, value: Option<&Value>) -> Result<Self, FieldProblem> {
        let wrong = |what: &str| FieldProblem::new(field, what);
        let written = match value {
            Some(Value::String(cell)) => list_in(cell),
            _ => None,
        };
        let messages = match (value, &written) {
            (Some(Value::Array(messages)), _) => messages,
            (_, Some(messages)) => messages,
            (Some(Value::String(question)), None) if !question.trim().is_empty() => {
                return Ok(Self { system: None, question: question.clone(), answer: None });
            }
            _ => return Err(wrong("must be a list of messages with `role` and `content`")),
        };
        let (mut system, mut questions, mut answer) = (None, Vec::new(), None);
        for message in messages {
            let message = message.as_object().ok_or_else(|| wrong("holds what is no message"))?;
            let text = content(message).ok_or_else(|| wrong("has a message without text"))?;
            let role = message.get("role").or_else(|| message.get("from")).and_then(Value::as_str);
            match role {
                Some("system" | "developer") => system = Some(text),
                Some("user" | "human") => questions.push(text),
                Some("assistant" | "gpt" | "model") => answer = Some(text),
                other => {
                    let role = other.unwrap_or("none");
                    return Err(FieldProblem::new(
                        field,
                        format!(
                            "has a message of the role {role:?}, but system, user and assistant are known"
                        ),
                    ));
                }
            }
        }
        match <[String; 1]>::try_from(questions) {
            Ok([question]) => Ok(Self { system, question, answer }),
            Err(questions) => {
                let what = format!("has {} messages of the user, but one can be asked", questions.len());
                Err(FieldProblem::new(field, what))
            }
        }
    }
}

/// The text of a message, also where it comes in parts.
fn content(message: &Map<String, Value>) -> Option<String> {
    match message.get("content").or_else(|| message.get("value"))? {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let texts: Option<Vec<&str>> =
                parts.iter().map(|part| part.get("text").and_then(Value::as_str)).collect();
            texts.map(|texts| texts.join("\n"))
        }
        _ => None,
    }
}

/// An example of such a file, to fill in: as CSV, TSV, JSON or JSON lines; `None` for another ending.
#[must_use]
pub fn example_table(ending: &str) -> Option<String> {
    const COLUMNS: [&str; 4] = ["question", "answer", "category", "system"];
    const ROWS: [[&str; 4]; 3] = [
        ["What is the capital of France?", "Paris", "geography", ""],
        [
            "How many days has a leap year, in words?",
            "three hundred sixty-six",
            "calendar",
            "Answer in one line.",
        ],
        [
            "Which sea, or ocean, lies west of Portugal?",
            "[\"Atlantic\", \"Atlantic Ocean\"]",
            "geography",
            "",
        ],
    ];
    let table = |separator: &str| {
        let quoted = |cell: &str| match cell.contains(['"', ',', '\t', '\n']) {
            true => format!("\"{}\"", cell.replace('"', "\"\"")),
            false => cell.to_owned(),
        };
        let line = |cells: &[&str]| cells.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(separator);
        let lines: Vec<String> =
            std::iter::once(&COLUMNS).chain(&ROWS).map(|cells| line(cells) + "\n").collect();
        lines.concat()
    };
    let record = |row: &[&str; 4]| {
        let cell = |(column, cell): (&&str, &&str)| {
            let value = list_in(cell).map_or_else(|| Value::from(*cell), Value::Array);
            (!cell.is_empty()).then(|| ((*column).to_owned(), value))
        };
        Value::Object(COLUMNS.iter().zip(row).filter_map(cell).collect())
    };
    match ending {
        "csv" => Some(table(",")),
        "tsv" => Some(table("\t")),
        "json" => {
            let records: Vec<String> = ROWS.iter().map(|row| format!("  {}", record(row))).collect();
            Some(format!("[\n{}\n]\n", records.join(",\n")))
        }
        "jsonl" => Some(ROWS.iter().map(|row| format!("{}\n", record(row))).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
