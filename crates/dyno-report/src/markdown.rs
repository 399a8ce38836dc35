//! Markdown: a llama-bench-shaped table and the summary, for issues and notes.

use dyno_types::{RunRecord, Unit};

use crate::columns::{
    HEADLINES, cell, headline_cell, label_with_length, metric_ids, metric_label, tail, value_with_interval,
    varying,
};
use crate::facts::{engine_line, machine_line, model_line, model_name, plan_line, run_line, settings_line};
use crate::figure::{bytes, count, parameters};
use crate::sweep::Sweep;
use crate::text::markdown;
use crate::{sentences, windows};

/// One record: circumstances, the speed table with one row per test, all metrics, sentences.
pub(crate) fn one(record: &RunRecord) -> String {
    let mut page = format!("## {}\n\n", markdown(&model_name(&record.model)));
    let lines = [
        ("Model", model_line(&record.model)),
        ("Machine", machine_line(&record.machine)),
        ("Engine", engine_line(record)),
        ("Settings", settings_line(&record.settings)),
        ("Plan", plan_line(&record.settings)),
        ("Run", run_line(record)),
    ];
    for (label, text) in lines {
        page += &format!("- {label}: {}\n", markdown(&text));
    }
    page += &format!("\n**{}**\n", sentences::verdict(&record.validity));
    page += &bullets(
        sentences::remarks(&record.validity, &record.model, &record.notes)
            .into_iter()
            .map(|remark| remark.text),
    );
    page += &format!("\n{}", speed_table(record));
    if !record.metrics.is_empty() {
        page += &format!("\n{}", metric_table(record));
    }
    let failures = sentences::failures(record);
    if !failures.is_empty() {
        page += "\nWindows that could not be measured:\n";
        page += &bullets(failures.into_iter());
    }
    let analysis = sentences::analysis(record);
    if !analysis.is_empty() {
        page += "\nAnalysis:\n";
        page += &bullets(analysis.into_iter());
    }
    page
}

/// Several records: a row each, only the columns that vary, then the headline metrics.
pub(crate) fn many(records: &[RunRecord]) -> String {
    let columns = varying(records);
    let mut header: Vec<String> = columns.iter().map(|column| column.label.to_owned()).collect();
    header.extend(HEADLINES.iter().map(|id| metric_label(id)));
    let row = |(index, record): (usize, &RunRecord)| {
        let circumstances = columns.iter().map(|column| column.values[index].clone());
        circumstances.chain(HEADLINES.iter().map(|id| headline_cell(record, id))).collect()
    };
    let rows = records.iter().enumerate().map(row).collect();
    let table = table(&header, columns.len(), rows);
    let said = Sweep::of(records).map(|sweep| sweep.sentences()).unwrap_or_default();
    if said.is_empty() { table } else { format!("{table}\n{}", bullets(said.into_iter())) }
}

/// llama-bench's shape: model, size, params, backend, threads, test, t/s.
fn speed_table(record: &RunRecord) -> String {
    let header = ["model", "size", "params", "backend", "threads", "test", "t/s"].map(str::to_owned);
    let engine = &record.settings.engine;
    let row = |threads: u32, test: String, rate: String| {
        let model = format!("{} {}", record.model.architecture, record.model.quantization);
        let size = bytes(record.model.file_bytes);
        let backend = record.engine.backend.clone();
        vec![model, size, parameters(record.model.parameters), backend, threads.to_string(), test, rate]
    };
    let mut rows = Vec::new();
    for (id, threads) in [
        ("prefill_tps", engine.threads_prefill),
        ("prefill_512_tps", engine.threads_prefill),
        ("decode_tps", engine.threads),
    ] {
        if let Some(summary) = record.metrics.get(id) {
            let test = label_with_length(record, id);
            rows.push(row(threads, test, value_with_interval(summary).replace(" tokens/s", "")));
        }
    }
    let rate = |tps: Option<f64>| cell(Unit::TokensPerSecond, tps).replace(" tokens/s", "");
    for window in windows::measured(record) {
        let context = count(u64::from(window.context));
        rows.push(row(engine.threads_prefill, format!("prefill @ {context}"), rate(window.prefill_tps)));
        rows.push(row(engine.threads, format!("decode @ {context}"), rate(window.decode_tps)));
    }
    if rows.is_empty() { "No speed was measured.\n".to_owned() } else { table(&header, 4, rows) }
}

fn metric_table(record: &RunRecord) -> String {
    let header = ["metric", "value [95 % interval]", "median", "tail", "n"].map(str::to_owned);
    let row = |id: &str| {
        let summary = &record.metrics[id];
        let median = cell(summary.unit, Some(summary.median));
        vec![
            label_with_length(record, id),
            value_with_interval(summary),
            median,
            tail(summary),
            summary.n.to_string(),
        ]
    };
    table(&header, 1, metric_ids(record).into_iter().map(row).collect())
}

/// A pipe table; the first `left` columns are aligned left, the others right.
pub(crate) fn table(header: &[String], left: usize, rows: Vec<Vec<String>>) -> String {
    let line = |cells: &[String]| {
        let escaped: Vec<String> =
            cells.iter().map(|cell| markdown(cell).replace("\\[", "[").replace("\\]", "]")).collect();
        format!("| {} |\n", escaped.join(" | "))
    };
    let rule: Vec<&str> =
        (0..header.len()).map(|column| if column < left { "---" } else { "---:" }).collect();
    let mut text = line(header) + &format!("| {} |\n", rule.join(" | "));
    text.extend(rows.iter().map(|row| line(row)));
    text
}

pub(crate) fn bullets(items: impl Iterator<Item = String>) -> String {
    items.map(|item| format!("- {}\n", markdown(&item).replace("\\[", "[").replace("\\]", "]"))).collect()
}
