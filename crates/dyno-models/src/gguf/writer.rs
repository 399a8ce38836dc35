//! Writing GGUF version 3: the header is planned first, then tensor data streams through in order.

use std::collections::HashSet;
use std::io::Write;

use super::error::quoted;
use super::header::{check_alignment, check_name, within};
use super::tensors::tensor_bytes;
use super::value::ARRAY_ID;
use super::{
    ALIGNMENT_KEY, DEFAULT_ALIGNMENT, GgufError, MAGIC, Scalar, ScalarKind, TensorInfo, TensorType, limits,
};

/// Version written.
const VERSION: u32 = 3;

/// A value to write.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Not an array.
    Scalar(Scalar),
    /// An array; all items have this type.
    Array(ScalarKind, Vec<Scalar>),
}

/// A metadata entry to write.
pub type MetadataEntry = (String, Content);

/// A tensor to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// Name.
    pub name: String,
    /// Elements per dimension, the fastest-running first.
    pub shape: Vec<u64>,
    /// Element type.
    pub kind: TensorType,
}

/// A file whose every byte but the tensor data is decided.
#[derive(Debug, Clone, PartialEq)]
pub struct GgufPlan {
    /// Everything before the data area, padding included.
    pub header: Vec<u8>,
    /// Tensors with their places in the data area.
    pub tensors: Vec<TensorInfo>,
    /// Alignment of the data area, bytes.
    pub alignment: u64,
    /// Bytes of the finished file.
    pub file_bytes: u64,
}

impl GgufPlan {
    /// Decides the layout. The alignment is 32 unless the metadata state another (as a `u32`).
    ///
    /// # Errors
    /// Whatever the reader would refuse: duplicate keys or tensors, impossible shapes, a bad alignment, anything above
    /// its [`limits`]; and mixed arrays.
    pub fn new(metadata: &[MetadataEntry], tensors: &[TensorSpec]) -> Result<Self, GgufError> {
        within(metadata.len() as u64, limits::KEYS_MAX, || "the number of keys".to_owned())?;
        within(tensors.len() as u64, limits::TENSORS_MAX, || "the number of tensors".to_owned())?;
        let alignment = alignment_of(metadata)?;
        let tensors = place(tensors, alignment)?;
        let mut header = Vec::new();
        header.extend(MAGIC);
        header.extend(VERSION.to_le_bytes());
        header.extend((tensors.len() as u64).to_le_bytes());
        header.extend((metadata.len() as u64).to_le_bytes());
        encode_metadata(metadata, &mut header)?;
        for tensor in &tensors {
            encode_tensor(tensor, &mut header);
        }
        within_header(&header)?;
        pad(&mut header, alignment);
        // The data end within 2^63, and the header is far shorter: no overflow.
        let data_bytes =
            tensors.last().map_or(0, |last| (last.offset + last.bytes).next_multiple_of(alignment));
        let file_bytes = header.len() as u64 + data_bytes;
        within(file_bytes, limits::FILE_BYTES_MAX, || "the size of the file".to_owned())?;
        Ok(Self { header, tensors, alignment, file_bytes })
    }
}

fn within_header(header: &[u8]) -> Result<u64, GgufError> {
    within(header.len() as u64, limits::HEADER_BYTES_MAX, || "the size of the header".to_owned())
}

fn alignment_of(metadata: &[MetadataEntry]) -> Result<u64, GgufError> {
    match metadata.iter().find(|(key, _)| key == ALIGNMENT_KEY) {
        None => Ok(DEFAULT_ALIGNMENT),
        Some((_, Content::Scalar(scalar))) => check_alignment(scalar),
        Some(_) => Err(GgufError::BadAlignment { found: "an array".to_owned() }),
    }
}

fn place(specs: &[TensorSpec], alignment: u64) -> Result<Vec<TensorInfo>, GgufError> {
    let mut seen = HashSet::new();
    let mut offset = 0u64;
    let mut placed = Vec::with_capacity(specs.len());
    for spec in specs {
        if !seen.insert(&spec.name) {
            return Err(GgufError::DuplicateTensor { name: spec.name.clone() });
        }
        check_text(&spec.name, "the name of a tensor", limits::TENSOR_NAME_BYTES_MAX)?;
        if spec.shape.is_empty() || spec.shape.len() > limits::DIMENSIONS_MAX as usize {
            let found = u32::try_from(spec.shape.len()).unwrap_or(u32::MAX);
            return Err(GgufError::BadDimensions { name: spec.name.clone(), found });
        }
        let bytes = tensor_bytes(&spec.name, &spec.shape, spec.kind)?;
        let (name, shape) = (spec.name.clone(), spec.shape.clone());
        placed.push(TensorInfo { name, shape, kind: spec.kind, offset, bytes });
        let bad_shape = || GgufError::BadShape { name: spec.name.clone(), shape: spec.shape.clone() };
        let end = offset.checked_add(bytes).ok_or_else(bad_shape)?;
        let next = end.checked_next_multiple_of(alignment);
        offset = next.filter(|next| *next <= limits::ELEMENTS_MAX).ok_or_else(bad_shape)?;
    }
    Ok(placed)
}

