//! Tables over several records: which columns vary, and the headline metrics. As llama-bench does, what is the same in
//! every row is not repeated.

use std::collections::BTreeSet;

use dyno_types::{BenchSettings, KNOBS, METRICS, Metric, MetricSummary, ModelFacts, RunRecord, Unit};

use crate::figure::{MISSING, Scale, count};
use crate::model_names::model_names;
use crate::sweep::Sweep;
use crate::text::plain;
use crate::windows::Window;

/// Metrics that head tiles, comparison tables and history.
pub(crate) const HEADLINES: [&str; 5] = ["decode_tps", "prefill_tps", "ttft_ms", "load_ms", "rss_peak_bytes"];

/// A circumstance by which records may differ.
pub(crate) struct Column {
    /// Label.
    pub(crate) label: &'static str,
    /// Its text in each record.
    pub(crate) values: Vec<String>,
}

/// The model, then every circumstance that differs between the records.
pub(crate) fn varying(records: &[RunRecord]) -> Vec<Column> {
    let of = |label, text: &dyn Fn(&RunRecord) -> String| Column {
        label,
        values: records.iter().map(text).collect(),
    };
    let mut candidates = vec![
        of("quantization", &|r| plain(&r.model.quantization)),
        of("machine", &|r| plain(&r.machine.cpu)),
        of("engine", &|r| plain(&r.engine.backend)),
        of("engine version", &|r| plain(&r.engine.version)),
        of("dyno", &|r| plain(&r.tool.version)),
    ];
    let settings: Vec<Option<&BenchSettings>> = records.iter().map(|record| Some(&record.settings)).collect();
    candidates.extend(settings_columns(&settings));
    candidates.push(of("valid", &|r| if r.validity.valid { "yes" } else { "NO" }.to_owned()));
    let models: Vec<&ModelFacts> = records.iter().map(|record| &record.model).collect();
    let mut columns = vec![Column { label: "model", values: model_names(&models) }];
    columns.extend(candidates.into_iter().filter(differs));
    columns
}

