//! What can go wrong while a model is loaded or a context opened.

use std::path::Path;

use dyno_engine::{Engine, EngineError, ProcessEngine, ProcessEngineConfig};
use dyno_types::{EngineSettings, Job, MeasureRequest};

use crate::scripted::{assert_gone, config, guarded, load, start};

/// More than the scripted engine needs to run, less than the gibibyte it will ask for.
const MEMORY_LIMIT_BYTES: u64 = 1 << 30;

async fn load_failure(behaviour: &str) -> EngineError {
    let session = start(behaviour).await;
    let pid = session.info().pid;
    let error = load(&*session).await.expect_err(behaviour);
    guarded(session.stop()).await;
    assert_gone(pid).await;
    error
}

#[tokio::test]
async fn progress_is_shown_and_the_report_comes_last() {
    let session = start("sound").await;
    let mut seen = Vec::new();
    let mut sink = |value| {
        seen.push(value);
        true
    };
    let report = session.load(Path::new("x.gguf"), &EngineSettings::default(), &mut sink).await.unwrap();
    assert_eq!((report.weights_ms, report.layers, report.context_train), (1.5, 2, 512));
    assert_eq!(seen, [0.0, 0.5, 1.0]);
    let context = session.open_context(&EngineSettings::default()).await.unwrap();
    assert_eq!((context.context, context.context_ms), (4096, 0.5));
    assert_eq!(session.unload().await.unwrap().unload_ms, 0.25);
}

#[tokio::test]
async fn a_sink_that_says_no_aborts_the_load_alone() {
    let session = start("hang-in-load").await;
    let loaded =
        guarded(session.load(Path::new("x.gguf"), &EngineSettings::default(), &mut |value| value < 0.5))
            .await;
    assert_eq!(loaded, Err(EngineError::Cancelled));
    assert!(session.healthy().await);
}

#[tokio::test]
async fn a_model_that_makes_native_code_abort_is_at_fault_with_the_assertion_as_the_reason() {
    for behaviour in ["abort-in-load", "abort-at-load"] {
        let error = load_failure(behaviour).await;
        let EngineError::Model { reason, log } = &error else { panic!("{behaviour}: {error}") };
        assert!(reason.contains("GGML_ASSERT(n > 0) failed"), "{error}");
        assert!(log.iter().any(|line| line.contains("GGML_ASSERT")), "{error}");
        assert!(!error.to_string().contains("try again"), "{error}");
    }
}

#[tokio::test]
async fn a_load_without_advance_ends_at_its_deadline() {
    for behaviour in ["hang-in-load", "stuck-load"] {
        let error = load_failure(behaviour).await;
        assert!(
            matches!(&error, EngineError::Deadline { during, .. } if during.contains("x.gguf")),
            "{error}"
        );
    }
}

#[tokio::test]
async fn refusals_keep_their_kind() {
    let error = load_failure("bad-model").await;
    assert!(matches!(&error, EngineError::Model { reason, .. } if reason.contains("blk.0")), "{error}");
    let error = load_failure("oom-in-load").await;
    assert!(matches!(&error, EngineError::OutOfMemory { reason, .. } if reason.contains("3 GiB")), "{error}");
}

#[tokio::test]
async fn memory_that_ran_out_is_recognised_in_the_log() {
    let error = load_failure("oom-in-log").await;
    assert!(
        matches!(&error, EngineError::OutOfMemory { reason, .. } if reason.contains("size 123")),
        "{error}"
    );
}

#[tokio::test]
async fn broken_loads_are_refused() {
    let error = load_failure("progress-nan").await;
    assert!(matches!(&error, EngineError::Internal(text) if text.contains("progress")), "{error}");
    let error = load_failure("load-without-report").await;
    assert!(matches!(&error, EngineError::Internal(text) if text.contains("without a report")), "{error}");
}

#[tokio::test]
async fn the_address_space_limit_really_holds_during_load() {
    let config =
        ProcessEngineConfig { memory_limit_bytes: Some(MEMORY_LIMIT_BYTES), ..config("real-oom-in-load") };
    let session = guarded(ProcessEngine::new(config).start(&Job::default())).await.unwrap();
    let error = load(&*session).await.unwrap_err();
    assert!(
        matches!(&error, EngineError::OutOfMemory { during, .. } if during.contains("x.gguf")),
        "{error}"
    );
    // Without the limit the same load works.
    assert!(load(&*start("real-oom-in-load").await).await.is_ok());
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_process_has_bounded_memory_goes_first_where_memory_runs_out_and_leaves_no_core() {
    let config =
        ProcessEngineConfig { data_limit_bytes: Some(MEMORY_LIMIT_BYTES), ..config("real-oom-in-load") };
    let session = guarded(ProcessEngine::new(config).start(&Job::default())).await.unwrap();
    let about = |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", session.info().pid)).unwrap();
    assert!(about("oom_score_adj").trim().parse::<i32>().unwrap() >= 500);
    let limits = about("limits");
    let limit = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        line[name.len()..].split_whitespace().next().unwrap().to_owned()
    };
    assert_eq!(limit("Max core file size"), "0");
    assert_eq!(limit("Max data size"), MEMORY_LIMIT_BYTES.to_string());
    let error = load(&*session).await.unwrap_err();
    assert!(matches!(&error, EngineError::OutOfMemory { .. }), "{error}");
}

#[tokio::test]
async fn out_of_memory_while_opening_a_context_is_typed_however_it_shows() {
    for behaviour in ["oom-in-context", "abort-oom-in-context", "real-oom-in-context"] {
        let limit = behaviour.starts_with("real").then_some(MEMORY_LIMIT_BYTES);
        let config = ProcessEngineConfig { memory_limit_bytes: limit, ..config(behaviour) };
        let session = guarded(ProcessEngine::new(config).start(&Job::default())).await.unwrap();
        let error = guarded(session.open_context(&EngineSettings::default())).await.unwrap_err();
        assert!(
            matches!(&error, EngineError::OutOfMemory { during, .. } if during.contains("4096")),
            "{behaviour}: {error}"
        );
        assert!(error.to_string().contains("choose a smaller model, context or KV type"), "{error}");
    }
}

#[tokio::test]
async fn measurements_have_the_shape_that_was_asked_for() {
    let request = MeasureRequest {
        depth: 0,
        prefill_tokens: 8,
        decode_tokens: 2,
        repetitions: 3,
        threads: 1,
        threads_prefill: 1,
        seed: 0,
    };
    let report = start("sound").await.measure(&request).await.unwrap();
    assert_eq!((report.prefill_ns, report.decode_ns), (vec![9; 3], vec![vec![7; 2]; 3]));
    let error = start("short-measure").await.measure(&request).await.unwrap_err();
    assert!(error.to_string().contains("prefill_ns is 0 values, but must be 3 values"), "{error}");
}
