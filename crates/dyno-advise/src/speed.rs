//! Speed that a model will have, before it is loaded.

use dyno_types::{EngineRates, Evidence, KvType, ModelFacts, RateFigure};
use serde::Serialize;

use crate::rates::Times;
use crate::work::Work;

/// Prompt whose rate is predicted, tokens: what llama-bench calls pp512.
pub const PREDICTED_PROMPT_TOKENS: u32 = 512;

/// A prediction and the range that is to hold nine of ten measured values of models like those that were learned from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// Most likely value.
    pub likely: f64,
    /// Lower end of the 90 % interval.
    pub low: f64,
    /// Upper end of the 90 % interval.
    pub high: f64,
}

impl From<Interval> for RateFigure {
    fn from(interval: Interval) -> Self {
        Self {
            likely_tps: interval.likely,
            interval_tps: Some([interval.low, interval.high]),
            evidence: Evidence::Predicted,
            source: None,
        }
    }
}

/// Predicted rates, tokens/s.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SpeedEstimate {
    /// Prefill of a prompt of 512 tokens (or of the window, when smaller) into an empty context.
    pub prefill_tps: Interval,
    /// Decode at the start of the context.
    pub decode_tps: Interval,
}

/// Rates before anything was learned from runs, tokens/s.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RawSpeed {
    /// Prefill.
    pub prefill_tps: f64,
    /// Decode.
    pub decode_tps: f64,
}

/// Rates that follow from the header and the engine's measured rates alone; decode with `depth` tokens in the context, prefill of
/// `prompt` tokens. `None` when the header does not determine the work.
#[must_use]
pub fn raw_speed(
    facts: &ModelFacts,
    kv_type: KvType,
    rates: &EngineRates,
    (depth, prompt): (u32, u32),
) -> Option<RawSpeed> {
    let work = Work::of(facts)?;
    let times = Times { rates, work: &work, kv_type, without: None };
    let tokens = f64::from(prompt.max(1));
    let (decode_s, prefill_s) = (times.decode_s(f64::from(depth)), times.prefill_s(0.0, tokens));
    (decode_s > 0.0 && prefill_s > 0.0)
        .then(|| RawSpeed { prefill_tps: tokens / prefill_s, decode_tps: 1.0 / decode_s })
}
