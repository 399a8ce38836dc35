//! What is known of one model in the cache, and how it is written down.

use std::path::{Path, PathBuf};

use dyno_models::{HubReference, check_path};
use serde::{Deserialize, Serialize};

use crate::RemoteFile;

/// Version of the written form.
pub(crate) const SCHEMA: &str = "dyno.cache/1";

/// Where a model came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// Pulled from a hub.
    Hub,
    /// Made here; can be made again.
    Synthetic,
    /// All quantizations made here of one model; can be made again.
    Quantized,
}

/// One file of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryFile {
    /// Name in the model's folder.
    pub name: String,
    /// Path in the repository it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Size, bytes.
    pub bytes: u64,
    /// Time of the last change, nanoseconds since 1970.
    pub modified_unix_ns: u64,
    /// Its number in the file system; records of earlier versions do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inode: Option<u64>,
    /// Fingerprint of the header; `None` when the header was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// SHA-256 of the whole, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// One model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// `dyno.cache/1`.
    pub schema: String,
    /// Unique name in the cache: the folder of a pulled model or of quantizations, the file of a synthetic one.
    pub key: String,
    /// Where it came from.
    pub kind: EntryKind,
    /// References that lead here.
    pub names: Vec<String>,
    /// `ORG/REPO` of a pulled model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repo: Option<String>,
    /// Commit it was pulled from, when the hub stated it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Files; at least one, the parts of a split model in order.
    pub files: Vec<EntryFile>,
    /// When it came, nanoseconds since 1970.
    pub fetched_unix_ns: u64,
    /// When it was last used, nanoseconds since 1970.
    pub last_used_unix_ns: u64,
    /// Whether it may not be evicted.
    pub pinned: bool,
}

impl Entry {
    /// Size of all files, bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.bytes))
    }

    /// The name to show: the first reference.
    #[must_use]
    pub fn name(&self) -> &str {
        self.names.first().unwrap_or(&self.key)
    }

    /// Folder of its files.
    #[must_use]
    pub fn folder(&self, cache_dir: &Path) -> PathBuf {
        match self.kind {
            EntryKind::Hub => cache_dir.join("hub").join(&self.key),
            EntryKind::Synthetic => cache_dir.to_owned(),
            EntryKind::Quantized => cache_dir.join("quantized").join(&self.key),
        }
    }

    /// Its files, in order.
    #[must_use]
    pub fn paths(&self, cache_dir: &Path) -> Vec<PathBuf> {
        let folder = self.folder(cache_dir);
        self.files.iter().map(|file| folder.join(&file.name)).collect()
    }

    /// Its files as the repository has them.
    pub(crate) fn remote_files(&self) -> Vec<RemoteFile> {
        let file = |file: &EntryFile| RemoteFile {
            path: file.path.clone().unwrap_or_else(|| file.name.clone()),
            bytes: Some(file.bytes),
            sha256: file.sha256.clone(),
        };
        self.files.iter().map(file).collect()
    }

    /// Reads the written form; refuses everything that could lead to a file elsewhere.
    pub(crate) fn parse(json: &[u8]) -> Option<Self> {
        let entry: Self = serde_json::from_slice(json).ok()?;
        let sound = entry.schema == SCHEMA
            && is_key(&entry.key)
            && !entry.files.is_empty()
            && entry.files.iter().all(|file| is_key_like(&file.name))
            && (entry.kind != EntryKind::Synthetic || entry.files[0].name == entry.key);
        sound.then_some(entry)
    }

    /// Whether the reference certainly means this entry: it led here before, or names the repository and one of the files.
    pub(crate) fn is_meant_by(&self, reference: &HubReference) -> bool {
        let text = reference.to_string();
        if self.names.contains(&text) {
            return true;
        }
        let same_repo = self.repo.as_ref() == Some(&reference.repo());
        let same_commit = reference.revision.is_none() || reference.revision == self.commit;
        let wanted = reference.choice.as_ref();
        let named = |file: &EntryFile| file.path.as_ref() == wanted || Some(&file.name) == wanted;
        same_repo && same_commit && wanted.is_some() && self.files.iter().any(named)
    }
}

/// Whether a text can be a key: a plain name of a file or folder.
pub(crate) fn is_key(text: &str) -> bool {
    is_key_like(text) && text.len() <= 240
}

fn is_key_like(text: &str) -> bool {
    check_path(text).is_ok() && !text.contains('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        let file = EntryFile {
            name: "m.gguf".to_owned(),
            path: Some("sub/m.gguf".to_owned()),
            bytes: 5,
            modified_unix_ns: 1,
            inode: Some(3),
            fingerprint: None,
            sha256: None,
        };
        Entry {
            schema: SCHEMA.to_owned(),
            key: "o--r--0".to_owned(),
            kind: EntryKind::Hub,
            names: vec!["hf:o/r:q8_0".to_owned()],
            repo: Some("o/r".to_owned()),
            commit: Some("c0ffee".to_owned()),
            files: vec![file],
            fetched_unix_ns: 1,
            last_used_unix_ns: 2,
            pinned: false,
        }
    }

    #[test]
    fn the_written_form_is_read_back_and_never_leads_elsewhere() {
        let json = serde_json::to_string(&entry()).unwrap();
        assert_eq!(Entry::parse(json.as_bytes()), Some(entry()));
        for (from, to) in [
            ("o--r--0", "../x"),
            ("o--r--0", ""),
            ("\"m.gguf\"", "\"../m.gguf\""),
            ("\"m.gguf\"", "\"/etc/passwd\""),
            ("dyno.cache/1", "dyno.cache/2"),
            ("\"hub\"", "\"synthetic\""),
            ("\"hub\"", "\"other\""),
        ] {
            assert_eq!(Entry::parse(json.replace(from, to).as_bytes()), None, "{from} → {to}");
        }
        assert_eq!(Entry::parse(b"{}"), None);
        assert_eq!(Entry::parse(&json.as_bytes()[..json.len() - 1]), None);
    }

    #[test]
    fn references_mean_an_entry_by_earlier_names_and_by_files() {
        for (text, meant) in [
            ("hf:o/r:q8_0", true),
            ("hf:o/r:m.gguf", true),
            ("hf:o/r:sub/m.gguf", true),
            ("hf:o/r@c0ffee:m.gguf", true),
            ("hf:o/r@other:m.gguf", false),
            ("hf:o/r:q4_0", false),
            ("hf:o/r", false),
            ("hf:x/r:m.gguf", false),
        ] {
            assert_eq!(entry().is_meant_by(&HubReference::parse(text).unwrap()), meant, "{text}");
        }
    }
}
