//! Items of evaluations: all of them as CSV, and those answered wrong for a reader.

use dyno_types::{EvalRecord, ItemOutcome, ItemResult, SuiteResult};

use super::scores::strategy;
use crate::csv::{line, text};
use crate::figure::number;
use crate::text::plain;

const HEADER: [&str; 25] = [
    "eval_id",
    "model",
    "quantization",
    "model_sha256",
    "suite",
    "suite_sha256",
    "strategy",
    "few_shot",
    "item",
    "task",
    "cluster",
    "outcome",
    "grade",
    "outcome_norm",
    "extracted",
    "answer",
    "tokens_in",
    "tokens_out",
    "decode_ms",
    "position",
    "length",
    "prefill_ms",
    "ttft_ms",
    "time_ms",
    "cached",
];

/// One row per item (RFC 4180, lines end in CRLF), with its header.
pub(crate) fn csv(records: &[EvalRecord]) -> String {
    let mut table = line(HEADER.iter().map(|name| (*name).to_owned()));
    for record in records {
        for result in &record.suites {
            for item in &result.items {
                table += &line(cells(record, result, item).into_iter());
            }
        }
    }
    table
}

fn cells(record: &EvalRecord, result: &SuiteResult, item: &ItemResult) -> Vec<String> {
    let optional = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let grade = match &item.outcome {
        ItemOutcome::Graded { grade } => Some(*grade),
        _ => None,
    };
    vec![
        text(&record.id),
        text(&record.model.reference),
        text(&record.model.quantization),
        text(&record.model_sha256),
        text(&result.suite.name),
        text(&result.suite.sha256),
        text(&result.strategy),
        result.few_shot.to_string(),
        text(&item.id),
        text(&item.task),
        item.cluster.as_deref().map(text).unwrap_or_default(),
        state(&item.outcome).to_owned(),
        optional(grade),
        item.outcome_norm.as_ref().map(|outcome| state(outcome).to_owned()).unwrap_or_default(),
        item.extracted.as_deref().map(text).unwrap_or_default(),
        text(&item.answer),
        item.tokens_in.to_string(),
        item.tokens_out.to_string(),
        item.decode_ms.to_string(),
        optional(item.position),
        item.length.map(|length| length.to_string()).unwrap_or_default(),
        item.prefill_ms.to_string(),
        optional(item.ttft_ms),
        optional(item.time_ms),
        item.cached.to_string(),
    ]
}

/// An outcome in one word.
fn state(outcome: &ItemOutcome) -> &'static str {
    match outcome {
        ItemOutcome::Correct => "correct",
        ItemOutcome::Wrong => "wrong",
        ItemOutcome::Unparsed => "unparsed",
        ItemOutcome::Tied => "tied",
        ItemOutcome::Open => "open",
        ItemOutcome::Graded { .. } => "graded",
        ItemOutcome::Failed { .. } => "failed",
    }
}

/// Items of one result that were not answered right.
pub(crate) struct WrongItems {
    /// Suite and strategy.
    pub(crate) name: String,
    /// How many there are, and of how many.
    pub(crate) counts: [usize; 2],
    /// The first of them: item, task, what became of it, what was read, what was written.
    pub(crate) rows: Vec<Vec<String>>,
}

/// Header of [`WrongItems::rows`].
pub(crate) const WRONG_HEADER: [&str; 5] = ["Item", "Task", "Outcome", "Read", "Answer"];

/// What a result has of wrong answers, at most so many of them; `None` when there are none. What could not be asked or judged is
/// not among them.
pub(crate) fn wrong(result: &SuiteResult, limit: usize) -> Option<WrongItems> {
    let wrong = |item: &&ItemResult| {
        matches!(item.outcome, ItemOutcome::Wrong | ItemOutcome::Unparsed | ItemOutcome::Tied)
    };
    let all = result.items.iter().filter(wrong).count();
    let rows: Vec<Vec<String>> = result.items.iter().filter(wrong).take(limit).map(wrong_row).collect();
    (all > 0).then(|| WrongItems {
        name: format!("{} · {}", plain(&result.suite.name), strategy(result)),
        counts: [all, result.items.len()],
        rows,
    })
}

fn wrong_row(item: &ItemResult) -> Vec<String> {
    let outcome = match &item.outcome {
        ItemOutcome::Unparsed => "no answer found".to_owned(),
        ItemOutcome::Tied => "all choices equally likely".to_owned(),
        other => state(other).to_owned(),
    };
    let read = item.extracted.as_deref().map(plain).or_else(|| likeliest(item)).unwrap_or_default();
    vec![plain(&item.id), plain(&item.task), outcome, read, plain(&item.answer)]
}

/// The choice that was likeliest, counted from 1.
fn likeliest(item: &ItemResult) -> Option<String> {
    let best =
        item.choices.iter().enumerate().max_by(|one, other| one.1.logprob.total_cmp(&other.1.logprob))?;
    Some(format!("choice {} (log-likelihood {})", best.0 + 1, number(best.1.logprob)))
}
