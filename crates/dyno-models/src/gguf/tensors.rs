//! The tensor table of a header: what each tensor is, and where its data lies, checked against the file.

use std::collections::HashSet;
use std::io::Read;

use super::header::read_name;
use super::source::{Source, What};
use super::{GgufError, TensorType, limits};

/// Least bytes of a tensor entry: name length, dimension count, one dimension, type, offset.
pub(super) const ENTRY_BYTES_MIN: u64 = 32;

/// One tensor as the header states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Name, e.g. `blk.0.attn_q.weight`.
    pub name: String,
    /// Elements per dimension, the fastest-running first; 1 to 4 of them, none zero.
    pub shape: Vec<u64>,
    /// Element type.
    pub kind: TensorType,
    /// Where its data begins in the data area, bytes.
    pub offset: u64,
    /// Bytes of its data.
    pub bytes: u64,
}

impl TensorInfo {
    /// Number of elements. Cannot overflow: the reader refuses shapes that do.
    #[must_use]
    pub fn elements(&self) -> u64 {
        self.shape.iter().product()
    }
}

/// Where tensor data lies in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataArea {
    /// First byte of the data area, from the beginning of the file.
    pub begin: u64,
    /// Alignment of every tensor, bytes.
    pub alignment: u64,
}

/// Reads the table; refuses a name that comes twice.
pub(super) fn read_tensors<R: Read>(
    source: &mut Source<R>,
    count: u64,
    alignment: u64,
) -> Result<Vec<TensorInfo>, GgufError> {
    // Not reserved: the count is a claim until the entries have been read.
    let mut tensors = Vec::new();
    for _ in 0..count {
        tensors.push(read_tensor(source, alignment)?);
    }
    let mut seen = HashSet::with_capacity(tensors.len());
    match tensors.iter().find(|tensor| !seen.insert(tensor.name.as_str())) {
        Some(twice) => Err(GgufError::DuplicateTensor { name: twice.name.clone() }),
        None => Ok(tensors),
    }
}

fn read_tensor<R: Read>(source: &mut Source<R>, alignment: u64) -> Result<TensorInfo, GgufError> {
    let name = read_name(source, "the name of a tensor", limits::TENSOR_NAME_BYTES_MAX)?;
    let found = source.u32(What::Tensor(&name))?;
    if !(1..=limits::DIMENSIONS_MAX).contains(&found) {
        return Err(GgufError::BadDimensions { name, found });
    }
    let mut shape = Vec::with_capacity(found as usize);
    for _ in 0..found {
        shape.push(source.u64(What::Tensor(&name))?);
    }
    let id = source.u32(What::Tensor(&name))?;
    let Some(kind) = TensorType::from_id(id) else {
        return Err(GgufError::UnknownTensorType { name, id });
    };
    let offset = source.u64(What::Tensor(&name))?;
    let bytes = tensor_bytes(&name, &shape, kind)?;
    if !offset.is_multiple_of(alignment) {
        return Err(GgufError::Misaligned { name, offset, alignment });
    }
    Ok(TensorInfo { name, shape, kind, offset, bytes })
}

/// Bytes of a tensor: every row must fill whole blocks, and nothing may overflow.
pub(super) fn tensor_bytes(name: &str, shape: &[u64], kind: TensorType) -> Result<u64, GgufError> {
    let bad_shape = || GgufError::BadShape { name: name.to_owned(), shape: shape.to_vec() };
    let counted = |number: &u64| (1..=limits::ELEMENTS_MAX).contains(number);
    let product = shape.iter().try_fold(1u64, |product, extent| product.checked_mul(*extent));
    let elements = product.filter(counted).ok_or_else(bad_shape)?;
    let (row, block) = (shape.first().copied().unwrap_or(1), kind.block_elements());
    if !row.is_multiple_of(block) {
        return Err(GgufError::PartialBlock { name: name.to_owned(), row, block, kind: kind.name() });
    }
    kind.bytes_of(elements).filter(counted).ok_or_else(bad_shape)
}

/// Most bytes behind the last tensor, where the alignment is smaller: writers pad to a page at most.
const PADDING_BYTES_MAX: u64 = 4096;

/// Every tensor within the file, no byte in two tensors, and nothing behind them but padding: a sparse file of a terabyte
/// would otherwise be hashed and mapped to its end.
pub(super) fn check_places(tensors: &[TensorInfo], data: DataArea, file_bytes: u64) -> Result<(), GgufError> {
    for tensor in tensors {
        let begin = data.begin.saturating_add(tensor.offset);
        let end = begin.saturating_add(tensor.bytes);
        if end > file_bytes {
            return Err(GgufError::OutsideFile { name: tensor.name.clone(), begin, end, file_bytes });
        }
    }
    let ends = tensors.iter().map(|tensor| data.begin.saturating_add(tensor.offset + tensor.bytes));
    let end = ends.max().unwrap_or(data.begin);
    let behind = file_bytes.saturating_sub(end);
    if behind > data.alignment.max(PADDING_BYTES_MAX) {
        return Err(GgufError::BehindTensors { behind, end });
    }
    let mut by_offset: Vec<&TensorInfo> = tensors.iter().collect();
    by_offset.sort_unstable_by_key(|tensor| tensor.offset);
    for pair in by_offset.windows(2) {
        // Cannot overflow: both lie within the file.
        if pair[0].offset + pair[0].bytes > pair[1].offset {
            let (first, second) = (pair[0].name.clone(), pair[1].name.clone());
            return Err(GgufError::Overlap { first, second });
        }
    }
    Ok(())
}
