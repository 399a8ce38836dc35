//! `dyno report`.

use std::path::PathBuf;

use clap::Args;

/// Flags of `dyno report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Runs or evaluations by id or a unique beginning of one, or record files (.json) [default: the latest].
    #[arg(value_name = "ID")]
    pub(crate) records: Vec<String>,
    /// table, html, md, csv (a row per metric of a run, per item of an evaluation) or json. Texts in CSV are whole, with line breaks
    /// and signs; only before what a spreadsheet would run as a formula stands an apostrophe.
    #[arg(long, default_value = "table", value_name = "FORMAT", help_heading = "Output")]
    pub(crate) format: String,
    /// Write to this file instead of standard output.
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
}
