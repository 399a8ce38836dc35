//! Models split over several files: finding the parts, and checking that they belong together.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::ModelError;
use crate::gguf::{GgufHeader, Scalar};

/// Most parts accepted (llama.cpp numbers them with 16 bits).
const PARTS_MAX: u64 = 65_535;

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
        let digits = |text: &str| (text.len() == 5).then(|| text.parse().ok()).flatten();
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
        let header = read(path)?;
        let count = header.scalar("split.count").and_then(Scalar::as_u64).unwrap_or(0);
        if count <= 1 {
            return Ok(Self { parts: vec![(path.to_owned(), header)] });
        }
        let name = PartName::parse(path).filter(|name| name.count == count && count <= PARTS_MAX);
        let Some(name) = name else {
            return Err(ModelError::PartRenamed { path: path.to_owned(), count });
        };
        let mut parts = Vec::new();
        for number in 1..=count {
            let part = name.path(path, number);
            if !Self::exist(&part)? {
                return Err(ModelError::PartMissing { path: part, number, count });
            }
            let header = if number == name.number { header.clone() } else { read(&part)? };
            parts.push((part, header));
        }
        check(&parts)?;
        Ok(Self { parts })
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

fn read(path: &Path) -> Result<GgufHeader, ModelError> {
    GgufHeader::read(path).map_err(|source| ModelError::File { path: path.to_owned(), source })
}

/// Part numbers, counts, tensor totals and names must agree.
fn check(parts: &[(PathBuf, GgufHeader)]) -> Result<(), ModelError> {
    let number = |header: &GgufHeader, key: &str| header.scalar(key).and_then(Scalar::as_u64);
    let count = parts.len() as u64;
    let tensors: u64 = parts.iter().map(|(_, header)| header.tensors.len() as u64).sum();
    let mut seen = HashSet::new();
    for (index, (path, header)) in parts.iter().enumerate() {
        let reason = if number(header, "split.count") != Some(count) {
            format!("it does not say that there are {count} parts")
        } else if number(header, "split.no") != Some(index as u64) {
            format!("its number inside is not {}", index + 1)
        } else if number(header, "split.tensors.count").is_some_and(|stated| stated != tensors) {
            format!("the parts hold {tensors} tensors together, which is not what it states")
        } else if let Some(twice) = header.tensors.iter().find(|tensor| !seen.insert(&tensor.name)) {
            format!("its tensor {:?} is in another part too", twice.name)
        } else {
            continue;
        };
        return Err(ModelError::PartMismatch { path: path.clone(), reason });
    }
    Ok(())
}
