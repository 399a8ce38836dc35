//! Exact results of the fake engine: every expected number is worked out by hand from the script.

use std::path::Path;

use dyno_types::{
    ContinuationScore, EngineSettings, FinishReason, GenerateRequest, GenerationEvent, GenerationReport, Job,
    MeasureRequest, PerplexityRequest, Prompt, Sampling, ScoreItem, ScoreRefusal, ScoreRequest,
};
use futures::StreamExt as _;

use super::*;
use crate::{ExitCause, GenerationStream};

/// Round numbers: prefill 1000 + 10 d, decode 50 000 + 100 d, sampling 7, queue 500 ns.
fn script() -> FakeScript {
    FakeScript {
        queue_ns: 500,
        prefill: TokenCost { base_ns: 1_000, per_depth_ns: 10 },
        decode: TokenCost { base_ns: 50_000, per_depth_ns: 100 },
        sampling_ns: 7,
        ..FakeScript::default()
    }
}

async fn open(engine: &FakeEngine, settings: &EngineSettings) -> Box<dyn Session> {
    let session = engine.start(&Job::default()).await.unwrap();
    session.load(Path::new("x.gguf"), settings, &mut |_| true).await.unwrap();
    session.open_context(settings).await.unwrap();
    session
}

fn request(prompt_tokens: u32, max_tokens: u32) -> GenerateRequest {
    GenerateRequest {
        id: 1,
        prompt: Prompt::Tokens((0..prompt_tokens).collect()),
        sampling: Sampling::greedy(),
        max_tokens,
        stop: Vec::new(),
        ignore_eos: false,
        logprobs: 0,
    }
}

/// Time stamps and texts of the tokens, then the report or error.
async fn collect(mut stream: GenerationStream) -> (Vec<u64>, String, Result<GenerationReport, EngineError>) {
    let (mut times, mut text) = (Vec::new(), String::new());
    loop {
        match stream.next().await.expect("it ends with an event") {
            Ok(GenerationEvent::Token(token)) => {
                times.push(token.at_ns);
                text.push_str(&token.text);
            }
            Ok(GenerationEvent::Finished(report)) => {
                assert!(stream.next().await.is_none());
                return (times, text, Ok(report));
            }
            Err(error) => {
                assert!(stream.next().await.is_none());
                return (times, text, Err(error));
            }
        }
    }
}

async fn run(
    script: FakeScript,
    request: GenerateRequest,
) -> (Vec<u64>, String, Result<GenerationReport, EngineError>) {
    let session = open(&FakeEngine::new(script), &EngineSettings::default()).await;
    collect(session.generate(request).await.unwrap()).await
}

#[test]
fn sums_over_depths_are_the_sums_of_their_parts() {
    let cost = TokenCost { base_ns: 17, per_depth_ns: 3 };
    for (from, to) in [(0, 0), (0, 1), (0, 7), (3, 4), (5, 12), (9, 9), (9, 2)] {
        assert_eq!(cost.sum(from, to), (from..to).map(|depth| cost.at(depth)).sum::<u64>(), "{from}..{to}");
    }
}

#[tokio::test]
async fn a_generation_takes_what_the_script_says_to_the_nanosecond() {
    let (times, text, report) = run(script(), request(4, 3)).await;
    // Prompt: 500 + 4 · 1000 + 10 · (0 + 1 + 2 + 3) = 4560. Then 7; then 50 000 + 100 · 4 + 7; then + 100 · 5.
    assert_eq!(times, [4_567, 4_567 + 50_407, 4_567 + 50_407 + 50_507]);
    assert_eq!(text, " w0 w1 w2");
    let expected = GenerationReport {
        prompt_tokens: 4,
        cached_tokens: 0,
        prefill_start_ns: 500,
        prefill_end_ns: 4_560,
        end_ns: 105_481,
        decode_backend_ns: 50_400 + 50_500,
        sampling_ns: 21,
        generated_tokens: 3,
        finish_reason: FinishReason::Length,
        reasoning_mark: None,
    };
    assert_eq!(report, Ok(expected));
}

