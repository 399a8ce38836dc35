//! Small measurements kept in files beside the history: whole or not at all, and never believed unseen.

use std::io::ErrorKind;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::AppError;
use crate::page::is_special;

/// Largest kept file read, bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What a file holds.
#[derive(Debug, Serialize, Deserialize)]
struct Kept<T> {
    schema: String,
    value: T,
}

/// The part that every schema has.
#[derive(Deserialize)]
struct KeptHead {
    schema: String,
}

/// What the file holds, when it is there.
///
/// # Errors
/// Why what is there cannot be used, as the end of a sentence.
pub(crate) fn read<T: DeserializeOwned>(file: &Path, schema: &str) -> Result<Option<T>, String> {
    let text = match dyno_models::read_plain(file, FILE_BYTES_MAX) {
        Ok(text) => text,
        // No folder, or something else in its place: nothing was ever kept.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error.to_string()),
    };
    let head: KeptHead = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    if head.schema != schema {
        return Err(format!("its schema is {:?}, this dyno reads {schema:?}", head.schema));
    }
    let kept: Kept<T> = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    Ok(Some(kept.value))
}

/// Keeps a value.
///
/// # Errors
/// [`AppError::Write`].
pub(crate) fn write<T: Serialize>(file: &Path, schema: &str, value: &T) -> Result<(), AppError> {
    let kept = Kept { schema: schema.to_owned(), value };
    let text = serde_json::to_string_pretty(&kept)
        .map_err(|error| AppError::Write { path: file.to_owned(), source: error.into() })?;
    // A pipe in the place of a file of ours is nobody's wish, and writing into one waits for a reader.
    if is_special(file) {
        let source = std::io::Error::other("it is a pipe or device; remove it");
        return Err(AppError::Write { path: file.to_owned(), source });
    }
    crate::write_page(file, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_and_damage_is_told_from_absence() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/value.json");
        assert_eq!(read::<Vec<u32>>(&file, "v/1"), Ok(None));
        write(&file, "v/1", &[1, 2]).unwrap();
        assert_eq!(read(&file, "v/1"), Ok(Some(vec![1, 2])));
        assert!(read::<Vec<u32>>(&file, "v/2").unwrap_err().contains("\"v/1\""));
        assert!(read::<Vec<bool>>(&file, "v/1").is_err());
        std::fs::write(&file, &std::fs::read(&file).unwrap()[..20]).unwrap();
        assert!(read::<Vec<u32>>(&file, "v/1").is_err());
        std::fs::File::create(&file).unwrap().set_len(FILE_BYTES_MAX + 1).unwrap();
        assert!(read::<Vec<u32>>(&file, "v/1").unwrap_err().contains("more than 1048576 bytes"));
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_in_the_place_of_a_kept_file_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("kept.json");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let error = write(&pipe, "dyno.test/1", &1).unwrap_err().to_string();
        assert!(error.contains("pipe or device"), "{error}");
    }
}
