//! The engine as the front sees it: a process that may fail, and says how.

use std::path::{Path, PathBuf};

use dyno_engine::{Engine as _, EngineError, ProcessEngine, ProcessEngineConfig, Session};
use dyno_types::{
    EngineSettings, FinishReason, GenerateRequest, GenerationEvent, Job, Prompt, Sampling, TokenId,
    TokenLogprob,
};
use futures::StreamExt as _;

use crate::backend::{PROMPT, STORY};
use crate::driver::settings;
use crate::models::{DECODERS, stories, synthetic, vocabulary};

pub(crate) fn config() -> ProcessEngineConfig {
    ProcessEngineConfig::new(PathBuf::from(env!("CARGO_BIN_EXE_dyno-engine-llama")))
}

pub(crate) async fn start(config: ProcessEngineConfig) -> Result<Box<dyn Session>, EngineError> {
    ProcessEngine::new(config).start(&Job::default()).await
}

/// A process with a model and a context.
pub(crate) async fn open(
    config: ProcessEngineConfig,
    path: &Path,
    settings: &EngineSettings,
) -> Result<Box<dyn Session>, EngineError> {
    let session = start(config).await?;
    session.load(path, settings, &mut |_| true).await?;
    session.open_context(settings).await?;
    Ok(session)
}

struct Generated {
    text: String,
    tokens: Vec<TokenId>,
    top: Vec<Vec<TokenLogprob>>,
}

async fn generate(
    session: &dyn Session,
    prompt: Prompt,
    max_tokens: u32,
    logprobs: u32,
) -> Result<Generated, EngineError> {
    let request = GenerateRequest {
        id: 1,
        prompt,
        sampling: Sampling::greedy(),
        max_tokens,
        stop: Vec::new(),
        ignore_eos: true,
        logprobs,
    };
    let mut events = session.generate(request).await?;
    let mut generated = Generated { text: String::new(), tokens: Vec::new(), top: Vec::new() };
    while let Some(event) = events.next().await {
        match event? {
            GenerationEvent::Token(token) => {
                generated.text.push_str(&token.text);
                generated.tokens.push(token.token);
                generated.top.push(token.top);
            }
            GenerationEvent::Finished(report) => assert_eq!(report.finish_reason, FinishReason::Length),
        }
    }
    Ok(generated)
}

/// Every processor, and never only one: two threads on one processor still are two threads.
fn all_threads() -> u32 {
    std::thread::available_parallelism().map_or(2, |count| u32::try_from(count.get()).unwrap().max(2))
}

#[tokio::test]
async fn a_story_is_the_same_through_the_process() {
    let path = stories();
    let session = open(config(), &path, &settings(2)).await.unwrap();
    let story = generate(&*session, Prompt::Text(PROMPT.to_owned()), 48, 0).await.unwrap();
    assert_eq!(story.text, STORY);
    session.clear_context().await.unwrap();
    let again = generate(&*session, Prompt::Text(PROMPT.to_owned()), 48, 0).await.unwrap();
    assert_eq!(again.tokens, story.tokens);
    assert_eq!(session.stop().await, dyno_engine::ExitCause::Code(0));
}

#[tokio::test]
async fn log_probabilities_of_the_whole_vocabulary_sum_to_one() {
    let path = stories();
    let session = open(config(), &path, &settings(1)).await.unwrap();
    let story = generate(&*session, Prompt::Text(PROMPT.to_owned()), 8, 512).await.unwrap();
    for (token, top) in story.tokens.iter().zip(&story.top) {
        let sum: f64 = top.iter().map(|one| f64::from(one.logprob).exp()).sum();
        assert!((sum - 1.0).abs() < 1e-4, "{sum} over {} tokens", top.len());
        assert_eq!(top.first().unwrap().token, *token, "greedy takes the likeliest");
    }
}

