//! Timing the bare backend on small synthetic models, so that rates of the engine can be computed from the times.

use std::path::PathBuf;

use dyno_engine::{Engine, EngineError, Session};
use dyno_types::{EngineSettings, KvType, MeasureReport, MeasureRequest, ModelFacts, RateTiming};

use crate::CancelFlag;

/// Tokens decoded in one repetition.
const DECODE_TOKENS: u32 = 16;
/// Repetitions in one process, and processes of each model, spread over the whole measurement. The fastest counts: disturbance only
/// slows, and comes and goes over seconds.
const REPETITIONS: u32 = 2;
/// Processes of each model.
pub const TIMING_PASSES: usize = 2;

/// A model to time, and how.
#[derive(Debug, Clone)]
pub struct CalibrationModel {
    /// File.
    pub file: PathBuf,
    /// What its header says.
    pub facts: ModelFacts,
    /// Depths to time, each with its type of keys and values.
    pub depths: Vec<(u32, KvType)>,
}

/// Times each model in [`TIMING_PASSES`] processes of its own: a prompt of `prompt_tokens` and single tokens, at each depth. `done` hears how
/// many processes have ended. Nothing when cancelled.
///
/// # Errors
/// [`EngineError`] when the engine does not start, refuses or dies.
pub async fn time_models(
    engine: &dyn Engine,
    models: &[CalibrationModel],
    (threads, prompt_tokens): (u32, u32),
    cancel: &CancelFlag,
    done: &(dyn Fn(usize) + Sync),
) -> Result<Option<Vec<RateTiming>>, EngineError> {
    let mut timings: Vec<RateTiming> = Vec::new();
    for pass in 0..TIMING_PASSES {
        let mut of_pass = Vec::new();
        for (index, model) in models.iter().enumerate() {
            if cancel.is_cancelled() {
                return Ok(None);
            }
            let session = engine.start().await?;
            let outcome = time_model(&*session, model, threads, prompt_tokens).await;
            session.stop().await;
            of_pass.extend(outcome?);
            done(pass * models.len() + index + 1);
        }
        timings = if pass == 0 { of_pass } else { timings.into_iter().zip(of_pass).map(faster).collect() };
    }
    Ok((!cancel.is_cancelled()).then_some(timings))
}

/// The better of two timings of the same thing, each phase on its own.
fn faster((one, other): (RateTiming, RateTiming)) -> RateTiming {
    RateTiming {
        prefill_s: one.prefill_s.min(other.prefill_s),
        decode_s: one.decode_s.min(other.decode_s),
        ..one
    }
}

async fn time_model(
    session: &dyn Session,
    model: &CalibrationModel,
    threads: u32,
    prompt_tokens: u32,
) -> Result<Vec<RateTiming>, EngineError> {
    let deepest = model.depths.iter().map(|(depth, _)| *depth).max().unwrap_or_default();
    let base = EngineSettings {
        context: deepest + prompt_tokens + DECODE_TOKENS,
        ubatch: prompt_tokens.max(EngineSettings::default().ubatch),
        threads,
        threads_prefill: threads,
        ..EngineSettings::default()
    };
    session.load(&model.file, &base, &mut |_| true).await?;
    let mut timings = Vec::new();
    for (depth, kv_type) in &model.depths {
        let settings = EngineSettings { kv_type_k: *kv_type, kv_type_v: *kv_type, ..base.clone() };
        session.open_context(&settings).await?;
        let request = MeasureRequest {
            depth: *depth,
            prefill_tokens: prompt_tokens,
            decode_tokens: DECODE_TOKENS,
            repetitions: REPETITIONS,
            threads: 0,
            threads_prefill: 0,
            seed: 1,
        };
        let report = session.measure(&request).await?;
        let (prefill_s, decode_s) = fastest(&report).unwrap_or_default();
        timings.push(RateTiming {
            facts: model.facts.clone(),
            kv_type: *kv_type,
            depth: *depth,
            prefill_tokens: prompt_tokens,
            prefill_s,
            decode_s,
        });
    }
    Ok(timings)
}

/// Seconds of the fastest prompt, and of one token in the fastest repetition.
fn fastest(report: &MeasureReport) -> Option<(f64, f64)> {
    let prefill_ns = report.prefill_ns.iter().min()?;
    let mean_ns = |steps: &Vec<u64>| steps.iter().sum::<u64>() as f64 / steps.len().max(1) as f64;
    let decode_ns = report.decode_ns.iter().map(mean_ns).min_by(f64::total_cmp)?;
    Some((*prefill_ns as f64 / 1e9, decode_ns / 1e9))
}
