//! Evaluations of quality: records to tables, sentences, Markdown, CSV and JSON. The page is in `html`.

mod impact;
mod items;
mod labels;
mod pairs;
mod scores;
mod sentences;
mod speeds;

pub(crate) use impact::{
    Yardstick, best_for_size, best_for_speed, conclusion as impact_conclusion, note as impact_note, rows_of,
    suites_table, table as impact_cells,
};
pub(crate) use items::{WRONG_HEADER, WrongItems, csv, wrong};
pub(crate) use labels::{labels, same_base};
pub(crate) use pairs::pairs;
pub(crate) use scores::{
    FORM_NOTE, FORM_TITLE, TextTable, WHOLE, form_table, interval as score_interval, left_out, short_table,
    side_by_side, strategy, table as score_cells, value as score_value,
};
pub(crate) use sentences::{
    alike, comparison, conclusion, differs, findings, findings_in_company, named, perplexity_interval,
    preferred,
};
pub(crate) use speeds::{SPEEDS_NOTE, short_table as short_speeds, table as speed_cells};

use std::collections::BTreeSet;

use dyno_types::{EvalRecord, ModelFacts, PairedComparison, QuantImpact, Validity};

use crate::facts::{machine_line, model_line, model_name};
use crate::figure::{duration, moment};
use crate::terminal::{Color, Ink, grid, list_section, right, section, validity};
use crate::text::plain;
use crate::{markdown, sentences as run_sentences};

/// Terminal tables of one evaluation.
pub(crate) fn table_one(record: &EvalRecord, color: Color) -> String {
    let mut page = format!("{}\n", color.paint(Ink::Heading, &model_name(&record.model)));
    for (label, line) in circumstances(record) {
        page += &format!("  {label:<9} {line}\n");
    }
    let remarks = run_sentences::remarks(&record.validity, &record.model, &record.notes);
    page += &validity(&record.validity, remarks, color);
    let scores = short_table(record);
    if !scores.rows.is_empty() {
        page += &text_section("Scores", &unrepeated(scores), color);
    }
    let forms = form_table(record);
    if !forms.rows.is_empty() {
        page += &text_section(FORM_TITLE, &unrepeated(forms), color);
        page += &format!("  {FORM_NOTE}\n");
    }
    let speeds = short_speeds(record);
    if !speeds.rows.is_empty() {
        page += &text_section("Speed", &unrepeated(speeds), color);
    }
    let mut groups = left_out(record);
    if !groups.is_empty() {
        groups.push("All groups are in the Markdown, HTML and JSON formats.".to_owned());
    }
    page += &list_section("By group", groups, color);
    page += &list_section("What the figures say", findings(record), color);
    let conclusion = conclusion(record);
    if !conclusion.is_empty() {
        page += &format!("\n{}\n", color.paint(Ink::Heading, &conclusion));
    }
    page
}

/// Terminal tables of several evaluations: side by side, and the impact of quantization where that is what differs.
pub(crate) fn table_many(records: &[EvalRecord], color: Color) -> String {
    match records {
        [] => return "No evaluations.\n".to_owned(),
        [record] => return table_one(record, color),
        _ => {}
    }
    let labels = labels(records);
    let mut page = text_section("Scores", &unrepeated(side_by_side(records, &labels)), color);
    let same = same_base(records);
    page += &list_section("Together", alike(records).into_iter().collect(), color);
    for (record, label) in records.iter().zip(&labels) {
        page += &list_section(label, findings_in_company(record, same), color);
    }
    if same {
        page += &format!("\n{}", impact_table(&rows_of(records), color));
    }
    page
}

/// Terminal table of quantization impact.
pub(crate) fn impact_table(rows: &[QuantImpact], color: Color) -> String {
    if rows.is_empty() {
        return "No variants.\n".to_owned();
    }
    let mut text = text_section("Impact of quantization", &impact_cells(rows), color).trim_start().to_owned();
    let note = impact_note(rows);
    if !note.is_empty() {
        text += &format!("\n  {note}\n");
    }
    let conclusion = impact_conclusion(rows);
    if !conclusion.is_empty() {
        text += &format!("\n{}\n", color.paint(Ink::Heading, &conclusion));
    }
    text
}

