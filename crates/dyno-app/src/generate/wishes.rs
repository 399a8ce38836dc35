//! Sampling as somebody asks for it: what is not said comes from elsewhere.

use dyno_types::Sampling;

/// Sampling settings that were asked for; the meaning of each is that of the field of [`Sampling`] with its name.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SamplingWishes {
    /// Temperature.
    pub temperature: Option<f32>,
    /// The k most likely tokens.
    pub top_k: Option<u32>,
    /// Nucleus.
    pub top_p: Option<f32>,
    /// Least likelihood beside the likeliest.
    pub min_p: Option<f32>,
    /// Repetition penalty.
    pub repetition_penalty: Option<f32>,
    /// Seed.
    pub seed: Option<u64>,
}

impl SamplingWishes {
    /// The settings that come of these wishes over the given ones.
    #[must_use]
    pub fn over(&self, defaults: Sampling) -> Sampling {
        Sampling {
            temperature: self.temperature.unwrap_or(defaults.temperature),
            top_k: self.top_k.unwrap_or(defaults.top_k),
            top_p: self.top_p.unwrap_or(defaults.top_p),
            min_p: self.min_p.unwrap_or(defaults.min_p),
            repetition_penalty: self.repetition_penalty.unwrap_or(defaults.repetition_penalty),
            seed: self.seed.unwrap_or(defaults.seed),
            ..defaults
        }
    }

    /// Whether anything is asked for that a preset would decide, too. A seed is not.
    #[must_use]
    pub fn shape_the_draw(&self) -> bool {
        Self { seed: None, ..*self } != Self::default()
    }
}