#[tokio::test]
async fn quantized_models_of_all_shapes_say_the_same_with_one_thread_and_with_all() {
    for shape in DECODERS {
        for quantization in ["q4_0", "q4_k_m", "q8_0", "f16"] {
            let name = format!("{shape}@{quantization}");
            let path = synthetic(&name);
            let mut said = Vec::new();
            for threads in [1, all_threads()] {
                let session = open(config(), &path, &settings(threads))
                    .await
                    .unwrap_or_else(|error| panic!("{name}: {error}"));
                // Long enough for matrix kernels of prompts, which differ from those of single tokens.
                let prompt = Prompt::Tokens((0..64).map(|index| 20 + index * 3).collect());
                let generated = generate(&*session, prompt, 12, 4)
                    .await
                    .unwrap_or_else(|error| panic!("{name}: {error}"));
                assert!(
                    generated.top.iter().flatten().all(|top| top.logprob.is_finite() && top.logprob <= 0.0),
                    "{name}"
                );
                assert_eq!(generated.tokens.len(), 12, "{name}");
                said.push(generated.tokens);
            }
            assert_eq!(said[0], said[1], "{name}: one thread and all threads disagree");
        }
    }
}

#[tokio::test]
async fn unloading_gives_the_memory_back() {
    let path = synthetic("tiny-llama@f16");
    // 2 layers, 2 KV heads, so that the context is tens of megabytes.
    let settings = EngineSettings { context: 65_536, mmap: false, ..settings(2) };
    let session = open(config(), &path, &settings).await.unwrap();
    let opened = session.memory().await.unwrap();
    assert!(opened.breakdown.kv_bytes > 32 << 20, "{opened:?}");
    let after = session.unload().await.unwrap().process;
    let freed = opened.process.anonymous_bytes.saturating_sub(after.anonymous_bytes);
    assert!(freed > opened.breakdown.kv_bytes, "{freed} bytes freed of {opened:?}");
    assert!(session.healthy().await);
}

#[tokio::test]
async fn broken_files_are_typed_errors_and_the_process_stays() {
    let folder = tempfile::tempdir().unwrap();
    let garbage = folder.path().join("garbage.gguf");
    std::fs::write(&garbage, [0x5a; 4096]).unwrap();
    let bytes = std::fs::read(stories()).unwrap();
    let truncated = folder.path().join("truncated.gguf");
    std::fs::write(&truncated, &bytes[..bytes.len() / 2]).unwrap();
    let files = [garbage, truncated, vocabulary()];
    let session = start(config()).await.unwrap();
    for path in files {
        let error = session.load(&path, &settings(1), &mut |_| true).await.unwrap_err();
        assert!(matches!(error, EngineError::Model { .. }), "{error:?} for {}", path.display());
        assert!(session.healthy().await);
    }
    let good = synthetic("tiny-llama@q4_0");
    session.load(&good, &settings(1), &mut |_| true).await.unwrap();
}

/// How far a process with limited address space gets with a 256 MiB model and a 180 MiB cache.
async fn reached(path: &Path, memory_limit_bytes: u64) -> Result<(), EngineError> {
    let settings = EngineSettings { context: 8192, mmap: false, ..settings(2) };
    let config = ProcessEngineConfig { memory_limit_bytes: Some(memory_limit_bytes), ..config() };
    let session = open(config, path, &settings).await?;
    generate(&*session, Prompt::Tokens(vec![1; 600]), 2, 0).await.map(|_| ())
}

#[tokio::test]
async fn too_little_address_space_is_out_of_memory_and_says_during_what() {
    let path = synthetic("smollm2-135m@f16");
    let mut during = Vec::new();
    for mebibytes in (150..=1200).step_by(150) {
        match reached(&path, mebibytes << 20).await {
            Ok(()) => during.push("nothing".to_owned()),
            Err(EngineError::OutOfMemory { during: what, reason }) => {
                assert!(!reason.is_empty(), "{what}");
                during.push(what);
            }
            Err(other) => panic!("with {mebibytes} MiB: {other:?}"),
        }
    }
    during.dedup();
    let steps: Vec<&str> = ["loading", "opening a context", "nothing"].into();
    assert_eq!(during.len(), steps.len(), "{during:?}");
    assert!(during.iter().zip(&steps).all(|(during, step)| during.contains(step)), "{during:?}");
}
