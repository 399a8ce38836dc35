//! `dyno recommend`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use dyno_types::{Priority, Profile, Role};

/// Examples in its help.
pub(crate) const EXAMPLES: &str = r"Examples:
  dyno recommend --role coding
  dyno recommend one.gguf two.gguf                which of my files?
  dyno recommend llama3.3:70b --memory 64GB       would it fit there?
  dyno recommend --stack                          one model per role";

/// Flags of `dyno recommend`.
#[derive(Debug, Args)]
pub(crate) struct RecommendArgs {
    /// Models to choose from: names (llama3.3:70b, qwen2.5-coder:7b-instruct-q4_K_M, a hub repository), files, ollama:NAME:TAG
    /// [default: everything that dyno knows]. A single name is shown in every quantization.
    #[arg(value_name = "MODEL", value_parser = super::named::named())]
    pub(crate) models: Vec<String>,
    /// What the model is for [default: general, or the main role of MODEL].
    #[arg(long, value_name = "ROLE", value_parser = PossibleValuesParser::new(Role::ALL.map(|(name, _)| name)))]
    pub(crate) role: Option<String>,
    /// What matters most [default: balanced; with a profile: speed for development, quality for production].
    #[arg(long, value_name = "PRIORITY", value_parser = PossibleValuesParser::new(Priority::ALL.map(|(name, _)| name)))]
    pub(crate) priority: Option<String>,
    /// Use of this machine: for development 30 % of its memory are kept free, for production 20 % [default: 25 %].
    #[arg(long, value_name = "PROFILE", value_parser = PossibleValuesParser::new(Profile::ALL.map(|(name, _)| name)))]
    pub(crate) profile: Option<String>,
    /// Memory to choose for: a size such as 16GB or 7.5GiB, or `free` for what is free now [default: the memory of this machine].
    /// Sizes that memory is sold in mean GiB: 16GB is 16 GiB.
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<String>,
    /// Context window, in tokens [default: 4096, or the training context if smaller].
    #[arg(long, value_name = "TOKENS")]
    pub(crate) context: Option<u32>,
    /// Show one model per role, for use one at a time and together, for 8, 16, 24 and 32 GiB and this machine.
    #[arg(long, conflicts_with_all = ["models", "role"])]
    pub(crate) stack: bool,
    /// Read the memory tiers from this TOML file.
    #[arg(long, value_name = "FILE")]
    pub(crate) tiers: Option<PathBuf>,
    /// Do not measure the engine first (one to two minutes, once); only models that were benchmarked then have speeds.
    #[arg(long)]
    pub(crate) no_measure: bool,
    /// Maximum number of models to show.
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Output")]
    pub(crate) top: u16,
    /// Show every model that is not recommended, with the reason, instead of only the three asked about most.
    #[arg(long, help_heading = "Output")]
    pub(crate) all: bool,
    /// Explain each choice: a sentence, the memory by part, and the sources.
    #[arg(long, help_heading = "Output")]
    pub(crate) explain: bool,
    /// Output format.
    #[arg(long, default_value = "text", value_name = "FORMAT", value_parser = ["text", "json"], help_heading = "Output")]
    pub(crate) format: String,
}
