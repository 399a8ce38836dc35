//! The written records of models: read, replaced whole, and made again from the files when one is lost or damaged.

use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use dyno_models::gguf::{GgufHeader, Scalar};
use dyno_models::{HubReference, ModelFiles, SYNTHETIC_KEY};

use super::entry::{Entry, EntryFile, EntryKind, SCHEMA, is_key};
use super::integrity::look;
use super::{plain, unix_ns};
use crate::download::order::read_stated_digest;

/// Longest record read, bytes.
const RECORD_BYTES_MAX: u64 = 4 << 20;

/// Records of a folder.
#[derive(Debug, Default)]
pub(crate) struct Records {
    /// Those that make sense.
    pub(crate) entries: Vec<Entry>,
    /// Files that do not.
    pub(crate) damaged: Vec<PathBuf>,
    /// Keys whose records cannot be read here, which says nothing of them: another user may read them.
    pub(crate) unreadable: Vec<String>,
}

/// Reads every record.
pub(crate) fn read_all(folder: &Path) -> std::io::Result<Records> {
    let mut records = Records::default();
    let listing = match std::fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(records),
        Err(error) => return Err(error),
    };
    for file in listing {
        let path = file?.path();
        let Some(key) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".json")) else {
            continue;
        };
        match read(&path) {
            Ok(Some(entry)) if entry.key == key => records.entries.push(entry),
            Err(_) => records.unreadable.push(key.to_owned()),
            Ok(_) => records.damaged.push(path),
        }
    }
    records.entries.sort_by(|one, other| one.key.cmp(&other.key));
    Ok(records)
}

/// Reads one record; `None` when it is missing or makes no sense.
///
/// # Errors
/// It is there and cannot be read.
pub(crate) fn read(path: &Path) -> std::io::Result<Option<Entry>> {
    let mut json = Vec::new();
    match plain::open(path).and_then(|file| file.take(RECORD_BYTES_MAX).read_to_end(&mut json)) {
        Ok(_) => Ok(Entry::parse(&json)),
        // Links and the like are no records; nobody but an intruder put them there.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where the record of a key lies.
pub(crate) fn record_path(folder: &Path, key: &str) -> PathBuf {
    folder.join(format!("{key}.json"))
}

/// Replaces a record, whole or not at all.
pub(crate) fn write(folder: &Path, entry: &Entry) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut beside = plain::beside(folder, ".record-")?;
    beside.write_all(&serde_json::to_vec_pretty(entry)?)?;
    beside.as_file().sync_data()?;
    beside.persist(record_path(folder, &entry.key))?;
    Ok(())
}

/// States a file as it is now; `path` is its path in a repository.
pub(crate) fn describe(
    file: &Path,
    path: Option<String>,
    sha256: Option<String>,
) -> std::io::Result<EntryFile> {
    let seen = look(file)?;
    Ok(EntryFile {
        name: file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        path,
        bytes: seen.bytes,
        modified_unix_ns: seen.modified_unix_ns,
        inode: Some(seen.inode),
        fingerprint: seen.fingerprint.ok(),
        sha256,
    })
}

/// A record for files that have none; it counts as used when the newest file changed.
pub(crate) fn new_entry(key: &str, kind: EntryKind, name: Option<String>, files: Vec<EntryFile>) -> Entry {
    let newest = files.iter().map(|file| file.modified_unix_ns).max().unwrap_or_default();
    let now = unix_ns(SystemTime::now());
    Entry {
        schema: SCHEMA.to_owned(),
        key: key.to_owned(),
        kind,
        names: name.into_iter().collect(),
        repo: None,
        commit: None,
        files,
        fetched_unix_ns: newest.min(now),
        last_used_unix_ns: newest.min(now),
        pinned: false,
    }
}

/// The record of a pulled model, from its folder alone; `None` for a folder that does not hold a whole model.
pub(crate) fn rebuild_pulled(folder: &Path) -> Option<Entry> {
    let key = folder.file_name()?.to_str().filter(|key| is_key(key))?;
    let files = ModelFiles::open(gguf_files(folder)?.first()?).ok()?;
    let described = files.parts.iter().map(|(path, _)| describe(path, None, read_stated_digest(path)));
    let described: Vec<EntryFile> = described.collect::<std::io::Result<_>>().ok()?;
    // ORG--REPO--ID; neither ORG nor REPO contains "--".
    let mut parts = key.split("--");
    let repo = parts
        .next()
        .zip(parts.next())
        .map(|(organisation, repository)| format!("{organisation}/{repository}"));
    let name = repo.as_ref().map(|repo| format!("hf:{repo}:{}", described[0].name));
    let name = name.filter(|name| HubReference::parse(name).is_ok());
    Some(Entry { repo, ..new_entry(key, EntryKind::Hub, name, described) })
}

/// The record of a model's quantizations, from their folder alone; `None` where there are none.
pub(crate) fn rebuild_quantized(folder: &Path, name: Option<String>) -> Option<Entry> {
    let key = folder.file_name()?.to_str().filter(|key| is_key(key))?;
    let described = gguf_files(folder)?.into_iter().filter_map(|file| describe(&file, None, None).ok());
    let described: Vec<EntryFile> = described.filter(|file| file.fingerprint.is_some()).collect();
    (!described.is_empty()).then(|| new_entry(key, EntryKind::Quantized, name, described))
}

/// Files in a folder whose names say that they are models, sorted.
fn gguf_files(folder: &Path) -> Option<Vec<PathBuf>> {
    let is_model = |path: &PathBuf| {
        path.extension().is_some_and(|end| end.eq_ignore_ascii_case("gguf")) && path.is_file()
    };
    let listing = std::fs::read_dir(folder).ok()?.flatten();
    let mut files: Vec<PathBuf> = listing.map(|file| file.path()).filter(is_model).collect();
    files.sort();
    Some(files)
}

/// The record of a synthetic model, from its file alone; `None` for files that are none: those are not ours.
pub(crate) fn rebuild_synthetic(file: &Path) -> Option<Entry> {
    let key = file.file_name()?.to_str().filter(|key| is_key(key) && key.ends_with(".gguf"))?;
    let header = GgufHeader::read(file).ok()?;
    let synthetic = header.scalar(SYNTHETIC_KEY).and_then(Scalar::as_bool).unwrap_or(false);
    let described = describe(file, None, None).ok().filter(|_| synthetic)?;
    Some(new_entry(key, EntryKind::Synthetic, None, vec![described]))
}
