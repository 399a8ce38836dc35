//! The header of a GGUF file: metadata and tensor places, checked before anything believes them.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::read_at::{Ahead, PIECE_BYTES, ReadAt};
use super::source::{Source, What};
use super::tensors::{self, check_places, read_tensors};
use super::value::ARRAY_ID;
use super::{
    ALIGNMENT_KEY, ArrayInfo, DEFAULT_ALIGNMENT, DataArea, GgufError, MAGIC, Scalar, ScalarKind, TensorInfo,
    Value, limits,
};

/// Least bytes of a metadata entry: key length, value type, one byte of value.
const ENTRY_BYTES_MIN: u64 = 13;

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
        Self::read_at(open_file(path)?)
    }

    /// Reads and checks the header of anything that can be read by ranges, such as a remote file. Less is read ahead than
    /// the header needs (see [`ReadAt`]).
    ///
    /// # Errors
    /// Every [`GgufError`] but the writer's.
    pub fn read_at(source: impl ReadAt) -> Result<Self, GgufError> {
        let (length, piece_bytes_max) = (source.length()?, source.piece_bytes_max());
        Self::read_source(Source::new(Ahead { source, offset: 0, left: length }, length, piece_bytes_max))
    }

    /// Reads and checks a header from the beginning of a stream of `length` bytes. `reader` is read sequentially and in
    /// large pieces, so it needs no buffering of its own.
    ///
    /// # Errors
    /// Every [`GgufError`] but the writer's.
    pub fn read_from(reader: impl Read, length: u64) -> Result<Self, GgufError> {
        Self::read_source(Source::new(reader, length, PIECE_BYTES))
    }

    fn read_source<R: Read>(mut source: Source<R>) -> Result<Self, GgufError> {
        let file_bytes = source.length();
        if file_bytes == 0 {
            return Err(GgufError::Empty);
        }
        within(file_bytes, limits::FILE_BYTES_MAX, || "the size of the file".to_owned())?;
        let version = read_version(&mut source)?;
        let tensor_count = read_count(&mut source, "the number of tensors", limits::TENSORS_MAX)?;
        let key_count = read_count(&mut source, "the number of keys", limits::KEYS_MAX)?;
        // Both counts are within their limits: no overflow.
        let least = key_count * ENTRY_BYTES_MIN + tensor_count * tensors::ENTRY_BYTES_MIN;
        source.require(least, What::The("the header"))?;
        let metadata = read_metadata(&mut source, key_count)?;
        let alignment = alignment_of(&metadata)?;
        let tensors = read_tensors(&mut source, tensor_count, alignment)?;
        let header_bytes = source.offset();
        let data = DataArea { begin: header_bytes.next_multiple_of(alignment), alignment };
        check_places(&tensors, data, file_bytes)?;
        let fingerprint = source.fingerprint();
        Ok(Self { version, metadata, tensors, data, header_bytes, file_bytes, fingerprint })
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
    /// [`GgufError::TooLarge`] for more than [`limits::ARRAY_ITEMS_LOADED_MAX`] items; [`GgufError::Io`];
    /// [`GgufError::Truncated`] and others when the file changed since its header was read.
    pub fn load_array(&self, source: impl ReadAt, info: ArrayInfo) -> Result<Vec<Scalar>, GgufError> {
        let limit = limits::ARRAY_ITEMS_LOADED_MAX;
        if info.count > limit {
            let what = "the number of items of an array to be read whole".to_owned();
            return Err(GgufError::TooLarge { what, found: info.count, limit });
        }
        let piece_bytes_max = source.piece_bytes_max();
        let ahead = Ahead { source, offset: info.offset, left: info.bytes };
        let what = What::The("an array");
        read_items(&mut Source::new(ahead, info.bytes, piece_bytes_max), info.kind, info.count, what)
    }
}

