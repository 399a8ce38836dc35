//! The window that a prompt and its answer need, within what the model was trained for and what memory holds.

use dyno_types::{EngineSettings, ModelFacts};
use serde::Serialize;

use crate::fit::{CONTEXT_STEP, needed_bytes};
use crate::{Predictor, largest_context};

/// What a window cannot go beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowBound {
    /// The window that somebody asked for.
    Asked,
    /// The context the model was trained for.
    Trained,
    /// The memory that is free.
    Memory,
}

/// The largest window there can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct WindowLimit {
    /// Tokens per sequence.
    pub tokens: u32,
    /// What it is bounded by.
    pub bound: WindowBound,
}

/// The largest window of this model with these settings and so much usable memory (`None` is unknown). Memory that is not predicted
/// bounds nothing. Weights that do not fit by themselves are read from their file again and again while the model runs; then only
/// the rest has to fit. Where even that does not, memory bounds nothing either: what is loaded already cannot be made smaller by
/// a smaller window.
#[must_use]
pub fn window_limit(
    facts: &ModelFacts,
    settings: &EngineSettings,
    usable_bytes: Option<u64>,
    predictor: &dyn Predictor,
) -> WindowLimit {
    let trained = facts.context_train.map_or(u32::MAX, |train| u32::try_from(train).unwrap_or(u32::MAX));
    let by_training = WindowLimit { tokens: trained, bound: WindowBound::Trained };
    let Some(usable_bytes) = usable_bytes else { return by_training };
    let least = EngineSettings { context: CONTEXT_STEP.min(trained), ..settings.clone() };
    let Some(least_bytes) = needed_bytes(facts, &least, predictor) else { return by_training };
    let mapped_bytes = match predictor.memory(facts, &least) {
        Some(memory) if least_bytes > usable_bytes => memory.weights_mapped_bytes,
        _ => 0,
    };
    match largest_context(facts, settings, usable_bytes.saturating_add(mapped_bytes), trained, predictor) {
        Some(tokens) if tokens < trained => WindowLimit { tokens, bound: WindowBound::Memory },
        _ => by_training,
    }
}

/// The window to open for so many tokens: the next whole step of 256, or the limit. `None` when the limit does not hold them.
#[must_use]
pub fn window_for(tokens: u64, limit: WindowLimit) -> Option<u32> {
    let tokens = u32::try_from(tokens).ok().filter(|tokens| *tokens <= limit.tokens)?;
    let steps = tokens.max(1).div_ceil(CONTEXT_STEP);
    Some(steps.saturating_mul(CONTEXT_STEP).min(limit.tokens))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MemoryEstimate, SpeedEstimate};

    /// A mebibyte of weights and a kibibyte for every token of window.
    struct Plain;

    impl Predictor for Plain {
        fn memory(&self, _: &ModelFacts, settings: &EngineSettings) -> Option<MemoryEstimate> {
            let kv_bytes = u64::from(settings.context) << 10;
            Some(MemoryEstimate { weights_mapped_bytes: 1 << 20, kv_bytes, ..MemoryEstimate::default() })
        }

        fn speed(&self, _: &ModelFacts, _: &EngineSettings) -> Option<SpeedEstimate> {
            None
        }
    }

    fn limit(trained: Option<u64>, usable_bytes: Option<u64>) -> (u32, WindowBound) {
        let facts = ModelFacts { context_train: trained, ..ModelFacts::default() };
        let limit = window_limit(&facts, &EngineSettings::default(), usable_bytes, &Plain);
        (limit.tokens, limit.bound)
    }

    #[test]
    fn a_window_is_bounded_by_training_or_by_memory() {
        const MIB: u64 = 1 << 20;
        let cases = [
            (Some(512), None, (512, WindowBound::Trained)),
            (Some(512), Some(64 * MIB), (512, WindowBound::Trained)),
            (Some(131_072), Some(5 * MIB), (4_096, WindowBound::Memory)),
            (Some(131_072), Some(5 * MIB - 1), (3_840, WindowBound::Memory)),
            // The weights alone are too large: they are read again and again, and the cache has to fit.
            (Some(131_072), Some(MIB), (1_024, WindowBound::Memory)),
            // Not even the smallest cache fits.
            (Some(131_072), Some(1_000), (131_072, WindowBound::Trained)),
            (None, None, (u32::MAX, WindowBound::Trained)),
        ];
        for (trained, usable_bytes, expected) in cases {
            assert_eq!(limit(trained, usable_bytes), expected, "{trained:?} {usable_bytes:?}");
        }
    }

    #[test]
    fn windows_come_in_steps_up_to_the_limit() {
        let limit = WindowLimit { tokens: 1_000, bound: WindowBound::Trained };
        for (tokens, expected) in [
            (0, Some(256)),
            (256, Some(256)),
            (257, Some(512)),
            (769, Some(1_000)),
            (1_000, Some(1_000)),
            (1_001, None),
            (u64::MAX, None),
        ] {
            assert_eq!(window_for(tokens, limit), expected, "{tokens}");
        }
        let endless = WindowLimit { tokens: u32::MAX, ..limit };
        assert_eq!(window_for(u64::from(u32::MAX), endless), Some(u32::MAX));
    }
}
