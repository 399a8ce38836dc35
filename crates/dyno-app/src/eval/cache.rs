//! Answers given before, one file per model, suite and settings: a line for each finished item, written at once. Killing
//! dyno loses at most what was being answered; the same evaluation again asks nothing.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use dyno_types::{EngineSettings, ItemOutcome, ItemResult, Sampling};
use serde::{Deserialize, Serialize};

use crate::AppError;
use crate::eval::digest::sha256_hex;

/// Schema of the files; raised when the meaning of a line changes, or when answers are judged differently.
const SCHEMA: &str = "dyno.answers/2";

/// Largest file read, bytes; a larger one is made anew.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// Knobs that no answer depends on. Every other one is part of the key, a new one by itself.
pub(crate) const KNOBS_WITHOUT_EFFECT: [&str; 5] = [
    // They change the order of floating point sums at most, as stated where sampling is.
    "threads",
    "threads_prefill",
    "sequences",
    // They say where the same weights are held.
    "mmap",
    "mlock",
];

/// The settings that answers may depend on, by knob.
pub(crate) fn settings_that_count(settings: &EngineSettings) -> BTreeMap<String, serde_json::Value> {
    let all = serde_json::to_value(settings).expect("settings are plain data");
    let all = all.as_object().cloned().unwrap_or_default();
    all.into_iter().filter(|(knob, _)| !KNOBS_WITHOUT_EFFECT.contains(&knob.as_str())).collect()
}

/// Everything an answer depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct AnswerKey {
    /// dyno's version: extraction and scoring belong to it.
    pub(crate) dyno: String,
    pub(crate) model_sha256: String,
    /// Name of the suite, for people who look into the file.
    pub(crate) suite: String,
    pub(crate) suite_sha256: String,
    /// The whole strategy, so that editing one changes the key.
    pub(crate) strategy: serde_json::Value,
    pub(crate) few_shot: u32,
    /// The whole template, too; of the model's own, which its digest covers, the name.
    pub(crate) template: serde_json::Value,
    pub(crate) sampling: Sampling,
    pub(crate) max_tokens: u32,
    /// What answers are held to; absent for plain ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<serde_json::Value>,
    /// Backend of the engine with its version.
    pub(crate) backend: String,
    /// Knobs; see [`settings_that_count`].
    pub(crate) settings: BTreeMap<String, serde_json::Value>,
    /// Whether generated code is run.
    pub(crate) code: String,
}

/// First line of a file.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Head {
    schema: String,
    key: AnswerKey,
}

/// The answers of one key.
#[derive(Debug)]
pub(crate) struct AnswerCache {
    known: HashMap<String, ItemResult>,
    path: PathBuf,
    /// Lines that were no answers, apart from a torn last one.
    damaged: usize,
    /// Opened with the first answer, so that looking leaves nothing behind.
    file: Option<File>,
    head: String,
    /// Whether the file holds a usable beginning.
    begun: bool,
    /// Whether the last line has no end.
    torn: bool,
}

impl AnswerCache {
    /// The answers known for this key, in a file of this folder.
    pub(crate) fn open(folder: &Path, key: &AnswerKey) -> Result<Self, AppError> {
        let identity = serde_json::to_string(key).expect("a key is plain data with finite numbers");
        let name = sha256_hex(identity.as_bytes());
        let head = Head { schema: SCHEMA.to_owned(), key: key.clone() };
        let line = serde_json::to_string(&head).expect("a key is plain data with finite numbers");
        let path = folder.join(format!("{}.jsonl", &name[..32]));
        let bytes = read(&path).map_err(|source| AppError::Read { path: path.clone(), source })?;
        let mut cache = Self {
            known: HashMap::new(),
            path,
            damaged: 0,
            file: None,
            head: line,
            begun: false,
            torn: bytes.last().is_some_and(|last| *last != b'\n'),
        };
        cache.read_lines(&bytes, &head);
        Ok(cache)
    }

    fn read_lines(&mut self, bytes: &[u8], head: &Head) {
        // A torn line never reads as JSON, unless all it lacks is its end.
        let mut lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let first = lines.next().and_then(|line| serde_json::from_slice::<Head>(line).ok());
        self.begun = first.as_ref() == Some(head);
        if !self.begun {
            return;
        }
        let mut unread = 0;
        let mut last_unread = false;
        for line in lines {
            let item = serde_json::from_slice::<ItemResult>(line);
            last_unread = item.is_err();
            unread += usize::from(last_unread);
            self.known.extend(item.ok().map(|item| (item.id.clone(), item)));
        }
        self.damaged = unread - usize::from(self.torn && last_unread);
    }

    /// The answer to an item, when it was given before.
    pub(crate) fn get(&self, id: &str) -> Option<&ItemResult> {
        self.known.get(id)
    }

    /// Lines that could not be read.
    pub(crate) fn damaged(&self) -> usize {
        self.damaged
    }

    /// Where the answers are kept.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps an answer. What failed is not kept: the next run tries it again.
    pub(crate) fn keep(&mut self, item: &ItemResult) -> Result<(), AppError> {
        if matches!(item.outcome, ItemOutcome::Failed { .. }) {
            return Ok(());
        }
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
        let line = serde_json::to_string(item).map_err(|error| fail(error.into()))?;
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

#[cfg(test)]
mod tests;
