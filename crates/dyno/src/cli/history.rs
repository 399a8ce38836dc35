//! `dyno history`.

use clap::Args;

/// Flags of `dyno history`.
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// Show only models whose name contains this text.
    #[arg(long, value_name = "TEXT")]
    pub(crate) model: Option<String>,
    /// Show only valid records.
    #[arg(long)]
    pub(crate) valid: bool,
    /// Maximum number of runs, and of evaluations, to show, newest first.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(crate) limit: u32,
    /// Remove this run or evaluation, given its id or the beginning of it.
    #[arg(long, value_name = "ID")]
    pub(crate) remove: Option<String>,
    /// Output format.
    #[arg(long, default_value = "table", value_name = "FORMAT", value_parser = ["table", "json"], help_heading = "Output")]
    pub(crate) format: String,
}
