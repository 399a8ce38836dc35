//! From records to the page.

use dyno_types::{
    Better, EvalRecord, METRICS, MetricSummary, RunRecord, ThreadChoice, ToolInfo, Unit, Validity,
};
use minijinja::Environment;

use crate::columns::{
    HEADLINES, WINDOW_HEADER, cell, distinguishing_labels, label_with_length, metric_ids, metric_label, tail,
    value_and_interval, value_with_interval, varying, window_rows,
};
use crate::facts::{
    Fact, machine_facts, machine_line, model_facts, model_line, model_name, run_line, settings_facts,
};
use crate::figure::{MISSING, Scale, count};
use crate::html::view::{Cell, Definition, Facts, Findings, Page, Table, Tile, Trust};
use crate::html::{curves, distributions, quality, response, trust};
use crate::sentences::Remark;
use crate::sweep::Sweep;
use crate::text::{on_a_page, plain};
use crate::{sentences, windows};

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");

/// The page of one record.
pub(crate) fn one(record: &RunRecord) -> String {
    fill(&page_of(record))
}

/// The page of one record, with what is known about the quality of the same model (the newest evaluation first).
pub(crate) fn with_quality(record: &RunRecord, evals: &[EvalRecord]) -> String {
    fill(&Page { quality: quality::of_model(evals), ..page_of(record) })
}

fn page_of(record: &RunRecord) -> Page {
    let name = model_name(&record.model);
    let mut figures = curves::of_one(record);
    figures.extend(distributions::of_one(record));
    let findings = Findings { record: String::new(), sentences: findings(record), folded: false };
    Page {
        title: format!("{name} – dyno"),
        heading: name,
        subtitles: vec![model_line(&record.model), machine_line(&record.machine), run_line(record)],
        trust: vec![trust_in(record, String::new())],
        tiles: HEADLINES.iter().filter_map(|id| Some(tile(id, record.metrics.get(*id)?))).collect(),
        comparisons: Vec::new(),
        findings: [findings].into_iter().filter(|findings| !findings.sentences.is_empty()).collect(),
        figures,
        tables: [metric_table(record), window_table(record), failure_table(record), thread_table(record)]
            .into_iter()
            .flatten()
            .collect(),
        quality: None,
        facts: vec![
            facts("Model", model_facts(&record.model)),
            facts("Machine", machine_facts(record)),
            facts("Engine and settings", settings_facts(record)),
        ],
        definitions: definitions(std::slice::from_ref(record)),
        footer: footer(&record.tool, &record.schema),
    }
}

/// One page that compares several records.
pub(crate) fn many(records: &[RunRecord]) -> String {
    let labels = distinguishing_labels(records);
    let sweep = Sweep::of(records);
    let best = sweep.iter().map(|sweep| {
        let sentences = sweep.sentences().iter().map(|sentence| unbroken(sentence)).collect();
        Findings { record: String::new(), sentences, folded: false }
    });
    // What each run says for itself; side by side, the tables and charts say it better.
    let of_runs = labels.iter().zip(records).map(|(label, record)| Findings {
        record: label.clone(),
        sentences: findings(record),
        folded: true,
    });
    let findings = best.chain(of_runs);
    let failures = labels.iter().zip(records).filter_map(|(label, record)| {
        let mut table = failure_table(record)?;
        table.title = format!("{}: {label}", table.title);
        Some(table)
    });
    let trusted = labels.iter().zip(records).map(|(label, record)| trust_in(record, label.clone())).collect();
    let mut subtitles = vec![
        "Figures with 95 % intervals of what a repetition of the run here, later, would give, where there are any."
            .to_owned(),
    ];
    subtitles.splice(0..0, sweep.iter().map(Sweep::varied));
    let mut figures = sweep.as_ref().map(response::of_sweep).unwrap_or_default();
    figures.extend(curves::of_many(records));
    fill(&Page {
        title: format!("{} runs compared – dyno", records.len()),
        heading: format!("{} runs compared", records.len()),
        subtitles,
        trust: trust::together(trusted),
        tiles: Vec::new(),
        comparisons: vec![comparison_table(records)],
        figures,
        tables: failures.collect(),
        findings: findings.filter(|findings| !findings.sentences.is_empty()).collect(),
        quality: None,
        facts: labels.iter().zip(records).map(|(label, record)| run_facts(label, record)).collect(),
        definitions: definitions(records),
        footer: records.first().map(|record| footer(&record.tool, &record.schema)).unwrap_or_default(),
    })
}

