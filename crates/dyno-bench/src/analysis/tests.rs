//! Laws, half-depth and advice on tables whose answer is known.

use dyno_types::{
    ContextStage, FinishReason, InferenceStage, ProcessMemory, WindowFailureKind, WindowSample,
};
use proptest::prelude::*;

use super::*;

const DECODE: u32 = 33;

/// A window whose times follow: TTFT = factor·n^exponent, token k takes base + slope·(n + k − 2), memory = line.
struct Truth {
    ttft: (f64, f64),
    tpot: (f64, f64),
    memory: (f64, f64),
}

impl Truth {
    fn window(&self, window: u32) -> WindowSample {
        let n_in = window - DECODE;
        let mut token_ms = vec![self.ttft.0 * f64::from(n_in).powf(self.ttft.1)];
        for k in 2..=DECODE {
            token_ms.push(token_ms[token_ms.len() - 1] + self.tpot.0 + self.tpot.1 * f64::from(n_in + k - 2));
        }
        let bytes = (self.memory.0 + self.memory.1 * f64::from(window)).round() as u64;
        let process = ProcessMemory { rss_bytes: bytes, ..ProcessMemory::default() };
        let request = RequestSample {
            process: 0,
            run: 0,
            prompt: "w".to_owned(),
            n_in,
            n_in_cached: 0,
            n_out: DECODE,
            n_out_asked: DECODE,
            prefill_ms: token_ms[0],
            queue_ms: 0.0,
            sampling_ms: 0.0,
            decode_backend_ms: 0.0,
            token_ms,
            finish_reason: FinishReason::Length,
            memory: process,
        };
        let memory = EngineMemory { process, ..EngineMemory::default() };
        WindowSample {
            context: window,
            process: 0,
            outcome: WindowOutcome::Measured { request, context_ms: 1.0, memory },
        }
    }

    fn stages(&self, windows: &[u32]) -> Stages {
        let samples = windows.iter().map(|window| self.window(*window)).collect();
        Stages { context: Some(ContextStage { samples }), ..Stages::default() }
    }
}

fn close(found: f64, truth: f64) -> bool {
    (found - truth).abs() <= 1e-6 * truth.abs().max(1e-6)
}

proptest! {
    #[test]
    fn scripted_laws_are_recovered(
        factor in 0.01..10.0_f64, exponent in 0.5..2.0_f64,
        base in 0.1..100.0_f64, slope in 1e-4..1e-1_f64,
        memory_base in 1e6..1e9_f64, memory_slope in 1e4..1e6_f64,
    ) {
        let truth = Truth { ttft: (factor, exponent), tpot: (base, slope), memory: (memory_base, memory_slope) };
        let analysis = analyze(&truth.stages(&[512, 1024, 2048, 4096])).unwrap();
        let (ttft, tpot, memory) = (analysis.ttft.unwrap(), analysis.tpot.unwrap(), analysis.memory.unwrap());
        prop_assert!(close(ttft.factor, factor) && close(ttft.exponent, exponent), "{ttft:?}");
        prop_assert!(close(tpot.base, base) && close(tpot.slope, slope), "{tpot:?}");
        prop_assert!((memory.base - memory_base).abs() < 5.0 && (memory.slope - memory_slope).abs() < 0.01, "{memory:?}");
        prop_assert!(close(analysis.half_depth_tokens.unwrap(), base / slope));
        prop_assert_eq!(analysis.half_depth_extrapolated, analysis.half_depth_tokens.unwrap() > 4096.0);
    }
}

#[test]
fn advice_follows_from_the_laws() {
    // Twice the base (10 ms) is reached at a depth of 2000 tokens: 1024 keeps the pace, 2048 (mean depth 2030.5) does not.
    let truth = Truth { ttft: (1.0, 1.0), tpot: (10.0, 0.005), memory: (1e9, 1e5) };
    let analysis = analyze(&truth.stages(&[512, 1024, 2048, 4096])).unwrap();
    assert_eq!(analysis.recommended_context, Some(1024));
    assert!(close(analysis.half_depth_tokens.unwrap(), 2000.0) && !analysis.half_depth_extrapolated);
    assert!((analysis.ttft.unwrap().per_doubling() - 2.0).abs() < 1e-9);
    assert_eq!(
        (analysis.buffer_base_bytes, analysis.buffer_per_1k_tokens_bytes),
        (Some(1_100_000_000), Some(110_000_000))
    );
}

#[test]
fn decode_that_does_not_slow_down_has_no_half_depth() {
    let flat = Truth { ttft: (1.0, 1.0), tpot: (10.0, 0.0), memory: (1e9, 0.0) };
    let mut stages = flat.stages(&[512, 1024, 2048]);
    let analysis = analyze(&stages).unwrap();
    assert_eq!((analysis.half_depth_tokens, analysis.recommended_context), (None, Some(2048)));
    assert_eq!(analysis.buffer_per_1k_tokens_bytes, Some(0));
    // A slope that noise alone explains is no slow-down either.
    let noisy = |sample: &mut WindowSample, extra: f64| {
        if let WindowOutcome::Measured { request, .. } = &mut sample.outcome {
            *request.token_ms.last_mut().unwrap() += extra;
        }
    };
    for (sample, extra) in stages.context.as_mut().unwrap().samples.iter_mut().zip([10.0, 40.0, 20.0]) {
        noisy(sample, extra);
    }
    let analysis = analyze(&stages).unwrap();
    assert!(analysis.tpot.unwrap().slope > 0.0);
    assert_eq!(analysis.half_depth_tokens, None);
}

#[test]
fn memory_that_may_as_well_not_grow_is_nothing_to_set_aside_by() {
    let flat = Truth { ttft: (1.0, 1.0), tpot: (10.0, 0.0), memory: (1e9, 0.0) };
    let mut stages = flat.stages(&[512, 1024, 2048]);
    let noise = [1_000_000, 9_000_000, 4_000_000];
    for (sample, extra) in stages.context.as_mut().unwrap().samples.iter_mut().zip(noise) {
        let WindowOutcome::Measured { memory, .. } = &mut sample.outcome else { unreachable!() };
        memory.process.rss_bytes += extra;
    }
    let analysis = analyze(&stages).unwrap();
    let law = analysis.memory.unwrap();
    assert!(law.slope > 0.0 && !law.grows(), "{law:?}");
    assert_eq!((analysis.buffer_base_bytes, analysis.buffer_per_1k_tokens_bytes), (None, None));
}

#[test]
fn one_window_gives_no_law_but_still_advice() {
    let truth = Truth { ttft: (1.0, 1.0), tpot: (10.0, 0.0), memory: (1e9, 1e5) };
    let mut stages = truth.stages(&[512, 512]);
    let alone = analyze(&stages).unwrap();
    assert_eq!((alone.memory, alone.tpot, alone.ttft, alone.recommended_context), (None, None, None, None));
    let WindowOutcome::Measured { request, .. } = truth.window(64).outcome else { unreachable!() };
    stages.inference = Some(InferenceStage { warmup_discarded: Vec::new(), samples: vec![request] });
    assert_eq!(analyze(&stages).unwrap().recommended_context, Some(512));
}

#[test]
fn failures_alone_say_nothing() {
    let outcome = WindowOutcome::Failed { kind: WindowFailureKind::Refused, reason: "no".to_owned() };
    let samples = vec![WindowSample { context: 512, process: 0, outcome }];
    assert_eq!(analyze(&Stages { context: Some(ContextStage { samples }), ..Stages::default() }), None);
    assert_eq!(analyze(&Stages::default()), None);
}
