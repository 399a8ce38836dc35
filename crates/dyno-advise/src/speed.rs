//! Speed that a model will have, before it is loaded.

use serde::Serialize;

/// A prediction and the range that holds nine of ten measured values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// Most likely value.
    pub likely: f64,
    /// Lower end of the 90 % interval.
    pub low: f64,
    /// Upper end of the 90 % interval.
    pub high: f64,
}

/// Predicted rates, tokens/s.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SpeedEstimate {
    /// Prefill of a prompt of 512 tokens into an empty context.
    pub prefill_tps: Interval,
    /// Decode at the depth asked for.
    pub decode_tps: Interval,
}
