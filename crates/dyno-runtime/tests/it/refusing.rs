//! What the runtime refuses, and that it lives on afterwards.

use dyno_engine::EngineError;
use dyno_types::{ChatMessage, EngineSettings, GenerateRequest, MeasureRequest, Prompt};

use crate::{engine, generate, load, ready, request, settings};

fn assert_refused<T: std::fmt::Debug>(outcome: Result<T, EngineError>, part: &str) {
    match outcome {
        Err(EngineError::BadRequest(message)) => assert!(message.contains(part), "{message}"),
        other => panic!("expected a refusal with {part:?}, got {other:?}"),
    }
}

const MEASURE: MeasureRequest = MeasureRequest {
    depth: 0,
    prefill_tokens: 8,
    decode_tokens: 0,
    repetitions: 1,
    threads: 0,
    threads_prefill: 0,
    seed: 0,
};

#[tokio::test]
async fn calls_in_the_wrong_order_are_refused() {
    let session = engine(0).await;
    assert_refused(session.open_context(&settings()).await, "no model");
    assert_refused(session.tokenize("x", false, false).await, "no model");
    assert_refused(session.unload().await, "no model");
    assert_refused(generate(session.as_ref(), request("x")).await, "no context");
    load(session.as_ref(), "model").await.unwrap();
    assert_refused(session.measure(&MEASURE).await, "no context");
    assert_refused(session.clear_context().await, "no context");
    assert!(session.healthy().await);
}

#[tokio::test]
async fn a_failed_load_is_typed_and_the_engine_can_load_another() {
    let session = engine(0).await;
    let broken = load(session.as_ref(), "broken.gguf").await;
    assert!(
        matches!(&broken, Err(EngineError::Model { reason, .. }) if reason.contains("broken.gguf")),
        "{broken:?}"
    );
    let full = load(session.as_ref(), "oom.gguf").await;
    assert!(matches!(full, Err(EngineError::OutOfMemory { .. })), "{full:?}");
    load(session.as_ref(), "model").await.unwrap();
}

#[tokio::test]
async fn a_context_that_does_not_fit_is_typed_and_a_smaller_one_opens() {
    let session = ready(0).await;
    let huge = session.open_context(&EngineSettings { context: 200_000, ..settings() }).await;
    assert!(matches!(huge, Err(EngineError::OutOfMemory { .. })), "{huge:?}");
    assert_refused(generate(session.as_ref(), request("x")).await, "no context");
    assert_refused(session.open_context(&EngineSettings { batch: 1, ..settings() }).await, "a batch of 1");
    session.open_context(&settings()).await.unwrap();
    generate(session.as_ref(), request("x")).await.unwrap();
}

#[tokio::test]
async fn unusable_prompts_are_refused_and_the_next_one_works() {
    let session = ready(0).await;
    let long = GenerateRequest { prompt: Prompt::Tokens(vec![65; 513]), ..request("") };
    assert_refused(generate(session.as_ref(), long).await, "513 tokens, but the context window has 512");
    let nothing = GenerateRequest { prompt: Prompt::Tokens(Vec::new()), ..request("") };
    assert_refused(generate(session.as_ref(), nothing).await, "empty");
    let foreign = GenerateRequest { prompt: Prompt::Tokens(vec![65, 260]), ..request("") };
    assert_refused(generate(session.as_ref(), foreign).await, "token 260");
    assert_refused(
        session.measure(&MeasureRequest { prefill_tokens: 513, ..MEASURE }).await,
        "window of 513",
    );
    assert_eq!(generate(session.as_ref(), request("fine")).await.unwrap().0.len(), 40);
}

#[tokio::test]
async fn a_chat_needs_a_template() {
    let session = engine(0).await;
    load(session.as_ref(), "raw.gguf").await.unwrap();
    session.open_context(&settings()).await.unwrap();
    let chat = vec![ChatMessage { role: "user".into(), content: "Hi".into() }];
    let outcome =
        generate(session.as_ref(), GenerateRequest { prompt: Prompt::Chat(chat), ..request("") }).await;
    assert_eq!(outcome.unwrap_err(), EngineError::NoTemplate);
}

#[tokio::test]
async fn a_broken_template_fails_chats_and_nothing_else() {
    let session = engine(0).await;
    assert!(load(session.as_ref(), "jinja.gguf").await.unwrap().has_chat_template);
    session.open_context(&settings()).await.unwrap();
    let chat = vec![ChatMessage { role: "user".into(), content: "Hi".into() }];
    let outcome =
        generate(session.as_ref(), GenerateRequest { prompt: Prompt::Chat(chat), ..request("") }).await;
    assert!(
        matches!(&outcome, Err(EngineError::Template(reason)) if reason.contains("cannot be read")),
        "{outcome:?}"
    );
    generate(session.as_ref(), request("as text")).await.unwrap();
}
