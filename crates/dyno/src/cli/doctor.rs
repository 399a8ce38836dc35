//! `dyno doctor`.

use clap::Args;

/// Flags of `dyno doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// text or json.
    #[arg(long, default_value = "text", value_name = "FORMAT", value_parser = ["text", "json"], help_heading = "Output")]
    pub(crate) format: String,
}
