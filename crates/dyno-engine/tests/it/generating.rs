//! What can go wrong while tokens come.

use dyno_engine::{EngineError, ExitCause, GenerationStream, Session};
use dyno_types::{FinishReason, GenerationEvent};
use futures::StreamExt as _;

use crate::scripted::{assert_gone, guarded, logged, request, start};

/// Texts of the tokens, then how it ended. After the end nothing may follow.
async fn collect(mut stream: GenerationStream) -> (String, Result<FinishReason, EngineError>) {
    let mut text = String::new();
    loop {
        match guarded(stream.next()).await.expect("it ends with an event") {
            Ok(GenerationEvent::Token(token)) => text.push_str(&token.text),
            last => {
                assert!(guarded(stream.next()).await.is_none());
                let reason = last.map(|event| match event {
                    GenerationEvent::Finished(report) => report.finish_reason,
                    GenerationEvent::Token(_) => unreachable!("handled above"),
                });
                return (text, reason);
            }
        }
    }
}

async fn generate(session: &dyn Session, max_tokens: u32) -> (String, Result<FinishReason, EngineError>) {
    collect(session.generate(request(max_tokens)).await.unwrap()).await
}

#[tokio::test]
async fn generations_share_the_stream_without_mixing() {
    let session = start("sound").await;
    let both = futures::future::join(generate(&*session, 3), generate(&*session, 5)).await;
    assert_eq!(both.0, ("t1 t2 t3 ".to_owned(), Ok(FinishReason::Length)));
    assert_eq!(both.1, ("t1 t2 t3 t4 t5 ".to_owned(), Ok(FinishReason::Length)));
}

#[tokio::test]
async fn signal_9_mid_token_keeps_what_came_and_names_the_cause() {
    let session = start("kill-mid-token").await;
    let pid = session.info().pid;
    let (text, end) = generate(&*session, 100).await;
    assert_eq!(text, "t1 t2 t3 ");
    let error = end.unwrap_err();
    assert!(
        matches!(&error, EngineError::Died { during, cause: ExitCause::Signal(9), .. } if during == "while generating"),
        "{error}"
    );
    // Everything afterwards gives the same reason at once.
    assert_eq!(session.tokenize("x", false, false).await.unwrap_err(), error);
    assert_eq!(session.generate(request(1)).await.err(), Some(error));
    assert!(!session.healthy().await);
    assert_eq!(guarded(session.stop()).await, ExitCause::Signal(9));
    assert_gone(pid).await;
}

#[tokio::test]
async fn a_silent_generation_ends_at_the_deadline_and_the_process_with_it() {
    let session = start("hang-in-generate").await;
    let pid = session.info().pid;
    let (text, end) = generate(&*session, 100).await;
    assert_eq!(text, "t1 t2 ");
    assert!(matches!(end, Err(EngineError::Deadline { seconds: 2, .. })), "{end:?}");
    assert_gone(pid).await;
}

#[tokio::test]
async fn a_silent_call_ends_at_the_deadline() {
    let session = start("hang-in-tokenize").await;
    let error = guarded(session.tokenize("abc", false, false)).await.unwrap_err();
    assert!(
        matches!(&error, EngineError::Deadline { during, .. } if during == "while tokenizing 3 bytes"),
        "{error}"
    );
}

#[tokio::test]
async fn dropping_a_stream_cancels_that_generation_only() {
    let session = start("sound").await;
    let mut dropped = session.generate(request(1_000_000)).await.unwrap();
    assert!(guarded(dropped.next()).await.unwrap().is_ok());
    drop(dropped);
    assert_eq!(generate(&*session, 4).await.0, "t1 t2 t3 t4 ");
    logged(&*session, "scripted: cancel 1").await;
    assert!(
        !session.log_tail().contains(&"scripted: cancel 2".to_owned()),
        "a finished generation needs no cancelling"
    );
}

#[tokio::test]
async fn the_engines_refusal_arrives_typed() {
    let session = start("refuse-generate").await;
    assert_eq!(generate(&*session, 3).await.1, Err(EngineError::NoTemplate));
    assert!(session.healthy().await);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_before_it_travels() {
    let session = start("sound").await;
    let error = session.generate(request(0)).await.err().unwrap();
    assert_eq!(error, EngineError::BadRequest("max_tokens is 0, but must be at least 1".to_owned()));
}

#[tokio::test]
async fn lying_engines_are_refused_and_survived() {
    for (behaviour, part) in
        [("too-many-tokens", "max_tokens"), ("logprob-nan", "logprob"), ("unknown-finish", "finish_reason")]
    {
        let session = start(behaviour).await;
        let error = generate(&*session, 2).await.1.unwrap_err();
        let expected = behaviour != "too-many-tokens" || matches!(error, EngineError::Internal(_));
        assert!(expected && error.to_string().contains(part), "{behaviour}: {error}");
        assert!(session.healthy().await);
    }
}

#[tokio::test]
async fn streams_that_outlive_their_session_end_as_cancelled() {
    let session = start("sound").await;
    let pid = session.info().pid;
    let mut stream = session.generate(request(1_000_000)).await.unwrap();
    assert!(guarded(stream.next()).await.unwrap().is_ok());
    drop(session);
    assert_eq!(collect(stream).await.1, Err(EngineError::Cancelled));
    assert_gone(pid).await;
}
