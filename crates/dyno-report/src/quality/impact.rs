//! The table of quantization impact, and which variants no other beats.

use dyno_stats::{Direction, pareto_set};
use dyno_types::{EvalRecord, INTERVAL_ITEMS_MIN, PairedComparison, QuantImpact, Rate, SuiteResult, Unit};

use super::scores::{TextTable, WHOLE, strategy, with_interval};
use super::sentences::{differs, guesses, perplexity_interval};
use crate::figure::{MISSING, Scale, bytes, number, percent, percent_interval, points};
use crate::text::plain;

/// By what the quality of variants is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Yardstick {
    /// Accuracy over the same items.
    Accuracy,
    /// Perplexity of the same text.
    Perplexity,
}

impl Yardstick {
    /// The first that at least two variants have.
    pub(crate) fn of(rows: &[QuantImpact]) -> Option<Self> {
        let usable = |yardstick: &Self| rows.iter().filter(|row| yardstick.value(row).is_some()).count() > 1;
        [Self::Accuracy, Self::Perplexity].into_iter().find(usable)
    }

    pub(crate) fn value(self, row: &QuantImpact) -> Option<f64> {
        match self {
            Self::Accuracy => row.accuracy.as_ref().map(|score| score.value),
            Self::Perplexity => row.ppl,
        }
        .filter(|value| value.is_finite())
    }

    /// 95 % interval, where there is one.
    pub(crate) fn interval(self, row: &QuantImpact) -> Option<[f64; 2]> {
        match self {
            Self::Accuracy => row.accuracy.as_ref().and_then(|score| score.ci95),
            Self::Perplexity => perplexity_interval(row.ppl?, row.ppl_standard_error?, row.ppl_chunks?),
        }
        .filter(|ends| ends.iter().all(|end| end.is_finite()) && ends[0] <= ends[1])
    }

    pub(crate) fn direction(self) -> Direction {
        match self {
            Self::Accuracy => Direction::HigherIsBetter,
            Self::Perplexity => Direction::LowerIsBetter,
        }
    }
}

/// Rows of the records: the original first, then from large to small.
pub(crate) fn rows_of(records: &[EvalRecord]) -> Vec<QuantImpact> {
    let mut rows: Vec<QuantImpact> = records.iter().map(QuantImpact::of).collect();
    arrange(&mut rows);
    rows
}

fn arrange(rows: &mut [QuantImpact]) {
    rows.sort_by_key(|row| (!row.original, std::cmp::Reverse(row.file_bytes)));
}

/// Members of the Pareto set of size (file bytes) and quality; all `false` where quality is unknown.
pub(crate) fn best_for_size(rows: &[QuantImpact], yardstick: Yardstick) -> Vec<bool> {
    let point = |row: &QuantImpact| [row.file_bytes as f64, yardstick.value(row).unwrap_or(f64::NAN)];
    let points: Vec<[f64; 2]> = rows.iter().map(point).collect();
    pareto_set(&points, &[Direction::LowerIsBetter, yardstick.direction()])
}

/// Members of the Pareto set of decode rate and quality.
pub(crate) fn best_for_speed(rows: &[QuantImpact], yardstick: Yardstick) -> Vec<bool> {
    let rate = |row: &QuantImpact| row.footprint.decode_tps.map_or(f64::NAN, |rate| rate.tps);
    let point = |row: &QuantImpact| [rate(row), yardstick.value(row).unwrap_or(f64::NAN)];
    let points: Vec<[f64; 2]> = rows.iter().map(point).collect();
    pareto_set(&points, &[Direction::HigherIsBetter, yardstick.direction()])
}

const HEADER: [&str; 11] = [
    "quantization",
    "file",
    "peak memory",
    "prefill",
    "decode",
    "perplexity",
    "KL divergence",
    "same top token",
    "accuracy",
    "against the original",
    "best for",
];

/// The table, one row per variant; columns that no variant has are left out.
pub(crate) fn table(rows: &[QuantImpact]) -> TextTable {
    let mut rows = rows.to_vec();
    arrange(&mut rows);
    let one_original = rows.iter().filter(|row| row.original).count() == 1 && rows.len() > 1;
    let yardstick = Yardstick::of(&rows);
    let none = vec![false; rows.len()];
    let size = yardstick.map_or_else(|| none.clone(), |yardstick| best_for_size(&rows, yardstick));
    let speed = yardstick.map_or_else(|| none.clone(), |yardstick| best_for_speed(&rows, yardstick));
    let prefill_timed = rows.iter().any(|row| row.footprint.prefill_tps.is_some());
    let cells = rows.iter().enumerate().map(|(index, row)| {
        let best: Vec<&str> = [(size[index], "size"), (speed[index], "speed")]
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, what)| *what)
            .collect();
        let mut cells = figures(row, row.original && one_original, prefill_timed);
        cells.push(if best.is_empty() { MISSING.to_owned() } else { best.join(", ") });
        cells
    });
    TextTable::of(&HEADER, 1, cells.collect())
}

/// Beside what a rate would be, where no single stream was timed.
const NOT_MEASURED: &str = "not measured";