#[tokio::test]
async fn measuring_and_generating_agree() {
    let session = open(&FakeEngine::new(script()), &EngineSettings::default()).await;
    let ask = MeasureRequest {
        depth: 2,
        prefill_tokens: 3,
        decode_tokens: 2,
        repetitions: 2,
        threads: 0,
        threads_prefill: 0,
        seed: 1,
    };
    let report = session.measure(&ask).await.unwrap();
    // Depths 2, 3, 4 in the prompt; 5 and 6 in the decode steps.
    assert_eq!(report.prefill_ns, [3_090, 3_090]);
    assert_eq!(report.decode_ns, [[50_500, 50_600], [50_500, 50_600]]);
    let none = MeasureRequest { prefill_tokens: 0, ..ask };
    assert!(session.measure(&none).await.unwrap().prefill_ns.is_empty());
    let beyond = MeasureRequest { depth: 4096, ..ask };
    assert!(matches!(session.measure(&beyond).await, Err(EngineError::BadRequest(_))));
}

#[tokio::test]
async fn threads_and_jitter_scale_computing() {
    let script =
        FakeScript { threads_percent: vec![100, 50, 80], jitter_ppm: vec![0, 1_000, -1_000], ..script() };
    let engine = FakeEngine::new(script);
    let ask = MeasureRequest {
        depth: 0,
        prefill_tokens: 1,
        decode_tokens: 1,
        repetitions: 1,
        threads: 2,
        threads_prefill: 9,
        seed: 0,
    };
    let mut seen = Vec::new();
    for _ in 0..4 {
        let session = open(&engine, &EngineSettings::default()).await;
        let report = session.measure(&ask).await.unwrap();
        seen.push((report.prefill_ns[0], report.decode_ns[0][0]));
    }
    // 80 % of 1000 and 50 % of 50 100, then ± 0.1 %, rounded down; process 3 is like process 0.
    assert_eq!(seen, [(800, 25_050), (800, 25_075), (799, 25_024), (800, 25_050)]);
    assert_eq!(engine.processes_started(), 4);
}

#[tokio::test]
async fn every_reason_to_finish() {
    let reason = |result: Result<GenerationReport, EngineError>| {
        let report = result.unwrap();
        (report.finish_reason, report.generated_tokens)
    };
    let eos = FakeScript { eos_after: Some(2), ..script() };
    assert_eq!(reason(run(eos.clone(), request(4, 9)).await.2), (FinishReason::Eos, 2));
    assert_eq!(
        reason(run(eos, GenerateRequest { ignore_eos: true, ..request(4, 9) }).await.2),
        (FinishReason::Length, 9)
    );

    let stop = GenerateRequest { stop: vec!["w2".to_owned(), "2".to_owned()], ..request(4, 9) };
    let (_, text, report) = run(script(), stop).await;
    assert_eq!((text.as_str(), reason(report)), (" w0 w1 ", (FinishReason::Stop, 3)));

    // 4094 prompt tokens leave room for two more; a third is sampled from the full window.
    let (_, _, report) = run(script(), request(4094, 9)).await;
    assert_eq!(reason(report), (FinishReason::ContextFull, 3));
}

#[tokio::test]
async fn a_reused_prefix_costs_nothing_until_the_context_is_cleared() {
    let script = FakeScript { reuses_prefix: true, ..script() };
    let session = open(&FakeEngine::new(script), &EngineSettings::default()).await;
    let cached = async || {
        let report = collect(session.generate(request(4, 1)).await.unwrap()).await.2.unwrap();
        (report.cached_tokens, report.prefill_end_ns - report.prefill_start_ns)
    };
    assert_eq!(cached().await, (0, 4_060));
    // The last prompt token is always computed.
    assert_eq!(cached().await, (3, 1_030));
    session.clear_context().await.unwrap();
    assert_eq!(cached().await, (0, 4_060));
}

#[tokio::test]
async fn memory_follows_the_model() {
    let memory = FakeMemory {
        base_bytes: 1,
        weights_bytes: 1_000,
        load_extra_bytes: 500_000,
        kv_bytes_per_token: 10,
        compute_bytes: 100,
        residual_bytes: 3,
    };
    let session = FakeEngine::new(FakeScript { memory, ..script() }).start(&Job::default()).await.unwrap();
    let process = |memory: dyno_types::EngineMemory| {
        let process = memory.process;
        (process.rss_bytes, process.anonymous_bytes, process.file_bytes, process.rss_peak_bytes)
    };
    assert_eq!(process(session.memory().await.unwrap()), (1, 1, 0, 1));
    let settings = EngineSettings { context: 512, sequences: 2, ..EngineSettings::default() };
    session.load(Path::new("x"), &settings, &mut |_| true).await.unwrap();
    assert_eq!(process(session.memory().await.unwrap()), (1_001, 1, 1_000, 501_001));
    let report = session.open_context(&settings).await.unwrap();
    assert_eq!(
        (report.memory.weights_bytes, report.memory.kv_bytes, report.memory.compute_bytes),
        (1_000, 10_240, 100)
    );
    assert_eq!(process(session.memory().await.unwrap()), (11_341, 10_341, 1_000, 501_001));
    assert_eq!(session.unload().await.unwrap().process.rss_bytes, 4);
    let read = EngineSettings { mmap: false, ..settings };
    session.load(Path::new("x"), &read, &mut |_| true).await.unwrap();
    assert_eq!(process(session.memory().await.unwrap()).2, 0);
}