/// Opens a regular file; says in words what else it is.
pub(crate) fn open_file(path: &Path) -> Result<File, GgufError> {
    let regular = |about: std::fs::Metadata| match about {
        about if about.is_dir() => Err(GgufError::Directory),
        about if about.is_file() => Ok(()),
        _ => Err(GgufError::NotAFile),
    };
    // Before opening: opening a device can have effects. After it: the path may have come to name something else, and
    // opening a pipe must not wait for a writer.
    regular(std::fs::metadata(path)?)?;
    let no_waiting = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = OpenOptions::new().read(true).custom_flags(no_waiting).open(path)?;
    regular(file.metadata()?)?;
    Ok(file)
}

fn read_version<R: Read>(source: &mut Source<R>) -> Result<u32, GgufError> {
    let magic: [u8; 4] = source.array(What::The("the magic number"))?;
    if magic == *b"FUGG" {
        return Err(GgufError::BigEndian);
    }
    if magic != MAGIC {
        return Err(GgufError::WrongMagic { found: magic.escape_ascii().to_string() });
    }
    match source.u32(What::The("the version"))? {
        1 => Err(GgufError::Version1),
        version @ (2 | 3) => Ok(version),
        // A small number whose bytes are the wrong way round.
        version if version > 0xFFFF && version.swap_bytes() <= 0xFFFF => Err(GgufError::BigEndian),
        version => Err(GgufError::UnknownVersion { version }),
    }
}

fn read_count<R: Read>(source: &mut Source<R>, what: &'static str, limit: u64) -> Result<u64, GgufError> {
    let found = source.u64(What::The(what))?;
    within(found, limit, || what.to_owned())
}

/// The number, when it is within the limit.
pub(super) fn within(found: u64, limit: u64, what: impl Fn() -> String) -> Result<u64, GgufError> {
    if found > limit { Err(GgufError::TooLarge { what: what(), found, limit }) } else { Ok(found) }
}

/// A key or a tensor's name.
pub(super) fn read_name<R: Read>(
    source: &mut Source<R>,
    what: &'static str,
    limit: u64,
) -> Result<String, GgufError> {
    let length = source.u64(What::The(what))?;
    within(length, limit, || format!("the length of {what}"))?;
    let offset = source.offset();
    let bytes = source.bytes(length, What::The(what))?;
    let name = String::from_utf8(bytes).map_err(|_| GgufError::NotText { what, offset })?;
    check_name(name, what)
}

/// Native code takes names for zero-terminated: two names that differ only behind a zero byte would be one.
pub(super) fn check_name(name: String, what: &'static str) -> Result<String, GgufError> {
    if name.contains('\0') { Err(GgufError::ZeroInName { what, name }) } else { Ok(name) }
}

