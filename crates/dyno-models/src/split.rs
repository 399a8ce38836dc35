//! Models split over several files: finding the parts, and checking that they belong together.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::ModelError;
use crate::gguf::{GgufError, GgufHeader, Scalar, Value, limits, open_file};
use crate::identity::{FileStamp, ModelIdentity};

/// Most parts accepted: names have five digits, and llama.cpp numbers parts with 16 bits.
const PARTS_MAX: u64 = 65_535;

/// Keys that every part states alike, where it states them at all.
const SHARED_KEYS: [&str; 2] = ["general.architecture", "general.name"];

/// A model on disk: one file, or all parts of a split one.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelFiles {
    /// Parts in order, with their headers; at least one.
    pub parts: Vec<(PathBuf, GgufHeader)>,
}

/// Place of a file in a split model, from its name `PREFIX-00002-of-00005.gguf`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PartName {
    prefix: String,
    /// From 1.
    number: u64,
    count: u64,
}

impl PartName {
    fn parse(path: &Path) -> Option<Self> {
        let stem = path.file_name()?.to_str()?.strip_suffix(".gguf")?;
        let (rest, count) = stem.rsplit_once("-of-")?;
        let (prefix, number) = rest.rsplit_once('-')?;
        let all_digits = |text: &str| text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
        let digits = |text: &str| all_digits(text).then(|| text.parse().ok()).flatten();
        Some(Self { prefix: prefix.to_owned(), number: digits(number)?, count: digits(count)? })
    }

    fn path(&self, beside: &Path, number: u64) -> PathBuf {
        beside.with_file_name(format!("{}-{number:05}-of-{:05}.gguf", self.prefix, self.count))
    }
}

impl ModelFiles {
    /// Whether there is anything at this path; a folder on the way that may not be entered is an error.
    pub(crate) fn exist(path: &Path) -> Result<bool, ModelError> {
        path.try_exists().map_err(|error| ModelError::File { path: path.to_owned(), source: error.into() })
    }

    /// Reads the headers of the file and, when it is part of a split model, of every other part.
    ///
    /// # Errors
    /// A part that is missing, broken or from another model.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        Self::open_identified(path).map(|(files, _)| files)
    }

    /// The same, with what tells later whether these are still the files.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_identified(path: &Path) -> Result<(Self, ModelIdentity), ModelError> {
        let (header, stamp) = read(path)?;
        let count = parts_stated(path, &header)?;
        if count <= 1 {
            let files = Self { parts: vec![(path.to_owned(), header)] };
            let identity = ModelIdentity::new(&files.parts, &[stamp]);
            return Ok((files, identity));
        }
        let name = PartName::parse(path).filter(|name| name.count == count && count <= PARTS_MAX);
        let Some(name) = name.filter(|name| (1..=count).contains(&name.number)) else {
            return Err(ModelError::PartRenamed { path: path.to_owned(), count });
        };
        let (mut parts, mut stamps) = (Vec::new(), Vec::new());
        let mut header_bytes = 0;
        for number in 1..=count {
            let part = name.path(path, number);
            if !Self::exist(&part)? {
                return Err(ModelError::PartMissing { path: part, number, count });
            }
            let (header, stamp) = if number == name.number { (header.clone(), stamp) } else { read(&part)? };
            header_bytes += header.header_bytes;
            check_header_bytes(&part, header_bytes)?;
            parts.push((part, header));
            stamps.push(stamp);
        }
        let files = Self::from_parts(parts)?;
        let identity = ModelIdentity::new(&files.parts, &stamps);
        Ok((files, identity))
    }

    /// A model from the headers of all its files, in order; the paths are names for messages only. For headers that were
    /// read elsewhere, such as from a remote file.
    ///
    /// # Errors
    /// [`ModelError::PartMismatch`] when they do not make one whole model; [`ModelError::NoParts`] without any.
    pub fn from_parts(parts: Vec<(PathBuf, GgufHeader)>) -> Result<Self, ModelError> {
        match parts.as_slice() {
            [] => return Err(ModelError::NoParts),
            [(path, header)] if parts_stated(path, header)? <= 1 => {}
            several => check(several)?,
        }
        Ok(Self { parts })
    }

    /// Name of a file without its ending, and without its number when it is named as a part of a split model.
    #[must_use]
    pub fn stem(path: &Path) -> String {
        match PartName::parse(path) {
            Some(part) => part.prefix,
            None => path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default(),
        }
    }

    /// The part to hand to an engine: the first.
    #[must_use]
    pub fn first(&self) -> &Path {
        &self.parts[0].0
    }

    /// Header of the first part, which carries the model's metadata.
    #[must_use]
    pub fn header(&self) -> &GgufHeader {
        &self.parts[0].1
    }
}

/// The header of a file, and the stamp of the very file it was read from, whatever the path names later.
fn read(path: &Path) -> Result<(GgufHeader, FileStamp), ModelError> {
    let fail = |source| ModelError::File { path: path.to_owned(), source };
    let file = open_file(path).map_err(fail)?;
    let stamp = FileStamp::from(&file.metadata().map_err(|error| fail(error.into()))?);
    Ok((GgufHeader::read_at(file).map_err(fail)?, stamp))
}

/// How many parts the header says that the model has; 0 when it says nothing.
fn parts_stated(path: &Path, header: &GgufHeader) -> Result<u64, ModelError> {
    let Some(value) = header.get("split.count") else { return Ok(0) };
    let count = if let Value::Scalar(scalar) = value { scalar.as_u64() } else { None };
    count.ok_or_else(|| mismatch(path, "its split.count is not a whole number".to_owned()))
}

/// All headers together stay within what one may have.
fn check_header_bytes(path: &Path, found: u64) -> Result<(), ModelError> {
    let limit = limits::HEADER_BYTES_MAX;
    if found <= limit {
        return Ok(());
    }
    let what = "the size of the headers up to this part".to_owned();
    Err(ModelError::File { path: path.to_owned(), source: GgufError::TooLarge { what, found, limit } })
}

/// Part numbers, counts, tensor totals and names must agree.
fn check(parts: &[(PathBuf, GgufHeader)]) -> Result<(), ModelError> {
    let number = |header: &GgufHeader, key: &str| header.scalar(key).and_then(Scalar::as_u64);
    let count = parts.len() as u64;
    let tensors: u64 = parts.iter().map(|(_, header)| header.tensors.len() as u64).sum();
    let first = &parts[0].1;
    let mut seen = HashSet::new();
    for (index, (path, header)) in parts.iter().enumerate() {
        let differs = |key: &&&str| header.get(key).is_some_and(|value| Some(value) != first.get(key));
        let reason = if number(header, "split.count") != Some(count) {
            format!("it does not say that there are {count} parts")
        } else if number(header, "split.no") != Some(index as u64) {
            format!("its number inside is not {}", index + 1)
        } else if number(header, "split.tensors.count").is_some_and(|stated| stated != tensors) {
            format!("the parts hold {tensors} tensors together, which is not what it states")
        } else if let Some(key) = SHARED_KEYS.iter().find(differs) {
            format!("its {key} is not that of the first part")
        } else if let Some(twice) = header.tensors.iter().find(|tensor| !seen.insert(&tensor.name)) {
            format!("its tensor {:?} is in another part too", twice.name)
        } else {
            continue;
        };
        return Err(mismatch(path, reason));
    }
    Ok(())
}

fn mismatch(path: &Path, reason: String) -> ModelError {
    ModelError::PartMismatch { path: path.to_owned(), reason }
}
