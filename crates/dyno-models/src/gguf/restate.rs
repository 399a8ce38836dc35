//! Another value for a number that a header states, written in place: nothing else in the file moves.

use std::fs::OpenOptions;
use std::io::{Error, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::error::quoted;
use super::writer::encode_text;
use super::{GgufError, GgufHeader, Scalar, ScalarKind};

/// Changes the 32-bit number that the header states under this key.
///
/// # Errors
/// Those of the reader; [`GgufError::Io`] where the header states no such number exactly once, or the file cannot be written.
pub fn restate_u32(path: &Path, key: &str, value: u32) -> Result<(), GgufError> {
    let header = GgufHeader::read(path)?;
    let refuse = || {
        let reason = format!("the header states no 32-bit number {} exactly once", quoted(key));
        GgufError::Io(Error::new(ErrorKind::InvalidData, reason))
    };
    let Some(Scalar::U32(stated)) = header.scalar(key) else { return Err(refuse()) };
    let mut entry = Vec::new();
    encode_text(key, &mut entry);
    entry.extend(ScalarKind::U32.id().to_le_bytes());
    let at = entry.len();
    entry.extend(stated.to_le_bytes());
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    // The reader accepted the header, so its size is within the limits.
    let mut bytes = vec![0; usize::try_from(header.header_bytes).map_err(|_| refuse())?];
    file.read_exact_at(&mut bytes, 0)?;
    let mut places = (0..bytes.len()).filter(|start| bytes[*start..].starts_with(&entry));
    // A text of the header may hold the same bytes: which of them is the entry is not guessed.
    let (Some(start), None) = (places.next(), places.next()) else { return Err(refuse()) };
    file.write_all_at(&value.to_le_bytes(), (start + at) as u64)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gguf::{Content, GgufPlan};

    fn written(metadata: &[(&str, Scalar)]) -> (tempfile::TempDir, std::path::PathBuf) {
        let metadata: Vec<_> =
            metadata.iter().map(|(key, value)| ((*key).to_owned(), Content::Scalar(value.clone()))).collect();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.gguf");
        std::fs::write(&file, GgufPlan::new(&metadata, &[]).unwrap().header).unwrap();
        (folder, file)
    }

    #[test]
    fn one_number_changes_and_nothing_else() {
        let name = Scalar::String("general.file_type".to_owned());
        let keys = [("general.name", name), ("general.file_type", Scalar::U32(31)), ("x", Scalar::U32(31))];
        let (_folder, file) = written(&keys);
        let before = GgufHeader::read(&file).unwrap();
        restate_u32(&file, "general.file_type", 25).unwrap();
        let after = GgufHeader::read(&file).unwrap();
        assert_eq!(after.scalar("general.file_type"), Some(&Scalar::U32(25)));
        assert_eq!((after.scalar("x"), after.file_bytes), (Some(&Scalar::U32(31)), before.file_bytes));
        assert_eq!(after.scalar("general.name"), before.scalar("general.name"));
    }

    #[test]
    fn what_is_not_stated_once_is_refused_and_the_file_left_alone() {
        let mut twin = Vec::new();
        encode_text("k", &mut twin);
        twin.extend(ScalarKind::U32.id().to_le_bytes());
        twin.extend(7_u32.to_le_bytes());
        let twin = Scalar::String(String::from_utf8(twin).unwrap());
        for keys in [
            vec![("k", Scalar::U32(7)), ("text", twin)],
            vec![("k", Scalar::U64(7))],
            vec![("other", Scalar::U32(7))],
        ] {
            let (_folder, file) = written(&keys);
            let before = std::fs::read(&file).unwrap();
            let error = restate_u32(&file, "k", 8).unwrap_err().to_string();
            assert!(error.contains("exactly once"), "{error}");
            assert_eq!(std::fs::read(&file).unwrap(), before);
        }
    }
}
