//! GGUF files: a reader that trusts no length, and a writer that streams.
//!
//! The reader is the boundary between files of unknown origin and everything behind it, native code above all: what
//! passes has counts, lengths and places within [`limits`] and within the file. See this crate's `fuzz/` for how that is kept true.

mod error;
mod header;
pub mod limits;
mod read_at;
mod restate;
mod source;
mod tensor_type;
mod tensors;
mod value;
mod writer;

#[cfg(test)]
mod tests;

pub use error::GgufError;
pub use header::GgufHeader;
pub(crate) use header::open_file;
pub use read_at::ReadAt;
pub use restate::restate_u32;
pub use tensor_type::TensorType;
pub use tensors::{DataArea, TensorInfo};
pub use value::{ArrayInfo, Scalar, ScalarKind, Value};
pub use writer::{Content, GgufPlan, GgufWriter, MetadataEntry, TensorSpec};

/// The first four bytes of every GGUF file.
pub const MAGIC: [u8; 4] = *b"GGUF";

/// Alignment of tensor data when `general.alignment` is absent, bytes.
pub const DEFAULT_ALIGNMENT: u64 = 32;

/// Key of the alignment.
pub const ALIGNMENT_KEY: &str = "general.alignment";