/// The page as text.
pub(crate) fn fill(page: &Page) -> String {
    let mut environment = Environment::new();
    environment
        .add_template("page.html", TEMPLATE)
        .expect("the embedded template parses, as every test shows");
    let template = environment.get_template("page.html").expect("the template was added just above");
    let context =
        minijinja::context! { page => minijinja::Value::from(minijinja::value::Serde(page)), style => STYLE };
    // Drawings hold texts of the record, too.
    on_a_page(&template.render(context).expect("the template only reads fields of the page"))
}

fn trust_in(record: &RunRecord, label: String) -> Trust {
    trust(&record.validity, sentences::remarks(&record.validity, &record.model, &record.notes), label)
}

/// Whether to trust a record, and why (not).
pub(crate) fn trust(validity: &Validity, remarks: Vec<Remark>, label: String) -> Trust {
    let level = match (validity.valid, validity.is_spotless()) {
        (false, _) => "bad",
        (true, false) => "fair",
        (true, true) => "good",
    };
    Trust { level, record: label, verdict: sentences::verdict(validity), remarks }
}

/// The analysis, with figures, their units and intervals kept on one line.
fn findings(record: &RunRecord) -> Vec<String> {
    sentences::analysis(record).iter().map(|sentence| unbroken(sentence)).collect()
}

/// Figures, their units and intervals kept on one line.
pub(crate) fn unbroken(sentence: &str) -> String {
    const UNITS: [&str; 9] = ["KiB", "MiB", "GiB", "TiB", "µs", "ms", "%", "tokens/s", "tokens"];
    let units = |text: String, unit: &&str| text.replace(&format!(" {unit}"), &format!("\u{a0}{unit}"));
    let mut kept = String::with_capacity(sentence.len());
    for part in UNITS.iter().fold(sentence.to_owned(), units).split_inclusive(']') {
        let (before, interval) = part.rfind('[').map_or((part, ""), |open| part.split_at(open));
        kept += before;
        kept += &interval.replace(' ', "\u{a0}");
    }
    kept
}

/// A label as it heads a row or column; `n` stays the statistician's.
pub(crate) fn capitalized(label: &str) -> String {
    let mut characters = label.chars();
    match characters.next() {
        Some(first) if label.len() > 1 => first.to_uppercase().chain(characters).collect(),
        _ => label.to_owned(),
    }
}

fn tile(id: &str, summary: &MetricSummary) -> Tile {
    let scale = Scale::with_interval(summary.unit, summary.mean, summary.ci95);
    Tile {
        label: capitalized(&metric_label(id)),
        value: scale.number(summary.mean),
        unit: scale.unit.to_owned(),
        interval: summary.ci95.map_or_else(
            || "no interval: too few processes".to_owned(),
            |ends| format!("95 % {}", scale.interval(ends)),
        ),
        tail: tail(summary),
    }
}

fn metric_table(record: &RunRecord) -> Option<Table> {
    let row = |id: &str| {
        let summary = &record.metrics[id];
        let scale = Scale::with_interval(summary.unit, summary.mean, summary.ci95);
        vec![
            capitalized(&label_with_length(record, id)),
            scale.text(summary.mean),
            summary.ci95.map_or_else(|| MISSING.to_owned(), |ends| scale.interval(ends)),
            scale.text(summary.median),
            cell(summary.unit, summary.sd),
            tail(summary),
            count(summary.n),
        ]
    };
    let header = ["Metric", "Value", "95 % interval", "Median", "Deviation", "Tail", "n"];
    let rows: Vec<Vec<String>> = metric_ids(record).into_iter().map(row).collect();
    let note = "Intervals hold what a repetition of the run here, later, would give. A percentile appears only where enough samples support \
                it; otherwise the extreme stands with its number of samples.";
    table("metrics", "All metrics", &header, rows, note)
}

fn window_table(record: &RunRecord) -> Option<Table> {
    let rows = window_rows(&windows::measured(record));
    let note = "Filled: prompt tokens in the window before decoding began.";
    table("windows", "Context windows", &WINDOW_HEADER, rows, note)
}

fn failure_table(record: &RunRecord) -> Option<Table> {
    let row = |failure: windows::WindowFailure| {
        vec![
            count(u64::from(failure.context)),
            failure.kind.to_owned(),
            plain(&failure.reason),
            failure.tries.to_string(),
        ]
    };
    let rows = windows::failed(record).into_iter().map(row).collect();
    let header = ["Window", "Why", "Reason", "Tries"];
    let failures = table("failures", "Windows that could not be measured", &header, rows, "")?;
    Some(Table { prose: true, ..failures })
}

