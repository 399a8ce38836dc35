//! `dyno quantize`.

use std::path::PathBuf;

use clap::Args;

/// Examples in its help.
pub(crate) const EXAMPLES: &str = r"Examples:
  dyno quantize model-f16.gguf --to q4_k_m
  dyno quantize model-f16.gguf --to q8_0,q4_k_m --output quantized";

/// Flags of `dyno quantize`.
#[derive(Debug, Args)]
pub(crate) struct QuantizeArgs {
    /// Model to quantize, best one that was not quantized before (f32, f16 or bf16).
    #[arg(value_name = "MODEL", value_parser = super::named::named())]
    pub(crate) model: String,
    /// Quantization types to create, separated by commas, for example q8_0,q4_k_m.
    #[arg(long, value_name = "TYPES", value_delimiter = ',', required = true)]
    pub(crate) to: Vec<String>,
    /// Importance matrix written by llama.cpp's imatrix tool; the smallest types need one.
    #[arg(long, value_name = "FILE")]
    pub(crate) imatrix: Option<PathBuf>,
    /// Write into this directory [default: that of the model, or quantized/ in the cache].
    #[arg(long, short, alias = "out", value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Overwrite existing files.
    #[arg(long)]
    pub(crate) force: bool,
    /// Allow a model that is already quantized; its losses add up.
    #[arg(long)]
    pub(crate) requantize: bool,
    /// Threads to use [default: every usable core].
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) threads: u32,
    /// Output format.
    #[arg(long, default_value = "text", value_name = "FORMAT", value_parser = ["text", "json"], help_heading = "Output")]
    pub(crate) format: String,
}
