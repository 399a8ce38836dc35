//! The formats people have, and how each is told from the others: by the fields of its records, and by what stands in them.

mod choices;
mod collections;
mod conversations;
mod inference;
mod pairs;
mod programs;
mod questions;
mod table;
mod word_problems;

use dyno_datasets::RecordResult;
use serde_json::{Map, Value};

use crate::fields::{FieldProblem, Fields, list_in};
use crate::item_check::check;
use crate::load::{Gather, Refusals, at};
use crate::{Item, LoadOptions, Loaded, PairSet, SuiteError, SuiteHeader};

pub use pairs::SentencePair;
pub use questions::{SCORES_BY, ScoreBy, example_table};
pub(crate) use table::from_table;

/// A record as item; the number counts records from 1 and makes an id where the record has none.
type Convert = fn(&Fields<'_>, u64) -> Result<Item, FieldProblem>;

/// One published format.
pub(crate) struct Format {
    /// Name, as a user gives it and records write it.
    name: &'static str,
    /// Title of its usual suite.
    title: &'static str,
    /// Whose questions these are.
    source: &'static str,
    /// Fields that every record has: `a|b` means either, `a[]` a field that is a list.
    needs: &'static [&'static str],
    /// What else sets its records apart from others with the same fields.
    also: fn(&Fields<'_>) -> bool,
    /// Whether a file is only taken for this format when its name says so.
    by_file_name_only: bool,
    convert: Convert,
}

impl Format {
    /// A format with what most have.
    const fn new(
        name: &'static str,
        title: &'static str,
        source: &'static str,
        needs: &'static [&'static str],
        convert: Convert,
    ) -> Self {
        Self { name, title, source, needs, also: |_| true, by_file_name_only: false, convert }
    }

    /// Whether a record has the fields of this format.
    fn has_shape(&self, record: &Map<String, Value>) -> bool {
        missing(self, record).is_none() && (self.also)(&Fields::new(record))
    }

    /// Whether a record can be asked as one of this format.
    fn reads(&self, record: &Map<String, Value>) -> bool {
        self.has_shape(record) && self.item(record, 1).is_ok()
    }

    fn item(&self, record: &Map<String, Value>, number: u64) -> Result<Item, FieldProblem> {
        let item = (self.convert)(&Fields::new(record), number)?;
        check(&item)?;
        Ok(item)
    }
}

/// Every published format.
const FORMATS: [Format; 20] = [
    programs::HUMAN_EVAL,
    conversations::MT_BENCH,
    inference::HELLASWAG,
    inference::WINOGRANDE,
    inference::PIQA,
    inference::SIQA,
    inference::COPA,
    choices::TRUTHFUL_QA,
    choices::ARC,
    choices::OPEN_BOOK_QA,
    choices::COMMONSENSE_QA,
    choices::BOOL_Q,
    choices::MMLU,
    choices::MMLU_ROWS,
    choices::MMLU_PRO,
    word_problems::GSM8K,
    word_problems::LAMBADA,
    collections::QUERY_CHOICES,
    collections::CONTEXT_OPTIONS,
    collections::CONTEXT_CONTINUATION,
];

/// Names that a user can give.
#[must_use]
pub fn format_names() -> Vec<&'static str> {
    let mut names: Vec<&str> = vec![crate::SUITE_SCHEMA, questions::NAME];
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// One of [`FORMATS`]; a name may stand for several that differ in their fields.
    Records(&'static str),
    /// Plain questions and answers.
    Questions,
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
        questions::NAME => Ok(Asked::Questions),
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
    options: LoadOptions<'_>,
) -> Result<Loaded, SuiteError> {
    let format = match asked {
        Some(Asked::Pairs) => return pair_set(name, records, options.strict).map(Loaded::Pairs),
        Some(Asked::Questions) => None,
        Some(Asked::Records(wanted)) => Some(named(wanted, &looked_at(name, &records)?)),
        Some(Asked::Text) | None => told(name, &looked_at(name, &records)?, options)?,
    };
    let Some(format) = format else {
        return questions::suite(name, records, options).map(Loaded::Suite);
    };
    let mut gather = Gather::new(name, options.strict);
    for (number, record) in (1..).zip(records) {
        let item = record.and_then(|(place, record)| {
            let item = format.item(&record, number);
            item.map(|item| (place, item)).map_err(|problem| at(place, problem))
        });
        gather.add(item)?;
    }
    gather.suite(header(name, format.title, format.source), format.name).map(Loaded::Suite)
}

