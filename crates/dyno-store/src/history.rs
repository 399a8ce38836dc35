//! The history file: append, find, list, remove.

use std::path::{Path, PathBuf};
use std::thread;

use dyno_types::RunRecord;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Row, params};

use crate::kept::{Kept, id_and_record, parse, readable_json};
use crate::ledger::{self, LedgerEntry};
use crate::waiting::{BUSY_TIMEOUT, RETRY_PAUSE, Stop, wait_on};
use crate::{Filter, Headline, StoreError, migrate, read_only};

/// Records named when an id is ambiguous.
const EXAMPLES_MAX: u32 = 5;
/// Predictions to learn from, the latest.
const LEDGER_MAX: u32 = 1000;
/// Columns that repeat what a [`Headline`] holds.
const HEADLINE_COLUMNS: &str = "id, started_unix_ms, model, reference, quantization, machine, decode_tps, prefill_tps, ttft_ms, rss_peak_bytes, valid";

/// The same for reading, in the order [`read_headline`] reads them, with the settings out of the record.
const LIST_COLUMNS: &str = "id, started_unix_ms, model, reference, quantization, machine, decode_tps, prefill_tps, ttft_ms, rss_peak_bytes, valid,
    CASE WHEN json_valid(record) THEN json_extract(record, '$.settings') END";

/// An open history.
#[derive(Debug)]
pub struct History {
    pub(crate) connection: Connection,
    path: PathBuf,
    stop: Stop,
}

