//! What goes in comes out.

use dyno_store::{Filter, History, StoreError};
use dyno_types::RunRecord;

use crate::record;

#[test]
fn records_come_back_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/history.sqlite");
    let history = History::open(&path).unwrap();
    let kept = record("20260101-000000-aa", 5, "llama", true);
    history.append(&kept).unwrap();
    drop(history);
    let history = History::open(&path).unwrap();
    assert_eq!(history.get("20260101-000000-aa").unwrap(), Some(kept.clone()));
    assert_eq!(history.latest(3).unwrap(), [kept]);
    assert!(matches!(history.append(&record("20260101-000000-aa", 6, "x", true)), Err(StoreError::Unusable { .. })));
}

#[test]
fn lists_newest_first_and_filters() {
    let folder = tempfile::tempdir().unwrap();
    let history = History::open(&folder.path().join("h")).unwrap();
    for (id, start, model, valid) in [("a", 1, "Llama 1B", true), ("b", 3, "Qwen", true), ("c", 2, "llama 3B", false)] {
        history.append(&record(id, start, model, valid)).unwrap();
    }
    let ids = |filter: Filter| history.list(&filter).unwrap().into_iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(ids(Filter::default()), ["b", "c", "a"]);
    assert_eq!(ids(Filter { model: Some("LLAMA".to_owned()), ..Filter::default() }), ["c", "a"]);
    assert_eq!(ids(Filter { only_valid: true, ..Filter::default() }), ["b", "a"]);
    assert_eq!(ids(Filter { since_unix_ms: Some(2), ..Filter::default() }), ["b", "c"]);
    assert_eq!(ids(Filter { limit: 1, ..Filter::default() }), ["b"]);
    // A percent sign or quote in a name is text, not syntax.
    assert_eq!(ids(Filter { model: Some("%'".to_owned()), ..Filter::default() }), Vec::<String>::new());
}

#[test]
fn unique_beginnings_name_a_run_and_ambiguous_ones_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let history = History::open(&folder.path().join("h")).unwrap();
    for id in ["2026-1", "2026-2", "2026-22"] {
        history.append(&record(id, 1, "m", true)).unwrap();
    }
    assert_eq!(history.get("2026-1").unwrap().unwrap().id, "2026-1");
    assert_eq!(history.get("2026-2").unwrap().unwrap().id, "2026-2", "an exact id wins over a longer one");
    assert!(history.get("1999").unwrap().is_none());
    let error = history.get("2026").unwrap_err().to_string();
    assert!(error.contains("2026-1") && error.contains("2026-22"), "{error}");
    assert!(history.remove("2026-22").unwrap() && !history.remove("2026-22").unwrap());
}

#[test]
fn records_of_every_schema_version_stay_readable() {
    let text = include_str!("../fixtures/run-v1.json");
    let old: RunRecord = serde_json::from_str(text).unwrap();
    assert_eq!(old.schema, "dyno.run/1");
    assert_eq!(old.metrics["decode_tps"].n, 27);
    assert_eq!(old.stages.context.as_ref().unwrap().samples.len(), 12);
    let again: RunRecord = serde_json::from_str(&serde_json::to_string(&old).unwrap()).unwrap();
    assert_eq!(again, old);
}
