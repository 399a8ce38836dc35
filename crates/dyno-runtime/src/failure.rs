//! What can go wrong inside an engine, typed as the protocol carries it.

pub use dyno_engine::protocol::FailureKind;
use dyno_engine::protocol::ProtocolError;

use crate::BackendError;

/// A failed request: what failed, with which value, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Class.
    pub kind: FailureKind,
    /// A sentence for a person.
    pub message: String,
}

impl Failure {
    /// A failure of this class.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The request is at fault.
    #[must_use]
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(FailureKind::BadRequest, message)
    }

    /// The caller gave up, or what the request depended on is gone.
    #[must_use]
    pub fn cancelled(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Cancelled, message)
    }
}

impl From<BackendError> for Failure {
    fn from(error: BackendError) -> Self {
        let kind = match error {
            BackendError::Model(_) => FailureKind::Model,
            BackendError::OutOfMemory(_) => FailureKind::OutOfMemory,
            BackendError::BadRequest(_) => FailureKind::BadRequest,
            BackendError::Cancelled => FailureKind::Cancelled,
            BackendError::Internal(_) => FailureKind::Internal,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<ProtocolError> for Failure {
    /// A value out of range is the caller's fault; the name of the field says whose.
    fn from(error: ProtocolError) -> Self {
        Self::bad_request(error.refusal())
    }
}
