//! What was said before, one file per key: a line for each, written at once, so that a killed writer loses at most one.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::AppError;
use crate::eval::digest::sha256_hex;

/// Largest file read, bytes; a larger one is made anew.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// What a line holds.
pub(crate) trait Line: Serialize + DeserializeOwned {
    /// What it is found by; a later line of the same id counts.
    fn id(&self) -> &str;
}

/// First line of a file.
#[derive(Debug, Serialize)]
struct Head<'a, K> {
    schema: &'a str,
    key: &'a K,
}

/// The lines of one key.
#[derive(Debug)]
pub(crate) struct Lines<T> {
    known: HashMap<String, T>,
    path: PathBuf,
    /// Lines that could not be read, apart from a torn last one.
    damaged: usize,
    /// Opened with the first new line, so that looking leaves nothing behind.
    file: Option<File>,
    head: String,
    /// Whether the file holds a usable beginning.
    begun: bool,
    /// Whether the last line has no end.
    torn: bool,
}

impl<T: Line> Lines<T> {
    /// What is known for this key, in a file of this folder.
    ///
    /// # Errors
    /// [`AppError::Read`].
    pub(crate) fn open(folder: &Path, schema: &str, key: &impl Serialize) -> Result<Self, AppError> {
        let identity = serde_json::to_string(key).expect("a key is plain data with finite numbers");
        let name = sha256_hex(identity.as_bytes());
        let head = serde_json::to_string(&Head { schema, key });
        let path = folder.join(format!("{}.jsonl", &name[..32]));
        let bytes = read(&path).map_err(|source| AppError::Read { path: path.clone(), source })?;
        let mut lines = Self {
            known: HashMap::new(),
            path,
            damaged: 0,
            file: None,
            head: head.expect("a key is plain data with finite numbers"),
            begun: false,
            torn: bytes.last().is_some_and(|last| *last != b'\n'),
        };
        lines.read(&bytes);
        Ok(lines)
    }

    fn read(&mut self, bytes: &[u8]) {
        // A torn line never reads as JSON, unless all it lacks is its end.
        let mut lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        self.begun = lines.next() == Some(self.head.as_bytes());
        if !self.begun {
            return;
        }
        let mut unread = 0;
        let mut last_unread = false;
        for line in lines {
            let line = serde_json::from_slice::<T>(line);
            last_unread = line.is_err();
            unread += usize::from(last_unread);
            self.known.extend(line.ok().map(|line| (line.id().to_owned(), line)));
        }
        self.damaged = unread - usize::from(self.torn && last_unread);
    }

    /// What is known under this id.
    pub(crate) fn get(&self, id: &str) -> Option<&T> {
        self.known.get(id)
    }

    /// Lines that could not be read.
    pub(crate) fn damaged(&self) -> usize {
        self.damaged
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a line to the file.
    ///
    /// # Errors
    /// [`AppError::Write`].
    pub(crate) fn keep(&mut self, line: &T) -> Result<(), AppError> {
        let fail = |source| AppError::Write { path: self.path.clone(), source };
        let mut text = String::new();
        if self.file.is_none() {
            self.file = Some(append_to(&self.path, self.begun).map_err(fail)?);
            if !self.begun {
                text = format!("{}\n", self.head);
            } else if self.torn {
                text = "\n".to_owned();
            }
        }
        let line = serde_json::to_string(line).map_err(|error| fail(error.into()))?;
        text.push_str(&line);
        text.push('\n');
        // One write: readers and other writers see whole lines.
        self.file.as_mut().map_or(Ok(()), |file| file.write_all(text.as_bytes())).map_err(fail)
    }
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match dyno_models::open_plain(path) {
        Ok(file) => file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?,
        Err(error)
            if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) =>
        {
            0
        }
        Err(error) => return Err(error),
    };
    if bytes.len() as u64 > FILE_BYTES_MAX {
        bytes.clear();
    }
    Ok(bytes)
}

/// The file, to add to; emptied first when it has no usable beginning.
fn append_to(path: &Path, begun: bool) -> std::io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let file = File::options().create(true).append(true).open(path)?;
    if !begun {
        file.set_len(0)?;
    }
    Ok(file)
}
