//! Sampling flags, shared by every verb that samples.

use clap::Args;
use dyno_app::SamplingWishes;
use dyno_types::Sampling;

/// Sampling as typed; what was not typed keeps the default.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sampling")]
pub(crate) struct SamplingArgs {
    /// Randomness, 0 to 2; 0 always picks the likeliest token [default: 0.7].
    #[arg(long, value_name = "T")]
    temperature: Option<f32>,
    /// Sample from the K likeliest tokens; 0 for all tokens [default: 40].
    #[arg(long, value_name = "K")]
    top_k: Option<u32>,
    /// Sample from the likeliest tokens whose probabilities add up to P; 1 for all tokens [default: 0.9].
    #[arg(long, value_name = "P")]
    top_p: Option<f32>,
    /// Sample from tokens at least P times as likely as the likeliest; 0 for all tokens [default: 0].
    #[arg(long, value_name = "P")]
    min_p: Option<f32>,
    /// Penalty on recent tokens, 1 to 2; 1 for none [default: 1].
    #[arg(long, value_name = "F")]
    repetition_penalty: Option<f32>,
    /// Random seed; the same seed gives the same text [default: 0].
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
}

impl SamplingArgs {
    /// What was typed.
    pub(crate) fn wishes(&self) -> SamplingWishes {
        SamplingWishes {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            repetition_penalty: self.repetition_penalty,
            seed: self.seed,
        }
    }

    /// The settings these flags mean, over the given defaults.
    pub(crate) fn over(&self, defaults: Sampling) -> Sampling {
        self.wishes().over(defaults)
    }
}
