//! The header of a GGUF file: metadata and tensor places, checked before anything believes them.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::source::Source;
use super::value::ARRAY_ID;
use super::{
    ALIGNMENT_KEY, ArrayInfo, DEFAULT_ALIGNMENT, GgufError, MAGIC, Scalar, ScalarKind, TensorType, Value,
};

/// Limits on what a header may claim. Real files stay far below; a claim above one is refused before it costs anything.
pub mod limits {
    /// Longest string, bytes.
    pub const STRING_BYTES_MAX: u64 = 16 * 1024 * 1024;
    /// Longest key, bytes (the format's own limit).
    pub const KEY_BYTES_MAX: u64 = 65_535;
    /// Longest tensor name, bytes (the format's own limit).
    pub const TENSOR_NAME_BYTES_MAX: u64 = 64;
    /// Most items of an array.
    pub const ARRAY_ITEMS_MAX: u64 = 64 * 1024 * 1024;
    /// Most metadata entries.
    pub const KEYS_MAX: u64 = 65_536;
    /// Most tensors.
    pub const TENSORS_MAX: u64 = 1024 * 1024;
    /// Most dimensions of a tensor.
    pub const DIMENSIONS_MAX: u32 = 4;
    /// Largest header, bytes.
    pub const HEADER_BYTES_MAX: u64 = 256 * 1024 * 1024;
    /// Largest number of items that the header keeps of an array; longer ones are read on demand.
    pub const ARRAY_ITEMS_KEPT_MAX: u64 = 1024;
}

/// Least bytes of a metadata entry: key length, value type, one byte of value.
const ENTRY_BYTES_MIN: u64 = 13;
/// Least bytes of a tensor entry: name length, dimension count, one dimension, type, offset.
const TENSOR_ENTRY_BYTES_MIN: u64 = 32;

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

/// A checked header.
#[derive(Debug, Clone, PartialEq)]
pub struct GgufHeader {
    /// Format version, 2 or 3.
    pub version: u32,
    /// Metadata in file order; keys are unique.
    pub metadata: Vec<(String, Value)>,
    /// Tensors in file order; names are unique, data lies within the file and does not overlap.
    pub tensors: Vec<TensorInfo>,
    /// The data area.
    pub data: DataArea,
    /// Bytes of the header, up to the end of the tensor list (without padding).
    pub header_bytes: u64,
    /// Bytes of the whole file.
    pub file_bytes: u64,
    /// SHA-256 over the header bytes followed by the file size (64 bits, little-endian).
    pub fingerprint: [u8; 32],
}

impl GgufHeader {
    /// Reads and checks the header of a file; no tensor data is touched.
    ///
    /// # Errors
    /// Every [`GgufError`] but the writer's.
    pub fn read(path: &Path) -> Result<Self, GgufError> {
        let (file, length) = open(path)?;
        Self::read_from(file, length)
    }

