//! Evaluations in, evaluations out.

use dyno_store::{EvalHeadline, Filter, History, StoreError};
use dyno_types::{EvalRecord, ItemOutcome, ThreadChoice};
use rusqlite::Connection;

use crate::sample::{EVAL_V1, eval, record};

fn history() -> (tempfile::TempDir, History) {
    let folder = tempfile::tempdir().unwrap();
    let history = History::open(&folder.path().join("history.sqlite")).unwrap();
    (folder, history)
}

fn ids(headlines: &[EvalHeadline]) -> Vec<&str> {
    headlines.iter().map(|headline| headline.id.as_str()).collect()
}

#[test]
fn evaluations_of_every_schema_version_stay_readable() {
    let (_folder, history) = history();
    let old: EvalRecord = serde_json::from_str(EVAL_V1).unwrap();
    assert_eq!(old.schema, "dyno.eval/1");
    assert!(!old.suites.is_empty() && !old.suites[0].items.is_empty() && !old.comparisons.is_empty());
    history.append_eval(&old).unwrap();
    assert_eq!(history.get_eval(&old.id).unwrap().as_ref(), Some(&old), "kept whole");
    // Runs and evaluations are apart.
    assert_eq!(history.get(&old.id).unwrap(), None);
    assert_eq!(history.list(&Filter::default()).unwrap(), []);
}

#[test]
fn an_evaluation_of_a_newer_version_is_read_as_far_as_it_is_known() {
    let (_folder, history) = history();
    let mut newer: serde_json::Value = serde_json::from_str(EVAL_V1).unwrap();
    newer["validity"]["flags"] = serde_json::json!(["on_the_moon"]);
    newer["thread_choice"] = "by_the_stars".into();
    newer["suites"][0]["items"][0]["outcome"] =
        serde_json::json!({"state": "debated", "for": 3, "against": 2});
    let read: EvalRecord = serde_json::from_value(newer).unwrap();
    history.append_eval(&read).unwrap();
    let read = history.get_eval(&read.id).unwrap().unwrap();
    assert_eq!(read.validity.unknown_flags, ["on_the_moon"]);
    assert_eq!(read.thread_choice, Some(ThreadChoice::Unknown));
    let ItemOutcome::Failed { reason } = &read.suites[0].items[0].outcome else { panic!("{read:?}") };
    assert!(reason.contains("newer dyno"), "{reason}");
}

#[test]
fn a_history_of_an_older_version_gains_evaluations_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    History::open(&path).unwrap().append(&record("one", 0)).unwrap();
    // Back to the schema before there were evaluations.
    let old = Connection::open(&path).unwrap();
    old.execute_batch("DROP TABLE evals").unwrap();
    old.pragma_update(None, "user_version", 2).unwrap();
    drop(old);
    let history = History::open(&path).unwrap();
    history.append_eval(&eval("quality", 0)).unwrap();
    assert_eq!(history.latest(1).unwrap(), [record("one", 0)]);
    assert_eq!(ids(&history.list_evals(&Filter::default()).unwrap()), ["quality"]);
}

#[test]
fn evaluations_are_found_by_a_unique_beginning_and_never_replaced() {
    let (_folder, history) = history();
    for id in ["2026-a1", "2026-a2", "2026-b"] {
        history.append_eval(&eval(id, 0)).unwrap();
    }
    let get = |id: &str| history.get_eval(id).map(|found| found.map(|record| record.id));
    assert_eq!(get("2026-a1").unwrap().as_deref(), Some("2026-a1"));
    assert_eq!(get("2026-b").unwrap().as_deref(), Some("2026-b"));
    assert_eq!(get("").unwrap(), None);
    assert_eq!(get("%").unwrap(), None);
    let error = get("2026-a").unwrap_err();
    assert!(error.to_string().contains("2026-a1, 2026-a2"), "{error}");
    let error = history.append_eval(&eval("2026-b", 99)).unwrap_err();
    assert!(matches!(&error, StoreError::Duplicate { id, .. } if id == "2026-b"), "{error}");
    assert_eq!(history.get_eval("2026-b").unwrap(), Some(eval("2026-b", 0)));
    assert!(!history.remove_eval("2026").unwrap(), "removing needs the whole id");
    assert!(history.remove_eval("2026-b").unwrap());
    assert_eq!(get("2026-b").unwrap(), None);
}

