//! `cache`: where models are kept, how full it is, and making room.

use dyno_hub::{CacheSize, Pruned};

use crate::{AppError, Work};

impl Work {
    /// How full the cache is.
    ///
    /// # Errors
    /// [`AppError::Hub`] when it cannot be read.
    pub fn cache_size(&self) -> Result<CacheSize, AppError> {
        self.with_library(|library, job| library.size(job))
    }

    /// Evicts models until they take no more than `max_bytes` (the cache's own limit without), the longest unused first; clears
    /// unfinished downloads and damaged files.
    ///
    /// # Errors
    /// [`AppError::Hub`].
    pub fn prune_cache(&self, max_bytes: Option<u64>) -> Result<Pruned, AppError> {
        self.with_library(|library, job| library.prune(max_bytes, job))
    }
}
