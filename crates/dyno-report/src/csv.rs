//! One row per record and metric (RFC 4180, lines end in CRLF), for spreadsheets and data frames. Numbers are
//! unrounded, in the metric's own unit.
//!
//! Texts are whole, with their line breaks and signs. Where a spreadsheet would take a text for a formula, and only there, one
//! apostrophe stands before it; taking away one apostrophe before `=`, `+`, `-`, `@` or `'` gives the text back.

use dyno_stats::{HIGH_TAIL, LOW_TAIL};
use dyno_types::{KNOBS, MetricSummary, RunRecord, ValidityFlag};

use crate::columns::metric_ids;
use crate::facts::model_name;

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
    let validity = &record.validity;
    let unknown = validity.unknown_flags.iter().map(|name| text(name));
    let flags: Vec<String> = validity.flags.iter().map(flag_name).chain(unknown).collect();
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

/// Signs with which a spreadsheet lets formulas begin, also in their full-width form.
const SIGNS: [char; 8] = ['=', '+', '-', '@', '\u{FF1D}', '\u{FF0B}', '\u{FF0D}', '\u{FF20}'];

/// The text itself; an apostrophe before it where a spreadsheet would run it. A zero, at which many readers of CSV take the text to end,
/// becomes `\u{FFFD}`.
pub(crate) fn text(value: &str) -> String {
    let shown = value.replace('\0', "\u{FFFD}");
    if runs(&shown) { format!("'{shown}") } else { shown }
}

/// Whether a spreadsheet would compute this text instead of showing it, or take an apostrophe of its own for ours.
fn runs(text: &str) -> bool {
    let begun = text.trim_start();
    let mut characters = begun.chars();
    match characters.next() {
        Some('=' | '@' | '\u{FF1D}' | '\u{FF20}') => true,
        Some('+' | '-' | '\u{FF0B}' | '\u{FF0D}') => !is_harmless_behind_a_sign(begun),
        Some('\'') => is_read_as_ours(characters.as_str()),
        _ => false,
    }
}

/// Whether what stands behind an apostrophe makes it look like one of ours.
fn is_read_as_ours(rest: &str) -> bool {
    rest.trim_start().starts_with('\'') || rest.trim_start().starts_with(SIGNS)
}

/// Numbers, and texts that neither compute nor call nor refer to anything: `-4`, `- first point`, but not `-2+3` or `-cmd|'x'!A0`.
fn is_harmless_behind_a_sign(text: &str) -> bool {
    let is_number = text.trim_end().parse::<f64>().is_ok();
    let rest: String = text.chars().skip(1).collect();
    let computes = rest.contains(['(', '|', '!', '+', '*', '/', '^', '&', '=', '<', '>', '{', '[', '@']);
    let is_sum =
        rest.chars().all(|character| character.is_ascii_digit() || " .,-%\r\n\t".contains(character));
    // A cell, such as A1, or several: A1:B2.
    let cell = |character: char| character.is_ascii_alphanumeric() || "$:".contains(character);
    let refers = rest.trim().chars().all(cell) && rest.contains(|character: char| character.is_ascii_digit());
    is_number || !(computes || refers || (is_sum && rest.contains('-')))
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
        for hostile in [
            "=1+1",
            "= 4",
            "@SUM(A1)",
            "  =cmd|' /C calc'!A0",
            "\t=1",
            "\n=1",
            "+cmd|' /C calc'!A0",
            "-2+3+cmd|' /C calc'!A0",
            "-2+3",
            "-2-3",
            "+A1*2",
            "-A1",
            "-$B$2:C3",
            "-SUM(A1:A9)",
            "\u{FF1D}1",
            "'=1",
            "'-4",
        ] {
            assert_eq!(text(hostile), format!("'{hostile}"), "one apostrophe, and the rest as it is");
        }
    }

    #[test]
    fn texts_survive() {
        for plain in [
            "llama-3.2",
            "-4",
            "+4",
            "-4.5e-3",
            "-4\n",
            "- first\n- second\n",
            "-x",
            "'quoted'",
            "'",
            "two\r\nlines",
            "tab\there",
            "👩\u{200D}🔬",
            "−4",
            "",
        ] {
            assert_eq!(text(plain), plain);
        }
        let long = "x".repeat(10_000);
        assert_eq!(text(&long), long);
        assert_eq!(text("a\u{1b}[31m\0"), "a\u{1b}[31m\u{FFFD}");
    }

    /// What the documentation tells readers to do: one apostrophe before one of these goes.
    fn given_back(cell: &str) -> &str {
        cell.strip_prefix('\'').filter(|rest| is_read_as_ours(rest)).unwrap_or(cell)
    }

    #[test]
    fn what_was_defused_can_be_given_back() {
        let parts = ["", "'", " ", "\n", "=", "-", "+", "@", "4", "x", "(", "|", "\u{FF1D}"];
        // Every text of four parts.
        let count = parts.len();
        for number in 0..count.pow(4) {
            let part = |place: u32| parts[number / count.pow(place) % count];
            let whole = [part(0), part(1), part(2), part(3)].concat();
            assert_eq!(given_back(&text(&whole)), whole, "{whole:?}");
        }
    }
}