/// The impact of quantization with what was evaluated, where, and what to know about it; the first record is the original's.
pub(crate) fn impact_text(
    records: &[EvalRecord],
    rows: &[QuantImpact],
    remarks: &[String],
    color: Color,
) -> String {
    let Some(original) = records.first() else { return impact_table(rows, color) };
    let mut page = format!("{}\n", color.paint(Ink::Heading, &model_name(&original.model)));
    for (label, line) in circumstances(original) {
        page += &format!("  {label:<9} {line}\n");
    }
    let (verdict, doubts) = doubts(records);
    page += &validity(&verdict, doubts, color);
    page += &format!("\n{}", impact_table(rows, color));
    page += &list_section("Side by side", side_by_side_pairs(records), color);
    let suites = suites_table(records);
    if !suites.rows.is_empty() {
        page += &text_section("Accuracy by suite", &unrepeated(suites), color);
    }
    page + &list_section("Remarks", remarks.iter().map(|remark| plain(remark)).collect(), color)
}

/// The same as Markdown.
pub(crate) fn impact_document(records: &[EvalRecord], rows: &[QuantImpact], remarks: &[String]) -> String {
    let Some(original) = records.first() else { return impact_markdown(rows) };
    let mut page = format!("## {}\n\n", crate::text::markdown(&model_name(&original.model)));
    for (label, line) in circumstances(original) {
        page += &format!("- {label}: {}\n", crate::text::markdown(&line));
    }
    let (verdict, doubts) = doubts(records);
    page += &format!("\n**{}**\n", run_sentences::verdict(&verdict));
    page += &markdown::bullets(doubts.into_iter().map(|remark| remark.text));
    page += &format!("\n{}", impact_markdown(rows));
    page += &markdown::bullets(side_by_side_pairs(records).into_iter());
    let suites = suites_table(records);
    if !suites.rows.is_empty() {
        page +=
            &format!("\nAccuracy by suite:\n\n{}", markdown::table(&suites.header, suites.left, suites.rows));
    }
    if !remarks.is_empty() {
        page += "\nRemarks:\n";
        page += &markdown::bullets(remarks.iter().map(|remark| plain(remark)));
    }
    page
}

/// What a judge preferred, of every record.
fn side_by_side_pairs(records: &[EvalRecord]) -> Vec<String> {
    records.iter().flat_map(|record| &record.judged_pairs).map(preferred).collect()
}

/// One verdict over records that are shown together, with its reasons.
fn doubts(records: &[EvalRecord]) -> (Validity, Vec<run_sentences::Remark>) {
    let flags = records.iter().flat_map(|record| record.validity.flags.iter().copied()).collect();
    let valid = records.iter().all(|record| record.validity.valid);
    let unknown: BTreeSet<String> =
        records.iter().flat_map(|record| record.validity.unknown_flags.iter().cloned()).collect();
    let verdict =
        Validity { valid, unknown_flags: unknown.into_iter().collect(), ..Validity::from_flags(flags) };
    let reasons = run_sentences::remarks(&verdict, &ModelFacts::default(), &[]);
    (verdict, reasons)
}

/// Markdown table of quantization impact.
pub(crate) fn impact_markdown(rows: &[QuantImpact]) -> String {
    let cells = impact_cells(rows);
    let mut page = markdown::table(&cells.header, cells.left, cells.rows);
    let sentences = [impact_conclusion(rows), impact_note(rows)];
    for sentence in sentences.iter().filter(|sentence| !sentence.is_empty()) {
        page += &format!("\n{}\n", crate::text::markdown(sentence));
    }
    page
}

