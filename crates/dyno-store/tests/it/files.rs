//! Everything that may be wrong with the file: a clear error, and the file stays as it was.

use std::fs;
use std::path::{Path, PathBuf};

use dyno_store::{Filter, History, StoreError};
use rusqlite::Connection;

use crate::sample::record;

/// A history with one record, closed.
fn kept(folder: &Path) -> PathBuf {
    let path = folder.join("history.sqlite");
    History::open(&path).unwrap().append(&record("one", 0)).unwrap();
    path
}

#[test]
fn a_history_of_a_newer_version_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = kept(folder.path());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 7).unwrap();
    let before = fs::read(&path).unwrap();
    let error = History::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 7, known: 4, .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("written by a newer dyno (schema 7, this knows 4)"), "{text}");
    assert!(text.contains("history.sqlite"), "{text}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_damaged_file_is_named_and_never_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let path = kept(folder.path());
    let whole = fs::read(&path).unwrap();
    let mut overwritten = whole.clone();
    overwritten[..4096].fill(0xa5);
    let mut pages_lost = whole.clone();
    pages_lost.truncate(4096);
    for (what, damaged) in [
        ("overwritten", overwritten),
        ("text", b"not a database at all, only some text in a file".repeat(40)),
        ("cut", pages_lost),
    ] {
        fs::write(&path, &damaged).unwrap();
        let error = History::open(&path).and_then(|history| history.list(&Filter::default())).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{what}: {error}");
        assert!(
            error.to_string().contains("history.sqlite") && error.to_string().contains("backup"),
            "{error}"
        );
        assert_eq!(fs::read(&path).unwrap(), damaged, "{what}: unchanged");
    }
}

#[test]
fn a_database_of_another_program_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("places.sqlite");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();
    let before = fs::read(&path).unwrap();
    let error = History::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn an_empty_file_becomes_a_history() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    fs::write(&path, "").unwrap();
    History::open(&path).unwrap().append(&record("one", 0)).unwrap();
    assert_eq!(History::open(&path).unwrap().latest(1).unwrap(), [record("one", 0)]);
}

#[test]
fn a_place_that_cannot_be_written_is_said_with_its_remedy() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    for path in [folder.path().to_owned(), folder.path().join("file/history.sqlite")] {
        let error = History::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::Open { .. }), "{error}");
        assert!(error.remedy() == Some(dyno_types::Remedy::Give(dyno_types::Wish::History)), "{error}");
    }
}

#[test]
fn a_name_that_looks_like_a_uri_is_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file:history?mode=memory");
    History::open(&path).unwrap().append(&record("one", 0)).unwrap();
    assert!(path.exists());
}

#[test]
fn one_unreadable_record_does_not_hide_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = kept(folder.path());
    let history = History::open(&path).unwrap();
    history.append(&record("two", 1)).unwrap();
    history.append(&record("three", 2)).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute("UPDATE runs SET record = '{\"schema\":' WHERE id = 'two'", []).unwrap();
    other
        .execute(
            "UPDATE runs SET record = replace(record, 'dyno.run/1', 'dyno.run/9') WHERE id = 'three'",
            [],
        )
        .unwrap();
    assert_eq!(history.list(&Filter::default()).unwrap().len(), 3);
    assert!(history.get("one").unwrap().is_some());
    for (id, part) in [("two", "cannot be read"), ("three", "dyno.run/9")] {
        let error = history.get(id).unwrap_err();
        assert!(
            matches!(error, StoreError::Unreadable { .. }) && error.to_string().contains(part),
            "{error}"
        );
    }
}

#[test]
fn a_writer_that_does_not_let_go_is_an_error_and_not_a_hang() {
    let folder = tempfile::tempdir().unwrap();
    let path = kept(folder.path());
    let history = History::open(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = history.append(&record("two", 1)).unwrap_err();
    assert!(matches!(error, StoreError::Busy { .. }), "{error}");
    assert_eq!(history.list(&Filter::default()).unwrap().len(), 1, "reading goes on meanwhile");
    other.execute_batch("ROLLBACK").unwrap();
    history.append(&record("two", 1)).unwrap();
}
