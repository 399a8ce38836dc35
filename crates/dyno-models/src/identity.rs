//! Which files a model was when its headers were read, and whether they still are: between two looks at a path, another file
//! can take its place.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::ModelError;
use crate::gguf::GgufHeader;

/// What the file system says of a file. Equal stamps are the same file with the same content, as far as it keeps times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStamp {
    /// Device it is on.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
    /// Size, bytes.
    pub bytes: u64,
    /// Modification time, ns since 1970.
    pub modified_ns: i128,
}

impl FileStamp {
    /// The stamp of the file that a path names now.
    ///
    /// # Errors
    /// When there is none, or it may not be looked at.
    pub fn of(path: &Path) -> std::io::Result<Self> {
        std::fs::metadata(path).map(|about| Self::from(&about))
    }

    /// How a later stamp differs from this one, as half a sentence.
    fn difference(self, later: Self) -> Option<&'static str> {
        if (self.device, self.inode) != (later.device, later.inode) {
            Some("another file took its place")
        } else if self.bytes != later.bytes {
            Some("it has another size")
        } else if self.modified_ns != later.modified_ns {
            Some("it was written to")
        } else {
            None
        }
    }
}

impl From<&Metadata> for FileStamp {
    fn from(about: &Metadata) -> Self {
        let modified_ns = i128::from(about.mtime()) * 1_000_000_000 + i128::from(about.mtime_nsec());
        Self { device: about.dev(), inode: about.ino(), bytes: about.len(), modified_ns }
    }
}

/// One file of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartIdentity {
    /// Where it is.
    pub path: PathBuf,
    /// What the file system says of it.
    pub stamp: FileStamp,
    /// Fingerprint of its header; see [`GgufHeader`].
    pub fingerprint: [u8; 32],
}

/// The files that a model was when its headers were read. The default is of no file and never changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModelIdentity {
    parts: Vec<PartIdentity>,
}

impl ModelIdentity {
    /// Of files whose headers were read while they had these stamps.
    pub(crate) fn new(parts: &[(PathBuf, GgufHeader)], stamps: &[FileStamp]) -> Self {
        let part = |((path, header), stamp): (&(PathBuf, GgufHeader), &FileStamp)| PartIdentity {
            path: path.clone(),
            stamp: *stamp,
            fingerprint: header.fingerprint,
        };
        Self { parts: parts.iter().zip(stamps).map(part).collect() }
    }

    /// The files, in order.
    #[must_use]
    pub fn parts(&self) -> &[PartIdentity] {
        &self.parts
    }

    /// Whether this is one of the files.
    #[must_use]
    pub fn holds(&self, path: &Path) -> bool {
        self.parts.iter().any(|part| part.path == path)
    }

    /// Refuses when a path names another file than it did, or one that was written to. Costs a look at each file.
    ///
    /// # Errors
    /// [`ModelError::Changed`].
    pub fn check_stamps(&self) -> Result<(), ModelError> {
        self.parts.iter().try_for_each(|part| {
            let what = match FileStamp::of(&part.path) {
                Ok(later) => part.stamp.difference(later).map(str::to_owned),
                Err(error) => Some(format!("it cannot be found any more ({error})")),
            };
            part.refuse(what)
        })
    }

    /// The same, and the headers are read again: a file system that keeps times badly cannot hide another header.
    ///
    /// # Errors
    /// [`ModelError::Changed`].
    pub fn check(&self) -> Result<(), ModelError> {
        self.check_stamps()?;
        self.parts.iter().try_for_each(|part| {
            let what = match GgufHeader::read(&part.path) {
                Ok(header) if header.fingerprint == part.fingerprint => None,
                Ok(_) => Some("its header is another".to_owned()),
                Err(error) => Some(format!("its header cannot be read any more ({error})")),
            };
            part.refuse(what)
        })
    }
}

impl PartIdentity {
    fn refuse(&self, what: Option<String>) -> Result<(), ModelError> {
        what.map_or(Ok(()), |what| Err(ModelError::Changed { path: self.path.clone(), what }))
    }
}
