//! The cache: models on disk, who uses them, and which one goes when there are too many.
//!
//! ```text
//! CACHE/NAME.gguf                      a synthetic model (made by `dyno synth` and by builtin models)
//! CACHE/hub/ORG--REPO--ID/FILE.gguf    a pulled model, all parts in one folder; FILE.gguf.sha256 beside each
//! CACHE/hub/ORG--REPO--ID/FILE.gguf.part, .journal     a file being fetched
//! CACHE/quantized/DIGEST-BACKEND/FILE.gguf    quantizations of one model, counted and evicted together
//! CACHE/index/KEY.json                 what is known of a model: names, sizes, digests, last use, pin
//! CACHE/locks/KEY.use, KEY.pull, index locks; tiny, never removed
//! CACHE/damaged/…                      files that are not what they were; never loaded
//! ```
//!
//! The files are the truth; the index can be lost or damaged and is then made again from them.

pub(crate) mod entry;
pub(crate) mod evict;
pub(crate) mod huggingface;
pub(crate) mod index;
pub(crate) mod integrity;
pub(crate) mod lock;
pub(crate) mod plain;
pub(crate) mod shelf;

pub use entry::{Entry, EntryFile, EntryKind};
pub use lock::Lease;
pub use shelf::{CacheSize, Pruned};

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes this user may still write in the folder's file system.
pub(crate) fn free_bytes(folder: &Path) -> std::io::Result<u64> {
    let about = rustix::fs::statvfs(folder)?;
    Ok(about.f_bavail.saturating_mul(about.f_frsize))
}

/// A moment as nanoseconds since 1970; 0 for moments before.
pub(crate) fn unix_ns(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
