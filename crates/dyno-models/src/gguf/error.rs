//! Why a file was refused as GGUF.

use super::limits;

/// Most characters that a sentence shows of a text from a file.
const SHOWN_CHARACTERS_MAX: usize = 100;

/// A text from a file as a sentence may show it: in quotes, control characters escaped, cut short.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARACTERS_MAX) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}… ({} bytes)", &text[..end], text.len()),
    }
}

/// A refused file. Every variant names the offending value; what to do next is in the text.
#[derive(Debug, thiserror::Error)]
pub enum GgufError {
    /// The path is a directory.
    #[error("it is a directory; name one .gguf file in it")]
    Directory,
    /// Neither a file nor a directory.
    #[error("it is a device, pipe or socket, not a regular file")]
    NotAFile,
    /// Nothing in it.
    #[error("the file is empty; the download or copy did not finish")]
    Empty,
    /// The system refused.
    #[error("it cannot be read: {0}; check that the file exists and that you may read it")]
    Io(#[from] std::io::Error),
    /// Other first bytes.
    #[error(
        "it is not a GGUF file: it begins with \"{found}\" instead of \"GGUF\"; convert the model to GGUF first"
    )]
    WrongMagic {
        /// The first bytes, printable form.
        found: String,
    },
    /// Written for a big-endian machine.
    #[error(
        "it is a big-endian GGUF file; only little-endian files are supported, convert it with gguf_convert_endian"
    )]
    BigEndian,
    /// Version 1.
    #[error(
        "it is a GGUF version 1 file, a format withdrawn in 2023; convert the model again with a current converter"
    )]
    Version1,
    /// Some other version.
    #[error("it has GGUF version {version}; versions 2 and 3 are supported, a newer dyno may read it")]
    UnknownVersion {
        /// Version number in the file.
        version: u32,
    },
    /// The file ends early.
    #[error(
        "the file ends too early: {what} at byte {offset} needs {needed} bytes, {left} are left; fetch the file again"
    )]
    Truncated {
        /// What was being read.
        what: String,
        /// Position in the file.
        offset: u64,
        /// Bytes needed.
        needed: u64,
        /// Bytes left.
        left: u64,
    },
    /// A count or length over its limit.
    #[error("{what} is {found}, more than the {limit} accepted; the file is damaged or hostile")]
    TooLarge {
        /// What is counted.
        what: String,
        /// The number in the file.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// A zero byte in a key or tensor name.
    #[error("{what} holds a zero byte: {}; the file is damaged or hostile", quoted(name))]
    ZeroInName {
        /// What was being read.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A key or tensor name that is not UTF-8.
    #[error("{what} at byte {offset} is not valid UTF-8; the file is damaged, fetch it again")]
    NotText {
        /// What was being read.
        what: &'static str,
        /// Position in the file.
        offset: u64,
    },
    /// Unknown value type.
    #[error(
        "key {} has value type {id}, which GGUF does not define; the file is damaged or newer than this version",
        quoted(key)
    )]
    UnknownValueType {
        /// Metadata key.
        key: String,
        /// Type id in the file.
        id: u32,
    },
    /// An array of arrays.
    #[error(
        "key {} is an array of arrays, which is not supported; convert the model again without it",
        quoted(key)
    )]
    NestedArray {
        /// Metadata key.
        key: String,
    },
    /// Neither 0 nor 1.
    #[error("{what} holds a truth value that is neither 0 nor 1; the file is damaged, fetch it again")]
    BadBool {
        /// What was being read.
        what: String,
    },
    /// A key twice.
    #[error("key {} appears twice; the file is damaged or hostile", quoted(key))]
    DuplicateKey {
        /// Metadata key.
        key: String,
    },
    /// A tensor twice.
    #[error("tensor {} appears twice; the file is damaged or hostile", quoted(name))]
    DuplicateTensor {
        /// Tensor name.
        name: String,
    },
    /// `general.alignment` makes no sense.
    #[error("general.alignment is {found}; it must be an unsigned 32-bit power of two, at most {max}; convert the model again", max = limits::ALIGNMENT_MAX)]
    BadAlignment {
        /// What the file says.
        found: String,
    },
    /// Number of dimensions.
    #[error("tensor {} has {found} dimensions; 1 to {max} are possible; the file is damaged", quoted(name), max = limits::DIMENSIONS_MAX)]
    BadDimensions {
        /// Tensor name.
        name: String,
        /// Dimensions in the file.
        found: u32,
    },
    /// Zero elements, or more than can be counted.
    #[error("tensor {} has the impossible shape {shape:?}; the file is damaged", quoted(name))]
    BadShape {
        /// Tensor name.
        name: String,
        /// Its dimensions.
        shape: Vec<u64>,
    },
    /// Unknown element type.
    #[error(
        "tensor {} has element type {id}, which is unknown or was withdrawn; convert the model again, or update dyno",
        quoted(name)
    )]
    UnknownTensorType {
        /// Tensor name.
        name: String,
        /// Type id in the file.
        id: u32,
    },
    /// Rows that do not fill blocks.
    #[error(
        "tensor {} has rows of {row} elements, not a multiple of the {block} that a {kind} block holds; convert the model again",
        quoted(name)
    )]
    PartialBlock {
        /// Tensor name.
        name: String,
        /// Elements of one row.
        row: u64,
        /// Elements of one block.
        block: u64,
        /// Type name.
        kind: &'static str,
    },
    /// An offset off the grid.
    #[error(
        "tensor {} begins at data offset {offset}, not a multiple of the alignment {alignment}; convert the model again",
        quoted(name)
    )]
    Misaligned {
        /// Tensor name.
        name: String,
        /// Offset in the data area.
        offset: u64,
        /// Alignment of the file.
        alignment: u64,
    },
    /// Data past the end.
    #[error(
        "tensor {} needs bytes {begin} to {end}, but the file has only {file_bytes}; fetch the file again",
        quoted(name)
    )]
    OutsideFile {
        /// Tensor name.
        name: String,
        /// First byte.
        begin: u64,
        /// Byte after the last.
        end: u64,
        /// Size of the file.
        file_bytes: u64,
    },
    /// More behind the last tensor than padding.
    #[error(
        "the file goes on for {behind} bytes behind its last tensor, which ends at byte {end}; it is damaged or no model, so fetch it again"
    )]
    BehindTensors {
        /// Bytes behind the last tensor.
        behind: u64,
        /// Byte after the last tensor.
        end: u64,
    },
    /// Two tensors share bytes.
    #[error(
        "tensors {} and {} overlap in the file; the file is damaged or hostile",
        quoted(first),
        quoted(second)
    )]
    Overlap {
        /// The one that begins first.
        first: String,
        /// The other.
        second: String,
    },
    /// Data handed to the writer does not match what was announced.
    #[error("the writer was given {given} bytes of tensor data where {expected} were announced")]
    WrongDataLength {
        /// Bytes given.
        given: u64,
        /// Bytes announced.
        expected: u64,
    },
    /// An array with items of several types.
    #[error("key {} is an array of mixed types, which GGUF cannot hold", quoted(key))]
    MixedArray {
        /// Metadata key.
        key: String,
    },
}
