//! What kinds of records a history keeps, and how a record becomes a row's text and comes back.

use dyno_types::{EVAL_SCHEMA, EvalRecord, RUN_SCHEMA, RunRecord};
use rusqlite::Row;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::StoreError;

/// A kind of record, kept whole in a table of its own.
pub(crate) trait Kept: Serialize + DeserializeOwned {
    /// The table.
    const TABLE: &'static str;
    /// Schema of the records this version reads.
    const SCHEMA: &'static str;

    /// Unique within the table.
    fn id(&self) -> &str;

    /// The schema it says it has.
    fn schema(&self) -> &str;
}

impl Kept for RunRecord {
    const TABLE: &'static str = "runs";
    const SCHEMA: &'static str = RUN_SCHEMA;

    fn id(&self) -> &str {
        &self.id
    }

    fn schema(&self) -> &str {
        &self.schema
    }
}

impl Kept for EvalRecord {
    const TABLE: &'static str = "evals";
    const SCHEMA: &'static str = EVAL_SCHEMA;

    fn id(&self) -> &str {
        &self.id
    }

    fn schema(&self) -> &str {
        &self.schema
    }
}

/// The record as JSON that is known to read back: JSON has no infinities, and finding that out years later would be too late.
pub(crate) fn readable_json<R: Kept>(record: &R) -> Result<String, StoreError> {
    let fail = |error: serde_json::Error| StoreError::Unkeepable {
        id: record.id().to_owned(),
        reason: error.to_string(),
    };
    let json = serde_json::to_string(record).map_err(fail)?;
    serde_json::from_str::<R>(&json).map_err(fail)?;
    Ok(json)
}

/// Id and record of a row.
pub(crate) fn id_and_record(row: &Row<'_>) -> rusqlite::Result<(String, String)> {
    Ok((row.get(0)?, row.get(1)?))
}

/// The record of a row.
pub(crate) fn parse<R: Kept>((id, json): &(String, String)) -> Result<R, StoreError> {
    let unreadable = |reason: String| StoreError::Unreadable { id: id.clone(), reason };
    let record: R = serde_json::from_str(json).map_err(|error| unreadable(error.to_string()))?;
    if record.schema() == R::SCHEMA {
        Ok(record)
    } else {
        Err(unreadable(format!("its schema is {:?}, this dyno reads {:?}", record.schema(), R::SCHEMA)))
    }
}
