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
    /// Print the directory of the cache.
    Dir,
    /// Show the size of the cache and its limit.
    Size {
        /// Output.
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Remove unfinished downloads and damaged files, and evict models until the cache fits its limit.
    ///
    /// The least recently used models go first. Models that are pinned or in use stay.
    Prune {
        /// Size to shrink the cache to, in bytes or with a unit, as in 16GB (GB is 10^9 bytes) or 16GiB (GiB is 2^30) [default: the limit of the cache].
        #[arg(long, value_name = "SIZE")]
        max_size: Option<String>,
        /// Output.
        #[command(flatten)]
        output: OutputArgs,
    },
}
