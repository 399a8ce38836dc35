//! Every model this machine can have: in the cache, in the Hugging Face cache, on a hub, or made here.

mod fetch;
mod manage;

use std::path::PathBuf;

use dyno_models::{HubReference, OllamaReference, SynthSpec};
use dyno_types::{Event, Job};
use serde::Serialize;

pub use manage::{Checked, Row, Verdict};

use crate::cache::entry::{Entry, EntryKind};
use crate::cache::lock::Lease;
use crate::cache::shelf::Shelf;
use crate::cache::{huggingface, index, integrity};
use crate::hub::choice::choose;
use crate::stores::{self, OllamaModel, StoredModel};
use crate::{HubError, HubSettings, RemoteFile, RemoteHeader};

/// Where a model was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// In the cache.
    Cache,
    /// In the Hugging Face cache of other programs.
    HuggingFaceCache,
    /// Fetched or made just now.
    Fetched,
}

/// A model that is there, and stays while this value lives.
#[derive(Debug)]
pub struct Found {
    /// Files; the first is the one to load.
    pub files: Vec<PathBuf>,
    /// Size of all files, bytes.
    pub bytes: u64,
    /// Where it was found.
    pub origin: Origin,
    /// Keeps the model from being evicted.
    pub lease: Lease,
}

/// All models within reach.
#[derive(Debug, Clone)]
pub struct Library {
    settings: HubSettings,
    shelf: Option<Shelf>,
}

impl Library {
    /// Models under these settings. Touches nothing yet.
    #[must_use]
    pub fn new(settings: HubSettings) -> Self {
        Self { shelf: settings.cache_dir.as_deref().map(Shelf::new), settings }
    }

    /// The cache.
    fn shelf(&self) -> Result<&Shelf, HubError> {
        self.shelf.as_ref().ok_or(HubError::NoCache)
    }

    /// Everything in the cache; where there is none, nothing.
    fn entries(&self, job: &Job) -> Result<Vec<Entry>, HubError> {
        self.shelf.as_ref().map_or(Ok(Vec::new()), |shelf| shelf.entries(job))
    }

    /// The model a reference means: from the cache without any network, from the Hugging Face cache, else fetched.
    ///
    /// # Errors
    /// [`HubError`]: among others [`HubError::Offline`], and everything that can go wrong on the way.
    pub fn find(&self, reference: &HubReference, job: &Job) -> Result<Found, HubError> {
        if let Some(found) = self.find_here(reference, job)? {
            return Ok(found);
        }
        match self.pull(reference, job) {
            Err(outage) if outage.is_outage() => self.guessed(reference, job)?.ok_or(outage),
            other => other,
        }
    }

    /// What the words would choose among the cached files of the repository, where the hub cannot be asked what they mean.
    ///
    /// # Errors
    /// [`HubError::Io`], [`HubError::Cancelled`].
    pub fn guessed(&self, reference: &HubReference, job: &Job) -> Result<Option<Found>, HubError> {
        let entries = self.entries(job)?;
        let Some(entry) = guess(reference, &entries) else { return Ok(None) };
        let name = entry.name();
        let text = format!("the hub cannot be asked what {reference} means now; {name} of the cache is used");
        job.events.emit(Event::Warning(text));
        // The words may mean another file tomorrow: they are not kept as a name of this one.
        self.take(entry, None, job)
    }

    /// The model a reference means, when it is on this machine. A damaged one is set aside and counts as absent.
    ///
    /// # Errors
    /// [`HubError::Io`], [`HubError::Cancelled`].
    pub fn find_here(&self, reference: &HubReference, job: &Job) -> Result<Option<Found>, HubError> {
        let entries = self.entries(job)?;
        if let Some(entry) = self.meant(reference, &entries)
            && let Some(found) = self.take(entry, Some(&reference.to_string()), job)?
        {
            return Ok(Some(found));
        }
        self.find_in_huggingface(reference, job)
    }

    /// The file of a model in an Ollama store, and the digest its content must have (which is not checked here).
    ///
    /// # Errors
    /// [`HubError::NotInOllama`], [`HubError::OllamaStore`].
    pub fn find_in_ollama(&self, reference: &OllamaReference) -> Result<OllamaModel, HubError> {
        stores::find_in_ollama(&self.settings.ollama, reference)
    }

    /// Models that other programs keep on this machine, and those in the folders of the user; a folder that cannot be read is told
    /// to the job's events.
    ///
    /// # Errors
    /// [`HubError::Cancelled`].
    pub fn stored(&self, job: &Job) -> Result<Vec<StoredModel>, HubError> {
        stores::stored(&self.settings, job)
    }