fn thread_table(record: &RunRecord) -> Option<Table> {
    let settings = &record.settings;
    let row = |sample: &dyno_types::ThreadSample| {
        vec![
            sample.threads.to_string(),
            cell(Unit::TokensPerSecond, Some(sample.prefill_tps)),
            cell(Unit::TokensPerSecond, Some(sample.decode_tps)),
        ]
    };
    let rows = settings.thread_sweep.iter().map(row).collect();
    let chosen = match settings.thread_choice {
        ThreadChoice::Measured => "Chosen from these".to_owned(),
        choice => capitalized(choice.source()),
    };
    let engine = &settings.engine;
    let note = format!("{chosen}: {} for prefill, {} for decode.", engine.threads_prefill, engine.threads);
    table("threads", "Threads", &["Threads", "Prefill", "Decode"], rows, &note)
}

fn comparison_table(records: &[RunRecord]) -> Table {
    let columns = varying(records);
    let mut header: Vec<String> = columns.iter().map(|column| capitalized(column.label)).collect();
    header.extend(HEADLINES.iter().map(|id| capitalized(&metric_label(id))));
    let row = |(index, record): (usize, &RunRecord)| {
        let circumstances = columns.iter().map(|column| Cell::from(column.values[index].clone()));
        circumstances.chain(HEADLINES.iter().map(|id| headline(record, id))).collect()
    };
    let rows = records.iter().enumerate().map(row).collect();
    let note =
        "Only circumstances that differ are listed. Brackets hold 95 % intervals of what a repetition would give."
            .to_owned();
    Table {
        id: "comparison",
        title: "Side by side".to_owned(),
        header,
        rows,
        names: 1,
        prose: false,
        folded: false,
        note,
    }
}

fn headline(record: &RunRecord, id: &str) -> Cell {
    let (text, interval) =
        record.metrics.get(id).map_or_else(|| (MISSING.to_owned(), None), value_and_interval);
    Cell { text, sub: interval.unwrap_or_default() }
}

/// A table, or nothing when it has no rows.
fn table(
    id: &'static str,
    title: &str,
    header: &[&str],
    rows: Vec<Vec<String>>,
    note: &str,
) -> Option<Table> {
    let header = header.iter().map(|text| capitalized(text)).collect();
    let cells = |row: Vec<String>| row.into_iter().map(Cell::from).collect();
    let filled = |rows: Vec<Vec<String>>| Table {
        id,
        title: title.to_owned(),
        header,
        rows: rows.into_iter().map(cells).collect(),
        names: 1,
        prose: false,
        folded: false,
        note: note.to_owned(),
    };
    (!rows.is_empty()).then(|| filled(rows))
}

fn run_facts(label: &str, record: &RunRecord) -> Facts {
    let line = |title: &str, text: String| (title.to_owned(), text);
    let mut rows = vec![
        line("Model", model_line(&record.model)),
        line("Machine", machine_line(&record.machine)),
        line("Run", run_line(record)),
    ];
    for id in metric_ids(record).into_iter().filter(|id| !HEADLINES.contains(id)) {
        rows.push((metric_label(id), value_with_interval(&record.metrics[id])));
    }
    Facts { title: label.to_owned(), rows }
}

/// Circumstances under a title.
pub(crate) fn facts(title: &str, rows: Vec<Fact>) -> Facts {
    Facts {
        title: title.to_owned(),
        rows: rows.into_iter().map(|(label, value)| (label.to_owned(), value)).collect(),
    }
}

fn definitions(records: &[RunRecord]) -> Vec<Definition> {
    let present = |id: &str| records.iter().any(|record| record.metrics.contains_key(id));
    let define = |metric: &dyno_types::Metric| Definition {
        id: metric.id,
        label: metric.label,
        unit: metric.unit.name(),
        better: match metric.better {
            Better::Higher => "higher is better",
            Better::Lower => "lower is better",
        },
        text: metric.definition,
    };
    METRICS.iter().filter(|metric| present(metric.id)).map(define).collect()
}

/// The last line: who wrote the record.
pub(crate) fn footer(tool: &ToolInfo, schema: &str) -> String {
    format!("{} {} · {}", plain(&tool.name), plain(&tool.version), plain(schema))
}
