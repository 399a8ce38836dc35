//! `dyno generate`.

use std::path::PathBuf;

use clap::Args;

use super::{KnobArgs, PolicyArgs, SamplingArgs, TemplateArgs};

/// Examples in its help.
pub(crate) const EXAMPLES: &str = r#"Examples:
  dyno generate model.gguf -p "Why is the sky blue?" --stream
  dyno generate model.gguf -p "Summarize this." --filename notes.txt --long chunks
  dyno generate model.gguf -p "Is 91 a prime number?" --check "one-of=yes|no""#;

/// Flags of `dyno generate`.
#[derive(Debug, Args)]
#[command(mut_arg("template", |arg| arg.help_heading(None::<&str>)), mut_arg("raw", |arg| arg.help_heading(None::<&str>)))]
#[command(mut_args(super::knobs::for_one_answer))]
pub(crate) struct GenerateArgs {
    /// Model to run.
    #[arg(value_name = "MODEL", value_parser = super::named::named(), help = super::model_help("Model to run:"), required_unless_present = "model_flag")]
    pub(crate) model: Option<String>,
    /// Model to run, as an option.
    #[arg(long = "model", short = 'm', value_name = "REF", value_parser = super::named::named(), id = "model_flag", conflicts_with = "model")]
    pub(crate) model_flag: Option<String>,
    /// Prompt; `-` reads it from standard input, as does leaving it out when input is piped.
    #[arg(long, short)]
    pub(crate) prompt: Option<String>,
    /// Read the prompt from this file (`-` for standard input), without its final line break; with --prompt, the text the prompt
    /// asks about.
    #[arg(long, value_name = "FILE")]
    pub(crate) filename: Option<PathBuf>,
    /// What to do with a prompt that is too long for any window: refuse it, read it in overlapping chunks and combine the answers,
    /// or slide past its beginning.
    #[arg(long, value_name = "HOW", default_value = "refuse", value_parser = ["refuse", "chunks", "slide"])]
    pub(crate) long: String,
    /// System message (needs a chat template).
    #[arg(long, conflicts_with = "raw")]
    pub(crate) system: Option<String>,
    /// What stands around the prompt.
    #[command(flatten)]
    pub(crate) template: TemplateArgs,
    /// Maximum answer length in tokens [default: 512, or what the window holds].
    #[arg(long, alias = "limit", value_name = "N")]
    pub(crate) max_tokens: Option<u32>,
    /// Stop when this text appears; may be given several times.
    #[arg(long, value_name = "TEXT")]
    pub(crate) stop: Vec<String>,
    /// Print the text as it is generated.
    #[arg(long, conflicts_with_all = ["check", "votes", "judge", "policy"])]
    pub(crate) stream: bool,
    /// Report the N likeliest tokens of every step, each with its text and the logarithm of its probability.
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(crate) logprobs: u32,
    /// Output format: the text alone, or JSON with token ids, timings and finish reason.
    #[arg(long, default_value = "text", value_name = "FORMAT", value_parser = ["text", "json"], help_heading = "Output")]
    pub(crate) format: String,
    /// Sampling.
    #[command(flatten)]
    pub(crate) sampling: SamplingArgs,
    /// Use the sampling settings that `dyno tune` found for this task: reasoning, creativity, knowledge or code; `none` turns off
    /// the hint about presets. Options given above take precedence.
    #[arg(long, alias = "task", value_name = "TASK", help_heading = "Sampling")]
    pub(crate) preset: Option<String>,
    /// What the answer is held to.
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// Engine knobs.
    #[command(flatten)]
    pub(crate) knobs: KnobArgs,
}
