//! The standard formats people have, and how each is told from the others.

mod choices;
mod conversations;
mod pairs;
mod programs;
mod word_problems;

use serde_json::{Map, Value};

use crate::fields::{FieldProblem, Fields};
use crate::item_check::check;
use crate::load::{Gather, Refusals, at};
use crate::records::{RecordResult, rows};
use crate::{Item, LineProblem, Loaded, PairSet, Place, SuiteError, SuiteHeader};

pub use pairs::SentencePair;

/// A record as item; the number counts records from 1 and makes an id where the record has none.
type Convert = fn(&Fields<'_>, u64) -> Result<Item, FieldProblem>;

/// One standard format.
pub(crate) struct Format {
    /// Name, as `--format` and records write it.
    pub(crate) name: &'static str,
    /// Title of its usual suite.
    pub(crate) title: &'static str,
    /// Whose questions these are.
    pub(crate) source: &'static str,
    /// Fields that every record has.
    needs: &'static [&'static str],
    /// Columns of a table without a header.
    columns: &'static [&'static str],
    /// Whether a file is only taken for this format when its name says so.
    by_file_name_only: bool,
    convert: Convert,
}

/// Every format; the first whose fields are all there is taken, so those that need more stand first.
const FORMATS: [Format; 10] = [
    programs::HUMAN_EVAL,
    conversations::MT_BENCH,
    choices::HELLASWAG,
    choices::WINOGRANDE,
    choices::TRUTHFUL_QA,
    choices::ARC,
    choices::MMLU_ROWS,
    choices::MMLU,
    word_problems::GSM8K,
    word_problems::LAMBADA,
];

/// Names that a user can give, in the order they are tried.
#[must_use]
pub fn format_names() -> Vec<&'static str> {
    let mut names: Vec<&str> = vec![crate::SUITE_SCHEMA];
    names.extend(FORMATS.iter().map(|format| format.name));
    names.extend([pairs::NAME, "text"]);
    names.dedup();
    names
}

/// Names as errors list them.
pub(crate) fn known() -> String {
    format_names().join(", ")
}

/// What a user's format name stands for.
pub(crate) enum Asked {
    /// One of [`FORMATS`]; a name may stand for several that differ in their fields.
    Records(&'static str),
    /// Sentence pairs.
    Pairs,
    /// Plain text.
    Text,
}

/// The format of a name.
pub(crate) fn by_name(name: &str) -> Result<Asked, SuiteError> {
    if let Some(format) = FORMATS.iter().find(|format| format.name == name) {
        return Ok(Asked::Records(format.name));
    }
    match name {
        pairs::NAME => Ok(Asked::Pairs),
        "text" => Ok(Asked::Text),
        _ => Err(SuiteError::NoSuchFormat { format: name.to_owned(), known: known() }),
    }
}

/// Reads records of one of the formats.
pub(crate) fn from_records(
    name: &str,
    records: Vec<RecordResult>,
    asked: Option<Asked>,
    strict: bool,
) -> Result<Loaded, SuiteError> {
    if matches!(asked, Some(Asked::Pairs)) {
        return pair_set(name, records, strict).map(Loaded::Pairs);
    }
    let wanted = match asked {
        Some(Asked::Records(wanted)) => Some(wanted),
        _ => None,
    };
    let format = told(name, &records, wanted)?;
    let mut gather = Gather::new(name, strict);
    for (number, record) in (1..).zip(records) {
        let item = record.and_then(|(place, record)| {
            let item = (format.convert)(&Fields::new(&record), number);
            let item = item.and_then(|item| check(&item).map(|()| item));
            item.map(|item| (place, item)).map_err(|problem| at(place, problem))
        });
        gather.add(item)?;
    }
    gather.suite(header(name, format), format.name).map(Loaded::Suite)
}

fn header(name: &str, format: &Format) -> SuiteHeader {
    let (title, source) = (format.title.to_owned(), format.source.to_owned());
    let license = "as its makers state it".to_owned();
    SuiteHeader { name: stem(name), title, description: String::new(), source, license }
}

/// The name of a file without folders and endings, fit for a suite's name.
fn stem(name: &str) -> String {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let stem = file.split('.').find(|part| !part.is_empty()).unwrap_or("suite");
    stem.chars()
        .take(64)
        .map(|c| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '-' })
        .collect()
}

/// Records looked at to tell the format.
const RECORDS_LOOKED_AT: usize = 20;

/// The format whose fields most of the first records have.
fn told(
    name: &str,
    records: &[RecordResult],
    wanted: Option<&'static str>,
) -> Result<&'static Format, SuiteError> {
    let first: Vec<&Map<String, Value>> = records
        .iter()
        .filter_map(|record| record.as_ref().ok())
        .map(|(_, map)| map)
        .take(RECORDS_LOOKED_AT)
        .collect();
    if first.is_empty() {
        return Err(none_readable(name, records));
    }
    let lower = name.to_ascii_lowercase();
    let open = |format: &&Format| match wanted {
        Some(wanted) => format.name == wanted,
        None => !format.by_file_name_only || lower.contains(format.name),
    };
    let fits = |format: &&'static Format| {
        let whole = first.iter().filter(|map| missing(format, map).is_none()).count();
        2 * whole > first.len()
    };
    let mut candidates = FORMATS.iter().filter(open);
    candidates.find(fits).ok_or_else(|| {
        let fields: Vec<&str> = first[0].keys().map(String::as_str).take(20).collect();
        let mut found = format!("its records have the fields {}", fields.join(", "));
        let nearest = FORMATS.iter().filter(open).max_by_key(|format| {
            format.needs.len() - format.needs.iter().filter(|field| !has(first[0], field)).count()
        });
        if let Some((format, field)) = nearest.and_then(|format| Some((format, missing(format, first[0])?))) {
            found.push_str(&format!("; for {} the field `{field}` is missing", format.name));
        }
        SuiteError::UnknownFormat { name: name.to_owned(), found, known: known() }
    })
}

