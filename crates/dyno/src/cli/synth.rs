//! `dyno synth`.

use std::path::PathBuf;

use clap::Args;

/// Flags of `dyno synth`.
#[derive(Debug, Args)]
pub(crate) struct SynthArgs {
    /// SHAPE@QUANT, e.g. llama-3.2-1b@q4_k_m; without it, the shapes and quantizations are listed.
    #[arg(value_name = "SHAPE@QUANT")]
    pub(crate) model: Option<String>,
    /// Seed of the random weights; the same seed gives the same file, byte for byte.
    #[arg(long, default_value_t = 0, value_name = "S")]
    pub(crate) seed: u64,
    /// Write here instead of into the cache.
    #[arg(long, short, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// text or json.
    #[arg(long, default_value = "text", value_name = "FORMAT", value_parser = ["text", "json"], help_heading = "Output")]
    pub(crate) format: String,
}
