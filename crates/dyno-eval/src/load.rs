//! From a file's bytes to checked questions, whatever the format.

use std::collections::HashMap;

use crate::fields::FieldProblem;
use crate::formats;
use crate::item_check::check;
use crate::records::{Container, RecordResult, container, json_lines, json_list, plain_bytes};
use crate::suite_format::{is_header, read_header, read_item};
use crate::{
    Item, LineProblem, Place, REFUSED_MAX, SUITE_SCHEMA, SentencePair, Suite, SuiteError, SuiteHeader,
};

/// How to read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LoadOptions<'a> {
    /// Stop at the first line that cannot be used, instead of leaving it out.
    pub strict: bool,
    /// Name of the format, where it shall not be told from content and file name.
    pub format: Option<&'a str>,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Loaded {
    /// Questions.
    Suite(Suite),
    /// Pairs of sentences with a gold score; scoring them needs embeddings, which questions and answers cannot give.
    Pairs(PairSet),
    /// Plain text, for perplexity.
    Text(String),
}

/// Sentence pairs that were read.
#[derive(Debug, Clone, PartialEq)]
pub struct PairSet {
    /// What the set says about itself.
    pub header: SuiteHeader,
    /// Pairs.
    pub pairs: Vec<SentencePair>,
    /// Lines that could not be used, the first [`REFUSED_MAX`].
    pub refused: Vec<LineProblem>,
    /// All lines that could not be used.
    pub refused_total: u64,
}

/// Reads a file of questions: dyno's own suites, and the formats of [`crate::format_names`]. `name` is the file's name; it
/// helps to tell formats apart and names the suite where the file does not.
///
/// # Errors
/// For a file of which nothing can be used; in strict mode also for its first line that cannot be used.
pub fn load(name: &str, bytes: &[u8], options: LoadOptions<'_>) -> Result<Loaded, SuiteError> {
    let plain = plain_bytes(name, bytes)?;
    if options.format == Some(SUITE_SCHEMA) {
        return own_suite(name, json_lines(&plain).collect(), options.strict).map(Loaded::Suite);
    }
    let asked = options.format.map(formats::by_name).transpose()?;
    let kind = container(name, &plain);
    if matches!(asked, Some(formats::Asked::Text)) || (kind == Container::Text && asked.is_none()) {
        return text(name, plain);
    }
    let records = match kind {
        Container::Lines => json_lines(&plain).collect(),
        Container::List => json_list(name, &plain)?,
        Container::Table { separator, quoting } => {
            return formats::from_table(name, &plain, (separator, quoting), asked, options.strict);
        }
        Container::Text => {
            let found = "it is neither JSON nor a table".to_owned();
            return Err(SuiteError::UnknownFormat { name: name.to_owned(), found, known: formats::known() });
        }
    };
    let first = records.iter().find_map(|record| record.as_ref().ok());
    if asked.is_none() && first.is_some_and(|(_, record)| is_header(record)) {
        return own_suite(name, records, options.strict).map(Loaded::Suite);
    }
    formats::from_records(name, records, asked, options.strict)
}

/// Reads a suite in dyno's own format and nothing else.
///
/// # Errors
/// As [`load`].
pub fn load_suite(name: &str, bytes: &[u8], strict: bool) -> Result<Suite, SuiteError> {
    let plain = plain_bytes(name, bytes)?;
    own_suite(name, json_lines(&plain).collect(), strict)
}

fn text(name: &str, plain: Vec<u8>) -> Result<Loaded, SuiteError> {
    let found = "it is a text with bytes that are no UTF-8";
    let text = String::from_utf8(plain);
    text.map(Loaded::Text).map_err(|_| SuiteError::NotUtf8 { name: name.to_owned(), found })
}

fn own_suite(name: &str, records: Vec<RecordResult>, strict: bool) -> Result<Suite, SuiteError> {
    let mut records = records.into_iter();
    let refuse =
        |place: Place, reason| SuiteError::Header { name: name.to_owned(), place: place.to_string(), reason };
    let header = match records.next() {
        None => return Err(SuiteError::Empty { name: name.to_owned() }),
        Some(Err(problem)) => return Err(refuse(problem.place, problem.message)),
        Some(Ok((place, record))) => read_header(&record).map_err(|reason| refuse(place, reason))?,
    };
    let mut gather = Gather::new(name, strict);
    for record in records {
        let item = record.and_then(|(place, record)| {
            let item = read_item(&record).and_then(|item| check(&item).map(|()| item));
            item.map(|item| (place, item)).map_err(|problem| at(place, problem))
        });
        gather.add(item)?;
    }
    gather.suite(header, SUITE_SCHEMA)
}

/// A field's problem as a line's problem.
pub(crate) fn at(place: Place, problem: FieldProblem) -> LineProblem {
    LineProblem { place, field: Some(problem.field), message: problem.message }
}

/// Collects items, counts refused lines and keeps ids unique.
pub(crate) struct Gather<'a> {
    name: &'a str,
    strict: bool,
    items: Vec<Item>,
    places: HashMap<String, Place>,
    refusals: Refusals,
}

/// Refused lines: all counted, the first ones kept.
#[derive(Default)]
pub(crate) struct Refusals {
    pub(crate) kept: Vec<LineProblem>,
    pub(crate) total: u64,
}

impl Refusals {
    /// Counts a refused line, or stops at it.
    pub(crate) fn add(&mut self, name: &str, problem: LineProblem, strict: bool) -> Result<(), SuiteError> {
        if strict {
            return Err(SuiteError::Strict { name: name.to_owned(), problem });
        }
        self.total += 1;
        if self.kept.len() < REFUSED_MAX {
            self.kept.push(problem);
        }
        Ok(())
    }

    /// The error of a file in which nothing was usable.
    pub(crate) fn nothing_usable(&self, name: &str) -> SuiteError {
        match self.kept.first() {
            None => SuiteError::Empty { name: name.to_owned() },
            Some(first) => SuiteError::NothingUsable {
                name: name.to_owned(),
                refused: self.total,
                first: first.to_string(),
            },
        }
    }
}

impl<'a> Gather<'a> {
    pub(crate) fn new(name: &'a str, strict: bool) -> Self {
        let (places, refusals) = (HashMap::new(), Refusals::default());
        Self { name, strict, items: Vec::new(), places, refusals }
    }

    /// Takes an item or a refused line.
    pub(crate) fn add(&mut self, item: Result<(Place, Item), LineProblem>) -> Result<(), SuiteError> {
        let unique = item.and_then(|(place, item)| match self.places.get(&item.id) {
            Some(earlier) => {
                let what = format!("is {}, which {earlier} already has", crate::fields::quoted(&item.id));
                Err(at(place, FieldProblem::new("id", what)))
            }
            None => Ok((place, item)),
        });
        match unique {
            Ok((place, item)) => {
                self.places.insert(item.id.clone(), place);
                self.items.push(item);
                Ok(())
            }
            Err(problem) => self.refusals.add(self.name, problem, self.strict),
        }
    }

    /// The suite of everything taken.
    pub(crate) fn suite(self, header: SuiteHeader, format: &'static str) -> Result<Suite, SuiteError> {
        let (examples, items): (Vec<Item>, Vec<Item>) = self.items.into_iter().partition(Item::is_example);
        if items.is_empty() {
            return Err(self.refusals.nothing_usable(self.name));
        }
        let Refusals { kept: refused, total: refused_total } = self.refusals;
        Ok(Suite { header, format, items, examples, refused, refused_total })
    }
}