fn none_readable(name: &str, records: &[RecordResult]) -> SuiteError {
    let mut refusals = Refusals::default();
    for problem in records.iter().filter_map(|record| record.as_ref().err()) {
        refusals.add(name, problem.clone(), false).expect("only strict reading stops at a line");
    }
    refusals.nothing_usable(name)
}

/// The first field of a format that a record lacks. `a|b` means either; `a[]` a field that is a list.
fn missing(format: &Format, record: &Map<String, Value>) -> Option<&'static str> {
    format.needs.iter().find(|field| !has(record, field)).copied()
}

fn has(record: &Map<String, Value>, field: &str) -> bool {
    field.split('|').any(|field| match field.strip_suffix("[]") {
        Some(field) => record.get(field).is_some_and(Value::is_array),
        None => record.get(field).is_some_and(|value| !value.is_null()),
    })
}

/// Reads a table: its first row is a header when it holds the names of columns that a format needs.
pub(crate) fn from_table(
    name: &str,
    bytes: &[u8],
    (separator, quoting): (u8, bool),
    asked: Option<Asked>,
    strict: bool,
) -> Result<Loaded, SuiteError> {
    let rows = rows(bytes, separator, quoting);
    let first: Vec<String> = match rows.first() {
        Some(Ok((_, row))) => row.clone(),
        _ => Vec::new(),
    };
    if matches!(asked, Some(Asked::Pairs)) || (asked.is_none() && pairs::looks_like(&first)) {
        let columns = pairs::columns(&first);
        return pair_set(name, keyed(rows, &columns, pairs::has_header(&first)), strict).map(Loaded::Pairs);
    }
    let lower: Vec<String> = first.iter().map(|cell| cell.trim().to_lowercase()).collect();
    let has_header = lower.iter().any(|cell| cell == "question");
    let columns = if has_header {
        table_columns(&lower)
    } else {
        choices::MMLU_ROWS.columns.iter().map(ToString::to_string).collect()
    };
    if has_header
        && let Some(column) = choices::MMLU_ROWS.needs.iter().find(|need| !columns.iter().any(|c| c == *need))
    {
        let present = first.join(", ");
        let format = choices::MMLU_ROWS.name;
        return Err(SuiteError::MissingColumn { name: name.to_owned(), format, column, present });
    }
    if !has_header && first.len() < columns.len() {
        let found = format!("its first row has {} columns, none of them named `question`", first.len());
        return Err(SuiteError::UnknownFormat { name: name.to_owned(), found, known: known() });
    }
    from_records(
        name,
        keyed(rows, &columns, has_header),
        Some(Asked::Records(choices::MMLU_ROWS.name)),
        strict,
    )
}

/// Names of a header's columns, the letters in capitals as headerless tables have them.
fn table_columns(lower: &[String]) -> Vec<String> {
    lower.iter().map(|cell| if cell.len() == 1 { cell.to_uppercase() } else { cell.clone() }).collect()
}

/// Rows as records: each cell under its column's name; further cells are dropped, missing ones are problems of the row.
fn keyed(
    rows: Vec<Result<(Place, Vec<String>), LineProblem>>,
    columns: &[String],
    has_header: bool,
) -> Vec<RecordResult> {
    let record = |row: Result<(Place, Vec<String>), LineProblem>| {
        let (place, cells) = row?;
        if cells.len() < columns.len() {
            let message = format!("has {} columns, but {} are needed", cells.len(), columns.len());
            return Err(LineProblem { place, field: None, message });
        }
        let cells = columns.iter().cloned().zip(cells.into_iter().map(Value::String));
        Ok((place, cells.collect()))
    };
    rows.into_iter().skip(usize::from(has_header)).map(record).collect()
}

fn pair_set(name: &str, records: Vec<RecordResult>, strict: bool) -> Result<PairSet, SuiteError> {
    let mut refusals = Refusals::default();
    let mut found = Vec::new();
    for (number, record) in (1..).zip(records) {
        let pair = record.and_then(|(place, record)| {
            pairs::convert(&Fields::new(&record), number).map_err(|problem| at(place, problem))
        });
        match pair {
            Ok(pair) => found.push(pair),
            Err(problem) => refusals.add(name, problem, strict)?,
        }
    }
    if found.is_empty() {
        return Err(refusals.nothing_usable(name));
    }
    let header = pairs::header(stem(name));
    Ok(PairSet { header, pairs: found, refused: refusals.kept, refused_total: refusals.total })
}
