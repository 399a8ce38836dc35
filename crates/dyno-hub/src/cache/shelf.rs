//! The cache folder as a whole: records with their files, changed under one short lock.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use dyno_types::{Event, Job};
use serde::Serialize;

use super::entry::{Entry, EntryFile, EntryKind};
use super::evict::{Candidate, next_victim};
use super::lock::{Exclusive, Lease, Locks};
use super::{free_bytes, index, plain, unix_ns};
use crate::HubError;

/// How full the cache is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CacheSize {
    /// Folder.
    pub folder: PathBuf,
    /// Number of models.
    pub models: usize,
    /// Bytes of all models.
    pub models_bytes: u64,
    /// Bytes of unfinished downloads.
    pub unfinished_bytes: u64,
    /// Bytes of damaged files that were set aside.
    pub damaged_bytes: u64,
    /// Most bytes of all models.
    pub max_bytes: u64,
    /// Bytes free for this user in the file system.
    pub free_bytes: u64,
}

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// Models, in the order in which they went.
    pub removed: Vec<String>,
    /// Bytes of these models.
    pub removed_bytes: u64,
    /// Bytes of unfinished downloads and damaged files.
    pub cleared_bytes: u64,
    /// Bytes of the models that are left.
    pub left_bytes: u64,
}

/// The folder.
#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    dir: PathBuf,
    locks: Locks,
}

