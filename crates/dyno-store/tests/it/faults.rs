//! Hostile files, several writers, killed writers, a full disk: nothing stored is lost.

use std::path::Path;
use std::process::{Command, Stdio};

use dyno_store::{Filter, History, StoreError};
use rusqlite::Connection;

use crate::record;

#[test]
fn a_history_of_a_newer_version_is_refused_and_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h");
    History::open(&path).unwrap().append(&record("a", 1, "m", true)).unwrap();
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = History::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, .. }));
    assert!(error.to_string().contains("upgrade dyno"), "{error}");
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 1).unwrap();
    assert_eq!(History::open(&path).unwrap().latest(9).unwrap().len(), 1);
}

#[test]
fn a_file_that_is_no_history_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("diary.txt");
    let diary = b"dear diary, today was no database ".repeat(200);
    std::fs::write(&path, &diary).unwrap();
    let error = History::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::NotAHistory { .. }), "{error:?}");
    assert!(error.to_string().contains("diary.txt"));
    assert_eq!(std::fs::read(&path).unwrap(), diary);
    assert!(matches!(History::open(folder.path()).unwrap_err(), StoreError::Unusable { .. }), "a directory is no file");
}

#[test]
fn several_writers_at_once_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h");
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let path = &path;
            scope.spawn(move || {
                let history = History::open(path).unwrap();
                for n in 0..25 {
                    history.append(&record(&format!("{writer}-{n}"), n, "m", true)).unwrap();
                }
            });
        }
    });
    assert_eq!(History::open(&path).unwrap().list(&Filter::default()).unwrap().len(), 100);
}

/// Set for the child of the next test: where to append until killed.
const APPEND_UNTIL_KILLED: &str = "DYNO_STORE_APPEND_UNTIL_KILLED";

#[test]
fn a_killed_writer_loses_at_most_its_last_record() {
    if let Some(path) = std::env::var_os(APPEND_UNTIL_KILLED) {
        append_until_killed(Path::new(&path));
    }
    let folder = tempfile::tempdir().unwrap();
    for round in 0..5 {
        let path = folder.path().join(format!("h{round}"));
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["faults::a_killed_writer_loses_at_most_its_last_record", "--exact", "--nocapture"])
            .args(["--test-threads", "1"])
            .env(APPEND_UNTIL_KILLED, &path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while !path.with_extension("started").exists() {
            assert!(child.try_wait().unwrap().is_none(), "the writer ended by itself");
            std::thread::yield_now();
        }
        std::thread::sleep(std::time::Duration::from_millis(7 * (round + 1)));
        child.kill().unwrap();
        child.wait().unwrap();
        let promised: i64 = std::fs::read_to_string(path.with_extension("done")).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
        let kept = History::open(&path).unwrap().list(&Filter::default()).unwrap().len() as i64;
        assert!(kept >= promised, "{kept} kept, {promised} reported as stored");
    }
}

fn append_until_killed(path: &Path) -> ! {
    let history = History::open(path).unwrap();
    std::fs::write(path.with_extension("started"), "").unwrap();
    for n in 1_i64.. {
        history.append(&record(&format!("{n:08}"), n, "m", true)).unwrap();
        let temporary = path.with_extension("next");
        std::fs::write(&temporary, n.to_string()).unwrap();
        std::fs::rename(&temporary, path.with_extension("done")).unwrap();
    }
    unreachable!("the parent kills this process")
}
