//! Models inside this program: the reference models, small ones with real answers, trained by `crates/dyno-curriculum/trainer`.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::ModelError;
use crate::placement::{Placement, write_failed};
use crate::plain_file::open_plain;

/// Characters of the digest in a file name; enough that a new version never meets an old one's file.
const DIGEST_CHARACTERS: usize = 12;

/// A model inside this program.
#[derive(Debug, PartialEq, Eq)]
pub struct Builtin {
    /// Name after `builtin:`.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub about: &'static str,
    /// The GGUF file.
    pub bytes: &'static [u8],
}

/// Every built-in model, the default first.
pub static BUILTINS: [Builtin; 2] = [
    Builtin {
        name: "nano",
        about: "a chat model of 0.9 million parameters that calculates a little",
        bytes: include_bytes!("../data/models/nano.gguf"),
    },
    Builtin {
        name: "micro",
        about: "a chat model of 2.8 million parameters that calculates, sorts, knows some facts and writes small functions",
        bytes: include_bytes!("../data/models/micro.gguf"),
    },
];

impl Builtin {
    /// The built-in model of this name.
    ///
    /// # Errors
    /// [`ModelError::UnknownBuiltin`].
    pub fn find(name: &str) -> Result<&'static Self, ModelError> {
        BUILTINS.iter().find(|builtin| builtin.name == name).ok_or_else(|| ModelError::UnknownBuiltin {
            name: name.to_owned(),
            known: BUILTINS.iter().map(|builtin| builtin.name).collect::<Vec<_>>().join(", "),
        })
    }

    /// The file in `cache_dir`, written there when it is missing or has other content: engines load files.
    ///
    /// # Errors
    /// [`ModelError::Write`], [`ModelError::DiskFull`].
    pub fn place(&self, cache_dir: &Path) -> Result<PathBuf, ModelError> {
        let target = cache_dir.join("builtin").join(self.file_name());
        if self.is_there(&target) {
            return Ok(target);
        }
        let needed_bytes = self.bytes.len() as u64;
        let mut placement = Placement::begin(&target, needed_bytes)?;
        placement
            .file()
            .write_all(self.bytes)
            .map_err(|source| write_failed(&target, needed_bytes, source))?;
        placement.finish()?;
        Ok(target)
    }

    fn is_there(&self, target: &Path) -> bool {
        let mut there = Vec::new();
        let read = open_plain(target)
            .and_then(|file| file.take(self.bytes.len() as u64 + 1).read_to_end(&mut there));
        read.is_ok() && there == self.bytes
    }

    fn file_name(&self) -> String {
        let digest = Sha256::digest(self.bytes);
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{}.gguf", self.name, &hex[..DIGEST_CHARACTERS])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_placed_once_and_mended_when_damaged() {
        let cache = tempfile::tempdir().unwrap();
        for builtin in &BUILTINS {
            let file = builtin.place(cache.path()).unwrap();
            let placed = std::fs::metadata(&file).unwrap().modified().unwrap();
            assert_eq!(builtin.place(cache.path()).unwrap(), file);
            assert_eq!(std::fs::metadata(&file).unwrap().modified().unwrap(), placed, "not written twice");
            std::fs::write(&file, &builtin.bytes[..100]).unwrap();
            builtin.place(cache.path()).unwrap();
            assert_eq!(std::fs::read(&file).unwrap(), builtin.bytes);
            let facts = crate::read_facts(&file, builtin.name).unwrap();
            crate::check_runnable(&facts).unwrap();
            assert!(facts.has_chat_template && !facts.synthetic && facts.context_train >= Some(1024));
        }
    }
}