#[tokio::test]
async fn loading_reports_steps_and_can_be_aborted() {
    let session =
        FakeEngine::new(FakeScript { load_steps: 4, ..script() }).start(&Job::default()).await.unwrap();
    let mut seen = Vec::new();
    let mut sink = |value: f32| {
        seen.push(value);
        value < 0.5
    };
    let aborted = session.load(Path::new("x"), &EngineSettings::default(), &mut sink).await;
    assert_eq!((aborted, seen), (Err(EngineError::Cancelled), vec![0.0, 0.25, 0.5]));
    let early = session.open_context(&EngineSettings::default()).await;
    assert_eq!(early, Err(EngineError::BadRequest("no model is loaded".to_owned())));
}

fn fault(point: FakePoint, failure: FakeFailure) -> FakeScript {
    FakeScript { faults: vec![FakeFault { process: Some(0), point, failure }], ..script() }
}

#[tokio::test]
async fn a_process_that_dies_stays_dead_and_the_next_one_lives() {
    let engine = FakeEngine::new(fault(FakePoint::Token(3), FakeFailure::Die(ExitCause::Signal(9))));
    let session = open(&engine, &EngineSettings::default()).await;
    let (times, _, end) = collect(session.generate(request(4, 9)).await.unwrap()).await;
    let error = end.unwrap_err();
    assert!(
        times.len() == 2 && matches!(error, EngineError::Died { cause: ExitCause::Signal(9), .. }),
        "{error}"
    );
    assert_eq!(session.memory().await, Err(error));
    assert!(!session.healthy().await);
    assert_eq!(session.stop().await, ExitCause::Signal(9));
    let next = open(&engine, &EngineSettings::default()).await;
    assert!(collect(next.generate(request(4, 9)).await.unwrap()).await.2.is_ok());
    assert_eq!(next.stop().await, ExitCause::Code(0));
}

#[tokio::test]
async fn failures_happen_where_they_are_put() {
    let hang = FakeEngine::new(fault(FakePoint::Start, FakeFailure::Hang)).start(&Job::default()).await;
    assert!(matches!(hang.err(), Some(EngineError::Deadline { .. })));

    let refused = FakeEngine::new(fault(FakePoint::Load, FakeFailure::Refuse("no".to_owned())))
        .start(&Job::default())
        .await
        .unwrap();
    let error = refused.load(Path::new("x"), &EngineSettings::default(), &mut |_| true).await.unwrap_err();
    assert!(matches!(error, EngineError::Model { reason, .. } if reason == "no"));

    let engine = FakeEngine::new(fault(FakePoint::ContextOver(4096), FakeFailure::OutOfMemory));
    let session = open(&engine, &EngineSettings::default()).await;
    let large = EngineSettings { context: 4097, ..EngineSettings::default() };
    let error = session.open_context(&large).await.unwrap_err();
    assert!(matches!(&error, EngineError::OutOfMemory { during, .. } if during.contains("4097")), "{error}");
    assert!(session.healthy().await && session.open_context(&EngineSettings::default()).await.is_ok());

    let (_, _, end) = run(fault(FakePoint::PromptOver(3), FakeFailure::OutOfMemory), request(4, 1)).await;
    assert!(matches!(end, Err(EngineError::OutOfMemory { .. })));
}

#[tokio::test]
async fn impossible_prompts_are_refused() {
    let chat = GenerateRequest { prompt: Prompt::Chat(vec![]), ..request(1, 1) };
    let session = open(&FakeEngine::new(script()), &EngineSettings::default()).await;
    assert!(matches!(session.generate(chat).await.err(), Some(EngineError::BadRequest(_))));
    let message = dyno_types::ChatMessage { role: "user".to_owned(), content: "hi".to_owned() };
    let chat = GenerateRequest { prompt: Prompt::Chat(vec![message]), ..request(1, 1) };
    let bare = FakeScript { has_chat_template: false, ..script() };
    assert_eq!(run(bare, chat.clone()).await.2, Err(EngineError::NoTemplate));
    // Beginning of sequence, then "user: hi" and a newline as bytes.
    assert_eq!(run(script(), chat).await.2.unwrap().prompt_tokens, 10);
    for prompt_tokens in [0, 4097] {
        let end = run(script(), request(prompt_tokens, 1)).await.2;
        assert!(matches!(end, Err(EngineError::BadRequest(_))), "{end:?}");
    }
}

