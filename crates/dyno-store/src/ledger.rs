//! What was predicted and what was measured: from records into a table of their own, so that learning from a thousand runs
//! does not mean reading a thousand records.

use dyno_types::{Prediction, RunRecord};
use rusqlite::{Connection, Row, params};

/// Columns of the table that hold what a [`LedgerEntry`] says of a prediction; [`read`] reads them in this order, and after them
/// when the run started.
pub(crate) const COLUMNS: &str = "run, subject, metric, raw, predicted, low, high, measured";

/// One prediction of one kept, valid run.
#[derive(Debug, Clone, PartialEq)]
pub struct LedgerEntry {
    /// Run id.
    pub run: String,
    /// When the run started, Unix ms.
    pub started_unix_ms: i64,
    /// What was predicted: model and quantization.
    pub subject: String,
    /// The prediction and what was measured (without its conditions, which only the record keeps).
    pub prediction: Prediction,
}

/// What makes two runs the same question to a prediction.
#[must_use]
pub fn subject(record: &RunRecord) -> String {
    format!("{} {}", record.model.fingerprint, record.model.quantization)
}

/// Enters a record's predictions. The record itself must be in the history already.
pub(crate) fn enter(connection: &Connection, record: &RunRecord) -> rusqlite::Result<()> {
    let query = format!("INSERT INTO ledger ({COLUMNS}, machine) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
    let mut insert = connection.prepare_cached(&query)?;
    for one in &record.predictions {
        let [low, high] = one.interval.map_or([None, None], |interval| interval.map(Some));
        insert.execute(params![
            record.id,
            subject(record),
            one.metric,
            one.raw,
            one.predicted,
            low,
            high,
            one.measured,
            record.machine_fingerprint
        ])?;
    }
    Ok(())
}

pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<LedgerEntry> {
    let (low, high): (Option<f64>, Option<f64>) = (row.get(5)?, row.get(6)?);
    Ok(LedgerEntry {
        run: row.get(0)?,
        started_unix_ms: row.get(8)?,
        subject: row.get(1)?,
        prediction: Prediction {
            metric: row.get(2)?,
            conditions: String::new(),
            raw: row.get(3)?,
            predicted: row.get(4)?,
            interval: low.zip(high).map(|(low, high)| [low, high]),
            measured: row.get(7)?,
        },
    })
}