#[test]
fn an_evaluation_that_could_not_be_read_back_is_refused() {
    let (_folder, history) = history();
    let mut broken = eval("broken", 0);
    broken.suites[0].scores[0].value = f64::NAN;
    let error = history.append_eval(&broken).unwrap_err();
    assert!(matches!(error, StoreError::Unkeepable { .. }), "{error}");
    assert_eq!(history.list_evals(&Filter::default()).unwrap(), []);
}

#[test]
fn lists_are_newest_first_filtered_and_say_what_the_record_says() {
    let (_folder, history) = history();
    let mut other = eval("other", 2000);
    other.model.name = None;
    other.model.file_name = "other.gguf".to_owned();
    other.model.reference = "models/other.gguf".to_owned();
    other.validity.valid = false;
    for one in [eval("late", 3000), eval("early", 1000), other] {
        history.append_eval(&one).unwrap();
    }
    let list = |filter: Filter| history.list_evals(&filter).unwrap();
    let all = list(Filter::default());
    assert_eq!(ids(&all), ["late", "other", "early"]);
    assert_eq!(all[0], EvalHeadline::of(&eval("late", 3000)), "the columns say what the record says");
    let main = &eval("late", 3000).suites[0];
    assert_eq!(all[0].accuracy, Some(main.scores[0].value));
    assert_eq!(all[0].items, Some(main.scores[0].n));
    assert_eq!(all[0].suite.as_ref(), Some(&main.suite.name));
    assert_eq!(ids(&list(Filter { limit: 2, ..Filter::default() })), ["late", "other"]);
    assert_eq!(ids(&list(Filter { only_valid: true, ..Filter::default() })), ["late", "early"]);
    let since = Some(eval("", 2000).started_unix_ms);
    assert_eq!(ids(&list(Filter { since_unix_ms: since, ..Filter::default() })), ["late", "other"]);
    let by_model = Filter { model: Some("OTHER".to_owned()), ..Filter::default() };
    assert_eq!(ids(&list(by_model)), ["other"]);
}

#[test]
fn evaluations_belong_to_the_weights_they_were_made_with() {
    let (_folder, history) = history();
    let mut retrained = eval("retrained", 5);
    retrained.model_sha256 = "b".repeat(64);
    let mut unknown = eval("unknown", 6);
    (unknown.model_sha256, unknown.model.fingerprint) = (String::new(), String::new());
    for one in [eval("first", 0), eval("second", 1), retrained.clone(), unknown] {
        history.append_eval(&one).unwrap();
    }
    let found = |records: Vec<EvalRecord>| records.into_iter().map(|record| record.id).collect::<Vec<_>>();
    let first = eval("first", 0);
    assert_eq!(found(history.evals_of_model(&first.model_sha256).unwrap()), ["second", "first"]);
    assert_eq!(found(history.evals_of_model(&"b".repeat(64)).unwrap()), ["retrained"]);
    assert_eq!(
        found(history.evals_of_fingerprint(&first.model.fingerprint).unwrap()),
        ["retrained", "second", "first"]
    );
    for nothing in ["", "c"] {
        assert_eq!(history.evals_of_model(nothing).unwrap(), []);
        assert_eq!(history.evals_of_fingerprint(nothing).unwrap(), []);
    }
    for number in 10..60 {
        history.append_eval(&eval(&format!("many-{number}"), number)).unwrap();
    }
    let many = history.evals_of_model(&first.model_sha256).unwrap();
    assert_eq!((many.len(), many[0].id.as_str()), (32, "many-59"), "bounded, the newest first");
}

#[test]
fn one_unreadable_evaluation_is_named_and_hides_no_other() {
    let (folder, history) = history();
    history.append_eval(&eval("one", 0)).unwrap();
    history.append_eval(&eval("two", 1)).unwrap();
    let other = Connection::open(folder.path().join("history.sqlite")).unwrap();
    other
        .execute(
            "UPDATE evals SET record = replace(record, 'dyno.eval/1', 'dyno.eval/9') WHERE id = 'two'",
            [],
        )
        .unwrap();
    let error = history.get_eval("two").unwrap_err();
    assert!(
        matches!(error, StoreError::Unreadable { .. }) && error.to_string().contains("dyno.eval/9"),
        "{error}"
    );
    assert!(history.get_eval("one").unwrap().is_some());
    assert_eq!(history.list_evals(&Filter::default()).unwrap().len(), 2);
}