/// Markdown of one evaluation.
pub(crate) fn markdown_one(record: &EvalRecord) -> String {
    let mut page = format!("## {}\n\n", crate::text::markdown(&model_name(&record.model)));
    for (label, line) in circumstances(record) {
        page += &format!("- {label}: {}\n", crate::text::markdown(&line));
    }
    page += &format!("\n**{}**\n", run_sentences::verdict(&record.validity));
    let remarks = run_sentences::remarks(&record.validity, &record.model, &record.notes);
    page += &markdown::bullets(remarks.into_iter().map(|remark| remark.text));
    let scores = score_cells(record);
    if !scores.rows.is_empty() {
        page += &format!("\n{}", markdown::table(&scores.header, scores.left, scores.rows));
    }
    let forms = form_table(record);
    if !forms.rows.is_empty() {
        page += &format!("\n{FORM_TITLE}:\n\n{}", markdown::table(&forms.header, forms.left, forms.rows));
        page += &format!("\n{FORM_NOTE}\n");
    }
    let speeds = speed_cells(record);
    if !speeds.rows.is_empty() {
        page += &format!("\nSpeed:\n\n{}", markdown::table(&speeds.header, speeds.left, speeds.rows));
        page += &format!("\n{SPEEDS_NOTE}\n");
    }
    let findings = findings(record);
    if !findings.is_empty() {
        page += "\nWhat the figures say:\n";
        page += &markdown::bullets(findings.into_iter());
    }
    let whole: Vec<&PairedComparison> = record.comparisons.iter().filter(|one| one.group == WHOLE).collect();
    let compared = pairs(&whole);
    if compared.rows.len() > 1 {
        let table = markdown::table(&compared.header, compared.left, compared.rows);
        page += &format!("\nComparisons over the same items:\n\n{table}");
    }
    let conclusion = conclusion(record);
    if !conclusion.is_empty() {
        page +=
            &format!("\n{}\n", crate::text::markdown(&conclusion).replace("\\[", "[").replace("\\]", "]"));
    }
    page
}

/// Markdown of several evaluations: a row per result, and the impact of quantization where that is what differs.
pub(crate) fn markdown_many(records: &[EvalRecord]) -> String {
    if let [record] = records {
        return markdown_one(record);
    }
    let cells = side_by_side(records, &labels(records));
    let mut page = markdown::table(&cells.header, cells.left, cells.rows);
    if records.len() > 1 && same_base(records) {
        page += &format!("\n{}", impact_markdown(&rows_of(records)));
    }
    page
}

/// Model, machine, template, time: label and line.
pub(crate) fn circumstances(record: &EvalRecord) -> Vec<(&'static str, String)> {
    let engine = &record.engine;
    let settings = &record.engine_settings;
    let own = if record.template.own { " (the model's own)" } else { "" };
    let tokens = crate::figure::count(u64::from(settings.context));
    let chosen = record.thread_choice.map_or_else(String::new, |choice| format!(" ({})", choice.source()));
    let seconds = record.ended_unix_ms.saturating_sub(record.started_unix_ms);
    let mut lines = vec![
        ("model", model_line(&record.model)),
        ("machine", machine_line(&record.machine)),
        (
            "engine",
            format!(
                "{} · {} threads{chosen} · context {tokens} tokens",
                plain(&engine.backend),
                settings.threads
            ),
        ),
        ("template", format!("{}{own}", plain(&record.template.name))),
        (
            "eval",
            format!(
                "{} · {} · took {}",
                plain(&record.id),
                moment(record.started_unix_ms),
                duration(seconds)
            ),
        ),
    ];
    if !record.model_sha256.is_empty() {
        lines.insert(1, ("sha256", plain(&record.model_sha256)));
    }
    lines.retain(|(label, line)| *label != "template" || !line.is_empty());
    lines
}

/// The table with names that repeat the row above left blank.
fn unrepeated(mut table: TextTable) -> TextTable {
    let repeated = |above: &[String], row: &[String], column: usize| above[..=column] == row[..=column];
    // From below, so that every row is still whole when the one under it is compared with it.
    for index in (1..table.rows.len()).rev() {
        let names = 0..table.left.saturating_sub(1);
        let same =
            names.take_while(|column| repeated(&table.rows[index - 1], &table.rows[index], *column)).count();
        table.rows[index][..same].iter_mut().for_each(String::clear);
    }
    table
}

fn text_section(title: &str, cells: &TextTable, color: Color) -> String {
    let mut table = grid(&cells.header);
    for row in &cells.rows {
        table.add_row(row);
    }
    right(&mut table, cells.left..cells.header.len());
    section(title, &table, color)
}
