//! A history where nothing can be written.

use std::fmt::Write as _;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::migrate;
use crate::waiting::{Stop, wait_on};

/// Opens the file as it is; `None` where that is not possible, or its schema is not the present one.
///
/// Readers of a write-ahead log make files beside it. Where they cannot, the file is taken for one that nobody changes meanwhile.
pub(crate) fn open(path: &Path, stop: &Stop) -> Option<Connection> {
    ["mode=ro", "mode=ro&immutable=1"].into_iter().find_map(|manner| {
        let flags =
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(address(path, manner)?, flags).ok()?;
        wait_on(&mut connection, stop).ok()?;
        migrate::is_current(&connection, path).then_some(connection)
    })
}

/// The file as an address of SQLite, every unusual byte escaped.
fn address(path: &Path, manner: &str) -> Option<String> {
    let path = std::path::absolute(path).ok()?;
    let mut address = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"/-_.".contains(byte);
        if plain {
            address.push(char::from(*byte));
        } else {
            // Cannot fail: it writes into a string.
            let _ = write!(address, "%{byte:02X}");
        }
    }
    Some(format!("{address}?{manner}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::History;

    #[test]
    fn a_file_that_nobody_may_change_is_read_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("odd ?name#%41.sqlite");
        let record = dyno_types::RunRecord {
            schema: dyno_types::RUN_SCHEMA.to_owned(),
            id: "one".to_owned(),
            ..dyno_types::RunRecord::default()
        };
        History::open(&path).unwrap().append(&record).unwrap();
        let never = Stop::new(|| false);
        let connection = open(&path, &never).unwrap();
        let count: i64 = connection.query_row("SELECT count(*) FROM runs", [], |row| row.get(0)).unwrap();
        assert_eq!(count, 1);
        assert!(connection.execute("DELETE FROM runs", []).is_err());
        drop(connection);
        let immutable = Connection::open_with_flags(
            address(&path, "mode=ro&immutable=1").unwrap(),
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
        );
        assert!(migrate::is_current(&immutable.unwrap(), &path));
        assert!(open(&folder.path().join("none.sqlite"), &never).is_none());
        std::fs::write(&path, "no database at all, but long enough to have a header of its own").unwrap();
        assert!(open(&path, &never).is_none());
    }
}