impl History {
    /// Opens the history in this file; makes it, and its folder, when there is none, and brings an older one up to date.
    ///
    /// # Errors
    /// [`StoreError::Newer`], [`StoreError::Foreign`], [`StoreError::Damaged`] (the file is left as it is),
    /// [`StoreError::Open`], [`StoreError::Full`], [`StoreError::Busy`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_unless(path, || false)
    }

    /// The same; every wait for another process, now and later, ends soon after the work was stopped.
    ///
    /// # Errors
    /// As [`History::open`], and [`StoreError::Stopped`].
    pub fn open_unless(
        path: &Path,
        is_stopped: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        Self::open_with(path, Stop::new(is_stopped))
    }

    fn open_with(path: &Path, stop: Stop) -> Result<Self, StoreError> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .map_err(|error| StoreError::Open { path: path.to_owned(), reason: error.to_string() })?;
        }
        let failed = |error: rusqlite::Error| StoreError::from_sqlite(path, &error);
        let unless_stopped = |error: StoreError| error.or_stopped(&stop);
        // A file name is a file name, even one that looks like a URI.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        wait_on(&mut connection, &stop).map_err(failed)?;
        // Checked before anything is changed, so that a file we must not touch stays as it is.
        migrate::schema(&connection, path).map_err(unless_stopped)?;
        write_ahead(&connection, &stop).map_err(failed).map_err(unless_stopped)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(failed).map_err(unless_stopped)?;
        migrate::migrate(&mut connection, path).map_err(unless_stopped)?;
        Ok(Self { connection, path: path.to_owned(), stop })
    }

    /// Opens a history that is there to look into it, also where nothing can be written: on a read-only or full disk, or for another user.
    ///
    /// # Errors
    /// As [`History::open`], also for one of an earlier version that cannot be brought up to date.
    pub fn open_to_read(path: &Path) -> Result<Self, StoreError> {
        Self::open_to_read_unless(path, || false)
    }

    /// The same; every wait for another process, now and later, ends soon after the work was stopped.
    ///
    /// # Errors
    /// As [`History::open_to_read`], and [`StoreError::Stopped`].
    pub fn open_to_read_unless(
        path: &Path,
        is_stopped: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        let stop = Stop::new(is_stopped);
        match Self::open_with(path, stop.clone()) {
            Err(error) if error.is_of_the_place() => read_only::open(path, &stop)
                .map(|connection| Self { connection, path: path.to_owned(), stop })
                .ok_or(error),
            other => other,
        }
    }

    /// Keeps a record, whole, and its predictions in the ledger, in one transaction.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`], [`StoreError::Unkeepable`], [`StoreError::Full`], [`StoreError::Busy`],
    /// [`StoreError::Database`].
    pub fn append(&self, record: &RunRecord) -> Result<(), StoreError> {
        let json = readable_json(record)?;
        let line = Headline::of(record);
        let transaction = self.connection.unchecked_transaction().map_err(|error| self.failed(error))?;
        let inserted = transaction.execute(
            &format!("INSERT INTO runs ({HEADLINE_COLUMNS}, schema, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
            params![
                line.id,
                line.started_unix_ms,
                line.model,
                line.reference,
                line.quantization,
                line.machine,
                line.decode_tps,
                line.prefill_tps,
                line.ttft_ms,
                line.rss_peak_bytes,
                line.valid,
                record.schema,
                json
            ],
        );
        let entered = inserted.and_then(|_| ledger::enter(&transaction, record));
        entered.and_then(|()| transaction.commit()).map_err(|error| self.insert_failed(&record.id, error))
    }

    /// The run with this id, or the only one whose id begins like this; `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError::Ambiguous`], [`StoreError::Unreadable`], [`StoreError::Database`].
    pub fn get(&self, id: &str) -> Result<Option<RunRecord>, StoreError> {
        self.find(id)
    }

    /// The latest runs, newest first, at most this many.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`], [`StoreError::Database`].
    pub fn latest(&self, count: u32) -> Result<Vec<RunRecord>, StoreError> {
        let query = "SELECT id, record FROM runs ORDER BY started_unix_ms DESC, id DESC LIMIT ?1";
        self.rows(query, [count], id_and_record)?.iter().map(parse).collect()
    }

    /// Headlines of the runs the filter lets through, newest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn list(&self, filter: &Filter) -> Result<Vec<Headline>, StoreError> {
        self.headlines("runs", LIST_COLUMNS, filter, read_headline)
    }

    /// Headlines in a table of records that the filter lets through, newest first.
    pub(crate) fn headlines<T>(
        &self,
        table: &'static str,
        columns: &'static str,
        filter: &Filter,
        read: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let query = format!(
            "SELECT {columns} FROM {table}
             WHERE (?1 IS NULL OR instr(lower(model), lower(?1)) > 0 OR instr(lower(reference), lower(?1)) > 0)
               AND (?2 IS NULL OR started_unix_ms >= ?2) AND (?3 = 0 OR valid = 1)
             ORDER BY started_unix_ms DESC, id DESC LIMIT ?4"
        );
        let limit = if filter.limit == 0 { -1 } else { i64::from(filter.limit) };
        self.rows(&query, params![filter.model, filter.since_unix_ms, filter.only_valid, limit], read)
    }

    /// Removes the run with exactly this id; says whether there was one.
    ///
    /// # Errors
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub fn remove(&self, id: &str) -> Result<bool, StoreError> {
        let remove = || -> rusqlite::Result<usize> {
            let transaction = self.connection.unchecked_transaction()?;
            transaction.execute("DELETE FROM ledger WHERE run = ?1", [id])?;
            let removed = transaction.execute("DELETE FROM runs WHERE id = ?1", [id])?;
            transaction.commit()?;
            Ok(removed)
        };
        remove().map(|removed| removed > 0).map_err(|error| self.failed(error))
    }

    /// The latest predictions about valid runs on the machine with this fingerprint, newest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn ledger(&self, machine: &str) -> Result<Vec<LedgerEntry>, StoreError> {
        let query = format!(
            "SELECT {}, runs.started_unix_ms FROM ledger JOIN runs ON runs.id = ledger.run
             WHERE ledger.machine = ?1 AND runs.valid = 1
             ORDER BY runs.started_unix_ms DESC, ledger.run DESC, ledger.metric LIMIT ?2",
            ledger::COLUMNS
        );
        self.rows(&query, params![machine, LEDGER_MAX], ledger::read)
    }

    /// The record with this id, or the only one whose id begins like this.
    pub(crate) fn find<R: Kept>(&self, id: &str) -> Result<Option<R>, StoreError> {
        if id.is_empty() {
            return Ok(None);
        }
        let query = format!("SELECT id, record FROM {} WHERE id = ?1", R::TABLE);
        if let Some(found) = self
            .connection
            .query_row(&query, [id], id_and_record)
            .optional()
            .map_err(|error| self.failed(error))?
        {
            return parse(&found).map(Some);
        }
        let query = format!(
            "SELECT id, record FROM {} WHERE substr(id, 1, length(?1)) = ?1 ORDER BY id LIMIT ?2",
            R::TABLE
        );
        let found = self.rows(&query, params![id, EXAMPLES_MAX], id_and_record)?;
        match found.as_slice() {
            [] => Ok(None),
            [one] => parse(one).map(Some),
            several => {
                let examples = several.iter().map(|(id, _)| id.clone()).collect();
                Err(StoreError::Ambiguous { prefix: id.to_owned(), examples })
            }
        }
    }

    pub(crate) fn rows<T>(
        &self,
        query: &str,
        parameters: impl rusqlite::Params,
        read: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let rows = || -> rusqlite::Result<Vec<T>> {
            self.connection.prepare_cached(query)?.query_map(parameters, read)?.collect()
        };
        rows().map_err(|error| self.failed(error))
    }

    pub(crate) fn failed(&self, error: rusqlite::Error) -> StoreError {
        StoreError::from_sqlite(&self.path, &error).or_stopped(&self.stop)
    }

    /// What it means that this record could not be added.
    pub(crate) fn insert_failed(&self, id: &str, error: rusqlite::Error) -> StoreError {
        match error.sqlite_error_code() {
            Some(ErrorCode::ConstraintViolation) => {
                StoreError::Duplicate { id: id.to_owned(), path: self.path.clone() }
            }
            _ => self.failed(error),
        }
    }
}

