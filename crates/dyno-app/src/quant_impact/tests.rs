//! Whole comparisons with an engine in virtual time: what is measured, compared and recorded is known exactly.

use std::path::{Path, PathBuf};

use dyno_engine::{ExitCause, FakeEngine, FakeFailure, FakeFault, FakePoint, FakeScript};
use dyno_types::{EngineSettings, ItemOutcome, ValidityFlag};

use super::*;
use crate::app::Model;
use crate::testing;

/// Says `7` and ends; every place of a text differs from any reference by an eighth of a nat.
fn script() -> FakeScript {
    FakeScript {
        text: |_| "7".to_owned(),
        eos_after: Some(1),
        kld: 0.125,
        // As many as no number of processes below is a multiple of.
        jitter_ppm: vec![0, 10_000, -10_000, 5_000, -5_000, 20_000, -15_000],
        ..FakeScript::default()
    }
}

fn job(folder: &Path) -> QuantImpactJob {
    let lines = [
        r#"{"schema":"dyno.suite/1","name":"tiny","title":"Tiny","description":"d","source":"s","license":"MIT"}"#,
        r#"{"id":"a","task":"sums","kind":"numeric","question":"3 + 4?","answers":["7"]}"#,
        r#"{"id":"b","task":"sums","kind":"numeric","question":"3 + 5?","answers":["8"]}"#,
    ];
    let suite = folder.join("tiny.jsonl");
    std::fs::write(&suite, lines.join("\n")).unwrap();
    let plain = testing::eval_job();
    let settings = EngineSettings { context: 1024, threads: 1, threads_prefill: 1, ..plain.settings.clone() };
    let eval = EvalJob { suites: vec![suite.to_str().unwrap().to_owned()], settings, ..plain };
    QuantImpactJob { eval, chunk: 512, to: vec!["q8_0".to_owned()], processes: 3 }
}

fn variant(job: &QuantImpactJob, label: &str, synthetic: bool) -> Variant {
    let facts = ModelFacts {
        quantization: label.to_owned(),
        file_bytes: if label == "f16" { 200 } else { 100 },
        vocabulary: Some(32_000),
        synthetic,
        ..ModelFacts::default()
    };
    let model = Model {
        path: PathBuf::from(format!("{label}.gguf")),
        facts,
        identity: dyno_models::ModelIdentity::default(),
        read_ms: 0.0,
    };
    let subject = Subject {
        model,
        sha256: format!("digest of {label}"),
        settings: job.eval.settings.clone(),
        thread_choice: dyno_types::ThreadChoice::Fixed,
    };
    Variant { subject, remark: (label == "q4_k_m").then(|| "q4_k_m fell back".to_owned()) }
}

async fn compare(script: FakeScript, labels: &[&str], synthetic: bool) -> QuantImpactResult {
    let folder = tempfile::tempdir().unwrap();
    let (work, mut job) = (testing::work_with(folder.path(), FakeEngine::new(script)), job(folder.path()));
    let variants: Vec<Variant> = labels.iter().map(|label| variant(&job, label, synthetic)).collect();
    let (eval, plan) = work.impact_plan(&job, &variants[0].subject.model.facts).unwrap();
    job.eval = eval;
    let result = work.compare(&job, plan, &variants).await;
    let left = std::fs::read_dir(folder.path().join("history")).unwrap().flatten();
    let left: Vec<String> = left.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    assert!(left.iter().all(|name| !name.starts_with("reference-")), "{left:?}");
    result
}

#[tokio::test]
async fn every_variant_has_all_its_figures_and_is_compared_with_the_original() {
    let result = compare(script(), &["f16", "q8_0", "q4_k_m"], false).await;
    assert!(result.error.is_none(), "{:?}", result.error);
    let names: Vec<(&str, bool)> = result.rows.iter().map(|row| (row.name.as_str(), row.original)).collect();
    assert_eq!(names, [("f16", true), ("q8_0", false), ("q4_k_m", false)]);
    for row in &result.rows {
        let footprint = row.footprint;
        assert!(footprint.rss_peak_bytes > footprint.weights_bytes && footprint.kv_bytes > Some(0));
        for rate in [footprint.prefill_tps.unwrap(), footprint.decode_tps.unwrap()] {
            let [low, high] = rate.ci95.unwrap();
            assert!(low < rate.tps && rate.tps < high, "{rate:?}");
        }
        // One stream: the window of one sequence, not of the four that answered questions.
        assert_eq!(footprint.kv_bytes, Some(1024 * script().memory.kv_bytes_per_token));
        assert_eq!(row.accuracy.as_ref().map(|score| (score.value, score.n)), Some((0.5, 2)));
        assert!(row.ppl.unwrap() > 1.0 && row.task.as_deref() == Some("tiny · direct"));
        let (kld, same) = if row.original { (None, None) } else { (Some(0.125), Some(1.0)) };
        assert_eq!((row.kld_mean, row.top1_agree), (kld, same), "{}", row.name);
        let compared = row.comparison.as_ref().map(|one| (one.baseline.as_str(), one.n, one.difference));
        assert_eq!(compared, (!row.original).then_some(("f16", 2, 0.0)));
    }
    for record in &result.records {
        assert_eq!(record.together.len(), 3);
        assert!(record.together.contains(&record.id) && record.validity.valid);
        assert_eq!(
            record.divergence.as_ref().map(|one| one.reference.as_str()),
            (record.model.quantization != "f16").then_some("f16")
        );
    }
    assert_eq!(result.comparisons.len(), 2);
    let said = result.remarks.join("\n");
    assert!(said.contains("3 engine processes") && said.contains("q4_k_m fell back"), "{said}");
    assert!(said.contains("held-out suites") && said.contains("window of 1024 tokens"), "{said}");
    assert_eq!(result.records[2].notes.last().map(String::as_str), Some("q4_k_m fell back"));
}

