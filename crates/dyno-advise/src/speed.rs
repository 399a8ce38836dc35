//! Speed that a model will have, before it is loaded.

use dyno_types::{EngineRates, Evidence, KvType, ModelFacts, RateFigure};
use serde::Serialize;

use crate::times::{Time, Times};
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

/// A rate before anything was learned from runs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RawRate {
    /// Tokens/s.
    pub tps: f64,
    /// Share of the time that rests on rates of other types of weights, because these were never measured; 0 to 1.
    pub borrowed: f64,
}

/// Rates before anything was learned from runs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RawSpeed {
    /// Prefill.
    pub prefill: RawRate,
    /// Decode.
    pub decode: RawRate,
}

/// Rates that follow from the header and the engine's measured rates alone; decode with `depth` tokens in the context, prefill of
/// `prompt` tokens. `None` when the header does not determine the work.
#[must_use]
pub fn raw_speed(
    facts: &ModelFacts,
    kv_type: KvType,
    rates: &EngineRates,
    depth: u32,
    prompt: u32,
) -> Option<RawSpeed> {
    let work = Work::of(facts)?;
    let times = Times { rates, work: &work, kv_type };
    let tokens = f64::from(prompt.max(1));
    Some(RawSpeed {
        prefill: rate(tokens, times.prefill(0.0, tokens))?,
        decode: rate(1.0, times.decode(f64::from(depth)))?,
    })
}

fn rate(tokens: f64, time: Time) -> Option<RawRate> {
    let Time { seconds, borrowed_s } = time;
    (seconds > 0.0).then(|| RawRate { tps: tokens / seconds, borrowed: borrowed_s / seconds })
}
