//! `dyno tune`.

use clap::Args;
use dyno_app::{CANDIDATES_USUAL, TUNE_BUDGET};

use super::{KnobArgs, TemplateArgs};

/// Examples in its help.
pub(crate) const EXAMPLES: &str = r"Examples:
  dyno tune model.gguf --sampling
  dyno tune model.gguf --sampling --task reasoning --dry-run   show the plan";

/// Flags of `dyno tune`.
///
/// Settings are tried on the same questions and all but a third are dropped after each round; the one that is left is compared with
/// the start on fresh questions, and kept as the model's preset where it holds up (else the start is). `dyno generate --preset
/// TASK` uses it. Answers are kept as they come: a search that was interrupted goes on where it was.
#[derive(Debug, Args)]
#[command(mut_arg("template", |arg| arg.help_heading("Search")), mut_arg("raw", |arg| arg.help_heading("Search")))]
#[command(mut_args(super::knobs::for_questions))]
pub(crate) struct TuneArgs {
    /// Model to tune.
    #[arg(value_name = "MODEL", value_parser = super::named::named(), help = super::model_help("Model to tune:"))]
    pub(crate) model: String,
    /// Tune the sampling settings: temperature, top-p, min-p and repetition penalty.
    #[arg(long, required = true)]
    pub(crate) sampling: bool,
    /// Task to tune for: reasoning, creativity, knowledge, code or all; may be given several times. Creativity needs a --judge,
    /// or a --suite of questions with right answers [default: all].
    #[arg(long, value_name = "TASK", value_delimiter = ',', help_heading = "Search")]
    pub(crate) task: Vec<String>,
    /// Suite to take questions from, built-in or a file; may be given several times [default: built-in suites that fit the task].
    /// Questions scored by likelihood are left out.
    #[arg(long, value_name = "SUITE", value_parser = super::named::named(), help_heading = "Search")]
    pub(crate) suite: Vec<String>,
    /// Prompt strategy [default: direct].
    #[arg(long, value_name = "NAME", help_heading = "Search")]
    pub(crate) strategy: Option<String>,
    /// Maximum number of answers per task, over all rounds.
    #[arg(long, value_name = "N", default_value_t = TUNE_BUDGET, help_heading = "Search")]
    pub(crate) budget: usize,
    /// Number of settings to try per task, including the initial one.
    #[arg(long, value_name = "N", default_value_t = CANDIDATES_USUAL, help_heading = "Search")]
    pub(crate) candidates: usize,
    /// Weights of quality (0 to 1) and of speed (tokens/s divided by 20, at most 1).
    #[arg(
        long,
        value_name = "QUALITY,SPEED",
        value_delimiter = ',',
        default_value = "0.7,0.3",
        help_heading = "Search"
    )]
    pub(crate) weights: Vec<f64>,
    /// Random seed of the settings, the order of questions and the answers.
    #[arg(long, value_name = "S", default_value_t = 0, help_heading = "Search")]
    pub(crate) seed: u64,
    /// Maximum answer length in tokens, unless the suite sets one.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=65_536), help_heading = "Search")]
    pub(crate) max_tokens: u32,
    /// What stands around questions.
    #[command(flatten)]
    pub(crate) template: TemplateArgs,
    /// Another model that rates answers to open questions from 1 to 10; without one they are left out.
    #[arg(long, value_name = "MODEL", value_parser = super::named::named(), help_heading = "Search")]
    pub(crate) judge: Option<String>,
    /// Run code written by the model even if this machine cannot isolate it.
    #[arg(long, help_heading = "Search")]
    pub(crate) allow_unsafe_code: bool,
    /// Show the settings and rounds without asking anything.
    #[arg(long, help_heading = "Output")]
    pub(crate) dry_run: bool,
    /// Output format.
    #[arg(long, default_value = "table", value_name = "FORMAT", value_parser = ["table", "json", "markdown", "md"], help_heading = "Output")]
    pub(crate) format: String,
    /// Ask every question again; do not read or save kept answers.
    #[arg(long, help_heading = "Output")]
    pub(crate) no_cache: bool,
    /// Print the results only; do not save the preset.
    #[arg(long, help_heading = "Output")]
    pub(crate) no_save: bool,
    /// Engine knobs.
    #[command(flatten)]
    pub(crate) knobs: KnobArgs,
}
