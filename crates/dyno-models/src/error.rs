//! Why a model cannot be found, read or made.

use std::path::PathBuf;

use crate::gguf::GgufError;

/// A model that cannot be used. Texts name the file or word at fault and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The header was refused.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: GgufError,
    },
    /// No such file.
    #[error("{} does not exist; name a .gguf file{hint}", path.display())]
    NotFound {
        /// What was asked for.
        path: PathBuf,
        /// A nearer guess, with its leading punctuation; may be empty.
        hint: String,
    },
    /// A part of a split model is not there.
    #[error("part {number} of {count} of this split model is missing: {}; put all parts into one folder", path.display())]
    PartMissing {
        /// Where the part should be.
        path: PathBuf,
        /// Its number, from 1.
        number: u64,
        /// Parts in all.
        count: u64,
    },
    /// A part whose name lost its number.
    #[error(
        "{} says that it is one of {count} parts, but is not named NAME-00001-of-{count:05}.gguf, so the other parts cannot be found; \
         give it back its name",
        path.display()
    )]
    PartRenamed {
        /// The file.
        path: PathBuf,
        /// Parts in all.
        count: u64,
    },
    /// Parts that do not belong together.
    #[error("{} does not belong to the other parts of this split model: {reason}; fetch all parts again", path.display())]
    PartMismatch {
        /// The part.
        path: PathBuf,
        /// What differs.
        reason: String,
    },
    /// Another file, or other content, since it was looked at.
    #[error("{} is not the model it was at the start: {what}; leave model files alone while they are in use, and start again", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// How it differs.
        what: String,
    },
    /// No file at all.
    #[error("the model has no files; name at least one .gguf file")]
    NoParts,
    /// No tensors.
    #[error("{file_name} holds a vocabulary only and no weights; it cannot run, name a model with weights")]
    VocabularyOnly {
        /// File name.
        file_name: String,
    },
    /// An encoder.
    #[error(
        "{file_name} is a {architecture} model: it turns texts into vectors and cannot generate; name a language model"
    )]
    NotGenerative {
        /// File name.
        file_name: String,
        /// Architecture.
        architecture: String,
    },
    /// Not `SHAPE@QUANT`.
    #[error(
        "{text:?} is not SHAPE@QUANT; for example llama-3.2-1b@q4_k_m, or with a seed llama-3.2-1b@q4_k_m#7"
    )]
    BadSynthSpec {
        /// What was given.
        text: String,
    },
    /// No such shape.
    #[error("there is no shape {name:?}{}; known shapes: {known}", meant(.nearest))]
    UnknownShape {
        /// What was given.
        name: String,
        /// The most similar name, where one is similar.
        nearest: Option<&'static str>,
        /// All names.
        known: String,
    },
    /// No such quantization.
    #[error("there is no quantization {name:?} to make models with{}; known: {known}", meant(.nearest))]
    UnknownQuantization {
        /// What was given.
        name: String,
        /// The most similar name, where one is similar.
        nearest: Option<&'static str>,
        /// All names.
        known: String,
    },
    /// No such built-in model.
    #[error("there is no built-in model {name:?}; known: {known}")]
    UnknownBuiltin {
        /// What was given.
        name: String,
        /// All names.
        known: String,
    },
    /// No such model in the catalogue.
    #[error("there is no model {name:?} in the catalogue; the nearest names are {nearest}")]
    UnknownModel {
        /// What was given, shortened.
        name: String,
        /// The most similar names, the likeliest first.
        nearest: String,
    },
    /// A kind of reference that a later version will understand.
    #[error(
        "{reference:?} names {kind}, which is not supported in this version yet; fetch the model yourself and name the .gguf file"
    )]
    UnsupportedReference {
        /// What was given.
        reference: String,
        /// What it names.
        kind: &'static str,
    },
    /// No name a hub can have.
    #[error(
        "{reference:?} is not hf:ORG/REPO[@REVISION][:FILE-OR-QUANT]: {reason}; for example hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF:q4_k_m"
    )]
    BadHubReference {
        /// What was given.
        reference: String,
        /// What is wrong, as half a sentence.
        reason: String,
    },
    /// No name a model of Ollama can have.
    #[error("{reference:?} is not ollama:NAME[:TAG]: {reason}; for example ollama:llama3.2:1b")]
    BadOllamaReference {
        /// What was given.
        reference: String,
        /// What is wrong, as half a sentence.
        reason: String,
    },
    /// An address that carries a user name or a password. It is not repeated: messages and records are kept and shown.
    #[error(
        "an address of a model must not contain a user name or password, because references are kept in records; leave out what stands before the @"
    )]
    SecretInAddress,
    /// A model that is not a file here.
    #[error(
        "{reference:?} is not on this machine; `dyno models pull` fetches models of a hub, name the file it prints"
    )]
    Elsewhere {
        /// What was given.
        reference: String,
    },
    /// Too little room.
    #[error(
        "{} needs {needed_bytes} bytes, but only {free_bytes} bytes are free in {}; free some space or choose another folder \
         (DYNO_CACHE_DIR)",
        file_name, folder.display()
    )]
    DiskFull {
        /// File to be made.
        file_name: String,
        /// Where.
        folder: PathBuf,
        /// Size of the file, bytes.
        needed_bytes: u64,
        /// Free for this user, bytes.
        free_bytes: u64,
    },
    /// A model file could not be written.
    #[error("{} cannot be written: {source}; free some space, check the folder's permissions, or choose another (DYNO_CACHE_DIR)", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Stopped by the caller.
    #[error("stopped while making {file_name}; nothing was left behind")]
    Cancelled {
        /// File that was being made.
        file_name: String,
    },
}

fn meant(nearest: &Option<&'static str>) -> String {
    nearest.map(|name| format!(", did you mean {name}?")).unwrap_or_default()
}

impl ModelError {
    /// Whether the request itself is at fault (a word nobody knows), rather than a model.
    #[must_use]
    pub fn is_bad_input(&self) -> bool {
        matches!(
            self,
            Self::BadSynthSpec { .. }
                | Self::UnknownShape { .. }
                | Self::UnknownQuantization { .. }
                | Self::UnknownBuiltin { .. }
                | Self::UnknownModel { .. }
                | Self::UnsupportedReference { .. }
                | Self::BadHubReference { .. }
                | Self::BadOllamaReference { .. }
                | Self::SecretInAddress
                | Self::Elsewhere { .. }
        )
    }
}
