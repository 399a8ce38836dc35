//! The lists of past runs and evaluations.

use std::collections::BTreeMap;

use comfy_table::CellAlignment;
use dyno_types::{BenchSettings, Unit, metric_words};
use serde::Serialize;

use crate::columns::{Column, cell, settings_columns};
use crate::figure::{MISSING, count, moment, number, percent, score_text};
use crate::terminal::{grid, right, trimmed};
use crate::text::plain;

/// What a list of runs shows of one run.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct HistoryRow {
    /// Run id.
    pub id: String,
    /// Wall clock at the start, Unix ms.
    pub started_unix_ms: i64,
    /// How the user named the model, without folders.
    pub model: String,
    /// Quantization label.
    pub quantization: String,
    /// Decode rate, tokens/s.
    pub decode_tps: Option<f64>,
    /// Prefill rate, tokens/s.
    pub prefill_tps: Option<f64>,
    /// Time to first token, ms.
    pub ttft_ms: Option<f64>,
    /// Highest resident set of the engine process, bytes.
    pub rss_peak_bytes: Option<f64>,
    /// Whether the run may enter comparisons.
    pub valid: bool,
    /// Everything the run was told to do, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<BenchSettings>,
}

/// What a list of evaluations shows of one.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct EvalRow {
    /// Id of the record.
    pub id: String,
    /// Wall clock at the start, Unix ms.
    pub started_unix_ms: i64,
    /// How the user named the model, without folders.
    pub model: String,
    /// Quantization label.
    pub quantization: String,
    /// Suite of the score.
    pub suite: Option<String>,
    /// Prompt strategy of the score.
    pub strategy: Option<String>,
    /// Items that count in the score.
    pub items: Option<u64>,
    /// The score that stands for the record, 0..=1.
    pub accuracy: Option<f64>,
    /// What the score is, e.g. `accuracy` or `f1`.
    pub metric: Option<String>,
    /// Perplexity.
    pub ppl: Option<f64>,
    /// Results in the record: suites times strategies.
    pub results: u64,
    /// Whether the record may enter comparisons.
    pub valid: bool,
}

/// The evaluations in the given order, one row each; empty for none.
#[must_use]
pub fn eval_history_table(rows: &[EvalRow]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let header = [
        "eval",
        "started",
        "model",
        "quant",
        "suite",
        "strategy",
        "items",
        "score",
        "perplexity",
        "results",
        "valid",
    ];
    let mut table = grid(&header);
    let missing = || MISSING.to_owned();
    for row in rows {
        table.add_row([
            plain(&row.id),
            moment(row.started_unix_ms),
            plain(&row.model),
            plain(&row.quantization),
            row.suite.as_deref().map_or_else(missing, plain),
            row.strategy.as_deref().map_or_else(missing, plain),
            row.items.map_or_else(missing, count),
            row.accuracy.map_or_else(missing, |value| scored(value, row.metric.as_deref())),
            row.ppl.map_or_else(missing, number),
            count(row.results),
            if row.valid { "yes" } else { "NO" }.to_owned(),
        ]);
    }
    right(&mut table, 6..10);
    trimmed(&table)
}

/// A score with the name of what it is, where that is not plain accuracy.
fn scored(value: f64, metric: Option<&str>) -> String {
    match metric {
        None | Some("accuracy") => percent(value),
        Some(metric) => format!("{} ({})", score_text(metric, value), plain(metric_words(metric))),
    }
}

/// The runs in the given order, one row each.
#[must_use]
pub fn history_table(rows: &[HistoryRow]) -> String {
    if rows.is_empty() {
        return "No runs yet. `dyno bench` makes the first one.\n".to_owned();
    }
    let settings = settings_that_differ(rows);
    let mut header = vec!["run", "started", "model", "quant"];
    header.extend(settings.iter().map(|column| column.label));
    let names = header.len();
    header.extend(["decode", "prefill", "TTFT", "peak memory", "valid"]);
    let mut table = grid(&header);
    for (index, row) in rows.iter().enumerate() {
        let names =
            [plain(&row.id), moment(row.started_unix_ms), plain(&row.model), plain(&row.quantization)];
        let figures = [
            cell(Unit::TokensPerSecond, row.decode_tps),
            cell(Unit::TokensPerSecond, row.prefill_tps),
            cell(Unit::Milliseconds, row.ttft_ms),
            cell(Unit::Bytes, row.rss_peak_bytes),
            if row.valid { "yes" } else { "NO" }.to_owned(),
        ];
        let differing = settings.iter().map(|column| column.values[index].clone());
        table.add_row(names.into_iter().chain(differing).chain(figures));
    }
    right(&mut table, names..names + 4);
    if let Some(valid) = table.column_mut(names + 4) {
        valid.set_cell_alignment(CellAlignment::Center);
    }
    trimmed(&table)
}

/// Settings by which runs of one model differ: what tells rows apart that would look alike. That runs of different models were
/// told different things is no news.
fn settings_that_differ(rows: &[HistoryRow]) -> Vec<Column> {
    let settings: Vec<_> = rows.iter().map(|row| row.settings.as_ref()).collect();
    let differs = |column: &Column| {
        let mut known: BTreeMap<(&str, &str), &str> = BTreeMap::new();
        rows.iter().zip(&column.values).filter(|(row, _)| row.settings.is_some()).any(|(row, value)| {
            *known.entry((&row.model, &row.quantization)).or_insert(value) != value.as_str()
        })
    };
    settings_columns(&settings).into_iter().filter(differs).collect()
}
