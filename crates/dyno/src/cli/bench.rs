//! `dyno bench`.

use std::path::PathBuf;

use clap::Args;

use super::{KnobArgs, SamplingArgs, TemplateArgs};

/// Flags of `dyno bench`.
///
/// Defaults are those of the staged procedure: three prompts, three runs each, in three engine processes.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Models, each a path, synth:SHAPE@QUANT, builtin:NAME or hf:ORG/REPO; several are compared.
    #[arg(value_name = "MODEL", default_value = dyno_app::DEFAULT_REFERENCE)]
    pub(crate) models: Vec<String>,
    /// Runs of each prompt in each engine process.
    #[arg(long, default_value_t = 3, value_name = "N", help_heading = "Plan")]
    pub(crate) runs: u32,
    /// Independent engine processes; intervals come from these, so three is the least that gives useful ones.
    #[arg(long, default_value_t = 3, value_name = "N", help_heading = "Plan")]
    pub(crate) processes: u32,
    /// Tokens generated per prompt.
    #[arg(long, default_value_t = 64, value_name = "N", help_heading = "Plan")]
    pub(crate) max_tokens: u32,
    /// Context windows to fill, tokens: lists and ranges (512-4096*2); `train` goes up to the training context.
    #[arg(long, default_value = "512-4096*2", value_name = "LIST", help_heading = "Plan")]
    pub(crate) contexts: String,
    /// Tokens decoded at the end of each filled window.
    #[arg(long, default_value_t = 32, value_name = "N", help_heading = "Plan")]
    pub(crate) context_decode_tokens: u32,
    /// Wait for a quiet machine before each engine process, at most so many seconds [default limit: 600].
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "600",
          value_parser = clap::value_parser!(u64).range(1..=86_400), help_heading = "Plan")]
    pub(crate) wait_quiet: Option<u64>,
    /// What stands around prompts.
    #[command(flatten)]
    pub(crate) template: TemplateArgs,
    /// How results are printed: table, json, csv, md or html.
    #[arg(long, default_value = "table", value_name = "FORMAT", help_heading = "Output")]
    pub(crate) format: String,
    /// Where to write the page [default: reports/RUN.html beside the history].
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) page: Option<PathBuf>,
    /// Neither keep the record nor write a page; print only.
    #[arg(long, conflicts_with = "page", help_heading = "Output")]
    pub(crate) no_save: bool,
    /// Sampling.
    #[command(flatten)]
    pub(crate) sampling: SamplingArgs,
    /// Engine knobs.
    #[command(flatten)]
    pub(crate) knobs: KnobArgs,
}
