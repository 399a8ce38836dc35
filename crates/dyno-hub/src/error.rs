//! Why a model cannot be fetched, found or kept.

use std::path::{Path, PathBuf};

use dyno_models::ModelError;
use dyno_types::{Remedy, Wish};

/// A model from elsewhere that cannot be used. Texts say what failed, with which value, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// A setting that makes no sense.
    #[error("{name}={value:?}: {reason}")]
    BadSetting {
        /// Name of the flag or variable.
        name: String,
        /// What was given.
        value: String,
        /// What it should be.
        reason: String,
    },
    /// No such model in an Ollama store.
    #[error("{reference} is not in an Ollama store on this machine: {available}")]
    NotInOllama {
        /// What was asked for.
        reference: String,
        /// The tags that are there, or where was looked.
        available: String,
    },
    /// An Ollama store that leads nowhere.
    #[error("{reference} cannot be opened: {}: {reason}; `ollama pull` repairs it", path.display())]
    OllamaStore {
        /// What was asked for.
        reference: String,
        /// The manifest or file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Nothing may be fetched.
    #[error(
        "{reference} is not on this machine, and HF_HUB_OFFLINE forbids fetching it; unset it, or choose one of `dyno models list`"
    )]
    Offline {
        /// What was asked for.
        reference: String,
    },
    /// No connection, or one that broke too often.
    #[error(
        "{url} cannot be reached: {reason}; check the network (and HF_ENDPOINT), then repeat the command: what was fetched is kept"
    )]
    Unreachable {
        /// Address, without query.
        url: String,
        /// What happened last.
        reason: String,
    },
    /// The server refused.
    #[error("{url} answered {status}: {advice}")]
    Refused {
        /// Address, without query.
        url: String,
        /// HTTP status.
        status: u16,
        /// What to do.
        advice: String,
    },
    /// An answer that no honest server gives.
    #[error(
        "{url} gave an answer that is not acceptable: {reason}; it may be broken or hostile, fetch from another server"
    )]
    Unacceptable {
        /// Address, without query.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// The file became another one while it was fetched, again and again.
    #[error("{file} changed on the server while it was fetched; try again later")]
    Changed {
        /// File.
        file: String,
    },
    /// Nothing like that in the repository.
    #[error("{repo} has no model file {wanted:?}{nearest}; it has: {available}")]
    NoSuchFile {
        /// `hf:ORG/REPO`.
        repo: String,
        /// File or quantization asked for.
        wanted: String,
        /// A guess, with its leading punctuation; may be empty.
        nearest: String,
        /// What there is.
        available: String,
    },
    /// A repository without model files.
    #[error(
        "{repo} has no .gguf file ({files} files of other kinds); choose a repository with GGUF files, their names often end in -GGUF"
    )]
    NoModels {
        /// `hf:ORG/REPO`.
        repo: String,
        /// Files of other kinds.
        files: usize,
    },
    /// What arrived is not what was promised.
    #[error(
        "{file} arrived damaged twice: its SHA-256 is {found}, the hub promises {expected}; nothing was kept, try again or fetch from another server"
    )]
    WrongDigest {
        /// File.
        file: String,
        /// Promised digest.
        expected: String,
        /// Digest of what arrived.
        found: String,
    },
    /// What arrived is no model, and nobody promised what it would be.
    #[error(
        "what arrived as {file} twice is no model: {reason}; nothing was kept, check the file on the hub"
    )]
    NoModel {
        /// File.
        file: String,
        /// Why.
        reason: String,
    },
    /// Too little room.
    #[error("{file} needs {needed_bytes} more bytes, but only {free_bytes} bytes are free in {}; free some space (`dyno cache prune`) or choose another folder (DYNO_CACHE_DIR)", folder.display())]
    DiskFull {
        /// File to be fetched.
        file: String,
        /// Where.
        folder: PathBuf,
        /// Bytes still to come.
        needed_bytes: u64,
        /// Free for this user, bytes.
        free_bytes: u64,
    },
    /// A model that would have to be evicted at once.
    #[error(
        "{reference} has {bytes} bytes, more than the whole cache may have ({max_bytes}, see LLAMA_CACHE_MAX_SIZE)"
    )]
    LargerThanCache {
        /// Model.
        reference: String,
        /// Its size, bytes.
        bytes: u64,
        /// Most bytes of the cache.
        max_bytes: u64,
    },
    /// A file or folder of the cache.
    #[error("{} cannot be used: {source}; check its permissions and free space, or choose another folder (DYNO_CACHE_DIR)", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No folder for the cache.
    #[error("there is no folder to keep models in")]
    NoCache,
    /// Nothing like that in the cache.
    #[error("there is no {text:?} in the cache{nearest}; `dyno models list` shows what there is")]
    NotCached {
        /// What was asked for.
        text: String,
        /// A guess, with its leading punctuation; may be empty.
        nearest: String,
    },
    /// Several models fit.
    #[error("{text:?} fits several models in the cache: {matches}; name one of them")]
    Ambiguous {
        /// What was asked for.
        text: String,
        /// What fits.
        matches: String,
    },
    /// A model that may not go.
    #[error("{name} is {state}; {advice}")]
    Held {
        /// Model.
        name: String,
        /// `pinned` or `in use`.
        state: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// Stopped by the user.
    #[error("stopped while fetching {file}; what was fetched is kept, the same command goes on from there")]
    Cancelled {
        /// File.
        file: String,
    },
    /// The file itself.
    #[error(transparent)]
    Model(#[from] ModelError),
}

impl HubError {
    /// What would help.
    #[must_use]
    pub fn remedy(&self) -> Option<Remedy> {
        matches!(self, Self::LargerThanCache { .. }).then_some(Remedy::Raise(Wish::CacheSize))
    }

    /// Whether the request itself is at fault: a word nobody knows, a setting that makes no sense.
    #[must_use]
    pub fn is_bad_input(&self) -> bool {
        match self {
            Self::BadSetting { .. }
            | Self::NoCache
            | Self::NotInOllama { .. }
            | Self::NotCached { .. }
            | Self::Ambiguous { .. }
            | Self::LargerThanCache { .. } => true,
            Self::Model(error) => error.is_bad_input(),
            _ => false,
        }
    }

    /// Whether the model is at fault: it is not there, or not what it should be.
    #[must_use]
    pub fn is_model_failure(&self) -> bool {
        match self {
            Self::NoSuchFile { .. }
            | Self::OllamaStore { .. }
            | Self::NoModels { .. }
            | Self::WrongDigest { .. }
            | Self::NoModel { .. }
            | Self::Changed { .. } => true,
            Self::Refused { status, .. } => (400..500).contains(status) && *status != 429,
            Self::Model(_) => !self.is_bad_input(),
            _ => false,
        }
    }

    /// Whether the hub could not be asked, so that what it would have said is unknown.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Offline { .. } => true,
            Self::Refused { status, .. } => *status == 429 || *status >= 500,
            _ => false,
        }
    }

    /// Wraps an error of the file system.
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}
