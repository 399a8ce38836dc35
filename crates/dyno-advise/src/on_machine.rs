//! Predictions for one machine: the instructions its engine uses, the engine's rates on it, and what its earlier runs taught.

use dyno_types::{EngineRates, EngineSettings, ModelFacts};

use crate::{Correction, MatrixInstructions, MemoryEstimate, Predictor, RawSpeed, SpeedEstimate};

/// Predicts for one machine. Without rates it predicts memory alone.
#[derive(Debug, Clone, Default)]
pub struct OnMachine {
    /// What the engine multiplies matrices with.
    pub instructions: MatrixInstructions,
    /// Rates of the engine; absent before they were measured.
    pub rates: Option<EngineRates>,
    /// What earlier runs taught.
    pub correction: Correction,
}

impl OnMachine {
    /// Rates from the header and the engine's rates alone, for these settings; decode with `depth` tokens in the context, prefill of `prompt`
    /// tokens. `None` without rates, for another number of threads than theirs, and when the header does not determine the work.
    #[must_use]
    pub fn raw_speed(
        &self,
        facts: &ModelFacts,
        settings: &EngineSettings,
        depth: u32,
        prompt: u32,
    ) -> Option<RawSpeed> {
        let rates = self.rates.as_ref()?;
        let suits = |threads: u32| threads == 0 || threads == rates.threads;
        if !suits(settings.threads) || !suits(settings.threads_prefill) || settings.gpu_layers > 0 {
            return None;
        }
        crate::raw_speed(facts, settings.kv_type_k, rates, depth, prompt)
    }
}

impl Predictor for OnMachine {
    fn memory(&self, facts: &ModelFacts, settings: &EngineSettings) -> Option<MemoryEstimate> {
        crate::memory(facts, settings, self.instructions)
    }

    fn speed(&self, facts: &ModelFacts, settings: &EngineSettings) -> Option<SpeedEstimate> {
        let prompt = crate::PREDICTED_PROMPT_TOKENS.min(settings.context);
        let raw = self.raw_speed(facts, settings, 0, prompt)?;
        Some(SpeedEstimate {
            prefill_tps: self.correction.prefill.apply(raw.prefill),
            decode_tps: self.correction.decode.apply(raw.decode),
        })
    }
}
