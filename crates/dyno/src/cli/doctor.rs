//! `dyno doctor`.

use clap::Args;

/// Flags of `dyno doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Measure this machine again (a few seconds) even when what it can do is known.
    #[arg(long)]
    pub(crate) measure: bool,
    /// text or json.
    #[arg(long, default_value = "text", value_name = "FORMAT", value_parser = ["text", "json"], help_heading = "Output")]
    pub(crate) format: String,
}