impl Shelf {
    pub(crate) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), locks: Locks::new(dir.join("locks")) }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    fn index(&self) -> PathBuf {
        self.dir.join("index")
    }

    /// Keeps every other change out. A cache that cannot be written (shared, read-only) is read without.
    fn guard(&self, job: &Job) -> Result<Option<Exclusive>, HubError> {
        match self.locks.exclusive("index", job, || {}) {
            Ok(guard) => Ok(Some(guard)),
            Err(HubError::Io { source, .. }) if is_read_only(&source) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All models whose files are there. Records are made for files without one, and dropped with files that are gone.
    pub(crate) fn entries(&self, job: &Job) -> Result<Vec<Entry>, HubError> {
        if !self.dir.is_dir() {
            return Ok(Vec::new());
        }
        let _guard = self.guard(job)?;
        self.read_entries(job)
    }

    fn read_entries(&self, job: &Job) -> Result<Vec<Entry>, HubError> {
        let records = index::read_all(&self.index()).map_err(HubError::io(&self.index()))?;
        for path in &records.damaged {
            job.events.emit(Event::Warning(format!(
                "{} made no sense; it is made again from the files",
                path.display()
            )));
            let _ = std::fs::remove_file(path);
        }
        if !records.unreadable.is_empty() {
            job.events.emit(Event::Note(format!(
                "{} record(s) in {} cannot be read by this user; their models are used, and never evicted from here",
                records.unreadable.len(),
                self.index().display()
            )));
        }
        let is_there = |entry: &Entry| !entry.paths(&self.dir).iter().any(|path| is_gone(path));
        let (mut entries, gone): (Vec<Entry>, Vec<Entry>) = records.entries.into_iter().partition(is_there);
        for entry in gone {
            job.events.emit(Event::Warning(format!(
                "{} is no longer in the cache: its files are gone",
                entry.name()
            )));
            self.forget(&entry.key);
        }
        // Whoever can read their records may have pinned them.
        let unreadable = records.unreadable.iter().filter_map(|key| self.rebuilt(key));
        entries.extend(unreadable.map(|entry| Entry { pinned: true, ..entry }));
        let found: Vec<Entry> = self.unrecorded(&entries);
        for entry in &found {
            // Without a record (read-only storage) it is found again next time.
            let _ = index::write(&self.index(), entry);
        }
        entries.extend(found);
        Ok(entries)
    }

    /// Models on the disk that no record speaks of.
    fn unrecorded(&self, known: &[Entry]) -> Vec<Entry> {
        let names = |folder: &Path| -> Vec<PathBuf> {
            let listing = std::fs::read_dir(folder).into_iter().flatten().flatten();
            let unknown = |path: &PathBuf| {
                let name = path.file_name().and_then(|name| name.to_str());
                name.is_some_and(|name| !name.starts_with('.') && known.iter().all(|entry| entry.key != name))
            };
            listing.map(|file| file.path()).filter(unknown).collect()
        };
        let pulled =
            names(&self.dir.join("hub")).into_iter().filter(|folder| folder.is_dir()).filter(|folder| {
                // Somebody who fetches it will record it.
                let name = folder.file_name().unwrap_or_default().to_string_lossy();
                self.locks.try_exclusive(&format!("{name}.pull")).is_ok_and(|lock| lock.is_some())
            });
        let pulled = pulled.filter_map(|folder| index::rebuild_pulled(&folder));
        let synthetic = names(&self.dir).into_iter().filter(|path| path.is_file());
        let synthetic = synthetic.filter_map(|file| index::rebuild_synthetic(&file));
        let quantized = names(&self.dir.join("quantized")).into_iter().filter(|folder| folder.is_dir());
        let quantized = quantized.filter_map(|folder| index::rebuild_quantized(&folder, None));
        pulled.chain(synthetic).chain(quantized).collect()
    }

    /// The record of a key as it is now; one that cannot be read here is made from the files, for the moment.
    pub(crate) fn read(&self, key: &str) -> Option<Entry> {
        let entry = match index::read(&index::record_path(&self.index(), key)) {
            Ok(entry) => entry?,
            Err(_) => Entry { pinned: true, ..self.rebuilt(key)? },
        };
        let gone = entry.paths(&self.dir).iter().any(|path| is_gone(path));
        (!gone).then_some(entry)
    }

    /// What the files of a key say of it.
    fn rebuilt(&self, key: &str) -> Option<Entry> {
        index::rebuild_pulled(&self.dir.join("hub").join(key))
            .or_else(|| index::rebuild_synthetic(&self.dir.join(key)))
            .or_else(|| index::rebuild_quantized(&self.dir.join("quantized").join(key), None))
    }

    /// Says that this process uses the model.
    pub(crate) fn lease(&self, key: &str, job: &Job) -> Result<Lease, HubError> {
        self.locks.lease(&use_lock(key), job)
    }

    /// Keeps others from fetching the same model; waits while somebody does.
    pub(crate) fn fetch_lock(
        &self,
        key: &str,
        job: &Job,
        waiting: impl FnOnce(),
    ) -> Result<Exclusive, HubError> {
        self.locks.exclusive(&format!("{key}.pull"), job, waiting)
    }

    /// Whether some process uses the model (or may).
    pub(crate) fn is_in_use(&self, entry: &Entry) -> bool {
        !self.locks.unused(&use_lock(&entry.key), entry.last_used_unix_ns).is_ok_and(|lock| lock.is_some())
    }

    /// Notes a use now, under this name, and what the check of the files brought up to date. Best effort: a cache that
    /// cannot be written serves nevertheless.
    pub(crate) fn note_use(&self, entry: &Entry, name: Option<&str>, job: &Job) {
        let _ = self.change(&entry.key, job, |current| {
            let now = unix_ns(SystemTime::now());
            current.last_used_unix_ns = now.max(current.last_used_unix_ns.saturating_add(1));
            current.files.clone_from(&entry.files);
            if let Some(name) = name.filter(|name| !current.names.iter().any(|known| known == name)) {
                current.names.push(name.to_owned());
            }
        });
    }

    /// Changes a record under the lock; `None` when there is none any more.
    pub(crate) fn change(
        &self,
        key: &str,
        job: &Job,
        change: impl FnOnce(&mut Entry),
    ) -> Result<Option<Entry>, HubError> {
        let _guard = self.guard(job)?;
        // What cannot be read must not be replaced: nobody here knows what it says.
        index::read(&index::record_path(&self.index(), key)).map_err(HubError::io(&self.index()))?;
        let Some(mut entry) = self.read(key) else { return Ok(None) };
        change(&mut entry);
        index::write(&self.index(), &entry).map_err(HubError::io(&self.index()))?;
        Ok(Some(entry))
    }

    /// Records a model that came now. Its names lead to it from now on, and to no other model.
    pub(crate) fn admit(&self, mut entry: Entry, job: &Job) -> Result<Entry, HubError> {
        let failed = || HubError::io(&self.index());
        let _guard = self.guard(job)?;
        index::read(&index::record_path(&self.index(), &entry.key)).map_err(failed())?;
        let others = index::read_all(&self.index()).map_err(failed())?.entries;
        for mut other in others {
            let names = other.names.len();
            if other.key == entry.key {
                entry.pinned |= other.pinned;
                other.names.retain(|name| !entry.names.contains(name));
                entry.names.append(&mut other.names);
                continue;
            }
            other.names.retain(|name| !entry.names.contains(name));
            if other.names.len() < names {
                index::write(&self.index(), &other).map_err(failed())?;
            }
        }
        let now = unix_ns(SystemTime::now());
        (entry.fetched_unix_ns, entry.last_used_unix_ns) = (now, now);
        index::write(&self.index(), &entry).map_err(failed())?;
        Ok(entry)
    }

    /// Evicts until the models take no more than `max_bytes`: strictly the longest unused first; nothing pinned, in use, or among
    /// `keep`.
    pub(crate) fn shrink(&self, max_bytes: u64, keep: &[&str], job: &Job) -> Result<Pruned, HubError> {
        let _guard = self.guard(job)?;
        let mut entries = self.read_entries(job)?;
        let candidate = |entry: &Entry| Candidate {
            bytes: entry.bytes(),
            last_used_unix_ns: entry.last_used_unix_ns,
            stays: entry.pinned || keep.contains(&entry.key.as_str()),
        };
        let mut candidates: Vec<Candidate> = entries.iter().map(candidate).collect();
        let mut pruned = Pruned::default();
        while let Some(victim) = next_victim(&candidates, max_bytes) {
            let entry = &entries[victim];
            // Held while it goes: who asks for it now waits, and finds it gone.
            let unused = self.locks.unused(&use_lock(&entry.key), entry.last_used_unix_ns)?;
            if unused.is_none() {
                candidates[victim].stays = true;
                continue;
            }
            self.delete(entry)?;
            pruned.removed.push(entry.name().to_owned());
            pruned.removed_bytes += entry.bytes();
            entries.remove(victim);
            candidates.remove(victim);
        }
        pruned.left_bytes = entries.iter().map(Entry::bytes).sum();
        Ok(pruned)
    }

    /// Removes one model.
    pub(crate) fn remove(&self, entry: &Entry, job: &Job) -> Result<(), HubError> {
        let _guard = self.guard(job)?;
        let held = |state, advice| HubError::Held { name: entry.name().to_owned(), state, advice };
        if self.read(&entry.key).is_some_and(|now| now.pinned) {
            return Err(held("pinned", "`dyno models unpin` it first"));
        }
        // An explicit wish: without flock nobody can tell, and the user knows.
        let Some(_unused) = self.locks.try_exclusive(&use_lock(&entry.key))? else {
            return Err(held("in use", "end the dyno that uses it first"));
        };
        self.delete(entry)
    }

    fn delete(&self, entry: &Entry) -> Result<(), HubError> {
        let folder = entry.folder(&self.dir);
        let result = match entry.kind {
            // Out of sight at once, however long removing takes, and whatever interrupts it.
            EntryKind::Hub | EntryKind::Quantized => {
                let aside =
                    folder.with_file_name(format!(".gone-{}-{}", entry.key, unix_ns(SystemTime::now())));
                std::fs::rename(&folder, &aside).and_then(|()| {
                    self.forget(&entry.key);
                    std::fs::remove_dir_all(&aside)
                })
            }
            EntryKind::Synthetic => std::fs::remove_file(folder.join(&entry.files[0].name)),
        };
        result.map_err(HubError::io(&folder))?;
        self.forget(&entry.key);
        Ok(())
    }

    fn forget(&self, key: &str) {
        // A record that stays is dropped when its files are missed.
        let _ = std::fs::remove_file(index::record_path(&self.index(), key));
    }

    /// Moves a damaged file out of the way and says so; the model is no longer one.
    pub(crate) fn set_aside(
        &self,
        entry: &Entry,
        file: &EntryFile,
        reason: &str,
        job: &Job,
    ) -> Result<(), HubError> {
        let _guard = self.guard(job)?;
        let (from, damaged) = (entry.folder(&self.dir).join(&file.name), self.dir.join("damaged"));
        // The number alone is unique; a long name keeps its end.
        let end: String = file.name.chars().rev().take(50).collect::<Vec<_>>().into_iter().rev().collect();
        let to = damaged.join(format!("{}-{end}", unix_ns(SystemTime::now())));
        if from.exists() {
            let moved = plain::check_folder(&damaged)
                .and_then(|()| std::fs::create_dir_all(&damaged))
                .and_then(|()| std::fs::rename(&from, &to));
            moved.map_err(HubError::io(&from))?;
        }
        self.forget(&entry.key);
        let text = format!("{} is damaged ({reason}); it was set aside as {}", file.name, to.display());
        job.events.emit(Event::Warning(text));
        Ok(())
    }

    /// Removes what is no model: unfinished downloads that nobody continues now, damaged files, remains. Gives the bytes.
    pub(crate) fn clear(&self, job: &Job) -> Result<u64, HubError> {
        let _guard = self.guard(job)?;
        let mut cleared = 0;
        for path in self.remains() {
            let folder =
                path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
            let free = self.locks.try_exclusive(&format!("{folder}.pull"))?;
            if free.is_none() {
                continue;
            }
            cleared += occupied_bytes(&path);
            let removed =
                if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
            removed.map_err(HubError::io(&path))?;
        }
        Ok(cleared)
    }

    /// Files and folders that are no part of a model.
    fn remains(&self) -> Vec<PathBuf> {
        let inside = |folder: &Path| -> Vec<PathBuf> {
            std::fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.path()).collect()
        };
        let is_named = |path: &Path, begin: &str, ends: &[&str]| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(begin) && (ends.is_empty() || ends.iter().any(|end| name.ends_with(end)))
        };
        let mut remains = inside(&self.dir.join("damaged"));
        for folder in inside(&self.dir.join("quantized")).into_iter().chain(inside(&self.dir.join("hub"))) {
            if is_named(&folder, ".gone-", &[]) {
                remains.push(folder);
                continue;
            }
            remains.extend(
                inside(&folder).into_iter().filter(|path| is_named(path, "", &[".part", ".journal"])),
            );
        }
        remains
    }

    /// How full the cache is.
    pub(crate) fn size(&self, max_bytes: u64, job: &Job) -> Result<CacheSize, HubError> {
        let entries = self.entries(job)?;
        let damaged = self.dir.join("damaged");
        let (damaged, unfinished): (Vec<PathBuf>, Vec<PathBuf>) =
            self.remains().into_iter().partition(|path| path.starts_with(&damaged));
        let occupied = |paths: &[PathBuf]| paths.iter().map(|path| occupied_bytes(path)).sum();
        let there = self.dir.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
        Ok(CacheSize {
            folder: self.dir.clone(),
            models: entries.len(),
            models_bytes: entries.iter().map(Entry::bytes).sum(),
            unfinished_bytes: occupied(&unfinished),
            damaged_bytes: occupied(&damaged),
            max_bytes,
            free_bytes: free_bytes(there).map_err(HubError::io(there))?,
        })
    }
}

fn use_lock(key: &str) -> String {
    format!("{key}.use")
}

/// Whether there certainly is no such file. What cannot be looked at may be there.
fn is_gone(path: &Path) -> bool {
    use std::io::ErrorKind;
    match path.metadata() {
        Ok(about) => !about.is_file(),
        Err(error) => matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
    }
}

fn is_read_only(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
}

/// Bytes really taken on the disk: unfinished files have holes.
fn occupied_bytes(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(about) = path.symlink_metadata() else { return 0 };
    if !about.is_dir() {
        return about.blocks().saturating_mul(512);
    }
    let inside = std::fs::read_dir(path).into_iter().flatten().flatten();
    inside.map(|file| occupied_bytes(&file.path())).sum()
}
