//! The bare measurement against a backend whose every step is counted and timed.

use std::cell::Cell;
use std::sync::Arc;

use dyno_types::EngineSettings;

use super::*;
use crate::FailureKind;
use crate::testing::{BOS, Behaviour, Call, EOS, FakeClock, TestBackend};

const CONTEXT: MeasureContext = MeasureContext { window: 64, batch: 16, threads: 2, threads_prefill: 4 };
const REQUEST: MeasureRequest = MeasureRequest {
    depth: 20,
    prefill_tokens: 24,
    decode_tokens: 3,
    repetitions: 2,
    threads: 1,
    threads_prefill: 0,
    seed: 5,
};

fn run_on(
    mut backend: TestBackend,
    request: &MeasureRequest,
    given_up: &dyn Fn() -> bool,
) -> Result<MeasureReport, Failure> {
    run_with(&mut backend, &FakeClock::default(), request, given_up)
}

fn run_with(
    backend: &mut TestBackend,
    clock: &FakeClock,
    request: &MeasureRequest,
    given_up: &dyn Fn() -> bool,
) -> Result<MeasureReport, Failure> {
    let settings =
        EngineSettings { context: CONTEXT.window, batch: CONTEXT.batch, ..EngineSettings::default() };
    backend.open_context(&settings).unwrap();
    measure(backend, &TestBackend::model(), CONTEXT, request, (clock, given_up))
}

#[test]
fn only_the_backend_calls_of_each_pass_are_timed() {
    let clock = Arc::new(FakeClock::default());
    let behaviour = Behaviour { clock: Some(Arc::clone(&clock)), token_ns: 1000, ..Behaviour::default() };
    let report = run_with(&mut TestBackend::new(behaviour), &clock, &REQUEST, &|| false).unwrap();
    assert_eq!(report, MeasureReport { prefill_ns: vec![24_000; 2], decode_ns: vec![vec![1000; 3]; 2] });
}

#[test]
fn passes_start_at_the_depth_and_have_the_shape_of_llama_bench() {
    let backend = TestBackend::default();
    let recording = backend.recording();
    run_on(backend, &REQUEST, &|| false).unwrap();
    let batches = recording.batches();
    let shapes: Vec<(u32, usize)> = batches.iter().map(|batch| (batch[0].position, batch.len())).collect();
    let repetition = [(20, 16), (36, 8), (20, 1), (21, 1), (22, 1)];
    let expected: Vec<(u32, usize)> = [(0, 16), (16, 4), (20, 16), (36, 8), (20, 1)]
        .into_iter()
        .chain(repetition)
        .chain(repetition)
        .collect();
    assert_eq!(shapes, expected);
    for batch in &batches {
        let (last, before) = batch.split_last().unwrap();
        assert!(last.wants_logits && before.iter().all(|item| !item.wants_logits));
    }
    let tokens: Vec<u32> = batches.iter().flatten().map(|item| item.token).collect();
    assert_eq!((tokens[0], batches[2][0].token), (BOS, BOS), "each pass begins with BOS");
    assert!(!tokens.contains(&EOS));
    let threads: Vec<Call> =
        recording.calls().into_iter().filter(|call| matches!(call, Call::SetThreads(..))).collect();
    assert_eq!(
        threads,
        [Call::SetThreads(1, 4), Call::SetThreads(2, 4)],
        "the context's own threads come back"
    );
    assert_eq!(
        recording.calls().iter().rev().find(|call| !matches!(call, Call::SetThreads(..))),
        Some(&Call::Clear)
    );
}

#[test]
fn a_model_that_cannot_be_cut_is_filled_anew() {
    let backend = TestBackend::new(Behaviour { cannot_trim: true, ..Behaviour::default() });
    let recording = backend.recording();
    let report = run_on(backend, &REQUEST, &|| false).unwrap();
    assert_eq!(report.decode_ns.len(), 2);
    let fills = recording.batches().iter().filter(|batch| batch[0].position == 0).count();
    assert_eq!(fills, 6, "at the start, after the warm-up, and before each of the four timed passes");
}

#[test]
fn the_seed_decides_the_tokens() {
    let tokens = |seed| {
        let backend = TestBackend::default();
        let recording = backend.recording();
        run_on(backend, &MeasureRequest { seed, ..REQUEST }, &|| false).unwrap();
        recording.batches()
    };
    assert_eq!(tokens(1), tokens(1));
    assert_ne!(tokens(1), tokens(2));
}

#[test]
fn impossible_requests_are_refused() {
    for (request, part) in [
        (MeasureRequest { repetitions: 0, ..REQUEST }, "repetitions"),
        (MeasureRequest { prefill_tokens: 0, decode_tokens: 0, ..REQUEST }, "nothing to measure"),
        (MeasureRequest { depth: 41, ..REQUEST }, "window of 65"),
        (MeasureRequest { depth: u32::MAX, prefill_tokens: u32::MAX, ..REQUEST }, "window of 8589934590"),
    ] {
        let failure = run_on(TestBackend::default(), &request, &|| false).unwrap_err();
        assert_eq!(failure.kind, FailureKind::BadRequest);
        assert!(failure.message.contains(part), "{}", failure.message);
    }
    assert!(run_on(TestBackend::default(), &MeasureRequest { depth: 40, ..REQUEST }, &|| false).is_ok());
}

#[test]
fn giving_up_ends_between_two_backend_calls() {
    let backend = TestBackend::default();
    let recording = backend.recording();
    let asked = Cell::new(0);
    let given_up = || {
        asked.set(asked.get() + 1);
        asked.get() > 3
    };
    assert_eq!(run_on(backend, &REQUEST, &given_up).unwrap_err().kind, FailureKind::Cancelled);
    assert_eq!(recording.batches().len(), 3);
}