#[tokio::test]
async fn random_weights_are_measured_and_asked_nothing() {
    let result = compare(script(), &["f16", "q4_0"], true).await;
    assert!(result.error.is_none(), "{:?}", result.error);
    for row in &result.rows {
        assert!(row.footprint.decode_tps.is_some() && row.footprint.prefill_tps.is_some());
        assert_eq!((row.ppl, row.kld_mean, row.accuracy.is_some()), (None, None, false));
    }
    assert!(result.rows[0].original && !result.rows[1].original);
    assert!(result.remarks[0].contains("quality does not apply"), "{:?}", result.remarks);
}

#[tokio::test]
async fn what_was_found_before_a_failure_stands_and_says_that_it_is_not_all() {
    let dies = |process, point| FakeFault {
        process: Some(process),
        point,
        failure: FakeFailure::Die(ExitCause::Signal(9)),
    };
    // Processes 0 and 1 answer, 2 says what it computes with, 3 and 4 are the first turn; the second of these dies.
    let script = FakeScript { faults: vec![dies(4, FakePoint::Token(1))], ..script() };
    let result = compare(script, &["f16", "q8_0"], false).await;
    assert!(matches!(result.error, Some(AppError::Bench(_))), "{:?}", result.error);
    assert_eq!(result.rows.len(), 2);
    assert!(result.rows[1].comparison.is_some() && result.rows[1].kld_mean.is_some());
    let rates: Vec<bool> = result
        .rows
        .iter()
        .map(|row| row.footprint.prefill_tps.is_some_and(|rate| rate.ci95.is_none()))
        .collect();
    assert_eq!(rates, [true, false], "one process leaves a rate without an interval, none leaves nothing");
    for record in &result.records {
        assert!(!record.validity.valid && record.validity.flags.contains(&ValidityFlag::Incomplete));
    }
}

#[tokio::test]
async fn a_variant_that_cannot_be_loaded_ends_it_with_the_rest_kept() {
    let refused = FakeFault {
        process: Some(1),
        point: FakePoint::Load,
        failure: FakeFailure::Refuse("unknown tensor type".to_owned()),
    };
    let result = compare(FakeScript { faults: vec![refused], ..script() }, &["f16", "q8_0"], false).await;
    assert!(result.error.unwrap().to_string().contains("unknown tensor type"));
    assert_eq!(result.rows.len(), 1);
    assert!(result.rows[0].footprint.decode_tps.is_none(), "nothing was timed: {:?}", result.rows[0]);
    let outcome = &result.records[0].suites[0].items[0].outcome;
    assert_eq!(*outcome, ItemOutcome::Correct);
}

#[tokio::test]
async fn a_file_that_is_no_such_quantization_is_refused_and_one_made_before_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let work = testing::work_with(folder.path(), FakeEngine::new(FakeScript::default()));
    let mut job = job(folder.path());
    let spec = dyno_models::SynthSpec::parse("tiny-llama@f16", 0).unwrap();
    let source = dyno_models::synthesize(&spec, folder.path(), &mut |_, _| true).unwrap();
    job.eval.model = source.to_str().unwrap().to_owned();
    let types = crate::quantize::known_types(&job.to).unwrap();
    let variants = async || {
        let original = work.eval_subject(&job.eval).unwrap();
        work.variants(original, &types, &job.eval).await
    };
    // The fake quantizer copies the file, which then says that it is f16 still.
    let error = variants().await.unwrap_err().to_string();
    assert!(error.contains("\"f16\"") && error.contains("q8_0"), "{error}");
    let kept = folder.path().join("models/quantized");
    let own = std::fs::read_dir(&kept).unwrap().flatten().next().unwrap().path();
    assert_eq!(std::fs::read_dir(&own).unwrap().count(), 0, "nothing is left of it");
    let q8_0 = dyno_models::SynthSpec::parse("tiny-llama@q8_0", 0).unwrap();
    let made = dyno_models::synthesize(&q8_0, folder.path(), &mut |_, _| true).unwrap();
    let name = crate::quantize::target_name(&source, "f16", "q8_0");
    std::fs::copy(made, own.join(name)).unwrap();
    let found = variants().await.unwrap();
    assert_eq!(found[1].subject.model.facts.quantization, "q8_0");
    assert_ne!(found[1].subject.sha256, found[0].subject.sha256);
}

#[test]
fn distributions_of_large_vocabularies_are_bounded_unless_chunks_are_asked_for() {
    let facts = |vocabulary| ModelFacts { vocabulary: Some(vocabulary), ..ModelFacts::default() };
    assert_eq!(chunks_max(3, 512, &facts(150_000)), 3);
    assert_eq!(chunks_max(0, 512, &facts(150_000)), 27);
    assert!(chunks_max(0, 512, &facts(4_000)) > 1000);
    assert!(chunks_max(0, 512, &facts(u64::MAX)) == 2 && chunks_max(0, 4, &facts(0)) > 1000);
}