fn header(name: &str, title: &str, source: &str) -> SuiteHeader {
    let (title, source) = (title.to_owned(), source.to_owned());
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

/// The first records that can be read.
fn looked_at<'a>(name: &str, records: &'a [RecordResult]) -> Result<Vec<&'a Map<String, Value>>, SuiteError> {
    let readable = records.iter().filter_map(|record| record.as_ref().ok());
    let first: Vec<&Map<String, Value>> = readable.map(|(_, map)| map).take(RECORDS_LOOKED_AT).collect();
    if !first.is_empty() {
        return Ok(first);
    }
    let mut refusals = Refusals::default();
    for problem in records.iter().filter_map(|record| record.as_ref().err()) {
        refusals.add(name, problem.clone(), false)?;
    }
    Err(refusals.nothing_usable(name))
}

/// Whether most of the records are so.
fn most(records: &[&Map<String, Value>], is_so: impl Fn(&Map<String, Value>) -> bool) -> bool {
    2 * records.iter().filter(|record| is_so(record)).count() > records.len()
}

/// The format of a name; among several of that name the one whose fields most records have.
fn named(wanted: &str, first: &[&Map<String, Value>]) -> &'static Format {
    let mut all = FORMATS.iter().filter(|format| format.name == wanted);
    let fits = all.clone().find(|format| most(first, |record| missing(format, record).is_none()));
    fits.or_else(|| all.next()).unwrap_or(&FORMATS[0])
}

/// The one published format that most of the first records can be asked in; `None` for plain questions and answers.
fn told(
    name: &str,
    first: &[&Map<String, Value>],
    options: LoadOptions<'_>,
) -> Result<Option<&'static Format>, SuiteError> {
    let lower = name.to_ascii_lowercase();
    let shaped: Vec<&'static Format> = FORMATS
        .iter()
        .filter(|format| !format.by_file_name_only || lower.contains(format.name))
        .filter(|format| most(first, |record| format.has_shape(record)))
        .collect();
    let fitting = shaped.iter().copied().filter(|format| most(first, |record| format.reads(record)));
    match fitting.collect::<Vec<_>>()[..] {
        [one] => return Ok(Some(one)),
        [] => {}
        ref several => {
            let named = several.iter().find(|format| letters(&lower).contains(&letters(format.name)));
            return named.map(|format| Some(*format)).ok_or_else(|| SuiteError::SeveralFormats {
                name: name.to_owned(),
                fits: several.iter().map(|format| format.name).collect::<Vec<_>>().join(", "),
            });
        }
    }
    let plain = questions::Columns::find(first, options);
    match (plain, shaped.first()) {
        (Ok(_), _) => Ok(None),
        // The fields are there, but not what belongs into them: each line says what is wrong.
        (Err(_), Some(shaped)) => Ok(Some(*shaped)),
        (Err(needed), None) => Err(unknown(name, first[0], &needed)),
    }
}

/// Letters and digits of a name alone: `commonsense_qa.jsonl` names CommonsenseQA.
fn letters(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// What an unknown file holds, what is needed, and the nearest published format.
fn unknown(name: &str, record: &Map<String, Value>, needed: &str) -> SuiteError {
    let mut found = needed.to_owned();
    let present = |format: &Format| format.needs.iter().filter(|field| has(record, field)).count();
    let nearest =
        FORMATS.iter().max_by_key(|format| (present(format), std::cmp::Reverse(format.needs.len())));
    let lacking = nearest.filter(|format| present(format) > 0).and_then(|format| {
        let lacking: Vec<String> = format
            .needs
            .iter()
            .filter(|field| !has(record, field))
            .map(|field| format!("`{field}`"))
            .collect();
        (!lacking.is_empty()).then(|| (format.name, lacking.join(" and ")))
    });
    if let Some((nearest, lacking)) = lacking {
        found.push_str(&format!(". The nearest published format is {nearest}, which also needs {lacking}"));
    }
    SuiteError::UnknownFormat { name: name.to_owned(), found, known: known() }
}

/// The first field of a format that a record lacks.
fn missing(format: &Format, record: &Map<String, Value>) -> Option<&'static str> {
    format.needs.iter().find(|field| !has(record, field)).copied()
}

fn has(record: &Map<String, Value>, field: &str) -> bool {
    field.split('|').any(|field| match field.strip_suffix("[]") {
        Some(field) => match record.get(field) {
            Some(Value::Array(_)) => true,
            Some(Value::String(cell)) => list_in(cell).is_some(),
            _ => false,
        },
        None => record.get(field).is_some_and(|value| !value.is_null()),
    })
}

/// Every field that some format knows, as a header may name it.
fn field_names() -> impl Iterator<Item = &'static str> {
    let needs = FORMATS.iter().flat_map(|format| format.needs).flat_map(|need| need.split('|'));
    needs.map(|need| need.trim_end_matches("[]")).chain(questions::field_names())
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
