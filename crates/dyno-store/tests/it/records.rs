//! Records in, records out.

use dyno_store::{Filter, Headline, History, StoreError, subject};
use dyno_types::{
    FinishReason, GpuKind, LayerMemory, PageCache, Prediction, RunRecord, Switch, ThreadChoice, ValidityFlag,
    WeightRole, WindowFailureKind, WindowOutcome,
};
use serde_json::{Value, json};

use crate::sample::{RUN_V1, record};

fn history() -> (tempfile::TempDir, History) {
    let folder = tempfile::tempdir().unwrap();
    let history = History::open(&folder.path().join("deep/er/history.sqlite")).unwrap();
    (folder, history)
}

fn ids(headlines: &[Headline]) -> Vec<&str> {
    headlines.iter().map(|headline| headline.id.as_str()).collect()
}

#[test]
fn records_of_every_schema_version_stay_readable() {
    let (_folder, history) = history();
    let old: RunRecord = serde_json::from_str(RUN_V1).unwrap();
    assert_eq!(old.schema, "dyno.run/1");
    assert!(old.metrics["decode_tps"].mean > 0.0 && !old.stages.context.as_ref().unwrap().samples.is_empty());
    history.append(&old).unwrap();
    assert_eq!(history.get(&old.id).unwrap().as_ref(), Some(&old), "kept whole");
    assert_eq!(history.latest(9).unwrap(), [old]);
}

/// What a newer version might write: words in places where this one knows a few.
#[test]
fn a_run_of_a_newer_version_is_read_as_far_as_it_is_known() {
    let (_folder, history) = history();
    let mut newer: Value = serde_json::from_str(RUN_V1).unwrap();
    newer["validity"]["flags"] = json!(["not_warm", "on_the_moon"]);
    newer["settings"]["thread_choice"] = json!("by_the_stars");
    newer["settings"]["engine"]["kv_type_k"] = json!("q3_9");
    newer["settings"]["engine"]["flash_attention"] = json!("sometimes");
    newer["machine"]["gpus"] = json!([{"kind": "tea_leaves", "name": "n", "memory_bytes": 1}]);
    newer["model"]["weights"] =
        json!([{"role": "spare", "kind": "f16", "tensors": 1, "elements": 2, "bytes": 4}]);
    newer["model"]["layer_memory"] = json!([{"layers": 3, "memory": {"kind": "dreams", "depth": 7}}]);
    newer["stages"]["load"]["samples"][0]["page_cache"] = json!("lukewarm");
    newer["stages"]["inference"]["samples"][0]["finish_reason"] = json!("bored");
    let windows = newer["stages"]["context"]["samples"].as_array_mut().unwrap();
    windows[0]["outcome"] = json!({"state": "skipped", "until": "tomorrow"});
    windows[1]["outcome"] = json!({"state": "failed", "kind": "eclipse", "reason": "It was dark."});
    newer["metrics"]["noise_db"] = json!({"unit": "dB", "better": "lower", "loudest": 3.5});
    let read: RunRecord = serde_json::from_value(newer).unwrap();
    history.append(&read).unwrap();
    let read = history.get(&read.id).unwrap().unwrap();
    assert_eq!(read.validity.flags, [ValidityFlag::NotWarm]);
    assert_eq!(read.validity.unknown_flags, ["on_the_moon"]);
    assert_eq!(read.settings.thread_choice, ThreadChoice::Unknown);
    let settings = &read.settings.engine;
    assert_eq!((settings.kv_type_k.name(), settings.flash_attention), ("unknown", Switch::Unknown));
    assert_eq!(read.machine.gpus[0].kind, GpuKind::Unknown);
    assert_eq!(read.model.weights[0].role, WeightRole::Unknown);
    assert_eq!(read.model.layer_memory[0].memory, LayerMemory::Unknown);
    assert_eq!(read.model.kv_bytes_per_token(2.0, 2.0), None);
    assert_eq!(read.stages.load.as_ref().unwrap().samples[0].page_cache, PageCache::Unknown);
    assert_eq!(read.stages.inference.as_ref().unwrap().samples[0].finish_reason, FinishReason::Unknown);
    for sample in &read.stages.context.as_ref().unwrap().samples[..2] {
        let WindowOutcome::Failed { kind, reason } = &sample.outcome else { panic!("{sample:?}") };
        assert_eq!(*kind, WindowFailureKind::Unknown);
        assert!(reason.contains("does not know") || reason == "It was dark.", "{reason}");
    }
    assert!(read.metrics.contains_key("decode_tps") && !read.metrics.contains_key("noise_db"));
    assert_eq!(history.list(&Filter::default()).unwrap().len(), 1);
}

#[test]
fn runs_are_found_by_id_and_by_a_unique_beginning() {
    let (_folder, history) = history();
    for id in ["2026-a1", "2026-a2", "2026-b", "2026-b%_"] {
        history.append(&record(id, 0)).unwrap();
    }
    let get = |id: &str| history.get(id).map(|found| found.map(|record| record.id));
    assert_eq!(get("2026-a1").unwrap().as_deref(), Some("2026-a1"));
    assert_eq!(get("2026-b").unwrap().as_deref(), Some("2026-b"), "a whole id wins over being a beginning");
    assert_eq!(get("2026-b%").unwrap().as_deref(), Some("2026-b%_"));
    for unknown in ["2027", "", "2026-A1", "%", "026-a1"] {
        assert_eq!(get(unknown).unwrap(), None, "{unknown:?}");
    }
    let error = get("2026-a").unwrap_err();
    assert!(matches!(error, StoreError::Ambiguous { .. }), "{error}");
    assert!(error.to_string().contains("2026-a1, 2026-a2"), "{error}");
}

