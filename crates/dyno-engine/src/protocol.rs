//! The engine protocol: generated messages, and their checked conversions from and to the vocabulary.
//!
//! Both sides convert here and nowhere else: `From` turns vocabulary into messages, `TryFrom` turns messages into
//! vocabulary and refuses what a sound peer would never send. Times travel in the units their names say.

mod events;
mod failure;
mod paths;
mod replies;
mod requests;
mod scoring;

pub use failure::{FAILURE_BYTES_MAX, FailureKind, failure, failure_status, status_failure};
pub use paths::received_path;
pub(crate) use paths::sent_path;
pub use replies::{measure_report, progress_fraction};
pub use requests::{LOGPROBS_MAX, STOP_BYTES_MAX, STOPS_MAX, check_chat, check_request};
pub use scoring::{
    ScoreExpectation, check_perplexity, check_quantize, check_score, chunk_score, quantize_ms, score_messages,
};

/// Messages and services generated from `proto/engine.proto`.
pub mod proto {
    #![allow(missing_docs, clippy::all, clippy::too_many_lines, clippy::excessive_nesting)]
    tonic::include_proto!("dyno.engine.v1");
}

/// Rises with every incompatible change of `proto/engine.proto`.
pub const PROTOCOL_VERSION: u32 = 2;

/// Largest message either side accepts, bytes. A prompt of some million tokens and the times of some million decode
/// steps fit; give it to both `max_decoding_message_size` and `max_encoding_message_size`.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A message no sound peer would send.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the engine protocol was broken: {field} is {value}, but must be {expected}")]
pub struct ProtocolError {
    /// Field, as the message names it.
    pub field: &'static str,
    /// The refused value.
    pub value: String,
    /// What is accepted.
    pub expected: String,
}

impl ProtocolError {
    fn new(field: &'static str, value: impl std::fmt::Display, expected: impl Into<String>) -> Self {
        Self { field, value: value.to_string(), expected: expected.into() }
    }

    /// The same as a sentence for the caller whose request it is.
    #[must_use]
    pub fn refusal(&self) -> String {
        format!("{} is {}, but must be {}", self.field, self.value, self.expected)
    }

    /// For a part of a message that is not there.
    fn missing(field: &'static str) -> Self {
        Self::new(field, "missing", "given")
    }
}

#[cfg(test)]
mod tests;