    /// Reads and checks a header from the beginning of a source of `length` bytes. `reader` is read sequentially and in
    /// large pieces, so it needs no buffering of its own.
    ///
    /// # Errors
    /// Every [`GgufError`] but the writer's.
    pub fn read_from(reader: impl Read, length: u64) -> Result<Self, GgufError> {
        if length == 0 {
            return Err(GgufError::Empty);
        }
        let mut source = Source::new(reader, length);
        let version = read_version(&mut source)?;
        let tensor_count = read_count(&mut source, "the number of tensors", limits::TENSORS_MAX)?;
        let key_count = read_count(&mut source, "the number of keys", limits::KEYS_MAX)?;
        source.require(key_count * ENTRY_BYTES_MIN + tensor_count * TENSOR_ENTRY_BYTES_MIN, "the header")?;
        let metadata = read_metadata(&mut source, key_count)?;
        let alignment = alignment_of(&metadata)?;
        let tensors = read_tensors(&mut source, tensor_count, alignment)?;
        let header_bytes = source.offset();
        let data = DataArea { begin: header_bytes.next_multiple_of(alignment), alignment };
        check_places(&tensors, data, length)?;
        let fingerprint = source.fingerprint();
        Ok(Self { version, metadata, tensors, data, header_bytes, file_bytes: length, fingerprint })
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.metadata.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// The value of a key that is not an array.
    #[must_use]
    pub fn scalar(&self, key: &str) -> Option<&Scalar> {
        match self.get(key)? {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// Place and type of a key that is an array.
    #[must_use]
    pub fn array(&self, key: &str) -> Option<ArrayInfo> {
        match self.get(key)? {
            Value::Items(info, _) | Value::Array(info) => Some(*info),
            Value::Scalar(_) => None,
        }
    }

    /// Reads all items of an array of this file. Strings that are not UTF-8 come with replacement characters.
    ///
    /// # Errors
    /// [`GgufError::Io`], or [`GgufError::Truncated`] and others when the file changed since its header was read.
    pub fn load_array(
        &self,
        mut reader: impl Read + Seek,
        info: ArrayInfo,
    ) -> Result<Vec<Scalar>, GgufError> {
        reader.seek(SeekFrom::Start(info.offset))?;
        let mut source = Source::new(reader, info.bytes);
        read_items(&mut source, info.kind, info.count, "an array")
    }
}

/// Opens a regular file; says in words what else it is.
pub(super) fn open(path: &Path) -> Result<(File, u64), GgufError> {
    let about = std::fs::metadata(path)?;
    if about.is_dir() {
        return Err(GgufError::Directory);
    }
    // Before opening: a pipe would block.
    if !about.is_file() {
        return Err(GgufError::NotAFile);
    }
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    Ok((file, length))
}

fn read_version<R: Read>(source: &mut Source<R>) -> Result<u32, GgufError> {
    let magic: [u8; 4] = source.array("the magic number")?;
    if magic == *b"FUGG" {
        return Err(GgufError::BigEndian);
    }
    if magic != MAGIC {
        return Err(GgufError::WrongMagic { found: magic.escape_ascii().to_string() });
    }
    match source.u32("the version")? {
        1 => Err(GgufError::Version1),
        version @ (2 | 3) => Ok(version),
        // A small number whose bytes are the wrong way round.
        version if version > 0xFFFF && version.swap_bytes() <= 0xFFFF => Err(GgufError::BigEndian),
        version => Err(GgufError::UnknownVersion { version }),
    }
}

fn read_count<R: Read>(source: &mut Source<R>, what: &str, limit: u64) -> Result<u64, GgufError> {
    let found = source.u64(what)?;
    if found > limit { Err(GgufError::TooLarge { what: what.to_owned(), found, limit }) } else { Ok(found) }
}

fn read_name<R: Read>(source: &mut Source<R>, what: &str, limit: u64) -> Result<String, GgufError> {
    let length = read_count(source, &format!("the length of {what}"), limit)?;
    let offset = source.offset();
    let bytes = source.bytes(length, what)?;
    String::from_utf8(bytes).map_err(|_| GgufError::NotText { what: what.to_owned(), offset })
}

fn read_text<R: Read>(source: &mut Source<R>, what: &str) -> Result<String, GgufError> {
    let length = read_count(source, &format!("the length of a string of {what}"), limits::STRING_BYTES_MAX)?;
    let bytes = source.bytes(length, what)?;
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

fn read_metadata<R: Read>(source: &mut Source<R>, count: u64) -> Result<Vec<(String, Value)>, GgufError> {
    let mut seen = HashSet::new();
    let mut metadata = Vec::new();
    for _ in 0..count {
        let key = read_name(source, "a key", limits::KEY_BYTES_MAX)?;
        if !seen.insert(key.clone()) {
            return Err(GgufError::DuplicateKey { key });
        }
        let value = read_value(source, &key)?;
        metadata.push((key, value));
    }
    Ok(metadata)
}

fn read_value<R: Read>(source: &mut Source<R>, key: &str) -> Result<Value, GgufError> {
    let id = source.u32(key)?;
    if id != ARRAY_ID {
        let kind =
            ScalarKind::from_id(id).ok_or_else(|| GgufError::UnknownValueType { key: key.to_owned(), id })?;
        return read_scalar(source, kind, key).map(Value::Scalar);
    }
    let id = source.u32(key)?;
    if id == ARRAY_ID {
        return Err(GgufError::NestedArray { key: key.to_owned() });
    }
    let kind =
        ScalarKind::from_id(id).ok_or_else(|| GgufError::UnknownValueType { key: key.to_owned(), id })?;
    let count = read_count(source, &format!("the number of items of {key}"), limits::ARRAY_ITEMS_MAX)?;
    let offset = source.offset();
    let Some(size) = kind.fixed_bytes() else {
        skip_strings(source, count, key)?;
        return Ok(Value::Array(ArrayInfo { kind, count, offset, bytes: source.offset() - offset }));
    };
    let info = ArrayInfo { kind, count, offset, bytes: count * size };
    if count > limits::ARRAY_ITEMS_KEPT_MAX {
        source.skip(info.bytes, key)?;
        return Ok(Value::Array(info));
    }
    Ok(Value::Items(info, read_items(source, kind, count, key)?))
}

fn read_items<R: Read>(
    source: &mut Source<R>,
    kind: ScalarKind,
    count: u64,
    key: &str,
) -> Result<Vec<Scalar>, GgufError> {
    // Each string costs at least its length field, so this also bounds the allocation below.
    source.require(count.saturating_mul(kind.fixed_bytes().unwrap_or(8)), key)?;
    let mut items = Vec::with_capacity(usize::try_from(count).unwrap_or(0));
    for _ in 0..count {
        items.push(read_scalar(source, kind, key)?);
    }
    Ok(items)
}

fn skip_strings<R: Read>(source: &mut Source<R>, count: u64, key: &str) -> Result<(), GgufError> {
    source.require(count * 8, key)?;
    for _ in 0..count {
        let found = source.u64(key)?;
        if found > limits::STRING_BYTES_MAX {
            let what = format!("the length of a string of {key}");
            return Err(GgufError::TooLarge { what, found, limit: limits::STRING_BYTES_MAX });
        }
        source.skip(found, key)?;
    }
    Ok(())
}

fn read_scalar<R: Read>(source: &mut Source<R>, kind: ScalarKind, key: &str) -> Result<Scalar, GgufError> {
    let decoded = match kind.fixed_bytes() {
        None => return read_text(source, key).map(Scalar::String),
        Some(1) => Scalar::decode(kind, &source.array::<1>(key)?),
        Some(2) => Scalar::decode(kind, &source.array::<2>(key)?),
        Some(4) => Scalar::decode(kind, &source.array::<4>(key)?),
        Some(_) => Scalar::decode(kind, &source.array::<8>(key)?),
    };
    decoded.ok_or_else(|| GgufError::BadBool { key: key.to_owned() })
}

fn alignment_of(metadata: &[(String, Value)]) -> Result<u64, GgufError> {
    match metadata.iter().find(|(key, _)| key == ALIGNMENT_KEY) {
        None => Ok(DEFAULT_ALIGNMENT),
        Some((_, Value::Scalar(Scalar::U32(alignment)))) if alignment.is_power_of_two() => {
            Ok(u64::from(*alignment))
        }
        Some((_, value)) => Err(GgufError::BadAlignment { found: format!("{value:?}") }),
    }
}

fn read_tensors<R: Read>(
    source: &mut Source<R>,
    count: u64,
    alignment: u64,
) -> Result<Vec<TensorInfo>, GgufError> {
    let mut seen = HashSet::new();
    let mut tensors = Vec::new();
    for _ in 0..count {
        let tensor = read_tensor(source, alignment)?;
        if !seen.insert(tensor.name.clone()) {
            return Err(GgufError::DuplicateTensor { name: tensor.name });
        }
        tensors.push(tensor);
    }
    Ok(tensors)
}

fn read_tensor<R: Read>(source: &mut Source<R>, alignment: u64) -> Result<TensorInfo, GgufError> {
    let name = read_name(source, "a tensor name", limits::TENSOR_NAME_BYTES_MAX)?;
    let found = source.u32(&name)?;
    if !(1..=limits::DIMENSIONS_MAX).contains(&found) {
        return Err(GgufError::BadDimensions { name, found });
    }
    let mut shape = Vec::new();
    for _ in 0..found {
        shape.push(source.u64(&name)?);
    }
    let id = source.u32(&name)?;
    let Some(kind) = TensorType::from_id(id) else {
        return Err(GgufError::UnknownTensorType { name, id });
    };
    let offset = source.u64(&name)?;
    let bytes = tensor_bytes(&name, &shape, kind)?;
    if !offset.is_multiple_of(alignment) {
        return Err(GgufError::Misaligned { name, offset, alignment });
    }
    Ok(TensorInfo { name, shape, kind, offset, bytes })
}

/// Bytes of a tensor: every row must fill whole blocks, and nothing may overflow.
pub(super) fn tensor_bytes(name: &str, shape: &[u64], kind: TensorType) -> Result<u64, GgufError> {
    let bad_shape = || GgufError::BadShape { name: name.to_owned(), shape: shape.to_vec() };
    let elements = shape.iter().try_fold(1u64, |product, extent| product.checked_mul(*extent));
    let elements = elements.filter(|elements| *elements > 0).ok_or_else(bad_shape)?;
    let (row, block) = (shape[0], kind.block_elements());
    if !row.is_multiple_of(block) {
        return Err(GgufError::PartialBlock { name: name.to_owned(), row, block, kind: kind.name() });
    }
    kind.bytes_of(elements).ok_or_else(bad_shape)
}

/// Every tensor within the file, and no byte in two tensors.
fn check_places(tensors: &[TensorInfo], data: DataArea, file_bytes: u64) -> Result<(), GgufError> {
    for tensor in tensors {
        let begin = data.begin.saturating_add(tensor.offset);
        let end = begin.saturating_add(tensor.bytes);
        if end > file_bytes {
            return Err(GgufError::OutsideFile { name: tensor.name.clone(), begin, end, file_bytes });
        }
    }
    let mut by_offset: Vec<&TensorInfo> = tensors.iter().collect();
    by_offset.sort_by_key(|tensor| tensor.offset);
    for pair in by_offset.windows(2) {
        if pair[0].offset + pair[0].bytes > pair[1].offset {
            let (first, second) = (pair[0].name.clone(), pair[1].name.clone());
            return Err(GgufError::Overlap { first, second });
        }
    }
    Ok(())
}
