//! Loading, measuring, memory and shutting down through a real process.

use std::path::Path;
use std::time::Duration;

use dyno_engine::{EngineError, ExitCause};
use dyno_types::{MeasureRequest, MemoryBreakdown};

use crate::{engine, generate, load, ready, request, settings};

#[tokio::test]
async fn a_model_lives_from_load_to_unload() {
    let session = engine(0).await;
    let info = session.info();
    assert_eq!(
        (info.name.as_str(), info.backend.as_str(), info.profile.as_str()),
        ("test", "hash 1", "debug")
    );
    assert_eq!(session.memory().await.unwrap().breakdown, MemoryBreakdown::default());
    let mut seen = Vec::new();
    let report = session
        .load(Path::new("model"), &settings(), &mut |fraction| {
            seen.push(fraction);
            true
        })
        .await
        .unwrap();
    assert!(seen.is_sorted() && seen.last() == Some(&0.9), "{seen:?}");
    assert_eq!((report.layers, report.vocabulary, report.context_train), (2, 260, 4096));
    assert!(report.adds_bos && report.has_chat_template && report.weights_ms >= 0.0);
    let context = session.open_context(&settings()).await.unwrap();
    assert_eq!((context.context, context.memory.kv_bytes), (512, 1024));
    assert_eq!(session.tokenize("aé", true, false).await.unwrap(), [256, 97, 0xC3, 0xA9]);
    assert_eq!(session.tokenize("<eos>", false, true).await.unwrap(), [257]);
    session.clear_context().await.unwrap();
    let memory = session.memory().await.unwrap();
    assert_eq!(memory.breakdown.weights_bytes, 1000);
    #[cfg(target_os = "linux")]
    assert!(memory.process.rss_bytes > 0 && memory.process.rss_peak_bytes >= memory.process.rss_bytes);
    assert!(session.unload().await.unwrap().unload_ms >= 0.0);
    assert_eq!(session.memory().await.unwrap().breakdown, MemoryBreakdown::default());
    // Another one can be loaded afterwards, and a third in its place.
    load(session.as_ref(), "second").await.unwrap();
    session.open_context(&settings()).await.unwrap();
    load(session.as_ref(), "third").await.unwrap();
    // The context went with the model it belonged to.
    assert!(matches!(session.clear_context().await, Err(EngineError::BadRequest(_))));
    assert_eq!(session.stop().await, ExitCause::Code(0));
}

#[tokio::test]
async fn a_load_that_is_given_up_stops_in_the_engine_too() {
    let session = engine(0).await;
    let mut calls = 0;
    let aborted = session
        .load(Path::new("endless"), &settings(), &mut |_| {
            calls += 1;
            calls < 3
        })
        .await;
    assert_eq!(aborted, Err(EngineError::Cancelled));
    // Would wait for ever if the endless load still ran.
    tokio::time::timeout(Duration::from_secs(20), load(session.as_ref(), "model")).await.unwrap().unwrap();
}

#[tokio::test]
async fn stopping_does_not_wait_for_a_load_or_a_generation() {
    let session = engine(0).await;
    {
        let settings = settings();
        let mut progress = |_| true;
        let endless = session.load(Path::new("endless"), &settings, &mut progress);
        assert!(tokio::time::timeout(Duration::from_millis(200), endless).await.is_err());
    }
    assert_eq!(session.stop().await, ExitCause::Code(0));
    let session = ready(5).await;
    let _stream = session
        .generate(dyno_types::GenerateRequest { max_tokens: 100_000, ..request("go on") })
        .await
        .unwrap();
    assert_eq!(session.stop().await, ExitCause::Code(0));
}

#[tokio::test]
async fn the_engine_answers_while_it_computes() {
    let session = ready(300).await;
    let running =
        generate(session.as_ref(), dyno_types::GenerateRequest { max_tokens: 4, ..request("slow") });
    let asking = async {
        assert!(session.healthy().await);
        session.memory().await.unwrap();
    };
    let (generated, ()) = tokio::join!(running, asking);
    assert_eq!(generated.unwrap().0.len(), 4);
}

#[tokio::test]
async fn a_measurement_has_the_shape_that_was_asked_for() {
    let session = ready(0).await;
    let request = MeasureRequest {
        depth: 100,
        prefill_tokens: 90,
        decode_tokens: 5,
        repetitions: 3,
        threads: 1,
        threads_prefill: 1,
        seed: 1,
    };
    let report = session.measure(&request).await.unwrap();
    assert_eq!((report.prefill_ns.len(), report.decode_ns.len(), report.decode_ns[0].len()), (3, 3, 5));
    // The context is empty afterwards: a generation begins at position 0, which the backend checks.
    generate(session.as_ref(), crate::request("after")).await.unwrap();
}

#[tokio::test]
async fn a_measurement_nobody_waits_for_ends_early() {
    let session = ready(20).await;
    let request = MeasureRequest {
        depth: 0,
        prefill_tokens: 0,
        decode_tokens: 500,
        repetitions: 10_000,
        threads: 0,
        threads_prefill: 0,
        seed: 1,
    };
    assert!(tokio::time::timeout(Duration::from_millis(200), session.measure(&request)).await.is_err());
    // Would take more than a day otherwise.
    tokio::time::timeout(Duration::from_secs(20), session.clear_context()).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_panicking_backend_ends_the_process_and_the_log_says_where() {
    let session = engine(0).await;
    let error = load(session.as_ref(), "panic").await.unwrap_err();
    let EngineError::Died { cause, log, .. } = &error else { panic!("{error}") };
    assert_eq!(*cause, ExitCause::Code(1));
    assert!(log.iter().any(|line| line.contains("asked to")), "{log:?}");
}
