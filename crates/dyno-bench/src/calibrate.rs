//! Timing the bare backend on small synthetic models, so that rates of the engine can be computed from the times.

use std::path::PathBuf;

use dyno_engine::{Engine, EngineError, Session};
use dyno_types::{EngineSettings, Job, KvType, MeasureReport, MeasureRequest, ModelFacts, RateTiming};

use crate::LossMeter;

/// Tokens decoded in one repetition.
const DECODE_TOKENS: u32 = 16;
/// Repetitions in one process, and processes of each model, spread over the whole measurement. The median repetition of the faster
/// process counts: what a calm run sees, rather than its one best moment, and rather than what a neighbour left of it for seconds.
const REPETITIONS: u32 = 3;
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

/// Times models on a bare engine.
pub struct Calibrator<'a> {
    /// The engine.
    pub engine: &'a dyn Engine,
    /// Says what the engine's threads lost to others.
    pub meter: LossMeter<'a>,
    /// Threads of both phases.
    pub threads: u32,
    /// Prompt that is timed, tokens.
    pub prompt_tokens: u32,
    /// Looked at between processes.
    pub job: &'a Job,
}

/// What was timed.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// Of each model at each depth, in the order asked for.
    pub timings: Vec<RateTiming>,
    /// How many of these others disturbed in every process, also when they were repeated.
    pub disturbed: usize,
}

/// A timing, and whether others took a noticeable share of its time.
#[derive(Debug, Clone)]
struct Sample {
    timing: RateTiming,
    is_disturbed: bool,
}

impl Calibrator<'_> {
    /// Times each model in [`TIMING_PASSES`] processes of its own: a prompt and single tokens, at each depth. `done` hears how
    /// many processes have ended. Nothing when cancelled.
    ///
    /// # Errors
    /// [`EngineError`] when the engine does not start, refuses or dies.
    pub async fn time(
        &self,
        models: &[CalibrationModel],
        done: &(dyn Fn(usize) + Sync),
    ) -> Result<Option<Calibration>, EngineError> {
        let mut samples: Vec<Sample> = Vec::new();
        for pass in 0..TIMING_PASSES {
            let mut of_pass = Vec::new();
            for (index, model) in models.iter().enumerate() {
                if self.job.is_cancelled() {
                    return Ok(None);
                }
                let session = self.engine.start(self.job).await?;
                let outcome = self.time_model(&*session, model).await;
                session.stop().await;
                of_pass.extend(outcome?);
                done(pass * models.len() + index + 1);
            }
            samples = if pass == 0 {
                of_pass
            } else {
                samples.into_iter().zip(of_pass).map(|(one, other)| one.faster(other)).collect()
            };
        }
        let disturbed = samples.iter().filter(|sample| sample.is_disturbed).count();
        let timings = samples.into_iter().map(|sample| sample.timing).collect();
        Ok((!self.job.is_cancelled()).then_some(Calibration { timings, disturbed }))
    }

    async fn time_model(
        &self,
        session: &dyn Session,
        model: &CalibrationModel,
    ) -> Result<Vec<Sample>, EngineError> {
        let deepest = model.depths.iter().map(|(depth, _)| *depth).max().unwrap_or_default();
        let base = EngineSettings {
            context: deepest + self.prompt_tokens + DECODE_TOKENS,
            ubatch: self.prompt_tokens.max(EngineSettings::default().ubatch),
            threads: self.threads,
            threads_prefill: self.threads,
            ..EngineSettings::default()
        };
        session.load(&model.file, &base, &mut |_| true).await?;
        let mut samples = Vec::new();
        for (depth, kv_type) in &model.depths {
            let settings = EngineSettings { kv_type_k: *kv_type, kv_type_v: *kv_type, ..base.clone() };
            session.open_context(&settings).await?;
            let request = MeasureRequest {
                depth: *depth,
                prefill_tokens: self.prompt_tokens,
                decode_tokens: DECODE_TOKENS,
                repetitions: REPETITIONS,
                threads: 0,
                threads_prefill: 0,
                seed: 1,
            };
            let measured = self.meter.measure_calmly(session, &request).await?;
            let timing = RateTiming {
                facts: model.facts.clone(),
                kv_type: *kv_type,
                depth: *depth,
                prefill_tokens: self.prompt_tokens,
                prefill_s: prefill_s(&measured.report),
                decode_s: decode_s(&measured.report),
            };
            samples.push(Sample { timing, is_disturbed: measured.is_disturbed() });
        }
        Ok(samples)
    }
}

impl Sample {
    /// The better of two timings of the same thing, each phase on its own. It is disturbed where both were.
    fn faster(self, other: Self) -> Self {
        let timing = RateTiming {
            prefill_s: self.timing.prefill_s.min(other.timing.prefill_s),
            decode_s: self.timing.decode_s.min(other.timing.decode_s),
            ..self.timing
        };
        Self { timing, is_disturbed: self.is_disturbed && other.is_disturbed }
    }
}

/// Seconds of the prompt in the median repetition; 0 when none was timed.
fn prefill_s(report: &MeasureReport) -> f64 {
    median_s(report.prefill_ns.iter().map(|nanoseconds| *nanoseconds as f64))
}

/// Seconds of one token in the median repetition; 0 when none was timed.
fn decode_s(report: &MeasureReport) -> f64 {
    let mean_ns = |steps: &Vec<u64>| steps.iter().sum::<u64>() as f64 / steps.len().max(1) as f64;
    median_s(report.decode_ns.iter().map(mean_ns))
}

fn median_s(nanoseconds: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = nanoseconds.collect();
    sorted.sort_by(f64::total_cmp);
    dyno_stats::percentile(&sorted, 50.0).unwrap_or_default() / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_repetition_counts_for_each_phase() {
        let report = MeasureReport {
            prefill_ns: vec![9_000_000_000, 1_000_000_000, 2_000_000_000],
            decode_ns: vec![vec![4_000_000_000, 2_000_000_000], vec![1_000_000_000], vec![50_000_000_000]],
        };
        assert_eq!((prefill_s(&report), decode_s(&report)), (2.0, 3.0));
        let nothing = MeasureReport { prefill_ns: Vec::new(), decode_ns: Vec::new() };
        assert_eq!((prefill_s(&nothing), decode_s(&nothing)), (0.0, 0.0), "refused by the solution");
    }
}
