//! Files of records as people have them become plain rows, whatever holds them: lines of JSON, a JSON list or document, a
//! table, Parquet; packed with gzip or zstd, or not. Bounded in every direction, and one bad record never costs another.
//! Works on bytes in memory; what the rows mean is for the caller to say.

mod container;
mod document;
mod parquet;
mod plain;
mod problem;
mod scan;
mod table;
mod utf16;

pub use problem::{DatasetError, LineProblem, Place};
pub use table::{CellsResult, keyed};
pub use utf16::from_utf16;

use container::Container;
use serde_json::{Map, Value};

/// Most bytes of a file, also after unpacking.
pub const FILE_BYTES_MAX: usize = 256 << 20;

/// Longest record read, bytes.
pub const RECORD_BYTES_MAX: usize = 1 << 20;

/// Most records read from one file.
pub const RECORDS_MAX: usize = 500_000;

/// One record, or why it cannot be read.
pub type RecordResult = Result<(Place, Map<String, Value>), LineProblem>;

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Dataset {
    /// Records whose fields have names.
    Records(Vec<RecordResult>),
    /// Rows of cells; the first may be a header.
    Table(Vec<CellsResult>),
    /// Text that is neither JSON nor a table.
    Text(String),
}

/// Reads a file. `name` is its name; it helps to tell what the file is, and errors state it.
///
/// # Errors
/// For a file of which nothing can be read: empty, broken, too large, or no file of records or text at all.
pub fn read(name: &str, bytes: &[u8]) -> Result<Dataset, DatasetError> {
    if parquet::is_parquet(bytes) {
        return parquet::records(name, bytes).map(Dataset::Records);
    }
    let plain = plain::plain_bytes(name, bytes)?;
    if parquet::is_parquet(&plain) {
        return parquet::records(name, &plain).map(Dataset::Records);
    }
    let plain = plain::text_bytes(name, plain)?;
    match container::container(name, &plain) {
        Container::Document => document::records(name, &plain).map(Dataset::Records),
        Container::List => document::list(name, &plain).map(Dataset::Records),
        Container::Table { separator } => Ok(Dataset::Table(table::rows(&plain, separator))),
        Container::Text => text(name, plain).map(Dataset::Text),
    }
}

/// Reads a file as text, whatever it looks like.
///
/// # Errors
/// As [`read`], and for bytes that are no UTF-8.
pub fn read_text(name: &str, bytes: &[u8]) -> Result<String, DatasetError> {
    text(name, plain::text_bytes(name, plain::plain_bytes(name, bytes)?)?)
}

/// Reads a file as lines of JSON, one record a line, and nothing else.
///
/// # Errors
/// As [`read`].
pub fn read_lines(name: &str, bytes: &[u8]) -> Result<Vec<RecordResult>, DatasetError> {
    let plain = plain::text_bytes(name, plain::plain_bytes(name, bytes)?)?;
    Ok(document::lines(&plain))
}

fn text(name: &str, plain: Vec<u8>) -> Result<String, DatasetError> {
    let found = "it is a text with bytes that are no UTF-8";
    String::from_utf8(plain).map_err(|_| DatasetError::NotUtf8 { name: name.to_owned(), found })
}

/// A text as errors show it: quoted, at most forty characters.
#[must_use]
pub fn quoted(text: &str) -> String {
    const SHOWN_CHARS: usize = 40;
    if text.chars().count() <= SHOWN_CHARS {
        return format!("{text:?}");
    }
    let start: String = text.chars().take(SHOWN_CHARS).collect();
    format!("{start:?}…")
}

/// A value as errors show it: short, whatever it is.
#[must_use]
pub fn shown(value: &Value) -> String {
    match value {
        Value::Array(values) => format!("a list of {}", values.len()),
        Value::Object(map) => format!("an object with {} fields", map.len()),
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_cut_where_a_character_ends() {
        assert_eq!(quoted("short"), "\"short\"");
        let long = quoted(&"ä".repeat(500));
        assert!(long.ends_with("\"…") && long.chars().count() == 43, "{long}");
    }
}