/// Everything a run can be told to do; a dash for runs of which that is not known.
pub(crate) fn settings_columns(settings: &[Option<&BenchSettings>]) -> Vec<Column> {
    let of = |label, text: &dyn Fn(&BenchSettings) -> String| Column {
        label,
        values: settings.iter().map(|one| one.map_or_else(|| MISSING.to_owned(), text)).collect(),
    };
    let mut columns: Vec<Column> =
        KNOBS.iter().map(|knob| of(knob.label, &|s: &BenchSettings| (knob.get)(&s.engine))).collect();
    columns.extend([
        of("temperature", &|s| s.sampling.temperature.to_string()),
        of("top-k", &|s| s.sampling.top_k.to_string()),
        of("top-p", &|s| s.sampling.top_p.to_string()),
        of("min-p", &|s| s.sampling.min_p.to_string()),
        of("repetition", &|s| s.sampling.repetition_penalty.to_string()),
        of("seed", &|s| s.sampling.seed.to_string()),
        of("tokens", &|s| s.max_tokens.to_string()),
        of("runs", &|s| s.runs.to_string()),
        of("processes", &|s| s.processes.to_string()),
        of("windows", &|s| s.contexts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")),
    ]);
    columns
}

fn differs(column: &Column) -> bool {
    column.values.iter().collect::<BTreeSet<_>>().len() > 1
}

/// Labels that tell the records apart in a legend: the settings of a sweep, the model when that suffices, else what varies.
pub(crate) fn distinguishing_labels(records: &[RunRecord]) -> Vec<String> {
    let labels: Vec<String> = match Sweep::of(records) {
        Some(sweep) => (0..records.len()).map(|index| sweep.setting(index)).collect(),
        None => varying_labels(records),
    };
    let distinct = labels.iter().collect::<BTreeSet<_>>().len() == labels.len();
    let with_id = |(label, record): (String, &RunRecord)| format!("{label} · {}", plain(&record.id));
    if distinct { labels } else { labels.into_iter().zip(records).map(with_id).collect() }
}

fn varying_labels(records: &[RunRecord]) -> Vec<String> {
    let columns = varying(records);
    let label = |row: usize| {
        let varying = columns.iter().skip(1).filter(|column| column.label != "valid");
        let mut parts = vec![columns[0].values[row].clone()];
        if !differs(&columns[0]) {
            parts.extend(varying.map(|column| format!("{} {}", column.label, column.values[row])));
        }
        if parts.len() == 1 && !differs(&columns[0]) {
            parts.push(plain(&records[row].id));
        }
        parts.join(" · ")
    };
    (0..records.len()).map(label).collect()
}

/// Label of a metric: from its single definition, else (a record of a newer version) its id.
pub(crate) fn metric_label(id: &str) -> String {
    Metric::find(id).map_or_else(|| plain(id), |metric| metric.label.to_owned())
}

/// The label with the length of what it was measured on, where the figure depends on it: prompts for prefill and TTFT, answers for decode.
pub(crate) fn label_with_length(record: &RunRecord, id: &str) -> String {
    let answers = || record.stages.inference.iter().flat_map(dyno_types::InferenceStage::answers);
    let length = match id {
        "prefill_tps" | "ttft_ms" => span(answers().map(|sample| sample.n_in)),
        "decode_tps" | "tpot_ms" | "itl_ms" => span(answers().map(|sample| sample.n_out)),
        _ => None,
    };
    let label = metric_label(id);
    length.map_or_else(|| label.clone(), |length| format!("{label} of {length} tokens"))
}

/// `31` or `27–33`; nothing without values.
fn span(values: impl Iterator<Item = u32>) -> Option<String> {
    let values: Vec<u32> = values.collect();
    let (least, most) = (*values.iter().min()?, *values.iter().max()?);
    let text = |value: u32| count(u64::from(value));
    Some(if least == most { text(least) } else { format!("{}–{}", text(least), text(most)) })
}

/// Ids of a record's metrics: the headlines, then the order of the definitions; unknown ones last.
pub(crate) fn metric_ids(record: &RunRecord) -> Vec<&str> {
    let defined = METRICS.iter().map(|metric| metric.id).filter(|id| !HEADLINES.contains(id));
    let known = HEADLINES.into_iter().chain(defined).filter(|id| record.metrics.contains_key(*id));
    let unknown = record.metrics.keys().map(String::as_str).filter(|id| Metric::find(id).is_none());
    known.chain(unknown).collect()
}

/// The value with its unit, and its interval where there is one.
pub(crate) fn value_and_interval(summary: &MetricSummary) -> (String, Option<String>) {
    let scale = Scale::with_interval(summary.unit, summary.mean, summary.ci95);
    (scale.text(summary.mean), summary.ci95.map(|ends| scale.interval(ends)))
}

/// `42.1 tokens/s [41.2, 43.0]`, or the value alone where there is no interval.
pub(crate) fn value_with_interval(summary: &MetricSummary) -> String {
    match value_and_interval(summary) {
        (value, Some(interval)) => format!("{value} {interval}"),
        (value, None) => value,
    }
}

/// One cell of a headline metric.
pub(crate) fn headline_cell(record: &RunRecord, id: &str) -> String {
    record.metrics.get(id).map_or_else(|| MISSING.to_owned(), value_with_interval)
}

/// The end that hurts: the outermost percentile that exists, else the extreme with its number of samples.
pub(crate) fn tail(summary: &MetricSummary) -> String {
    let scale = Scale::of(summary.unit, summary.mean);
    let low = summary.better == dyno_types::Better::Higher;
    let names = if low { dyno_stats::LOW_TAIL } else { dyno_stats::HIGH_TAIL };
    let outermost = names.iter().rev().find_map(|p| Some((p.name, summary.percentiles.get(p.name)?)));
    match outermost {
        Some((name, value)) => format!("{name} {}", scale.text(*value)),
        None if low => format!("min {} (n={})", scale.text(summary.min), summary.n),
        None => format!("max {} (n={})", scale.text(summary.max), summary.n),
    }
}

/// A figure in a unit, or a dash.
pub(crate) fn cell(unit: Unit, value: Option<f64>) -> String {
    value.map_or_else(|| MISSING.to_owned(), |value| crate::figure::figure(unit, value))
}

/// Header of the table of windows.
pub(crate) const WINDOW_HEADER: [&str; 8] =
    ["window", "filled", "prefill", "decode", "TTFT", "memory", "KV cache", "n"];

/// The table of windows; every column keeps one unit from top to bottom.
pub(crate) fn window_rows(windows: &[Window]) -> Vec<Vec<String>> {
    let column = |unit, value: fn(&Window) -> Option<f64>| {
        let scale = Scale::for_column(unit, windows.iter().filter_map(value));
        move |window: &Window| value(window).map_or_else(|| MISSING.to_owned(), |value| scale.text(value))
    };
    let prefill = column(Unit::TokensPerSecond, |window| window.prefill_tps);
    let decode = column(Unit::TokensPerSecond, |window| window.decode_tps);
    let ttft = column(Unit::Milliseconds, |window| window.ttft_ms);
    let memory = column(Unit::Bytes, |window| window.rss_bytes);
    let kv = column(Unit::Bytes, |window| window.kv_bytes);
    let row = |window: &Window| {
        let (context, filled) = (count(u64::from(window.context)), count(window.filled.round() as u64));
        let figures = [prefill(window), decode(window), ttft(window), memory(window), kv(window)];
        let cells = [context, filled].into_iter().chain(figures).chain([window.tries.to_string()]);
        cells.collect()
    };
    windows.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_stand_beside_the_figures_that_depend_on_them() {
        let record: RunRecord = serde_json::from_str(include_str!("../tests/fixtures/run-v1.json")).unwrap();
        let lengths: Vec<u32> = record
            .stages
            .inference
            .iter()
            .flat_map(|stage| stage.answers())
            .map(|sample| sample.n_in)
            .collect();
        let (least, most) = (lengths.iter().min().unwrap(), lengths.iter().max().unwrap());
        let label = label_with_length(&record, "prefill_tps");
        assert!(
            label == format!("prefill of {least}–{most} tokens")
                || (least == most && label == format!("prefill of {least} tokens")),
            "{label}"
        );
        assert_eq!(label_with_length(&record, "rss_peak_bytes"), "peak memory");
        assert_eq!(label_with_length(&RunRecord::default(), "decode_tps"), "decode");
        assert_eq!(span([3_u32, 3].into_iter()), Some("3".to_owned()));
    }
}