/// Turns on write-ahead logging: readers never wait for a writer. File systems without shared memory keep the old way,
/// which works too.
fn write_ahead(connection: &Connection, stop: &Stop) -> rusqlite::Result<()> {
    let mut attempts = BUSY_TIMEOUT.as_millis() / RETRY_PAUSE.as_millis();
    loop {
        // SQLite answers "busy" at once here, without its timeout, when two processes open a new file at the same time.
        match connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())) {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && attempts > 0
                    && !stop.is_stopped() =>
            {
                attempts -= 1;
                thread::sleep(RETRY_PAUSE);
            }
            other => return other,
        }
    }
}

fn read_headline(row: &Row<'_>) -> rusqlite::Result<Headline> {
    Ok(Headline {
        id: row.get(0)?,
        started_unix_ms: row.get(1)?,
        model: row.get(2)?,
        reference: row.get(3)?,
        quantization: row.get(4)?,
        machine: row.get(5)?,
        decode_tps: row.get(6)?,
        prefill_tps: row.get(7)?,
        ttft_ms: row.get(8)?,
        rss_peak_bytes: row.get(9)?,
        valid: row.get(10)?,
        // Settings of another version are no reason to hide the run.
        settings: row.get::<_, Option<String>>(11)?.and_then(|text| serde_json::from_str(&text).ok()),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use dyno_types::RUN_SCHEMA;

    use super::*;

    /// Holds the file until it is dropped. Its log of changes is no write-ahead log, so that readers wait, too.
    fn held(history: &History) -> Connection {
        history.connection.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(())).unwrap();
        let other = Connection::open(&history.path).unwrap();
        other.execute_batch("BEGIN EXCLUSIVE").unwrap();
        other
    }

    #[test]
    fn every_wait_for_another_process_ends_when_the_work_is_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.sqlite");
        let looks = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&looks);
        // Stopped when it is asked for the third time.
        let history =
            History::open_unless(&path, move || counter.fetch_add(1, Ordering::Relaxed) >= 2).unwrap();
        let record = RunRecord { schema: RUN_SCHEMA.to_owned(), id: "r".to_owned(), ..RunRecord::default() };
        let eval = dyno_types::EvalRecord {
            schema: dyno_types::EVAL_SCHEMA.to_owned(),
            id: "e".to_owned(),
            ..dyno_types::EvalRecord::default()
        };
        let holder = held(&history);
        type Operation<'a> = (&'a str, &'a dyn Fn() -> Option<StoreError>);
        let operations: [Operation<'_>; 9] = [
            ("append", &|| history.append(&record).err()),
            ("append_eval", &|| history.append_eval(&eval).err()),
            ("get", &|| history.get("r").err()),
            ("latest", &|| history.latest(1).err()),
            ("list", &|| history.list(&Filter::default()).err()),
            ("list_evals", &|| history.list_evals(&Filter::default()).err()),
            ("ledger", &|| history.ledger("m").err()),
            ("remove", &|| history.remove("r").err()),
            ("remove_eval", &|| history.remove_eval("e").err()),
        ];
        for (name, operation) in operations {
            looks.store(0, Ordering::Relaxed);
            let error = operation().unwrap_or_else(|| panic!("{name} did not wait"));
            assert!(matches!(error, StoreError::Stopped { .. }), "{name}: {error}");
            assert!(looks.load(Ordering::Relaxed) > 2, "{name}");
        }
        drop(holder);
        history.append(&record).unwrap();
        assert_eq!(history.get("r").unwrap().map(|record| record.id), Some("r".to_owned()));
    }

    #[test]
    fn a_full_disk_is_said_and_costs_only_the_new_record() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.sqlite");
        let history = History::open(&path).unwrap();
        let record = |id: &str, notes: usize| RunRecord {
            schema: RUN_SCHEMA.to_owned(),
            id: id.to_owned(),
            notes: vec!["note".repeat(1000); notes],
            ..RunRecord::default()
        };
        history.append(&record("first", 1)).unwrap();
        // SQLite reports a file at its page limit exactly as it reports a full disk.
        let pages: i64 = history.connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        history
            .connection
            .query_row(&format!("PRAGMA max_page_count = {}", pages + 1), [], |_| Ok(()))
            .unwrap();
        let error = history.append(&record("second", 100)).unwrap_err();
        assert!(matches!(error, StoreError::Full { .. }), "{error}");
        assert!(error.to_string().contains("disk is full"), "{error}");
        assert_eq!(history.get("first").unwrap().unwrap().notes.len(), 1);
        assert_eq!(history.get("second").unwrap(), None);
        drop(history);
        History::open(&path).unwrap().append(&record("second", 100)).unwrap();
    }
}
