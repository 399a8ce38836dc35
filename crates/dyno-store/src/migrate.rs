//! Brings a history to the schema this version knows.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::StoreError;

/// All migrations, applied in order; the schema's number is how many of them were.
const MIGRATIONS: [&str; 4] = [
    include_str!("../migrations/0001_runs.sql"),
    include_str!("../migrations/0002_ledger.sql"),
    include_str!("../migrations/0003_evals.sql"),
    include_str!("../migrations/0004_eval_metric.sql"),
];
/// `dyno` in ASCII: tells a history from databases of other programs.
const APPLICATION_ID: i64 = 0x6479_6e6f;

/// Applies what is missing, all or nothing.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let known = MIGRATIONS.len() as i64;
    if schema(connection, path)? == known {
        return Ok(());
    }
    let failed = |error: rusqlite::Error| StoreError::from_sqlite(path, &error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    // Another process may have migrated while this one waited for the lock.
    let found = schema(&transaction, path)?;
    for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        transaction.execute_batch(migration).map_err(failed)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
    transaction.pragma_update(None, "user_version", known).map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// Whether the file can be read as it is.
pub(crate) fn is_current(connection: &Connection, path: &Path) -> bool {
    schema(connection, path).is_ok_and(|found| found == MIGRATIONS.len() as i64)
}

/// Number of the file's schema, 0 for an empty file; refuses what this version must not touch.
pub(crate) fn schema(connection: &Connection, path: &Path) -> Result<i64, StoreError> {
    let number = |query: &str| -> Result<i64, StoreError> {
        connection
            .query_row(query, [], |row| row.get(0))
            .map_err(|error| StoreError::from_sqlite(path, &error))
    };
    let (found, known) = (number("PRAGMA user_version")?, MIGRATIONS.len() as i64);
    let empty = found == 0 && number("SELECT count(*) FROM sqlite_schema")? == 0;
    if !empty && number("PRAGMA application_id")? != APPLICATION_ID {
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    if found > known || found < 0 {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every object of the database: kind, name, table, SQL.
    fn objects(connection: &Connection) -> Vec<[Option<String>; 4]> {
        let mut query = connection
            .prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name")
            .unwrap();
        let rows =
            query.query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    fn migrated() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, Path::new("memory")).unwrap();
        connection
    }

    #[test]
    fn all_migrations_together_make_the_written_schema() {
        let written = Connection::open_in_memory().unwrap();
        written.execute_batch(include_str!("../migrations/schema.sql")).unwrap();
        let made = objects(&migrated());
        assert!(!made.is_empty());
        assert_eq!(made, objects(&written));
    }

    #[test]
    fn each_step_leads_to_the_same_schema() {
        for done in 0..=MIGRATIONS.len() {
            let mut connection = Connection::open_in_memory().unwrap();
            for migration in &MIGRATIONS[..done] {
                connection.execute_batch(migration).unwrap();
            }
            if done > 0 {
                connection.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
            }
            connection.pragma_update(None, "user_version", done as i64).unwrap();
            migrate(&mut connection, Path::new("memory")).unwrap();
            assert_eq!(objects(&connection), objects(&migrated()), "from schema {done}");
            migrate(&mut connection, Path::new("memory")).unwrap();
        }
    }
}
