//! Models from elsewhere: hub client, resuming downloads, and the cache they live in.
//!
//! What the cache relies on, also on shared network storage: that a rename within one folder is atomic, that an exclusive
//! creation of a file succeeds for one process only, and that a modification time survives until somebody writes. Advisory
//! locks (`flock`) are used where the file system has them; see `cache::lock` for what happens where it has not. Nothing
//! is memory-mapped, and nothing needs a database.

mod cache;
mod download;
mod error;
mod hub;
mod job;
mod library;
mod settings;
mod stores;

pub use cache::{CacheSize, Entry, EntryFile, EntryKind, Lease, Pruned};
pub use download::digest::sha256_of;
pub use error::HubError;
pub use hub::{DEFAULT_PREFERENCE, RemoteFile, RemoteHeader};
pub use library::{Checked, Found, Library, Origin, Row, Verdict};
pub use settings::{DEFAULT_CACHE_MAX_BYTES, HubSettings, Patience, Token, parse_bytes};
pub use stores::{OllamaModel, Place, StoredModel};
