//! `dyno report`.

use std::path::PathBuf;

use clap::Args;

/// Examples in its help.
pub(crate) const EXAMPLES: &str = r"Examples:
  dyno report                                   the latest run or evaluation, as a table
  dyno report --format html --output page.html
  dyno report 20261121-06 20261122 --format csv   two, by the beginnings of their ids";

/// What a row of CSV is.
const CSV_ROWS: &str = "; csv has one row per metric of a run, or per question of an evaluation";

/// What becomes of texts in CSV.
const CSV_TEXTS: &str = "Texts in CSV are complete, with line breaks; a text that a spreadsheet would run as a formula gets a leading apostrophe";

/// Flags of `dyno report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Ids of runs or evaluations, or beginnings of ids, or record files (.json); several are compared [default: the latest].
    #[arg(value_name = "ID", value_parser = super::named::named())]
    pub(crate) records: Vec<String>,
    /// Output format.
    #[arg(long, default_value = "table", value_name = "FORMAT", help_heading = "Output",
          help = super::format_help(CSV_ROWS),
          long_help = super::format_help(&format!("{CSV_ROWS}.\n\n{CSV_TEXTS}")))]
    pub(crate) format: String,
    /// Write to this file instead of standard output.
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
}
