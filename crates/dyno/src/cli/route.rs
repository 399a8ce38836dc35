//! `dyno route`.

use clap::Args;
use clap::builder::PossibleValuesParser;
use dyno_types::Priority;

/// Flags of `dyno route`.
#[derive(Debug, Args)]
pub(crate) struct RouteArgs {
    /// Kind of task: code, reasoning, math, translation, image, … [default: general].
    #[arg(value_name = "TASK")]
    pub(crate) task: Option<String>,
    /// What matters most.
    #[arg(long, default_value = "balanced", value_name = "PRIORITY",
          value_parser = PossibleValuesParser::new(Priority::ALL.map(|(name, _)| name)))]
    pub(crate) priority: String,
    /// How demanding the request is.
    #[arg(long, default_value = "normal", value_name = "WORD", value_parser = ["simple", "normal", "complex"])]
    pub(crate) complexity: String,
    /// Length of the request, in tokens.
    #[arg(long, default_value_t = 0, value_name = "TOKENS")]
    pub(crate) content: u64,
    /// Model that is already loaded; may be given several times.
    #[arg(long, value_name = "MODEL", value_parser = super::named::named())]
    pub(crate) loaded: Vec<String>,
    /// Memory to choose for: a size such as 16GB or 7.5GiB, or `free` for what is free now [default: the memory of this machine].
    /// Sizes that memory is sold in mean GiB: 16GB is 16 GiB.
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<String>,
    /// Output format.
    #[arg(long, default_value = "text", value_name = "FORMAT", value_parser = ["text", "json"], help_heading = "Output")]
    pub(crate) format: String,
}
