//! Records as JSON, unchanged.

use serde::Serialize;

const SERIALIZES: &str = "a record has only string keys and plain data, so it always serializes";

/// One record, pretty, ending in a line break.
pub(crate) fn one(record: &impl Serialize) -> String {
    serde_json::to_string_pretty(record).expect(SERIALIZES) + "\n"
}

/// An array of records, pretty.
pub(crate) fn many(records: &[impl Serialize]) -> String {
    serde_json::to_string_pretty(records).expect(SERIALIZES) + "\n"
}

/// One record per line.
pub(crate) fn lines(records: &[impl Serialize]) -> String {
    records.iter().map(|record| serde_json::to_string(record).expect(SERIALIZES) + "\n").collect()
}
