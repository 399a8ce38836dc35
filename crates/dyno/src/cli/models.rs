//! `dyno models`.

use clap::{Args, Subcommand};

/// Flags of `dyno models`.
#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: ModelsVerb,
}

/// What can be done with model files.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelsVerb {
    /// Show what a model file says of itself, and the memory it would take, without reading weights.
    Inspect {
        /// Model: path, synth:SHAPE@QUANT or builtin:default.
        #[arg(value_name = "MODEL")]
        model: String,
        /// text or json.
        #[arg(long, default_value = "text", value_name = "FORMAT", value_parser = ["text", "json"], help_heading = "Output")]
        format: String,
    },
}
