//! GGUF files: a reader that trusts no length, and a writer that streams.

mod error;
mod header;
mod source;
mod tensor_type;
mod value;
mod writer;

#[cfg(test)]
mod tests;

pub use error::GgufError;
pub use header::{DataArea, GgufHeader, TensorInfo, limits};
pub use tensor_type::TensorType;
pub use value::{ArrayInfo, Scalar, ScalarKind, Value};
pub use writer::{Content, GgufPlan, GgufWriter, MetadataEntry, TensorSpec};

/// The first four bytes of every GGUF file.
pub const MAGIC: [u8; 4] = *b"GGUF";

/// Alignment of tensor data when `general.alignment` is absent, bytes.
pub const DEFAULT_ALIGNMENT: u64 = 32;

/// Key of the alignment.
pub const ALIGNMENT_KEY: &str = "general.alignment";
