//! Looking after the models in the cache: list, show, verify, pin, remove, prune.

use std::path::PathBuf;

use dyno_models::{HubReference, Reference};
use dyno_types::Job;
use serde::Serialize;

use super::Library;
use crate::cache::entry::Entry;
use crate::cache::integrity;
use crate::cache::shelf::Shelf;
use crate::{CacheSize, HubError, Pruned};

/// A model in the cache, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Name to show.
    pub name: String,
    /// Size of all files, bytes.
    pub bytes: u64,
    /// Whether some process uses it now (or may).
    pub in_use: bool,
    /// Files; the first is the one to load.
    pub paths: Vec<PathBuf>,
    /// Everything known.
    #[serde(flatten)]
    pub entry: Entry,
}

impl Row {
    fn of(entry: Entry, shelf: &Shelf) -> Self {
        Self {
            name: entry.name().to_owned(),
            bytes: entry.bytes(),
            in_use: shelf.is_in_use(&entry),
            paths: entry.paths(shelf.dir()),
            entry,
        }
    }
}

/// What a full check said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// Every byte is as recorded.
    Sound,
    /// No digest was known; the present one is recorded now.
    Recorded,
    /// Not what was put there; set aside.
    Damaged {
        /// Why.
        reason: String,
    },
}

/// A checked model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Name.
    pub name: String,
    /// Size, bytes.
    pub bytes: u64,
    /// What the check said.
    #[serde(flatten)]
    pub verdict: Verdict,
}

impl Library {
    /// Models in the cache, the last used first.
    ///
    /// # Errors
    /// [`HubError::Io`].
    pub fn list(&self, job: &Job) -> Result<Vec<Row>, HubError> {
        let Some(shelf) = &self.shelf else { return Ok(Vec::new()) };
        let mut entries = shelf.entries(job)?;
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.last_used_unix_ns));
        Ok(entries.into_iter().map(|entry| Row::of(entry, shelf)).collect())
    }

    /// One model in the cache, by reference, file name or key.
    ///
    /// # Errors
    /// [`HubError::NotCached`], [`HubError::Ambiguous`].
    pub fn show(&self, text: &str, job: &Job) -> Result<Row, HubError> {
        Ok(Row::of(self.select(text, job)?, self.shelf()?))
    }

    /// Reads every byte of a model (of all models without `text`) and compares digests; damaged files are set aside.
    ///
    /// # Errors
    /// [`HubError::NotCached`], [`HubError::Cancelled`], [`HubError::Io`].
    pub fn verify(&self, text: Option<&str>, job: &Job) -> Result<Vec<Checked>, HubError> {
        let entries = match text {
            Some(text) => vec![self.select(text, job)?],
            None => self.shelf()?.entries(job)?,
        };
        entries.into_iter().map(|entry| self.verify_entry(entry, job)).collect()
    }

    fn verify_entry(&self, mut entry: Entry, job: &Job) -> Result<Checked, HubError> {
        let shelf = self.shelf()?;
        let _lease = shelf.lease(&entry.key, job)?;
        let mut verdict = Verdict::Sound;
        for (at, path) in entry.paths(shelf.dir()).iter().enumerate() {
            if entry.files[at].sha256.is_none() {
                verdict = Verdict::Recorded;
            }
            // Size and header first: a digest recorded only now would not notice that they changed.
            let mut recorded = entry.files[at].clone();
            let checked = match integrity::check(&mut recorded, path, job)? {
                // The whole was read already because the file had been written to.
                Ok(true) => Ok(()),
                Ok(false) => integrity::check_whole(&mut recorded, path, job)?,
                Err(reason) => Err(reason),
            };
            entry.files[at] = recorded;
            if let Err(reason) = checked {
                shelf.set_aside(&entry, &entry.files[at], &reason, job)?;
                let (name, bytes) = (entry.name().to_owned(), entry.bytes());
                return Ok(Checked { name, bytes, verdict: Verdict::Damaged { reason } });
            }
        }
        // Reading is no use: the order of eviction stays.
        shelf.change(&entry.key, job, |current| current.files.clone_from(&entry.files))?;
        Ok(Checked { name: entry.name().to_owned(), bytes: entry.bytes(), verdict })
    }

    /// Keeps a model from being evicted and removed, or lets it go again.
    ///
    /// # Errors
    /// [`HubError::NotCached`], [`HubError::Ambiguous`], [`HubError::Io`].
    pub fn pin(&self, text: &str, pinned: bool, job: &Job) -> Result<Row, HubError> {
        let entry = self.select(text, job)?;
        let shelf = self.shelf()?;
        let changed = shelf.change(&entry.key, job, |entry| entry.pinned = pinned)?;
        changed.map(|entry| Row::of(entry, shelf)).ok_or_else(|| not_cached(text, &[]))
    }

    /// Removes a model from the cache.
    ///
    /// # Errors
    /// [`HubError::Held`] when it is pinned or in use, and as [`Library::show`].
    pub fn remove(&self, text: &str, job: &Job) -> Result<Row, HubError> {
        let row = self.show(text, job)?;
        self.shelf()?.remove(&row.entry, job)?;
        Ok(row)
    }

    /// How full the cache is.
    ///
    /// # Errors
    /// [`HubError::Io`].
    pub fn size(&self, job: &Job) -> Result<CacheSize, HubError> {
        self.shelf()?.size(self.settings.cache_max_bytes, job)
    }

    /// Evicts down to `max_bytes` (the cache's own limit without), and clears unfinished downloads and damaged files.
    ///
    /// # Errors
    /// [`HubError::Io`].
    pub fn prune(&self, max_bytes: Option<u64>, job: &Job) -> Result<Pruned, HubError> {
        let shelf = self.shelf()?;
        if !shelf.dir().is_dir() {
            return Ok(Pruned::default());
        }
        let cleared_bytes = shelf.clear(job)?;
        let pruned = shelf.shrink(max_bytes.unwrap_or(self.settings.cache_max_bytes), &[], job)?;
        Ok(Pruned { cleared_bytes, ..pruned })
    }

    fn select(&self, text: &str, job: &Job) -> Result<Entry, HubError> {
        select(text, self.shelf()?.entries(job)?)
    }
}

