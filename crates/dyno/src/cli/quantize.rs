//! `dyno quantize`.

use std::path::PathBuf;

use clap::Args;

/// Flags of `dyno quantize`.
#[derive(Debug, Args)]
pub(crate) struct QuantizeArgs {
    /// The model: a path or another reference. Best one that was never quantized (f32, f16 or bf16).
    #[arg(value_name = "MODEL")]
    pub(crate) model: String,
    /// What to make, e.g. q8_0,q5_k_m,q4_k_m,q4_0.
    #[arg(long, value_name = "TYPES", value_delimiter = ',', required = true)]
    pub(crate) to: Vec<String>,
    /// Importance matrix, as llama.cpp's imatrix tool writes it; some small types need one.
    #[arg(long, value_name = "FILE")]
    pub(crate) imatrix: Option<PathBuf>,
    /// Write into this folder [default: beside the model, or quantized/ in the cache].
    #[arg(long, short, alias = "out", value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Replace files that are there.
    #[arg(long)]
    pub(crate) force: bool,
    /// Accept a model that is quantized already; its losses stay and new ones come.
    #[arg(long)]
    pub(crate) requantize: bool,
    /// Threads [default: every usable processor].
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) threads: u32,
    /// text or json.
    #[arg(long, default_value = "text", value_name = "FORMAT", value_parser = ["text", "json"], help_heading = "Output")]
    pub(crate) format: String,
}
