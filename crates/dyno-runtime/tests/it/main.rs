//! The runtime from outside: a real process around the test backend, spoken to over a real socket.

#![allow(clippy::unwrap_used, reason = "a failed step of a test is to end it")]

mod generating;
mod launching;
mod refusing;
mod scoring;
mod working;

use std::path::{Path, PathBuf};

use dyno_engine::{Engine as _, EngineError, ProcessEngine, ProcessEngineConfig, Session};
use dyno_types::{
    EngineSettings, GenerateRequest, GeneratedToken, GenerationEvent, GenerationReport, Job, Prompt, Sampling,
};
use futures::StreamExt as _;

fn executable() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_dyno-engine-test"))
}

/// A started engine whose batches take so long.
async fn engine(batch_ms: u64) -> Box<dyn Session> {
    let mut config = ProcessEngineConfig::new(executable());
    config.environment.push(("DYNO_TEST_BATCH_MS".into(), batch_ms.to_string().into()));
    ProcessEngine::new(config).start(&Job::default()).await.unwrap()
}

fn settings() -> EngineSettings {
    EngineSettings {
        context: 512,
        batch: 64,
        sequences: 2,
        threads: 1,
        threads_prefill: 1,
        ..EngineSettings::default()
    }
}

async fn load(session: &dyn Session, name: &str) -> Result<dyno_types::LoadReport, EngineError> {
    session.load(Path::new(name), &settings(), &mut |_| true).await
}

/// An engine with a model and a context of two sequences.
async fn ready(batch_ms: u64) -> Box<dyn Session> {
    let session = engine(batch_ms).await;
    load(session.as_ref(), "model").await.unwrap();
    session.open_context(&settings()).await.unwrap();
    session
}

fn request(text: &str) -> GenerateRequest {
    GenerateRequest {
        id: 0,
        prompt: Prompt::Text(text.to_owned()),
        sampling: Sampling { seed: 3, ..Sampling::default() },
        max_tokens: 40,
        stop: Vec::new(),
        ignore_eos: true,
        logprobs: 0,
    }
}

/// A generation to its end.
async fn generate(
    session: &dyn Session,
    request: GenerateRequest,
) -> Result<(Vec<GeneratedToken>, GenerationReport), EngineError> {
    let mut stream = session.generate(request).await?;
    let mut tokens = Vec::new();
    while let Some(event) = stream.next().await {
        match event? {
            GenerationEvent::Token(token) => tokens.push(token),
            GenerationEvent::Finished(report) => return Ok((tokens, report)),
        }
    }
    panic!("the stream ended without a report")
}

fn text(tokens: &[GeneratedToken]) -> String {
    tokens.iter().map(|token| token.text.as_str()).collect()
}
