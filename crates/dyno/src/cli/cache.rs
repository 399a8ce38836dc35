//! `dyno cache`.

use clap::{Args, Subcommand};

use super::models::OutputArgs;

/// Flags of `dyno cache`.
#[derive(Debug, Args)]
pub(crate) struct CacheArgs {
    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: CacheVerb,
}

/// What can be done with the cache.
#[derive(Debug, Subcommand)]
pub(crate) enum CacheVerb {
    /// Print the folder that models are kept in.
    Dir,
    /// Show how full the cache is.
    Size {
        /// Output.
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Make room: remove unfinished downloads and damaged files, and evict models, the longest unused first.
    ///
    /// Models that are pinned or in use stay.
    Prune {
        /// Evict until all models together have no more than this: bytes, or with a unit as in 16GB (10^9) or 16GiB (2^30) [default: the cache's limit].
        #[arg(long, value_name = "SIZE")]
        max_size: Option<String>,
        /// Output.
        #[command(flatten)]
        output: OutputArgs,
    },
}