#[test]
fn the_same_id_twice_is_refused_and_replaces_nothing() {
    let (_folder, history) = history();
    history.append(&record("one", 0)).unwrap();
    let error = history.append(&record("one", 5)).unwrap_err();
    assert!(matches!(&error, StoreError::Duplicate { id, .. } if id == "one"), "{error}");
    assert_eq!(history.latest(9).unwrap(), [record("one", 0)]);
}

#[test]
fn a_record_that_could_not_be_read_back_is_refused() {
    let (_folder, history) = history();
    let mut broken = record("broken", 0);
    broken.metrics.get_mut("decode_tps").unwrap().mean = f64::NAN;
    let error = history.append(&broken).unwrap_err();
    assert!(matches!(error, StoreError::Unkeepable { .. }), "{error}");
    assert_eq!(history.list(&Filter::default()).unwrap(), []);
}

#[test]
fn lists_are_newest_first_and_filtered() {
    let (_folder, history) = history();
    let mut other = record("other", 2000);
    other.model.name = None;
    other.model.file_name = "Qwen2.5-0.5B.gguf".to_owned();
    other.model.reference = "models/Qwen2.5-0.5B.gguf".to_owned();
    other.validity.valid = false;
    for run in [record("late", 3000), record("early", 1000), other] {
        history.append(&run).unwrap();
    }
    let start = record("", 0).started_unix_ms;
    let list = |filter: Filter| history.list(&filter).unwrap();
    let all = list(Filter::default());
    assert_eq!(ids(&all), ["late", "other", "early"]);
    assert_eq!(all[0], Headline::of(&record("late", 3000)), "the columns say what the record says");
    assert_eq!(all[1].model, "Qwen2.5-0.5B.gguf");
    assert_eq!(ids(&list(Filter { limit: 2, ..Filter::default() })), ["late", "other"]);
    assert_eq!(ids(&list(Filter { only_valid: true, ..Filter::default() })), ["late", "early"]);
    assert_eq!(
        ids(&list(Filter { since_unix_ms: Some(start + 2000), ..Filter::default() })),
        ["late", "other"]
    );
    let by_model = |text: &str| Filter { model: Some(text.to_owned()), ..Filter::default() };
    assert_eq!(ids(&list(by_model("QWEN2.5"))), ["other"]);
    assert_eq!(ids(&list(by_model("synth:LLAMA"))), ["late", "early"], "references count too");
    assert_eq!(list(by_model("%")), [], "no wildcards");
    assert_eq!(
        history.latest(2).unwrap().iter().map(|run| run.id.clone()).collect::<Vec<_>>(),
        ["late", "other"]
    );
}

#[test]
fn a_headline_repeats_the_metrics_of_its_record() {
    let run = record("one", 0);
    let line = Headline::of(&run);
    assert_eq!(line.decode_tps, Some(run.metrics["decode_tps"].mean));
    assert_eq!(line.rss_peak_bytes, Some(run.metrics["rss_peak_bytes"].mean));
    assert_eq!((line.model.as_str(), line.valid), ("Llama 3.2 1B (random weights)", true));
    let empty = Headline::of(&RunRecord::default());
    assert_eq!((empty.decode_tps, empty.ttft_ms, empty.valid), (None, None, false));
}

#[test]
fn removing_needs_the_whole_id() {
    let (_folder, history) = history();
    history.append(&record("one", 0)).unwrap();
    assert!(!history.remove("on").unwrap());
    assert!(history.remove("one").unwrap());
    assert!(!history.remove("one").unwrap());
    assert_eq!(history.get("one").unwrap(), None);
}

#[test]
fn predictions_of_valid_runs_are_in_the_ledger_of_their_machine() {
    let (_folder, history) = history();
    let prediction = |metric: &str, measured: f64, interval: Option<[f64; 2]>| Prediction {
        metric: metric.to_owned(),
        conditions: String::new(),
        raw: 9.0,
        predicted: 10.0,
        interval,
        measured,
    };
    let run = |number: i64, machine: &str, valid: bool| {
        let mut run = record(&format!("run-{number}"), number);
        run.machine_fingerprint = machine.to_owned();
        run.validity.valid = valid;
        run.predictions =
            vec![prediction("decode_tps", 8.0, Some([7.0, 13.0])), prediction("rss_peak_bytes", 11.0, None)];
        run
    };
    for kept in [run(1, "here", true), run(2, "here", true), run(3, "elsewhere", true), run(4, "here", false)]
    {
        history.append(&kept).unwrap();
    }
    let entries = history.ledger("here").unwrap();
    let found: Vec<(&str, &str)> =
        entries.iter().map(|entry| (entry.run.as_str(), entry.prediction.metric.as_str())).collect();
    let expected = [
        ("run-2", "decode_tps"),
        ("run-2", "rss_peak_bytes"),
        ("run-1", "decode_tps"),
        ("run-1", "rss_peak_bytes"),
    ];
    assert_eq!(found, expected);
    assert_eq!(entries[0].prediction, prediction("decode_tps", 8.0, Some([7.0, 13.0])));
    assert_eq!(entries[0].subject, subject(&run(2, "here", true)));
    assert!(history.remove("run-2").unwrap());
    assert_eq!(history.ledger("here").unwrap().len(), 2, "a removed run teaches nothing");
}
