//! Records to keep.

use dyno_types::{EvalRecord, RunRecord};

/// A record of schema 1, as dyno wrote it.
pub(crate) const RUN_V1: &str = include_str!("../fixtures/run-v1.json");

/// That record under another id, started that many ms later.
pub(crate) fn record(id: &str, later_ms: i64) -> RunRecord {
    let mut record: RunRecord = serde_json::from_str(RUN_V1).unwrap();
    id.clone_into(&mut record.id);
    record.started_unix_ms += later_ms;
    record
}

/// An evaluation of schema 1.
pub(crate) const EVAL_V1: &str = include_str!("../fixtures/eval-v1.json");

/// That evaluation under another id, started that many ms later.
pub(crate) fn eval(id: &str, later_ms: i64) -> EvalRecord {
    let mut record: EvalRecord = serde_json::from_str(EVAL_V1).unwrap();
    id.clone_into(&mut record.id);
    record.started_unix_ms += later_ms;
    record
}
