//! `dyno report`.

use std::path::PathBuf;

use clap::Args;

/// Flags of `dyno report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Runs by id or a unique beginning of one, or record files (.json) [default: the latest run].
    #[arg(value_name = "RUN")]
    pub(crate) runs: Vec<String>,
    /// table, html, md, csv or json.
    #[arg(long, default_value = "table", value_name = "FORMAT", help_heading = "Output")]
    pub(crate) format: String,
    /// Write to this file instead of standard output.
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
}