fn encode_metadata(metadata: &[MetadataEntry], out: &mut Vec<u8>) -> Result<(), GgufError> {
    let mut seen = HashSet::new();
    for (key, content) in metadata {
        if !seen.insert(key) {
            return Err(GgufError::DuplicateKey { key: key.clone() });
        }
        check_text(key, "a key", limits::KEY_BYTES_MAX)?;
        encode_text(key, out);
        match content {
            Content::Scalar(scalar) => {
                check_item(key, scalar)?;
                out.extend(scalar.kind().id().to_le_bytes());
                scalar.encode(out);
            }
            Content::Array(kind, items) => {
                if items.iter().any(|item| item.kind() != *kind) {
                    return Err(GgufError::MixedArray { key: key.clone() });
                }
                let count = items.len() as u64;
                within(count, limits::ARRAY_ITEMS_MAX, || {
                    format!("the number of items of key {}", quoted(key))
                })?;
                items.iter().try_for_each(|item| check_item(key, item))?;
                out.extend(ARRAY_ID.to_le_bytes());
                out.extend(kind.id().to_le_bytes());
                out.extend(count.to_le_bytes());
                items.iter().for_each(|item| item.encode(out));
            }
        }
        within_header(out)?;
    }
    Ok(())
}

/// A key or a tensor's name.
fn check_text(name: &str, what: &'static str, limit: u64) -> Result<(), GgufError> {
    within(name.len() as u64, limit, || format!("the length of {what}"))?;
    check_name(name.to_owned(), what).map(drop)
}

fn check_item(key: &str, item: &Scalar) -> Result<(), GgufError> {
    let length = item.as_str().map_or(0, |text| text.len() as u64);
    within(length, limits::STRING_BYTES_MAX, || format!("the length of a string of key {}", quoted(key)))
        .map(drop)
}

pub(super) fn encode_text(text: &str, out: &mut Vec<u8>) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

fn encode_tensor(tensor: &TensorInfo, out: &mut Vec<u8>) {
    encode_text(&tensor.name, out);
    // At most four dimensions.
    out.extend((tensor.shape.len() as u32).to_le_bytes());
    tensor.shape.iter().for_each(|extent| out.extend(extent.to_le_bytes()));
    out.extend(tensor.kind.id().to_le_bytes());
    out.extend(tensor.offset.to_le_bytes());
}

fn pad(out: &mut Vec<u8>, alignment: u64) {
    let padded = (out.len() as u64).next_multiple_of(alignment);
    // The alignment is at most 2 MiB, and only the padding is added.
    out.resize(out.len() + (padded - out.len() as u64) as usize, 0);
}

/// Streams a planned file into a sink. Memory does not grow with the tensors.
#[derive(Debug)]
pub struct GgufWriter<W> {
    sink: W,
    /// Bytes of data still to come, per tensor, the next one last.
    lengths: Vec<u64>,
    /// Bytes still to come of the current tensor.
    left: u64,
    /// Padding after the current tensor.
    padding: u64,
    alignment: u64,
}

impl<W: Write> GgufWriter<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// [`GgufError::Io`].
    pub fn begin(mut sink: W, plan: &GgufPlan) -> Result<Self, GgufError> {
        sink.write_all(&plan.header)?;
        let lengths = plan.tensors.iter().rev().map(|tensor| tensor.bytes).collect();
        Ok(Self { sink, lengths, left: 0, padding: 0, alignment: plan.alignment })
    }

    /// Writes the next piece of the current tensor. A piece must not reach into the next tensor.
    ///
    /// # Errors
    /// [`GgufError::Io`]; [`GgufError::WrongDataLength`] for more bytes than the tensor has left.
    pub fn data(&mut self, piece: &[u8]) -> Result<(), GgufError> {
        if self.left == 0 {
            self.left = self.lengths.pop().unwrap_or(0);
            self.padding = self.left.next_multiple_of(self.alignment) - self.left;
        }
        let given = piece.len() as u64;
        if given > self.left {
            return Err(GgufError::WrongDataLength { given, expected: self.left });
        }
        self.sink.write_all(piece)?;
        self.left -= given;
        if self.left == 0 {
            std::io::copy(&mut std::io::Read::take(std::io::repeat(0), self.padding), &mut self.sink)?;
        }
        Ok(())
    }

    /// Ends the file and gives the sink back, flushed.
    ///
    /// # Errors
    /// [`GgufError::WrongDataLength`] when tensor data is missing; [`GgufError::Io`].
    pub fn finish(mut self) -> Result<W, GgufError> {
        let missing = self.left + self.lengths.iter().sum::<u64>();
        if missing > 0 {
            return Err(GgufError::WrongDataLength { given: 0, expected: missing });
        }
        self.sink.flush()?;
        Ok(self.sink)
    }
}
