//! Tables for a terminal: readable without colour, in about 100 columns.

use std::ops::Range;

use comfy_table::{CellAlignment, ContentArrangement, Table};
use dyno_types::{MetricSummary, RunRecord, Unit, Validity};

use crate::columns::{
    HEADLINES, WINDOW_HEADER, headline_cell, label_with_length, metric_ids, metric_label, tail, varying,
    window_rows,
};
use crate::facts::{
    engine_line, header_line, machine_line, model_line, model_name, plan_line, run_line, settings_line,
};
use crate::figure::{MISSING, Scale, count};
use crate::sweep::Sweep;
use crate::{remarks, sentences, windows};

/// Whether to add ANSI colours. Whoever prints decides: this crate knows no terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// Plain text.
    Never,
    /// Headings and verdicts in ANSI colours.
    Always,
}

/// What a piece of text is.
#[derive(Clone, Copy)]
pub(crate) enum Ink {
    /// A heading.
    Heading,
    /// Nothing is wrong.
    Good,
    /// Something is to be known.
    Warning,
    /// Not to be relied on.
    Bad,
}

impl Color {
    pub(crate) fn paint(self, ink: Ink, text: &str) -> String {
        let code = match ink {
            Ink::Heading => "1",
            Ink::Good => "32",
            Ink::Warning => "33",
            Ink::Bad => "1;31",
        };
        match self {
            Self::Never => text.to_owned(),
            Self::Always => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}

/// Everything about one record.
pub(crate) fn one(record: &RunRecord, color: Color) -> String {
    let mut page = circumstances(record, color);
    let remarks = sentences::remarks(&record.validity, &record.model, &record.notes);
    page += &validity(&record.validity, remarks, color);
    let (sizes, speeds): (Vec<&str>, Vec<&str>) =
        metric_ids(record).into_iter().partition(|id| is_memory(record, id));
    if record.metrics.is_empty() {
        page += "\nNo metrics: nothing was measured to the end.\n";
    }
    page += &metric_section("Speed", record, &speeds, color);
    page += &context_section(record, color);
    page += &metric_section("Memory", record, &sizes, color);
    page += &list_section("Windows that could not be measured", sentences::failures(record), color);
    page += &list_section("Analysis", sentences::analysis(record), color);
    page
}

/// Several records, a row each: what varies, then the headline metrics.
pub(crate) fn many(records: &[RunRecord], color: Color) -> String {
    if records.is_empty() {
        return "No records.\n".to_owned();
    }
    let columns = varying(records);
    let mut header: Vec<String> = columns.iter().map(|column| column.label.to_owned()).collect();
    header.extend(HEADLINES.iter().map(|id| metric_label(id)));
    let mut table = grid(&header);
    for (index, record) in records.iter().enumerate() {
        // Two lines a row keep the table narrow: run ids under models, intervals under values.
        let model = format!("{}\n{}", columns[0].values[index], crate::text::plain(&record.id));
        let circumstances = columns.iter().skip(1).map(|column| column.values[index].clone());
        let figures = HEADLINES.iter().map(|id| headline_cell(record, id).replace(" [", "\n["));
        table.add_row([model].into_iter().chain(circumstances).chain(figures));
    }
    right(&mut table, columns.len()..header.len());
    let mut page: String = trimmed(&table);
    if let Some(sweep) = Sweep::of(records) {
        page += &list_section("What the settings change", sweep.sentences(), color);
    }
    page + &remarks::of_several(records, color)
}

/// A table without borders, columns two spaces apart, header underlined.
pub(crate) fn grid<T: ToString>(header: &[T]) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.iter().map(ToString::to_string));
    table
}

/// Aligns columns to the right.
pub(crate) fn right(table: &mut Table, columns: Range<usize>) {
    for index in columns {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

fn circumstances(record: &RunRecord, color: Color) -> String {
    let mut text = format!("{}\n", color.paint(Ink::Heading, &model_name(&record.model)));
    let run =
        [Some(run_line(record)), header_line(record)].into_iter().flatten().collect::<Vec<_>>().join(" · ");
    let lines = [
        ("model", model_line(&record.model)),
        ("machine", machine_line(&record.machine)),
        ("engine", engine_line(record)),
        ("settings", settings_line(&record.settings)),
        ("plan", plan_line(&record.settings)),
        ("run", run),
    ];
    for (label, line) in lines {
        text += &format!("  {label:<9} {line}\n");
    }
    text
}

/// The verdict over a record and its reasons.
pub(crate) fn validity(
    validity: &Validity,
    remarks: impl IntoIterator<Item = sentences::Remark>,
    color: Color,
) -> String {
    let ink = match (validity.valid, validity.is_spotless()) {
        (true, true) => Ink::Good,
        (true, false) => Ink::Warning,
        (false, _) => Ink::Bad,
    };
    let mut text = format!("\n{}\n", color.paint(ink, sentences::verdict(validity)));
    for remark in remarks {
        text += &format!("  {} {}\n", if remark.voids { "!" } else { "-" }, remark.text);
    }
    text
}

fn is_memory(record: &RunRecord, id: &str) -> bool {
    record.metrics.get(id).is_some_and(|summary| summary.unit == Unit::Bytes)
}

fn metric_section(title: &str, record: &RunRecord, ids: &[&str], color: Color) -> String {
    if ids.is_empty() {
        return String::new();
    }
    let mut table = grid(&["metric", "value", "95 % interval", "median", "tail", "n"]);
    for id in ids {
        let summary = &record.metrics[*id];
        let scale = Scale::with_interval(summary.unit, summary.mean, summary.ci95);
        table.add_row([
            label_with_length(record, id),
            scale.text(summary.mean),
            interval(summary, scale),
            scale.text(summary.median),
            tail(summary),
            count(summary.n),
        ]);
    }
    right(&mut table, 1..6);
    section(title, &table, color)
}

fn interval(summary: &MetricSummary, scale: Scale) -> String {
    summary.ci95.map_or_else(|| MISSING.to_owned(), |ends| scale.interval(ends))
}

fn context_section(record: &RunRecord, color: Color) -> String {
    let windows = windows::measured(record);
    if windows.is_empty() {
        return String::new();
    }
    let mut table = grid(&WINDOW_HEADER);
    for row in window_rows(&windows) {
        table.add_row(row);
    }
    right(&mut table, 0..8);
    section("Context", &table, color)
}

/// A titled list; nothing where there are no items.
pub(crate) fn list_section(title: &str, items: Vec<String>, color: Color) -> String {
    if items.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}\n", color.paint(Ink::Heading, title));
    text.extend(items.into_iter().map(|item| format!("  - {item}\n")));
    text
}

/// A titled table.
pub(crate) fn section(title: &str, table: &Table, color: Color) -> String {
    format!("\n{}\n{}", color.paint(Ink::Heading, title), trimmed(table))
}

/// The table without spaces at the ends of its lines.
pub(crate) fn trimmed(table: &Table) -> String {
    table.lines().map(|line| format!(" {}\n", line.trim_end())).collect()
}
