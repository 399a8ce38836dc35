//! What can go wrong before there is a session.

use dyno_engine::protocol::PROTOCOL_VERSION;
use dyno_engine::{Engine, EngineError, ProcessEngine, ProcessEngineConfig};
use dyno_types::Job;

use crate::scripted::{EXECUTABLE, assert_gone, config, guarded, logged, start, try_start};

async fn failure(behaviour: &str) -> EngineError {
    match try_start(behaviour).await {
        Ok(_) => panic!("{behaviour} started"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_sound_engine_starts_answers_and_stops() {
    let session = start("sound").await;
    let pid = session.info().pid;
    assert_eq!((session.info().name.as_str(), session.info().protocol), ("scripted", PROTOCOL_VERSION));
    assert!(session.start_ms() > 0.0 && session.healthy().await);
    assert_eq!(session.tokenize("ab", false, false).await, Ok(vec![97, 98]));
    logged(&*session, "scripted: sound").await;
    assert_eq!(guarded(session.stop()).await, dyno_engine::ExitCause::Code(0));
    assert_gone(pid).await;
}

#[tokio::test]
async fn ending_before_listening_gives_exit_code_and_log() {
    let error = failure("exit-early").await;
    let EngineError::Start { reason, log } = &error else { panic!("{error}") };
    assert!(reason.contains("exit code 3") && log.contains(&"scripted: exit-early".to_owned()), "{error}");
}

#[tokio::test]
async fn a_crash_in_the_handshake_is_named() {
    let error = failure("kill-in-handshake").await;
    assert!(matches!(&error, EngineError::Start { reason, .. } if reason.contains("signal 11")), "{error}");
}

#[tokio::test]
async fn another_protocol_version_is_refused_with_both_numbers() {
    let error = failure("wrong-protocol").await;
    assert_eq!(error, EngineError::Protocol { engine: PROTOCOL_VERSION + 1, dyno: PROTOCOL_VERSION });
}

#[tokio::test]
async fn something_else_on_the_socket_is_refused() {
    let error = failure("garbage").await;
    assert!(
        matches!(&error, EngineError::Start { reason, .. } if reason.contains("engine protocol")),
        "{error}"
    );
}

#[tokio::test]
async fn silence_ends_at_the_start_deadline() {
    for behaviour in ["never-listen", "hang-in-handshake"] {
        let error = failure(behaviour).await;
        assert!(
            matches!(&error, EngineError::Deadline { during, seconds: 2, .. } if during == "while starting"),
            "{error}"
        );
        assert!(error.remedy() == Some(dyno_types::Remedy::Raise(dyno_types::Wish::Deadline)), "{error}");
    }
}

#[tokio::test]
async fn executables_that_are_none_are_named() {
    let missing = ProcessEngine::new(ProcessEngineConfig::new("/nonexistent/dyno-engine-x".into()))
        .start(&Job::default())
        .await;
    let error = missing.err().unwrap();
    assert!(matches!(&error, EngineError::NotFound { name, .. } if name == "dyno-engine-x"), "{error}");

    let text = tempfile::NamedTempFile::new().unwrap();
    let denied = ProcessEngine::new(ProcessEngineConfig::new(text.path().to_owned()))
        .start(&Job::default())
        .await
        .err()
        .unwrap();
    assert!(
        matches!(&denied, EngineError::Start { reason, .. } if reason.contains("cannot be run")),
        "{denied}"
    );
}

#[tokio::test]
async fn an_engine_that_refuses_its_limit_says_so() {
    let config = ProcessEngineConfig { memory_limit_bytes: Some(1), ..config("sound") };
    let error = guarded(ProcessEngine::new(config).start(&Job::default())).await.err().unwrap();
    assert!(error.to_string().contains("--memory-limit-bytes is 1"), "{error}");
    assert!(EXECUTABLE.ends_with("dyno-engine-scripted"));
}
