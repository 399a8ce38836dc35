//! Which questions: suites inside the program, and files.

use std::path::Path;

use dyno_eval::{
    BASELINE_STRATEGY, BuiltinSuite, ItemKind, LoadOptions, Loaded, SCORES_BY, SUITE_BYTES_MAX, ScoreBy,
    Strategy, Suite, SuiteError, builtin_suite, builtin_suites, pick_strategies, strategies, write_suite,
};
use dyno_types::{CancelFlag, Event, EventSink, Remedy, SuiteId, Wish};
use serde::Serialize;

use crate::AppError;
use crate::blocking::read_named;
use crate::eval::digest::sha256_hex;
use crate::eval::draw::subset;
use crate::eval::job::EvalJob;
use crate::eval::template::known_names;

/// Suites asked where nobody says which: the held-out sets of the built-in models that are quickly answered.
const USUAL: [&str; 4] = ["heldout-single", "heldout-steps", "heldout-code", "heldout-choice"];

/// Refused lines named one by one; the rest is counted.
const REFUSED_SHOWN: usize = 5;

/// What can be asked, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EvalCatalogue {
    /// Suites inside the program.
    pub suites: Vec<SuiteRow>,
    /// Prompt strategies.
    pub strategies: Vec<StrategyRow>,
    /// Chat templates beside `model` and `none`.
    pub templates: Vec<String>,
    /// Formats of suite files.
    pub formats: Vec<&'static str>,
}

/// A suite in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SuiteRow {
    /// Name.
    pub name: &'static str,
    /// Title.
    pub title: String,
    /// Questions.
    pub items: usize,
    /// Where they come from.
    pub source: String,
}

/// A strategy in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StrategyRow {
    /// Name.
    pub name: String,
    /// Title.
    pub title: String,
    /// Whose idea it is.
    pub idea: String,
}

/// A suite, and which of its items are asked.
#[derive(Debug)]
pub(crate) struct Questions {
    pub(crate) suite: Suite,
    pub(crate) id: SuiteId,
    /// SHA-256 of the questions as they were understood: answers are remembered for these, and a file that is read in
    /// another way asks other questions.
    pub(crate) understood_sha256: String,
    /// Indices of the items that are asked, ascending.
    pub(crate) chosen: Vec<usize>,
    /// Whether they are asked because nobody said what to ask.
    pub(crate) by_default: bool,
}

impl Questions {
    /// These items of a suite.
    pub(crate) fn new(suite: Suite, id: SuiteId, chosen: Vec<usize>) -> Self {
        let understood_sha256 = sha256_hex(write_suite(&suite).as_bytes());
        Self { suite, id, understood_sha256, chosen, by_default: false }
    }

    /// Whether answers have to be run.
    pub(crate) fn needs_code(&self) -> bool {
        self.chosen.iter().any(|index| self.suite.items[*index].kind == ItemKind::Code)
    }

    /// Whether only a judge can say how good an answer to any of them is.
    pub(crate) fn has_open(&self) -> bool {
        self.chosen.iter().any(|index| self.suite.items[*index].kind.is_open())
    }

    /// Whether any of them comes with a system text.
    pub(crate) fn has_system_text(&self) -> bool {
        self.chosen.iter().any(|index| self.suite.items[*index].system.is_some())
    }

    /// A remark about a part that was drawn.
    pub(crate) fn remark(&self, seed: u64) -> Option<String> {
        let (asked, all) = (self.chosen.len(), self.suite.items.len());
        (asked < all).then(|| {
            let name = &self.id.name;
            format!("{name}: {asked} of {all} items were drawn, evenly over tasks, with seed {seed}")
        })
    }
}

/// Suites, strategies and templates, for a list.
#[must_use]
pub fn eval_catalogue() -> EvalCatalogue {
    let row = |builtin: &BuiltinSuite| {
        let suite = builtin.load().ok()?;
        let (title, source, items) = (suite.header.title, suite.header.source, suite.items.len());
        Some(SuiteRow { name: builtin.name, title, items, source })
    };
    let strategy =
        |strategy: Strategy| StrategyRow { name: strategy.name, title: strategy.title, idea: strategy.idea };
    EvalCatalogue {
        suites: builtin_suites().iter().filter_map(row).collect(),
        strategies: strategies().into_iter().map(strategy).collect(),
        templates: known_names(),
        formats: dyno_eval::format_names(),
    }
}

/// The strategies of these names, `direct` first: the others are compared with it.
pub(crate) fn picked_strategies(names: &[String]) -> Result<Vec<Strategy>, AppError> {
    let names = if names.is_empty() { &[BASELINE_STRATEGY.to_owned()][..] } else { names };
    let mut picked = pick_strategies(&strategies(), names)
        .map_err(|error| AppError::refused(error.to_string(), Remedy::Change(Wish::Strategy)))?;
    picked.sort_by_key(|strategy| strategy.name != BASELINE_STRATEGY);
    Ok(picked)
}

/// An example of a file of questions and answers, to fill in.
///
/// # Errors
/// [`AppError::Input`] for an ending that no such file has.
pub fn question_template(ending: &str) -> Result<String, AppError> {
    let refuse = || {
        AppError::Input(format!(
            "there is no template of the format {ending:?}; there are csv, tsv, json and jsonl"
        ))
    };
    dyno_eval::example_table(ending.trim_start_matches('.')).ok_or_else(refuse)
}

