//! `dyno synth`.

use std::path::PathBuf;

use clap::Args;

/// Flags of `dyno synth`.
#[derive(Debug, Args)]
pub(crate) struct SynthArgs {
    /// Shape and quantization, for example llama-3.2-1b@q4_k_m [default: list them all].
    #[arg(value_name = "SHAPE@QUANT")]
    pub(crate) model: Option<String>,
    /// Random seed of the weights; the same seed gives the same file, byte for byte.
    #[arg(long, default_value_t = 0, value_name = "S")]
    pub(crate) seed: u64,
    /// Write into this directory instead of the cache.
    #[arg(long, short, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Output format.
    #[arg(long, default_value = "text", value_name = "FORMAT", value_parser = ["text", "json"], help_heading = "Output")]
    pub(crate) format: String,
}
