//! A hub over HTTP: what it lists, which file is meant, and the bytes.

pub(crate) mod choice;
pub(crate) mod client;
pub(crate) mod header;
pub(crate) mod listing;
pub(crate) mod network;
pub(crate) mod retry;

pub use choice::DEFAULT_PREFERENCE;
pub use header::RemoteHeader;
pub use listing::RemoteFile;
