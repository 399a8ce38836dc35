//! SHA-256 of model files, remembered by what tells one file from another: quality belongs to the weights, and hashing
//! gigabytes should cost its time once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dyno_models::{FileStamp, ModelIdentity, PartIdentity};
use dyno_types::{Event, EventSink};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::watched::changed;
use crate::{AppError, Work, kept};

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
    /// Device and number there, as text; entries of earlier versions lack them and are not used.
    #[serde(default)]
    file: String,
    /// Fingerprint of the header.
    #[serde(default)]
    header: String,
    sha256: String,
}

impl Known {
    fn of(part: &PartIdentity, sha256: String) -> Self {
        let stamp = part.stamp;
        Self {
            bytes: stamp.bytes,
            modified_ns: stamp.modified_ns.to_string(),
            file: format!("{}:{}", stamp.device, stamp.inode),
            header: hex(&part.fingerprint),
            sha256,
        }
    }

    /// The digest, when it is of this very file.
    fn sha256_of(&self, part: &PartIdentity) -> Option<String> {
        (*self == Self::of(part, self.sha256.clone())).then(|| self.sha256.clone())
    }
}

type Digests = BTreeMap<String, Known>;

/// SHA-256 of a text or of bytes, as 64 lower-case hexadecimal digits.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Work {
    /// SHA-256 of a model: of its file, or of the digests of all parts in order, one per line. It is that of the files the
    /// identity is of, or an error.
    pub(crate) fn model_sha256(&self, identity: &ModelIdentity) -> Result<String, AppError> {
        let mut digests = Vec::new();
        for part in identity.parts() {
            digests.push(self.file_sha256(part)?);
        }
        identity.check_stamps().map_err(changed)?;
        Ok(of_parts(&digests))
    }

    /// The same, as far as it is known without reading the model.
    pub(crate) fn remembered_sha256(&self, identity: &ModelIdentity) -> Option<String> {
        let known = kept::read::<Digests>(&self.digests_file()?, SCHEMA).ok()??;
        let of_part = |part: &PartIdentity| known.get(&absolute(&part.path))?.sha256_of(part);
        let digests = identity.parts().iter().map(of_part).collect::<Option<Vec<String>>>();
        digests.map(|digests| of_parts(&digests))
    }

    /// SHA-256 of a file, from memory when it is the file that was hashed.
    fn file_sha256(&self, part: &PartIdentity) -> Result<String, AppError> {
        let name = absolute(&part.path);
        let file = self.digests_file();
        let mut digests = match file.as_deref().map(|file| (file, kept::read::<Digests>(file, SCHEMA))) {
            Some((file, Err(reason))) => {
                let place = file.display();
                self.job.emit(Event::Warning(format!("{place} is not used: {reason}; a new one is made")));
                Digests::new()
            }
            Some((_, Ok(digests))) => digests.unwrap_or_default(),
            None => Digests::new(),
        };
        if let Some(sha256) = digests.get(&name).and_then(|known| known.sha256_of(part)) {
            return Ok(sha256);
        }
        let path = &part.path;
        let shown = path.file_name().unwrap_or(path.as_os_str()).display().to_string();
        let sha256 = self.with_cache(|job| dyno_hub::sha256_of(path, &shown, job))?;
        // A file written to while it was read has no digest worth remembering.
        if FileStamp::of(path).is_ok_and(|stamp| stamp == part.stamp) {
            remember(&mut digests, name, Known::of(part, sha256.clone()));
            if let Some(file) = &file
                && let Err(error) = kept::write(file, SCHEMA, &digests)
            {
                self.job.emit(Event::Warning(format!("the digest of the model is not kept: {error}")));
            }
        }
        Ok(sha256)
    }

    fn digests_file(&self) -> Option<PathBuf> {
        self.app.places.beside_history("digests.json")
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
        let (modified_ns, file, header) = ("2".to_owned(), "3:4".to_owned(), "5".to_owned());
        Known { bytes: 1, modified_ns, file, header, sha256: sha256.to_owned() }
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
