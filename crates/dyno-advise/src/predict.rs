//! Where predictions come from: the interface through which advice asks what a model would need and do.

use dyno_types::{EngineSettings, ModelFacts};

use crate::{MemoryEstimate, SpeedEstimate};

/// Predicts memory and speed of a model that is not loaded. `None` means "the header does not determine it"; advice then
/// says so and promises nothing.
pub trait Predictor {
    /// Memory with these settings, bytes.
    fn memory(&self, facts: &ModelFacts, settings: &EngineSettings) -> Option<MemoryEstimate>;

    /// Speed with these settings, tokens/s.
    fn speed(&self, facts: &ModelFacts, settings: &EngineSettings) -> Option<SpeedEstimate>;
}
