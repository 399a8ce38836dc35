//! Evaluations of quality in the history: append, find, list, remove.

use dyno_types::EvalRecord;
use rusqlite::{Row, params};

use crate::kept::{id_and_record, parse, readable_json};
use crate::{EvalHeadline, Filter, History, StoreError};

/// Evaluations of one model that are read at once, the newest: a record may hold thousands of answers.
const OF_MODEL_MAX: u32 = 32;
/// Columns of an [`EvalHeadline`], in the order [`read_headline`] reads them.
const COLUMNS: &str = "id, started_unix_ms, model, reference, quantization, fingerprint, model_sha256, machine, results, suite, \
     strategy, items, accuracy, ppl, kld_mean, valid, metric";

impl History {
    /// Keeps an evaluation, whole, in one transaction.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`], [`StoreError::Unkeepable`], [`StoreError::Full`], [`StoreError::Busy`],
    /// [`StoreError::Database`].
    pub fn append_eval(&self, record: &EvalRecord) -> Result<(), StoreError> {
        let json = readable_json(record)?;
        let line = EvalHeadline::of(record);
        let query = format!(
            "INSERT INTO evals ({COLUMNS}, schema, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        );
        let values = params![
            line.id,
            line.started_unix_ms,
            line.model,
            line.reference,
            line.quantization,
            line.fingerprint,
            line.model_sha256,
            line.machine,
            stored(line.results),
            line.suite,
            line.strategy,
            line.items.map(stored),
            line.accuracy,
            line.ppl,
            line.kld_mean,
            line.valid,
            line.metric,
            record.schema,
            json
        ];
        let inserted = self.connection.execute(&query, values);
        inserted.map(|_| ()).map_err(|error| self.insert_failed(&record.id, error))
    }

    /// The evaluation with this id, or the only one whose id begins like this; `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError::Ambiguous`], [`StoreError::Unreadable`], [`StoreError::Database`].
    pub fn get_eval(&self, id: &str) -> Result<Option<EvalRecord>, StoreError> {
        self.find(id)
    }

    /// Headlines of the evaluations the filter lets through, newest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn list_evals(&self, filter: &Filter) -> Result<Vec<EvalHeadline>, StoreError> {
        self.headlines("evals", COLUMNS, filter, read_headline)
    }

    /// The latest evaluations of the model file with this digest, newest first; at most 32.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`], [`StoreError::Database`].
    pub fn evals_of_model(&self, sha256: &str) -> Result<Vec<EvalRecord>, StoreError> {
        self.evals_where("model_sha256", sha256)
    }

    /// The latest evaluations of models whose header has this fingerprint, newest first; at most 32. Other weights under the same
    /// header are possible: [`EvalRecord::model_sha256`] tells them apart.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`], [`StoreError::Database`].
    pub fn evals_of_fingerprint(&self, fingerprint: &str) -> Result<Vec<EvalRecord>, StoreError> {
        self.evals_where("fingerprint", fingerprint)
    }

    /// Removes the evaluation with exactly this id; says whether there was one.
    ///
    /// # Errors
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub fn remove_eval(&self, id: &str) -> Result<bool, StoreError> {
        let removed = self.connection.execute("DELETE FROM evals WHERE id = ?1", [id]);
        removed.map(|removed| removed > 0).map_err(|error| self.failed(error))
    }

    fn evals_where(&self, column: &'static str, value: &str) -> Result<Vec<EvalRecord>, StoreError> {
        let query = format!(
            "SELECT id, record FROM evals WHERE {column} = ?1 AND ?1 <> '' ORDER BY started_unix_ms DESC, id DESC LIMIT ?2"
        );
        self.rows(&query, params![value, OF_MODEL_MAX], id_and_record)?.iter().map(parse).collect()
    }
}

/// SQLite has signed numbers only; nothing counted here comes near.
fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn counted(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(0)
}

fn read_headline(row: &Row<'_>) -> rusqlite::Result<EvalHeadline> {
    Ok(EvalHeadline {
        id: row.get(0)?,
        started_unix_ms: row.get(1)?,
        model: row.get(2)?,
        reference: row.get(3)?,
        quantization: row.get(4)?,
        fingerprint: row.get(5)?,
        model_sha256: row.get(6)?,
        machine: row.get(7)?,
        results: counted(row.get(8)?),
        suite: row.get(9)?,
        strategy: row.get(10)?,
        items: row.get::<_, Option<i64>>(11)?.map(counted),
        accuracy: row.get(12)?,
        ppl: row.get(13)?,
        kld_mean: row.get(14)?,
        valid: row.get(15)?,
        metric: row.get(16)?,
    })
}
