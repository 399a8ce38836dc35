//! `dyno generate`.

use std::path::PathBuf;

use clap::Args;

use super::{KnobArgs, PolicyArgs, SamplingArgs};

/// Flags of `dyno generate`.
#[derive(Debug, Args)]
#[command(mut_args(super::knobs::for_one_answer))]
pub(crate) struct GenerateArgs {
    /// Model: path, synth:SHAPE@QUANT or builtin:nano (also as --model).
    #[arg(value_name = "MODEL", required_unless_present = "model_flag")]
    pub(crate) model: Option<String>,
    /// Model, as a flag.
    #[arg(long = "model", short = 'm', value_name = "REF", id = "model_flag", conflicts_with = "model")]
    pub(crate) model_flag: Option<String>,
    /// The prompt; `-` reads it from standard input, as does leaving it out when standard input is no terminal.
    #[arg(long, short)]
    pub(crate) prompt: Option<String>,
    /// Read the prompt from a file (`-` for standard input); beside --prompt, the text that the prompt asks about. A final line
    /// end is not part of it.
    #[arg(long, value_name = "FILE")]
    pub(crate) filename: Option<PathBuf>,
    /// When prompt and answer fit into no window: refuse and say which would fit; read the prompt in overlapping chunks and put
    /// the answers together; or slide: read its newest tokens alone.
    #[arg(long, value_name = "HOW", default_value = "refuse", value_parser = ["refuse", "chunks", "slide"])]
    pub(crate) long: String,
    /// System message (needs a chat template).
    #[arg(long, conflicts_with = "raw")]
    pub(crate) system: Option<String>,
    /// Continue the prompt as it stands, without the chat template.
    #[arg(long)]
    pub(crate) raw: bool,
    /// Maximum answer length in tokens [default: 512, or less where the window holds less].
    #[arg(long, alias = "limit", value_name = "N")]
    pub(crate) max_tokens: Option<u32>,
    /// Stop when this text appears (repeatable).
    #[arg(long, value_name = "TEXT")]
    pub(crate) stop: Vec<String>,
    /// Print the text as it comes.
    #[arg(long, conflicts_with_all = ["check", "votes", "judge", "policy"])]
    pub(crate) stream: bool,
    /// Report the N most likely tokens of every step (with --format json).
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(crate) logprobs: u32,
    /// text: the text alone; json: text, token ids, timings and finish reason.
    #[arg(long, default_value = "text", value_name = "FORMAT", value_parser = ["text", "json"], help_heading = "Output")]
    pub(crate) format: String,
    /// Sampling.
    #[command(flatten)]
    pub(crate) sampling: SamplingArgs,
    /// Sampling that `dyno tune` found for this model and task: reasoning, creative, knowledge or code; `none` says nothing about
    /// presets there are. What is typed above wins.
    #[arg(long, alias = "task", value_name = "TASK", help_heading = "Sampling")]
    pub(crate) preset: Option<String>,
    /// What the answer is held to.
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// Engine knobs.
    #[command(flatten)]
    pub(crate) knobs: KnobArgs,
}
