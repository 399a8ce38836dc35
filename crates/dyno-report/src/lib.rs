//! Pure: records to terminal tables, HTML, Markdown, CSV and JSON.
//!
//! Everything here maps plain records to a `String`; nothing is read, written or printed. Whatever a record contains
//! is treated as hostile and escaped for the place it is shown in. Labels, units and definitions come from
//! [`dyno_types::METRICS`] and [`dyno_types::KNOBS`].

mod cached;
mod chart;
mod columns;
mod csv;
mod facts;
mod figure;
mod format;
mod history;
mod html;
mod inspection;
mod json;
mod layers;
mod markdown;
mod model_names;
mod quality;
mod recommendation;
mod remarks;
mod sentences;
mod sweep;
mod terminal;
mod text;
mod windows;

pub use cached::{CachedModel, KeptModel, cached_table, kept_table};
pub use format::{Format, FormatError};
pub use history::{EvalRow, HistoryRow, eval_history_table, history_table};
pub use inspection::{Inspection, KvMemory, WindowMemory, inspection_text};
pub use recommendation::{AdviceDetail, advice_text, reading_text, stacks_text};
pub use terminal::Color;

use dyno_types::{EvalRecord, QuantImpact, RunRecord};

/// A size in the unit people read.
#[must_use]
pub fn bytes_text(bytes: u64) -> String {
    figure::figure(dyno_types::Unit::Bytes, bytes as f64)
}

/// A whole number with its thousands apart.
#[must_use]
pub fn count_text(value: u64) -> String {
    figure::count(value)
}

/// A moment (Unix ms) as date and time.
#[must_use]
pub fn moment_text(unix_ms: i64) -> String {
    figure::moment(unix_ms)
}

/// One record in a format; terminal tables without colour (see [`table_one`]).
#[must_use]
pub fn render_one(record: &RunRecord, format: Format) -> String {
    match format {
        Format::Table => terminal::one(record, Color::Never),
        Format::Html => html::one(record),
        Format::Markdown => markdown::one(record),
        Format::Csv => csv::rows(std::slice::from_ref(record)),
        Format::Json => json::one(record),
        Format::JsonLines => json::lines(std::slice::from_ref(record)),
    }
}

/// Several records in a format, compared side by side. A single record is rendered by [`render_one`], except that JSON
/// stays an array.
#[must_use]
pub fn render_many(records: &[RunRecord], format: Format) -> String {
    match (records, format) {
        (_, Format::Json) => json::many(records),
        ([record], _) => render_one(record, format),
        (_, Format::Table) => terminal::many(records, Color::Never),
        (_, Format::Html) => html::many(records),
        (_, Format::Markdown) => markdown::many(records),
        (_, Format::Csv) => csv::rows(records),
        (_, Format::JsonLines) => json::lines(records),
    }
}

/// The page of one run, with a section about the quality of the same model where it was evaluated. `evals` are evaluations of
/// that model, the newest first, and (told apart by their weights) of its quantizations.
#[must_use]
pub fn page_with_quality(record: &RunRecord, evals: &[EvalRecord]) -> String {
    html::with_quality(record, evals)
}

/// Evaluations in a format: one stands alone, several are compared. CSV has one row per item; JSON is an object for one, an
/// array for several; terminal tables come without colour (see [`eval_table`]).
#[must_use]
pub fn render_evals(records: &[EvalRecord], format: Format) -> String {
    match (records, format) {
        (_, Format::Table) => eval_table(records, Color::Never),
        (_, Format::Html) => eval_page(records),
        (_, Format::Markdown) => eval_markdown(records),
        (_, Format::Csv) => quality::csv(records),
        ([record], Format::Json) => json::one(record),
        (_, Format::Json) => json::many(records),
        (_, Format::JsonLines) => json::lines(records),
    }
}

/// Terminal tables of evaluations, with colour when asked for.
#[must_use]
pub fn eval_table(records: &[EvalRecord], color: Color) -> String {
    quality::table_many(records, color)
}

/// One evaluation as Markdown, or several side by side.
#[must_use]
pub fn eval_markdown(records: &[EvalRecord]) -> String {
    quality::markdown_many(records)
}

/// One self-contained page about evaluations; several variants of one model get the plot of size and speed against quality.
#[must_use]
pub fn eval_page(records: &[EvalRecord]) -> String {
    html::evals_many(records)
}

/// A comparison over the same items as a sentence with its interval.
#[must_use]
pub fn comparison_sentence(comparison: &dyno_types::PairedComparison) -> String {
    quality::comparison(comparison)
}

/// Terminal table of what quantizations of one model cost and save, with colour when asked for.
#[must_use]
pub fn quant_impact_table(rows: &[QuantImpact], color: Color) -> String {
    quality::impact_table(rows, color)
}

/// That table with circumstances before it, and accuracy by suite and remarks behind it, as terminal text. `records` are the
/// evaluations behind the rows, the original's first.
#[must_use]
pub fn quant_impact_text(
    records: &[EvalRecord],
    rows: &[QuantImpact],
    remarks: &[String],
    color: Color,
) -> String {
    quality::impact_text(records, rows, remarks, color)
}

/// The same as Markdown.
#[must_use]
pub fn quant_impact_document(records: &[EvalRecord], rows: &[QuantImpact], remarks: &[String]) -> String {
    quality::impact_document(records, rows, remarks)
}

/// The table alone as Markdown.
#[must_use]
pub fn quant_impact_markdown(rows: &[QuantImpact]) -> String {
    quality::impact_markdown(rows)
}

/// Terminal tables of one record, with colour when asked for.
#[must_use]
pub fn table_one(record: &RunRecord, color: Color) -> String {
    terminal::one(record, color)
}

/// Terminal table of several records, with colour when asked for.
#[must_use]
pub fn table_many(records: &[RunRecord], color: Color) -> String {
    match records {
        [record] => terminal::one(record, color),
        _ => terminal::many(records, color),
    }
}