/// The way to score answers that a name stands for.
///
/// # Errors
/// [`AppError::Input`] for an unknown name.
pub fn score_by(name: &str) -> Result<ScoreBy, AppError> {
    let found = SCORES_BY.iter().find(|(known, ..)| *known == name).map(|(_, by, _)| *by);
    found.ok_or_else(|| {
        let known: Vec<String> =
            SCORES_BY.iter().map(|(name, _, meaning)| format!("{name} ({meaning})")).collect();
        AppError::Input(format!("answers cannot be scored by {name:?}; known are: {}", known.join("; ")))
    })
}

/// Every suite that a job asks for, with its bad lines named.
pub(crate) fn questions(
    job: &EvalJob,
    cancel: &CancelFlag,
    events: &dyn EventSink,
) -> Result<Vec<Questions>, AppError> {
    let mut found: Vec<Questions> = Vec::new();
    for name in wanted(job) {
        let (suite, sha256) = load(&name, job, cancel)?;
        warn_of_refused(&suite, events);
        for remark in &suite.remarks {
            events.emit(Event::Note(format!("{}: {remark}", suite.header.name)));
        }
        let id = suite.id(sha256);
        if found.iter().any(|other| other.id.name == id.name) {
            let name = &id.name;
            return Err(AppError::Input(format!("two suites are named {name:?}; give each once")));
        }
        let pairs: Vec<(&str, &str)> =
            suite.items.iter().map(|item| (item.id.as_str(), item.task.as_str())).collect();
        let chosen = subset(&pairs, job.limit.unwrap_or(u64::MAX), job.sampling.seed);
        let questions = Questions::new(suite, id, chosen);
        found.push(Questions { by_default: job.suites.is_empty(), ..questions });
    }
    Ok(found)
}

/// Names of the suites, defaults and `all` resolved.
fn wanted(job: &EvalJob) -> Vec<String> {
    let names = |usable: &dyn Fn(&str) -> bool| -> Vec<String> {
        builtin_suites()
            .iter()
            .map(|suite| suite.name)
            .filter(|name| usable(name))
            .map(str::to_owned)
            .collect()
    };
    if job.suites.is_empty() {
        if job.text.is_some() {
            return Vec::new();
        }
        return names(&|name| USUAL.contains(&name));
    }
    let mut wanted: Vec<String> = Vec::new();
    for name in &job.suites {
        let stands_for = if name == "all" { names(&|_| true) } else { vec![name.clone()] };
        for name in stands_for {
            if !wanted.contains(&name) {
                wanted.push(name);
            }
        }
    }
    wanted
}

/// A suite by name or file, with the SHA-256 of its bytes.
fn load(name: &str, job: &EvalJob, cancel: &CancelFlag) -> Result<(Suite, String), AppError> {
    let refuse = |reason: String| AppError::Input(reason);
    if let Some(builtin) = builtin_suite(name) {
        let suite = builtin.load().map_err(|error| refuse(error.to_string()))?;
        return Ok((suite, sha256_hex(builtin.text.as_bytes())));
    }
    let bytes = read(name, cancel)?;
    let reading = &job.reading;
    let options = LoadOptions {
        strict: job.strict,
        format: job.suite_format.as_deref(),
        question_column: reading.question_column.as_deref(),
        answer_column: reading.answer_column.as_deref(),
        score: reading.score,
    };
    let file = Path::new(name).file_name().unwrap_or_default().to_string_lossy();
    match dyno_eval::load(&file, &bytes, options).map_err(with_the_way_out)? {
        Loaded::Suite(suite) => Ok((suite, sha256_hex(&bytes))),
        Loaded::Pairs(_) => Err(refuse(format!(
            "{name} holds pairs of sentences; scoring them needs embeddings, which `dyno eval` does not compute"
        ))),
        Loaded::Text(_) => {
            let remedy = Remedy::Use(Wish::Perplexity, name.to_owned());
            Err(AppError::refused(
                format!("{name} is a plain text, whose perplexity can be measured"),
                remedy,
            ))
        }
    }
}

/// What is wrong with a file of questions, and which wish of the user mends it.
fn with_the_way_out(error: SuiteError) -> AppError {
    let what = error.to_string();
    match error {
        SuiteError::SeveralFormats { .. } => AppError::refused(what, Remedy::Give(Wish::SuiteFormat)),
        SuiteError::Questions { .. } | SuiteError::UnknownFormat { .. } => {
            let judged = Remedy::Use(Wish::Score, "judge".to_owned());
            let [questions, answers] = [Wish::QuestionColumn, Wish::AnswerColumn].map(Remedy::Give);
            AppError::refused(what, Remedy::Either(vec![questions, answers, judged]))
        }
        _ => AppError::Input(what),
    }
}

fn read(name: &str, cancel: &CancelFlag) -> Result<Vec<u8>, AppError> {
    let path = dyno_models::named_path(name);
    // Packed files are at most as large as what comes out of them may be.
    match read_named(&path, SUITE_BYTES_MAX as u64, cancel)? {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let known: Vec<&str> = builtin_suites().iter().map(|suite| suite.name).collect();
            Err(AppError::Input(format!(
                "there is no suite {name:?}, and no such file; built in are: {}",
                known.join(", ")
            )))
        }
        Err(error) => Err(AppError::Input(format!("the suite {name} cannot be read: {error}"))),
    }
}

fn warn_of_refused(suite: &Suite, events: &dyn EventSink) {
    let name = &suite.header.name;
    for problem in suite.refused.iter().take(REFUSED_SHOWN) {
        events.emit(Event::Warning(format!("{name}: {problem}; this line is left out")));
    }
    let rest = suite.refused_total.saturating_sub(REFUSED_SHOWN as u64);
    if rest > 0 {
        events.emit(Event::Warning(format!("{name}: {rest} more lines are left out")));
    }
}
