//! `dyno recommend`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use dyno_types::{Priority, Profile, Role};

/// Flags of `dyno recommend`.
#[derive(Debug, Args)]
pub(crate) struct RecommendArgs {
    /// Models to ask about: names (llama3.3:70b, qwen2.5-coder:7b-instruct-q4_K_M, a hub repository), files, ollama:NAME:TAG. One name
    /// is shown in every quantization; several models, and files, are compared with each other alone.
    #[arg(value_name = "MODEL")]
    pub(crate) models: Vec<String>,
    /// What it is for [default: general, or the main role of MODEL].
    #[arg(long, value_name = "ROLE", value_parser = PossibleValuesParser::new(Role::ALL.map(|(name, _)| name)))]
    pub(crate) role: Option<String>,
    /// What matters most [default: balanced; with a profile: speed for development, quality for production].
    #[arg(long, value_name = "PRIORITY", value_parser = PossibleValuesParser::new(Priority::ALL.map(|(name, _)| name)))]
    pub(crate) priority: Option<String>,
    /// How much memory stays free: 30 % in development, 20 % in production [default: 25 %].
    #[arg(long, value_name = "PROFILE", value_parser = PossibleValuesParser::new(Profile::ALL.map(|(name, _)| name)))]
    pub(crate) profile: Option<String>,
    /// Memory to choose for: 16GB, 7.5GiB, or free for what is free right now [default: this machine's]. GB means GiB where
    /// memory is sold in that size: 16GB is 16 GiB.
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<String>,
    /// Context window, tokens [default: 4096, or less for models made for less].
    #[arg(long, value_name = "TOKENS")]
    pub(crate) context: Option<u32>,
    /// One model per role, one at a time and together, for 8, 16, 24 and 32 GiB and this machine.
    #[arg(long, conflicts_with_all = ["models", "role"])]
    pub(crate) stack: bool,
    /// A tier policy of your own, a TOML file.
    #[arg(long, value_name = "FILE")]
    pub(crate) tiers: Option<PathBuf>,
    /// Do not measure the engine on this machine first; without that, speed is known only of models that were benchmarked.
    #[arg(long)]
    pub(crate) no_measure: bool,
    /// Most choices shown.
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Output")]
    pub(crate) top: u16,
    /// Every model that is not recommended, with its reason, rather than the three that people ask about most.
    #[arg(long, help_heading = "Output")]
    pub(crate) all: bool,
    /// A sentence, the memory by part and the sources for each choice.
    #[arg(long, help_heading = "Output")]
    pub(crate) explain: bool,
    /// text or json.
    #[arg(long, default_value = "text", value_name = "FORMAT", value_parser = ["text", "json"], help_heading = "Output")]
    pub(crate) format: String,
}
