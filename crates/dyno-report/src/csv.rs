//! One row per record and metric (RFC 4180, lines end in CRLF), for spreadsheets and data frames. Numbers are
//! unrounded, in the metric's own unit.

use dyno_stats::{HIGH_TAIL, LOW_TAIL};
use dyno_types::{KNOBS, MetricSummary, RunRecord, ValidityFlag};

use crate::columns::metric_ids;
use crate::facts::model_name;
use crate::text::plain;

const CIRCUMSTANCES: [&str; 14] = [
    "run_id",
    "started_unix_ms",
    "valid",
    "flags",
    "model",
    "architecture",
    "parameters",
    "quantization",
    "file_bytes",
    "synthetic",
    "cpu",
    "engine",
    "backend",
    "tool_version",
];

const FIGURES: [&str; 10] =
    ["metric", "unit", "n", "mean", "sd", "median", "min", "max", "ci95_low", "ci95_high"];

/// The table with its header. A record without any metric keeps one row, so that it does not vanish.
pub(crate) fn rows(records: &[RunRecord]) -> String {
    let percentiles = HIGH_TAIL.iter().chain(&LOW_TAIL).map(|percentile| percentile.name);
    let header =
        CIRCUMSTANCES.into_iter().chain(KNOBS.iter().map(|knob| knob.id)).chain(FIGURES).chain(percentiles);
    let mut table = line(header.map(str::to_owned));
    for record in records {
        let circumstances = circumstances(record);
        let ids = metric_ids(record);
        for id in &ids {
            table += &line(circumstances.iter().cloned().chain(figures(id, &record.metrics[*id])));
        }
        if ids.is_empty() {
            let blank = FIGURES.len() + HIGH_TAIL.len() + LOW_TAIL.len();
            table += &line(circumstances.into_iter().chain(std::iter::repeat_n(String::new(), blank)));
        }
    }
    table
}

fn circumstances(record: &RunRecord) -> Vec<String> {
    let flags: Vec<String> = record.validity.flags.iter().map(flag_name).collect();
    let mut cells = vec![
        text(&record.id),
        record.started_unix_ms.to_string(),
        record.validity.valid.to_string(),
        flags.join(" "),
        text(&model_name(&record.model)),
        text(&record.model.architecture),
        record.model.parameters.to_string(),
        text(&record.model.quantization),
        record.model.file_bytes.to_string(),
        record.model.synthetic.to_string(),
        text(&record.machine.cpu),
        text(&record.engine.name),
        text(&record.engine.backend),
        text(&record.tool.version),
    ];
    cells.extend(KNOBS.iter().map(|knob| (knob.get)(&record.settings.engine)));
    cells
}

fn figures(id: &str, summary: &MetricSummary) -> Vec<String> {
    let number = |value: f64| if value.is_finite() { value.to_string() } else { String::new() };
    let optional = |value: Option<f64>| value.map(number).unwrap_or_default();
    let mut cells = vec![
        text(id),
        summary.unit.name().to_owned(),
        summary.n.to_string(),
        number(summary.mean),
        optional(summary.sd),
        number(summary.median),
        number(summary.min),
        number(summary.max),
        optional(summary.ci95.map(|ends| ends[0])),
        optional(summary.ci95.map(|ends| ends[1])),
    ];
    let stated = HIGH_TAIL.iter().chain(&LOW_TAIL);
    cells.extend(stated.map(|percentile| optional(summary.percentiles.get(percentile.name).copied())));
    cells
}

fn flag_name(flag: &ValidityFlag) -> String {
    match serde_json::to_value(flag) {
        Ok(serde_json::Value::String(name)) => name,
        _ => format!("{flag:?}"),
    }
}

/// Text that no spreadsheet takes for a formula: a leading `=`, `+`, `-` or `@` gets an apostrophe before it.
pub(crate) fn text(value: &str) -> String {
    let shown = plain(value);
    if shown.trim_start().starts_with(['=', '+', '-', '@', '\u{FF1D}', '\u{FF0B}', '\u{FF0D}', '\u{FF20}']) {
        format!("'{shown}")
    } else {
        shown
    }
}

pub(crate) fn line(cells: impl Iterator<Item = String>) -> String {
    cells.map(|cell| quoted(&cell)).collect::<Vec<_>>().join(",") + "\r\n"
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\r', '\n']) || cell != cell.trim() {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_only_where_needed() {
        assert_eq!(quoted("plain"), "plain");
        assert_eq!(quoted("a,b"), "\"a,b\"");
        assert_eq!(quoted("say \"hi\""), "\"say \"\"hi\"\"\"");
        assert_eq!(quoted(" padded"), "\" padded\"");
    }

    #[test]
    fn text_never_becomes_a_formula() {
        for hostile in ["=1+1", "+1", "-2", "@SUM(A1)", "  =cmd|' /C calc'!A0"] {
            assert!(text(hostile).starts_with('\''), "{hostile}");
        }
        assert_eq!(text("llama-3.2"), "llama-3.2");
        assert_eq!(text("\t=1"), "\u{FFFD}=1");
    }
}