fn read_text<R: Read>(source: &mut Source<R>, what: What<'_>) -> Result<String, GgufError> {
    let length = source.u64(what)?;
    within(length, limits::STRING_BYTES_MAX, || format!("the length of a string of {what}"))?;
    let bytes = source.bytes(length, what)?;
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

fn read_metadata<R: Read>(source: &mut Source<R>, count: u64) -> Result<Vec<(String, Value)>, GgufError> {
    // Not reserved: the count is a claim until the entries have been read.
    let mut metadata = Vec::new();
    let mut items_left = limits::ITEMS_KEPT_MAX;
    for _ in 0..count {
        let key = read_name(source, "a key", limits::KEY_BYTES_MAX)?;
        let value = read_value(source, &key, items_left)?;
        if let Value::Items(info, _) = &value {
            items_left -= info.count;
        }
        metadata.push((key, value));
    }
    let mut seen = HashSet::with_capacity(metadata.len());
    match metadata.iter().find(|(key, _)| !seen.insert(key.as_str())) {
        Some((twice, _)) => Err(GgufError::DuplicateKey { key: twice.clone() }),
        None => Ok(metadata),
    }
}

/// One value; an array is kept when it has at most `items_left` items.
fn read_value<R: Read>(source: &mut Source<R>, key: &str, items_left: u64) -> Result<Value, GgufError> {
    let what = What::Key(key);
    let id = source.u32(what)?;
    if id != ARRAY_ID {
        return read_scalar(source, scalar_kind(key, id)?, what).map(Value::Scalar);
    }
    let id = source.u32(what)?;
    if id == ARRAY_ID {
        return Err(GgufError::NestedArray { key: key.to_owned() });
    }
    let kind = scalar_kind(key, id)?;
    let count = source.u64(what)?;
    within(count, limits::ARRAY_ITEMS_MAX, || format!("the number of items of {what}"))?;
    let offset = source.offset();
    let Some(size) = kind.fixed_bytes() else {
        skip_strings(source, count, what)?;
        return Ok(Value::Array(ArrayInfo { kind, count, offset, bytes: source.offset() - offset }));
    };
    // At most 64 Mi items of 8 bytes: no overflow.
    let info = ArrayInfo { kind, count, offset, bytes: count * size };
    if count > limits::ARRAY_ITEMS_KEPT_MAX.min(items_left) {
        source.skip(info.bytes, what)?;
        return Ok(Value::Array(info));
    }
    Ok(Value::Items(info, read_items(source, kind, count, what)?))
}

fn scalar_kind(key: &str, id: u32) -> Result<ScalarKind, GgufError> {
    ScalarKind::from_id(id).ok_or_else(|| GgufError::UnknownValueType { key: key.to_owned(), id })
}

fn read_items<R: Read>(
    source: &mut Source<R>,
    kind: ScalarKind,
    count: u64,
    what: What<'_>,
) -> Result<Vec<Scalar>, GgufError> {
    // Each string costs at least its length field.
    source.require(count.saturating_mul(kind.fixed_bytes().unwrap_or(8)), what)?;
    // Long arrays grow as their items arrive.
    let reserved = count.min(limits::ARRAY_ITEMS_KEPT_MAX);
    let mut items = Vec::with_capacity(usize::try_from(reserved).unwrap_or(0));
    for _ in 0..count {
        items.push(read_scalar(source, kind, what)?);
    }
    Ok(items)
}

fn skip_strings<R: Read>(source: &mut Source<R>, count: u64, what: What<'_>) -> Result<(), GgufError> {
    // At most 64 Mi strings: no overflow.
    source.require(count * 8, what)?;
    for _ in 0..count {
        let length = source.u64(what)?;
        within(length, limits::STRING_BYTES_MAX, || format!("the length of a string of {what}"))?;
        source.skip(length, what)?;
    }
    Ok(())
}

fn read_scalar<R: Read>(
    source: &mut Source<R>,
    kind: ScalarKind,
    what: What<'_>,
) -> Result<Scalar, GgufError> {
    let decoded = match kind.fixed_bytes() {
        None => return read_text(source, what).map(Scalar::String),
        Some(1) => Scalar::decode(kind, &source.array::<1>(what)?),
        Some(2) => Scalar::decode(kind, &source.array::<2>(what)?),
        Some(4) => Scalar::decode(kind, &source.array::<4>(what)?),
        Some(_) => Scalar::decode(kind, &source.array::<8>(what)?),
    };
    decoded.ok_or_else(|| GgufError::BadBool { what: what.to_string() })
}

/// The alignment that the metadata state, or the format's default.
fn alignment_of(metadata: &[(String, Value)]) -> Result<u64, GgufError> {
    match metadata.iter().find(|(key, _)| key == ALIGNMENT_KEY) {
        None => Ok(DEFAULT_ALIGNMENT),
        Some((_, Value::Scalar(scalar))) => check_alignment(scalar),
        Some(_) => Err(GgufError::BadAlignment { found: "an array".to_owned() }),
    }
}

/// The alignment, when it is one.
pub(super) fn check_alignment(stated: &Scalar) -> Result<u64, GgufError> {
    match stated {
        Scalar::U32(alignment)
            if alignment.is_power_of_two() && u64::from(*alignment) <= limits::ALIGNMENT_MAX =>
        {
            Ok(u64::from(*alignment))
        }
        other => Err(GgufError::BadAlignment { found: other.shown() }),
    }
}
