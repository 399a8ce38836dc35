//! Sampling flags, shared by every verb that samples.

use clap::Args;
use dyno_app::SamplingWishes;
use dyno_types::Sampling;

/// Sampling as typed; what was not typed keeps the default.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sampling")]
pub(crate) struct SamplingArgs {
    /// 0 is greedy and repeatable; higher is more varied; 0 to 2 [default: 0.7].
    #[arg(long, value_name = "T")]
    temperature: Option<f32>,
    /// Keep the k most likely tokens; 0 keeps all [default: 40].
    #[arg(long, value_name = "K")]
    top_k: Option<u32>,
    /// Keep the likeliest tokens that sum to this probability; 1 is off [default: 0.9].
    #[arg(long, value_name = "P")]
    top_p: Option<f32>,
    /// Keep tokens at least this fraction as likely as the likeliest; 0 is off [default: 0].
    #[arg(long, value_name = "P")]
    min_p: Option<f32>,
    /// Make tokens seen lately less likely; 1 is off; 1 to 2 [default: 1].
    #[arg(long, value_name = "F")]
    repetition_penalty: Option<f32>,
    /// Seed of the draw; the same seed gives the same text [default: 0].
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
