//! `dyno tune`.

use clap::Args;
use dyno_app::{CANDIDATES_USUAL, TUNE_BUDGET};

use super::{KnobArgs, TemplateArgs};

/// Flags of `dyno tune`.
///
/// Settings are tried on the same questions and all but a third are dropped after each round; the one that is left is compared with
/// the start on fresh questions, and kept as the model's preset where it holds up (else the start is). `dyno generate --preset
/// TASK` uses it. Answers are kept as they come: a search that was interrupted goes on where it was.
#[derive(Debug, Args)]
#[command(mut_args(super::knobs::for_questions))]
pub(crate) struct TuneArgs {
    /// Model: path, synth:SHAPE@QUANT, builtin:NAME or hf:ORG/REPO.
    #[arg(value_name = "MODEL")]
    pub(crate) model: String,
    /// What to tune: temperature, top-p, min-p and repetition penalty.
    #[arg(long, required = true)]
    pub(crate) sampling: bool,
    /// Task: reasoning, creative, knowledge, code or all (repeatable) [default: all].
    #[arg(long, value_name = "TASK", value_delimiter = ',', help_heading = "Search")]
    pub(crate) task: Vec<String>,
    /// Suite to take the questions of the task from, built-in or a file (repeatable); those that are answered by likelihood are left
    /// out [default: built-in ones that fit the task].
    #[arg(long, value_name = "SUITE", help_heading = "Search")]
    pub(crate) suite: Vec<String>,
    /// Prompt strategy of the questions [default: direct].
    #[arg(long, value_name = "NAME", help_heading = "Search")]
    pub(crate) strategy: Option<String>,
    /// Most answers per task, all rounds together.
    #[arg(long, value_name = "N", default_value_t = TUNE_BUDGET, help_heading = "Search")]
    pub(crate) budget: usize,
    /// Settings to try per task, with the one to start from.
    #[arg(long, value_name = "N", default_value_t = CANDIDATES_USUAL, help_heading = "Search")]
    pub(crate) candidates: usize,
    /// Weights of quality (0 to 1) and of speed (tokens/s over 20, at most 1).
    #[arg(
        long,
        value_name = "QUALITY,SPEED",
        value_delimiter = ',',
        default_value = "0.7,0.3",
        help_heading = "Search"
    )]
    pub(crate) weights: Vec<f64>,
    /// Seed of the settings, the order of questions and the draws.
    #[arg(long, value_name = "S", default_value_t = 0, help_heading = "Search")]
    pub(crate) seed: u64,
    /// Most tokens of an answer, where the suite does not say.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=65_536), help_heading = "Search")]
    pub(crate) max_tokens: u32,
    /// What stands around questions.
    #[command(flatten)]
    pub(crate) template: TemplateArgs,
    /// Run code written by the model although this machine cannot isolate it.
    #[arg(long, help_heading = "Search")]
    pub(crate) allow_unsafe_code: bool,
    /// Show the settings and rounds, and ask nothing.
    #[arg(long, help_heading = "Output")]
    pub(crate) dry_run: bool,
    /// How results are printed: table, json or markdown.
    #[arg(long, default_value = "table", value_name = "FORMAT", value_parser = ["table", "json", "markdown", "md"], help_heading = "Output")]
    pub(crate) format: String,
    /// Neither use nor keep answers given before.
    #[arg(long, help_heading = "Output")]
    pub(crate) no_cache: bool,
    /// Do not keep the preset; print only.
    #[arg(long, help_heading = "Output")]
    pub(crate) no_save: bool,
    /// Engine knobs.
    #[command(flatten)]
    pub(crate) knobs: KnobArgs,
}
