//! The lists of past runs and evaluations.

use comfy_table::CellAlignment;
use dyno_types::Unit;
use serde::Serialize;

use crate::columns::cell;
use crate::figure::{MISSING, count, moment, number, percent};
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
        "accuracy",
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
            row.accuracy.map_or_else(missing, percent),
            row.ppl.map_or_else(missing, number),
            count(row.results),
            if row.valid { "yes" } else { "NO" }.to_owned(),
        ]);
    }
    right(&mut table, 6..10);
    trimmed(&table)
}

/// The runs in the given order, one row each.
#[must_use]
pub fn history_table(rows: &[HistoryRow]) -> String {
    if rows.is_empty() {
        return "No runs yet. `dyno bench` makes the first one.\n".to_owned();
    }
    let mut table =
        grid(&["run", "started", "model", "quant", "decode", "prefill", "TTFT", "peak memory", "valid"]);
    for row in rows {
        table.add_row([
            plain(&row.id),
            moment(row.started_unix_ms),
            plain(&row.model),
            plain(&row.quantization),
            cell(Unit::TokensPerSecond, row.decode_tps),
            cell(Unit::TokensPerSecond, row.prefill_tps),
            cell(Unit::Milliseconds, row.ttft_ms),
            cell(Unit::Bytes, row.rss_peak_bytes),
            if row.valid { "yes" } else { "NO" }.to_owned(),
        ]);
    }
    right(&mut table, 4..8);
    if let Some(valid) = table.column_mut(8) {
        valid.set_cell_alignment(CellAlignment::Center);
    }
    trimmed(&table)
}
