//! From a file's bytes to checked questions, whatever the format.

use std::collections::HashMap;

use dyno_datasets::{Dataset, RecordResult};

use crate::fields::FieldProblem;
use crate::formats::{self, Asked, ScoreBy};
use crate::item_check::check;
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
    /// Column or field that holds the question; the file is then a plain one of questions and answers.
    pub question_column: Option<&'a str>,
    /// Column or field that holds the answer; the same.
    pub answer_column: Option<&'a str>,
    /// How answers to plain questions are scored, where that shall not follow from the answers' shape.
    pub score: Option<ScoreBy>,
}

impl LoadOptions<'_> {
    /// What the options say about the format.
    fn asked(&self) -> Result<Option<Asked>, SuiteError> {
        let asked = self.format.map(formats::by_name).transpose()?;
        let plain = self.question_column.is_some() || self.answer_column.is_some() || self.score.is_some();
        match asked {
            None if plain => Ok(Some(Asked::Questions)),
            Some(Asked::Questions) | None => Ok(asked),
            Some(_) if plain => {
                let reason =
                    "columns and scores can be chosen for plain questions, not for a published format";
                let name = self.format.unwrap_or_default().to_owned();
                Err(SuiteError::Questions { name, reason: reason.to_owned() })
            }
            Some(_) => Ok(asked),
        }
    }
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
    if options.format == Some(SUITE_SCHEMA) {
        return load_suite(name, bytes, options.strict).map(Loaded::Suite);
    }
    let asked = options.asked()?;
    if asked == Some(Asked::Text) {
        return Ok(Loaded::Text(dyno_datasets::read_text(name, bytes)?));
    }
    match dyno_datasets::read(name, bytes)? {
        Dataset::Text(text) if asked.is_none() => Ok(Loaded::Text(text)),
        Dataset::Text(_) => {
            let found = "it is neither JSON nor a table".to_owned();
            Err(SuiteError::UnknownFormat { name: name.to_owned(), found, known: formats::known() })
        }
        Dataset::Table(rows) => formats::from_table(name, rows, asked, options),
        Dataset::Records(records) => {
            let first = records.iter().find_map(|record| record.as_ref().ok());
            if asked.is_none() && first.is_some_and(|(_, record)| is_header(record)) {
                return own_suite(name, records, options.strict).map(Loaded::Suite);
            }
            formats::from_records(name, records, asked, options)
        }
    }
}

/// Reads a suite in dyno's own format and nothing else.
///
/// # Errors
/// As [`load`].
pub fn load_suite(name: &str, bytes: &[u8], strict: bool) -> Result<Suite, SuiteError> {
    own_suite(name, dyno_datasets::read_lines(name, bytes)?, strict)
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
        Ok(Suite { header, format, remarks: Vec::new(), items, examples, refused, refused_total })
    }
}
