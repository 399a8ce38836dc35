//! `dyno bench`.

use std::path::PathBuf;

use clap::Args;

use super::{KnobArgs, SamplingArgs, TemplateArgs};

/// Examples in its help.
pub(crate) const EXAMPLES: &str = r"Examples:
  dyno bench model.gguf
  dyno bench one.gguf two.gguf                   compare models
  dyno bench model.gguf --threads 1-8            one run per thread count
  dyno bench model.gguf --contexts train         fill windows up to the training context
  dyno bench synth:llama-3.2-1b@q4_k_m           a model you have not downloaded";

/// Flags of `dyno bench`.
///
/// Defaults are those of the staged procedure: three prompts, three runs each, in three engine processes.
#[derive(Debug, Args)]
#[command(mut_arg("template", |arg| arg.help_heading("Plan")), mut_arg("raw", |arg| arg.help_heading("Plan")))]
pub(crate) struct BenchArgs {
    /// Models to measure; several are compared.
    #[arg(value_name = "MODEL", value_parser = super::named::named(), default_value = dyno_app::DEFAULT_REFERENCE,
          help = super::model_help("Models to measure and compare, each"))]
    pub(crate) models: Vec<String>,
    /// Runs of each prompt in each engine process.
    #[arg(long, default_value_t = 3, value_name = "N", help_heading = "Plan")]
    pub(crate) runs: u32,
    /// Engine processes to start, one after another; intervals rest on these, so use at least 3.
    #[arg(long, default_value_t = 3, value_name = "N", help_heading = "Plan")]
    pub(crate) processes: u32,
    /// Tokens to generate after each prompt.
    #[arg(long, default_value_t = 64, value_name = "N", help_heading = "Plan")]
    pub(crate) max_tokens: u32,
    /// Context windows to fill, in tokens: a list or a range (512-4096*2 doubles), or `train` to double up to the training context.
    #[arg(long, default_value = "512-4096*2", value_name = "LIST", help_heading = "Plan")]
    pub(crate) contexts: String,
    /// Tokens to generate at the end of each filled window.
    #[arg(long, default_value_t = 32, value_name = "N", help_heading = "Plan")]
    pub(crate) context_decode_tokens: u32,
    /// Wait for a quiet machine before each engine process, for at most this many seconds (600 if no number is given).
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "600",
          value_parser = clap::value_parser!(u64).range(1..=86_400), help_heading = "Plan")]
    pub(crate) wait_quiet: Option<u64>,
    /// What stands around prompts.
    #[command(flatten)]
    pub(crate) template: TemplateArgs,
    /// Output format.
    #[arg(long, help = super::format_help(""), default_value = "table", value_name = "FORMAT", help_heading = "Output")]
    pub(crate) format: String,
    /// Write the HTML page to this file [default: reports/RUN.html beside the history].
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) page: Option<PathBuf>,
    /// Print the results only: do not save the record, do not write a page.
    #[arg(long, conflicts_with = "page", help_heading = "Output")]
    pub(crate) no_save: bool,
    /// Sampling.
    #[command(flatten)]
    pub(crate) sampling: SamplingArgs,
    /// Engine knobs.
    #[command(flatten)]
    pub(crate) knobs: KnobArgs,
}