/// The one model that the text means: by reference, key or file name; else the only one of a repository.
fn select(text: &str, entries: Vec<Entry>) -> Result<Entry, HubError> {
    let reference = HubReference::parse(text).ok();
    let synthetic = match Reference::parse(text) {
        Ok(Reference::Synthetic(spec)) => Some(spec.file_name()),
        _ => None,
    };
    let certain = |entry: &Entry| {
        entry.key == text
            || synthetic.as_ref() == Some(&entry.key)
            || entry.names.iter().any(|name| name == text)
            || entry.files.iter().any(|file| file.name == text)
            || reference.as_ref().is_some_and(|reference| entry.is_meant_by(reference))
    };
    let repo = reference.as_ref().filter(|reference| reference.choice.is_none()).map(HubReference::repo);
    let of_repo = |entry: &Entry| repo.is_some() && entry.repo == repo;
    let mut fitting: Vec<Entry> = entries.iter().filter(|entry| certain(entry)).cloned().collect();
    if fitting.is_empty() {
        fitting = entries.iter().filter(|entry| of_repo(entry)).cloned().collect();
    }
    match fitting.len() {
        0 => Err(not_cached(text, &entries)),
        1 => Ok(fitting.remove(0)),
        _ => {
            let matches = fitting.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>().join(", ");
            Err(HubError::Ambiguous { text: text.to_owned(), matches })
        }
    }
}

fn not_cached(text: &str, entries: &[Entry]) -> HubError {
    let names = entries.iter().flat_map(|entry| entry.names.iter().chain([&entry.key]));
    let alike = names.map(|name| (strsim::normalized_damerau_levenshtein(name, text), name));
    let nearest = alike.filter(|(alike, _)| *alike > 0.5).max_by(|one, other| one.0.total_cmp(&other.0));
    let nearest = nearest.map(|(_, name)| format!(", did you mean {name}?")).unwrap_or_default();
    HubError::NotCached { text: text.to_owned(), nearest }
}
