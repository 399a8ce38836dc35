//! Typed failures inside gRPC replies.

use prost::Message as _;
use tonic::{Code, Status};

use super::proto;

pub use super::proto::failure::Kind as FailureKind;

/// Longest failure text that travels, bytes; the rest is cut. Reply headers have a limit, and failures travel there.
pub const FAILURE_BYTES_MAX: usize = 2048;

/// Longest plain-text copy for people who look at the raw status.
const STATUS_BYTES_MAX: usize = 256;

/// A failure as it travels inside a stream.
#[must_use]
pub fn failure(kind: FailureKind, message: &str) -> proto::Failure {
    proto::Failure { kind: kind.into(), message: cut(message, FAILURE_BYTES_MAX).to_owned() }
}

/// A failure as the reply of a call: the message `Failure` as the details of the status.
#[must_use]
pub fn failure_status(kind: FailureKind, message: &str) -> Status {
    let code = match kind {
        FailureKind::Internal => Code::Internal,
        FailureKind::Model | FailureKind::Template => Code::FailedPrecondition,
        FailureKind::OutOfMemory => Code::ResourceExhausted,
        FailureKind::BadRequest | FailureKind::NoTemplate => Code::InvalidArgument,
        FailureKind::Cancelled => Code::Cancelled,
    };
    let details = failure(kind, message).encode_to_vec();
    Status::with_details(code, cut(message, STATUS_BYTES_MAX), details.into())
}

/// The failure a status carries; `None` when the transport or the framework made the status.
#[must_use]
pub fn status_failure(status: &Status) -> Option<proto::Failure> {
    if status.details().is_empty() { None } else { proto::Failure::decode(status.details()).ok() }
}

/// The longest start of `text` that has at most `bytes` bytes and whole characters.
fn cut(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_survives_a_status() {
        for kind in [
            FailureKind::Internal,
            FailureKind::Model,
            FailureKind::OutOfMemory,
            FailureKind::BadRequest,
            FailureKind::NoTemplate,
            FailureKind::Template,
            FailureKind::Cancelled,
        ] {
            let got = status_failure(&failure_status(kind, "why: ünïcode")).unwrap();
            assert_eq!((got.kind(), got.message.as_str()), (kind, "why: ünïcode"));
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let long = "ü".repeat(FAILURE_BYTES_MAX);
        let status = failure_status(FailureKind::Internal, &format!("x{long}"));
        let got = status_failure(&status).unwrap();
        assert_eq!(got.message.len(), FAILURE_BYTES_MAX - 1);
        assert!(status.message().len() <= STATUS_BYTES_MAX);
    }

    #[test]
    fn statuses_of_the_framework_carry_no_failure() {
        assert_eq!(status_failure(&Status::unavailable("gone")), None);
        assert_eq!(status_failure(&Status::with_details(Code::Unknown, "x", vec![0xff; 9].into())), None);
    }
}
