//! `dyno history`.

use clap::Args;

/// Flags of `dyno history`.
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// Only models whose name contains this.
    #[arg(long, value_name = "TEXT")]
    pub(crate) model: Option<String>,
    /// Only valid records.
    #[arg(long)]
    pub(crate) valid: bool,
    /// Most runs, and most evaluations, newest first.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(crate) limit: u32,
    /// Remove this run or evaluation (its id or a unique beginning of it).
    #[arg(long, value_name = "ID")]
    pub(crate) remove: Option<String>,
    /// table or json.
    #[arg(long, default_value = "table", value_name = "FORMAT", value_parser = ["table", "json"], help_heading = "Output")]
    pub(crate) format: String,
}
