//! `dyno doctor`.

use clap::Args;

/// Flags of `dyno doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Measure this machine again, even if it was measured before (takes a few seconds).
    #[arg(long)]
    pub(crate) measure: bool,
    /// Output format.
    #[arg(long, default_value = "text", value_name = "FORMAT", value_parser = ["text", "json"], help_heading = "Output")]
    pub(crate) format: String,
}