fn figures(row: &QuantImpact, original: bool, prefill_timed: bool) -> Vec<String> {
    let not_timed = |shown: bool| if shown { NOT_MEASURED } else { MISSING }.to_owned();
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| MISSING.to_owned());
    let footprint = &row.footprint;
    let name = plain(&row.name);
    let against = row.comparison.as_ref().filter(|one| one.n > 0).map(difference);
    vec![
        if original { format!("{name} (original)") } else { name },
        or_dash((row.file_bytes > 0).then(|| bytes(row.file_bytes))),
        or_dash(footprint.rss_peak_bytes.map(bytes)),
        footprint.prefill_tps.map_or_else(|| not_timed(prefill_timed), rate),
        footprint.decode_tps.map_or_else(|| not_timed(true), rate),
        or_dash(row.ppl.map(number)),
        or_dash(row.kld_mean.map(divergence)),
        or_dash(row.top1_agree.map(percent)),
        or_dash(row.accuracy.as_ref().map(with_interval)),
        or_dash(against),
    ]
}

/// Nats per token; the best quantizations differ by so little that only the order of magnitude tells them apart.
fn divergence(nats: f64) -> String {
    if nats > 0.0 && nats < 0.001 { format!("{nats:.1e}") } else { number(nats) }
}

fn difference(one: &PairedComparison) -> String {
    if one.n < INTERVAL_ITEMS_MIN {
        return "too few items".to_owned();
    }
    let verdict = if differs(one) { "" } else { ", not visible" };
    format!("{} points {}{verdict}", points(one.difference), percent_interval(one.ci95))
}

const SUITES_HEADER: [&str; 6] =
    ["suite", "strategy", "quantization", "items", "accuracy", "against the original"];

/// Accuracy on every suite of the first record, a row per variant; no rows where [`table`] holds all of it.
pub(crate) fn suites_table(records: &[EvalRecord]) -> TextTable {
    let scored = |result: &&SuiteResult| result.main_score().is_some();
    let asked: Vec<&SuiteResult> =
        records.first().map(|first| first.suites.iter().filter(scored).collect()).unwrap_or_default();
    let several = asked.iter().filter(|_| asked.len() > 1);
    let rows = several.flat_map(|result| records.iter().filter_map(|record| suite_row(result, record)));
    TextTable::of(&SUITES_HEADER, 3, rows.collect())
}

/// What a variant made of the suite that the original was asked.
fn suite_row(asked: &SuiteResult, record: &EvalRecord) -> Option<Vec<String>> {
    let same = |result: &&SuiteResult| {
        result.suite == asked.suite && result.strategy == asked.strategy && result.few_shot == asked.few_shot
    };
    let score = record.suites.iter().find(same)?.main_score()?;
    let compared = record.comparisons.iter().find(|one| {
        one.kind == "quantization" && one.suite == asked.suite.name && one.group == WHOLE && one.n > 0
    });
    Some(vec![
        plain(&asked.suite.name),
        strategy(asked),
        plain(&record.model.quantization),
        crate::figure::count(score.n),
        with_interval(score),
        compared.map_or_else(|| MISSING.to_owned(), difference),
    ])
}

fn rate(rate: Rate) -> String {
    let scale = Scale::with_interval(Unit::TokensPerSecond, rate.tps, rate.ci95);
    match rate.ci95 {
        Some(ends) => format!("{} {}", scale.text(rate.tps), scale.interval(ends)),
        None => scale.text(rate.tps),
    }
}

/// The smallest variant that is not visibly worse than the original, as a sentence; empty where nothing was compared.
pub(crate) fn conclusion(rows: &[QuantImpact]) -> String {
    let Some(original) = rows.iter().find(|row| row.original && row.file_bytes > 0) else {
        return String::new();
    };
    let compared =
        || rows.iter().filter_map(|row| Some((row, row.comparison.as_ref().filter(|one| one.n > 0)?)));
    let Some((_, any)) = compared().next() else { return String::new() };
    if original.accuracy.as_ref().is_some_and(guesses) {
        return format!(
            "In short: {} itself is not better than guessing on these items, so they cannot show what a quantization loses.",
            plain(&original.name)
        );
    }
    let unharmed = compared().filter(|(_, one)| !differs(one) || one.difference > 0.0).map(|(row, _)| row);
    let n = crate::figure::count(any.n);
    match unharmed.min_by_key(|row| row.file_bytes) {
        None => format!(
            "In short: with {n} items, every variant is visibly worse than {}.",
            plain(&original.name)
        ),
        Some(row) => format!(
            "In short: {} is the smallest that is not visibly worse than {} with {n} items: {} instead of {}{}. Differences smaller \
             than the intervals may be there all the same.",
            plain(&row.name),
            plain(&original.name),
            bytes(row.file_bytes),
            bytes(original.file_bytes),
            row.kld_mean
                .map_or_else(String::new, |kld| format!(", divergence {} nats per token", divergence(kld)))
        ),
    }
}

/// What stands under the table.
pub(crate) fn note(rows: &[QuantImpact]) -> String {
    let mut said = Vec::new();
    if let Some(task) = rows.iter().find_map(|row| row.task.as_deref()) {
        said.push(format!("Accuracy is that of {}.", plain(task)));
    }
    match Yardstick::of(rows) {
        Some(Yardstick::Accuracy) => said.push(
            "Best for: no variant is both smaller (or faster) and more accurate; intervals that overlap may rank either way."
                .to_owned(),
        ),
        Some(Yardstick::Perplexity) => said
            .push("Best for: no variant is both smaller (or faster) and of lower perplexity.".to_owned()),
        None => {}
    }
    if rows.iter().any(|row| row.kld_mean.is_some()) {
        said.push("KL divergence in nats per token from the original on the same text.".to_owned());
    }
    said.join(" ")
}