#[tokio::test]
async fn likelihoods_follow_from_the_tokens() {
    let engine = FakeEngine::new(FakeScript { vocabulary: 257, kld: 0.25, ..script() });
    let session = open(&engine, &EngineSettings { context: 8, ..EngineSettings::default() }).await;
    // Half for the successor; the other half shared by 256 tokens.
    let (half, rest) = (0.5_f64.ln(), (0.5_f64 / 256.0).ln());
    let item = |prefix: &[u32], continuations: &[&[u32]]| ScoreItem {
        prefix: prefix.to_vec(),
        continuations: continuations.iter().map(|tokens| tokens.to_vec()).collect(),
    };
    let items = vec![item(&[1, 5], &[&[6, 7], &[6, 9], &[5]]), item(&[256], &[&[0]]), item(&[1; 8], &[&[2]])];
    let results: Vec<_> = session.score(ScoreRequest { items }).await.unwrap().collect().await;
    let score = |logprobs: &[f64], greedy| ContinuationScore { logprobs: logprobs.to_vec(), greedy };
    let close = |a: &ContinuationScore, b: &ContinuationScore| {
        a.greedy == b.greedy && a.logprobs.iter().zip(&b.logprobs).all(|(a, b)| (a - b).abs() < 1e-12)
    };
    let first = results[0].as_ref().unwrap().outcome.as_ref().unwrap();
    let expected = [score(&[half, half], true), score(&[half, rest], false), score(&[rest], false)];
    assert!(first.iter().zip(&expected).all(|(a, b)| close(a, b)), "{first:?}");
    assert!(results[1].as_ref().unwrap().outcome.as_ref().unwrap()[0].greedy);
    let refusal = results[2].as_ref().unwrap().outcome.as_ref().unwrap_err();
    assert!(matches!(refusal, ScoreRefusal::TooLong { prefix_tokens: 8, window: 8, .. }));

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("reference");
    let request = PerplexityRequest { text: "abcdefgabcdefgh".to_owned(), context: 8, ..Default::default() };
    let store = PerplexityRequest { store: Some(file.clone()), ..request.clone() };
    let compare = PerplexityRequest { reference: Some(file), ..request };
    assert!(session.perplexity(compare.clone()).await.unwrap().next().await.unwrap().is_err());
    let stored: Vec<_> = session.perplexity(store).await.unwrap().collect().await;
    // BOS a b c | d e f g, then BOS b c d | e f g h.
    assert_eq!(stored.len(), 2);
    assert!((stored[1].as_ref().unwrap().nll + 3.0 * half).abs() < 1e-12);
    let compared: Vec<_> = session.perplexity(compare).await.unwrap().collect().await;
    assert_eq!(compared[1].as_ref().unwrap().divergence.as_ref().unwrap().kld, [0.25; 3]);
}

#[tokio::test]
async fn likelihoods_fail_where_the_script_says() {
    let failure = FakeFailure::Die(ExitCause::Signal(9));
    let fault = |point| FakeFault { process: None, point, failure: failure.clone() };
    let faults = vec![fault(FakePoint::ScoredItem(3)), fault(FakePoint::ScoredChunk(2))];
    let engine = FakeEngine::new(FakeScript { faults, ..script() });
    let session = open(&engine, &EngineSettings::default()).await;
    let items = vec![ScoreItem { prefix: vec![1], continuations: vec![vec![2]] }; 5];
    let results: Vec<_> = session.score(ScoreRequest { items }).await.unwrap().collect().await;
    assert_eq!((results.len(), results.iter().filter(|item| item.is_ok()).count()), (3, 2));
    assert!(matches!(session.clear_context().await, Err(EngineError::Died { .. })));
    let session = open(&engine, &EngineSettings::default()).await;
    let request = PerplexityRequest { text: "x".repeat(40), context: 8, ..Default::default() };
    let results: Vec<_> = session.perplexity(request).await.unwrap().collect().await;
    assert_eq!((results.len(), results.iter().filter(|chunk| chunk.is_ok()).count()), (2, 1));
}
