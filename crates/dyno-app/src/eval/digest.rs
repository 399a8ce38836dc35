//! SHA-256 of model files, remembered by size and modification time: quality belongs to the weights, and hashing gigabytes
//! should cost its time once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use dyno_models::ModelFiles;
use dyno_types::{Event, EventSink};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{App, AppError, kept};

/// Schema of the file of digests.
const SCHEMA: &str = "dyno.digests/1";

/// Most files remembered; the file stays far below what [`kept`] reads.
const ENTRIES_MAX: usize = 200;

/// What was known of a file when it was hashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    bytes: u64,
    /// Modification time, ns since 1970, as text: JSON numbers are too small for it elsewhere.
    modified_ns: String,
    sha256: String,
}

type Digests = BTreeMap<String, Known>;

/// SHA-256 of a text or of bytes, as 64 lower-case hexadecimal digits.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl App {
    /// SHA-256 of a model: of its file, or of the digests of all parts in order, one per line.
    pub(crate) fn model_sha256(&self, path: &Path, events: &dyn EventSink) -> Result<String, AppError> {
        let files = ModelFiles::open(path)?;
        let mut digests = Vec::new();
        for (part, _) in &files.parts {
            digests.push(self.file_sha256(part, events)?);
        }
        Ok(of_parts(&digests))
    }

    /// The same, as far as it is known without reading the model.
    pub(crate) fn remembered_sha256(&self, path: &Path) -> Option<String> {
        let files = ModelFiles::open(path).ok()?;
        let known = kept::read::<Digests>(&self.digests_file(), SCHEMA).ok()??;
        let of_part = |(part, _): &(PathBuf, _)| {
            let known = known.get(&absolute(part))?;
            let (bytes, modified_ns) = stamp(part)?;
            (known.bytes == bytes && known.modified_ns == modified_ns).then(|| known.sha256.clone())
        };
        files.parts.iter().map(of_part).collect::<Option<Vec<String>>>().map(|digests| of_parts(&digests))
    }

    /// SHA-256 of a file, from memory when its size and modification time are as they were.
    fn file_sha256(&self, path: &Path, events: &dyn EventSink) -> Result<String, AppError> {
        let name = absolute(path);
        let file = self.digests_file();
        let mut digests = match kept::read::<Digests>(&file, SCHEMA) {
            Ok(digests) => digests.unwrap_or_default(),
            Err(reason) => {
                let place = file.display();
                events.emit(Event::Warning(format!("{place} is not used: {reason}; it is made anew")));
                Digests::new()
            }
        };
        let before = stamp(path);
        if let (Some(known), Some((bytes, modified_ns))) = (digests.get(&name), &before)
            && known.bytes == *bytes
            && known.modified_ns == *modified_ns
        {
            return Ok(known.sha256.clone());
        }
        let shown = path.file_name().unwrap_or(path.as_os_str()).display().to_string();
        let sha256 = self.with_hub_job(events, |job| dyno_hub::sha256_of(path, &shown, job))?;
        // A file written to while it was read has no digest worth remembering.
        if let Some((bytes, modified_ns)) = before.filter(|before| stamp(path).as_ref() == Some(before)) {
            remember(&mut digests, name, Known { bytes, modified_ns, sha256: sha256.clone() });
            if let Err(error) = kept::write(&file, SCHEMA, &digests) {
                events.emit(Event::Warning(format!("the digest of the model is not kept: {error}")));
            }
        }
        Ok(sha256)
    }

    fn digests_file(&self) -> PathBuf {
        self.places.history_file.with_file_name("digests.json")
    }
}

/// The digest of a model with these parts.
fn of_parts(digests: &[String]) -> String {
    match digests {
        [one] => one.clone(),
        several => sha256_hex(several.join("\n").as_bytes()),
    }
}

/// Under which name a file is remembered.
fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

/// Size and modification time.
fn stamp(path: &Path) -> Option<(u64, String)> {
    let about = std::fs::metadata(path).ok()?;
    let modified = about.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some((about.len(), modified.as_nanos().to_string()))
}

/// Adds an entry; when there are too many, those whose files are gone go first.
fn remember(digests: &mut Digests, name: String, known: Known) {
    digests.insert(name.clone(), known);
    if digests.len() > ENTRIES_MAX {
        digests.retain(|path, _| *path == name || Path::new(path).exists());
    }
    while digests.len() > ENTRIES_MAX {
        let Some(other) = digests.keys().find(|path| **path != name).cloned() else { return };
        digests.remove(&other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(sha256: &str) -> Known {
        Known { bytes: 1, modified_ns: "2".to_owned(), sha256: sha256.to_owned() }
    }

    #[test]
    fn texts_have_the_digest_everybody_else_computes() {
        assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn the_newest_entry_survives_when_there_are_too_many() {
        let mut digests = Digests::new();
        for number in 0..ENTRIES_MAX {
            remember(&mut digests, format!("/nowhere/{number:04}"), known("old"));
        }
        assert_eq!(digests.len(), ENTRIES_MAX);
        remember(&mut digests, "/nowhere/!".to_owned(), known("new"));
        assert_eq!(digests, Digests::from([("/nowhere/!".to_owned(), known("new"))]));
    }
}