    /// The entry a reference certainly means. Without network the best guess will do: what the same words would choose among the
    /// cached files of the repository.
    fn meant<'a>(&self, reference: &HubReference, entries: &'a [Entry]) -> Option<&'a Entry> {
        let certain = entries.iter().find(|entry| entry.is_meant_by(reference));
        if certain.is_some() || !self.settings.offline { certain } else { guess(reference, entries) }
    }

    /// Fetches what the hub has now under this reference, unless that very content is in the cache. Where nothing may be fetched, what is
    /// here already will do.
    ///
    /// # Errors
    /// [`HubError`].
    pub fn pull(&self, reference: &HubReference, job: &Job) -> Result<Found, HubError> {
        if self.settings.offline {
            let here = self.find_here(reference, job)?;
            return here.ok_or_else(|| HubError::Offline { reference: reference.to_string() });
        }
        self.fetch(reference, job)
    }

    /// Headers of the model's files (all parts) on the hub, and the bytes that were fetched to know them.
    ///
    /// # Errors
    /// [`HubError`].
    pub fn remote_headers(
        &self,
        reference: &HubReference,
        job: &Job,
    ) -> Result<(Vec<RemoteHeader>, u64), HubError> {
        if self.settings.offline {
            return Err(HubError::Offline { reference: reference.to_string() });
        }
        self.read_headers(reference, job)
    }

    /// Header of a model file on a web server, and the bytes that were fetched to know it.
    ///
    /// # Errors
    /// [`HubError`].
    pub fn remote_header(&self, address: &str, job: &Job) -> Result<(RemoteHeader, u64), HubError> {
        if self.settings.offline {
            return Err(HubError::Offline { reference: address.to_owned() });
        }
        self.read_header(address, job)
    }

    /// A synthetic model in the cache, made when it is not there whole. `reference` is how it was asked for; `progress` is called
    /// only while it is made.
    ///
    /// # Errors
    /// [`HubError::Model`] with what [`dyno_models::synthesize`] fails with.
    pub fn synthesize(
        &self,
        reference: &str,
        spec: &SynthSpec,
        progress: dyno_models::Progress<'_>,
        job: &Job,
    ) -> Result<Found, HubError> {
        let shelf = self.shelf()?;
        let key = spec.file_name();
        if let Some(entry) = shelf.read(&key)
            && let Some(found) = self.take(&entry, Some(reference), job)?
        {
            return Ok(found);
        }
        let file = dyno_models::synthesize(spec, shelf.dir(), progress)?;
        let lease = shelf.lease(&key, job)?;
        let described = index::describe(&file, None, None).map_err(HubError::io(&file))?;
        let bytes = described.bytes;
        let entry = index::new_entry(&key, EntryKind::Synthetic, Some(reference.to_owned()), vec![described]);
        let recorded = shelf.admit(entry, job).and_then(|_| self.make_room(&key, bytes, job));
        if let Err(error) = recorded {
            // The model is there all the same.
            job.events.emit(Event::Warning(format!("the cache could not be brought up to date: {error}")));
        }
        Ok(Found { files: vec![file], bytes, origin: Origin::Fetched, lease })
    }

    /// Counts the quantizations in `CACHE/quantized/KEY` among what the cache holds, under a name to show, and keeps them while
    /// the lease lives.
    ///
    /// # Errors
    /// [`HubError::Io`] when the cache cannot be written.
    pub fn keep_quantized(&self, key: &str, name: &str, job: &Job) -> Result<Lease, HubError> {
        let shelf = self.shelf()?;
        let lease = shelf.lease(key, job)?;
        let folder = shelf.dir().join("quantized").join(key);
        if let Some(entry) = index::rebuild_quantized(&folder, Some(name.to_owned())) {
            let bytes = entry.bytes();
            shelf.admit(entry, job)?;
            self.make_room(key, bytes, job)?;
        }
        Ok(lease)
    }

    /// Takes a model out of the cache, after the cheap check; `None` when it is gone or was damaged.
    fn take(&self, entry: &Entry, name: Option<&str>, job: &Job) -> Result<Option<Found>, HubError> {
        let shelf = self.shelf()?;
        let lease = shelf.lease(&entry.key, job)?;
        let Some(mut entry) = shelf.read(&entry.key) else { return Ok(None) };
        let files = entry.paths(shelf.dir());
        for (at, path) in files.iter().enumerate() {
            if let Err(reason) = integrity::check(&mut entry.files[at], path, job)? {
                shelf.set_aside(&entry, &entry.files[at], &reason, job)?;
                return Ok(None);
            }
        }
        shelf.note_use(&entry, name, job);
        Ok(Some(Found { bytes: entry.bytes(), files, origin: Origin::Cache, lease }))
    }

    fn find_in_huggingface(&self, reference: &HubReference, job: &Job) -> Result<Option<Found>, HubError> {
        let hub = self.settings.huggingface_cache.as_deref();
        let Some(files) = hub.and_then(|hub| huggingface::find(hub, reference)) else { return Ok(None) };
        let mut bytes = 0;
        for file in &files {
            bytes += file.metadata().map_err(HubError::io(file))?.len();
        }
        let text = format!("using {} of the Hugging Face cache", files[0].display());
        job.events.emit(Event::Note(text));
        Ok(Some(Found { files, bytes, origin: Origin::HuggingFaceCache, lease: Lease::default() }))
    }

    /// Evicts what is too much after a model came. One that alone fills the cache drives nothing else out: that would not help.
    fn make_room(&self, key: &str, bytes: u64, job: &Job) -> Result<(), HubError> {
        let max_bytes = self.settings.cache_max_bytes;
        if bytes > max_bytes {
            let text = format!("{key} has {bytes} bytes, more than the whole cache may have ({max_bytes})");
            job.events.emit(Event::Warning(text));
            return Ok(());
        }
        let pruned = self.shelf()?.shrink(max_bytes, &[key], job)?;
        for name in &pruned.removed {
            job.events.emit(Event::Note(format!("evicted {name}: used longest ago, and the cache was full")));
        }
        if pruned.left_bytes > max_bytes {
            let text = format!(
                "the cache has {} bytes, more than its {max_bytes}: what is left is pinned or in use",
                pruned.left_bytes
            );
            job.events.emit(Event::Warning(text));
        }
        Ok(())
    }
}

/// The entry that the words would choose among the cached files of the repository.
fn guess<'a>(reference: &HubReference, entries: &'a [Entry]) -> Option<&'a Entry> {
    if reference.revision.is_some() {
        return None;
    }
    let of_repo = || entries.iter().filter(|entry| entry.repo.as_deref() == Some(&reference.repo()));
    let files: Vec<RemoteFile> = of_repo().flat_map(Entry::remote_files).collect();
    let chosen = choose(reference, &files).ok()?;
    of_repo().find(|entry| entry.remote_files().first() == chosen.first())
}
