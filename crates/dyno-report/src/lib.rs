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
mod recommendation;
mod sentences;
mod terminal;
mod text;
mod windows;

pub use cached::{CachedModel, cached_table};
pub use format::{Format, FormatError};
pub use history::{HistoryRow, history_table};
pub use inspection::{Inspection, KvMemory, WindowMemory, inspection_text};
pub use recommendation::{advice_text, stacks_text};
pub use terminal::Color;

use dyno_types::RunRecord;

/// A size in the unit people read.
#[must_use]
pub fn bytes_text(bytes: u64) -> String {
    figure::figure(dyno_types::Unit::Bytes, bytes as f64)
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
