//! What a hub says is in a repository: `GET /api/models/ORG/REPO/revision/REV?blobs=true`, read with distrust.

use dyno_models::check_path;
use serde::Deserialize;

/// Most files of a repository.
const FILES_MAX: usize = 100_000;
/// Largest file believed, bytes (16 TiB).
const FILE_BYTES_MAX: u64 = 1 << 44;

/// A file in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteFile {
    /// Path in the repository, checked to stay inside any folder.
    pub path: String,
    /// Size, bytes, when the hub states it.
    pub bytes: Option<u64>,
    /// SHA-256 (64 lower-case hexadecimal digits), when the hub states it.
    pub sha256: Option<String>,
}

impl RemoteFile {
    /// The name without folders.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// Files of a repository at one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listing {
    /// Commit, when stated: 40 hexadecimal digits.
    pub(crate) commit: Option<String>,
    /// Files in order of their paths, each once.
    pub(crate) files: Vec<RemoteFile>,
    /// Files left out because of their names or sizes.
    pub(crate) refused: usize,
}

/// Answer of the hub: `{"sha": COMMIT, "siblings": [FILE…]}`; everything else in it is ignored.
#[derive(Deserialize)]
struct RepositoryWire {
    sha: Option<String>,
    siblings: Vec<FileWire>,
}

/// One file: `{"rfilename": PATH, "size": BYTES, "lfs": {"sha256": DIGEST, "size": BYTES}}`.
#[derive(Deserialize)]
struct FileWire {
    rfilename: String,
    size: Option<u64>,
    lfs: Option<LargeWire>,
}

/// What the hub knows of a large file. Older answers call the digest `oid`.
#[derive(Deserialize)]
struct LargeWire {
    #[serde(alias = "oid")]
    sha256: Option<String>,
    size: Option<u64>,
}

/// Reads the answer.
///
/// # Errors
/// What is wrong, as half a sentence.
pub(crate) fn parse(json: &[u8]) -> Result<Listing, String> {
    let wire: RepositoryWire =
        serde_json::from_slice(json).map_err(|error| format!("it is not a list of files ({error})"))?;
    if wire.siblings.len() > FILES_MAX {
        return Err(format!("it lists {} files, more than the {FILES_MAX} accepted", wire.siblings.len()));
    }
    let stated = wire.siblings.len();
    let mut files: Vec<RemoteFile> = wire.siblings.into_iter().filter_map(accept).collect();
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files.dedup_by(|one, other| one.path == other.path);
    let refused = stated - files.len();
    Ok(Listing { commit: wire.sha.filter(|sha| is_hex(sha, 40)), files, refused })
}

fn accept(wire: FileWire) -> Option<RemoteFile> {
    check_path(&wire.rfilename).ok()?;
    let (sha256, large_bytes) = wire.lfs.map_or((None, None), |lfs| (lfs.sha256, lfs.size));
    let bytes = large_bytes.or(wire.size);
    if bytes.is_some_and(|bytes| bytes > FILE_BYTES_MAX) {
        return None;
    }
    let sha256 = sha256.as_deref().and_then(digest);
    Some(RemoteFile { path: wire.rfilename, bytes, sha256 })
}

/// A SHA-256 as text, with or without `sha256:` before it; `None` for anything else.
pub(crate) fn digest(text: &str) -> Option<String> {
    let text = text.strip_prefix("sha256:").unwrap_or(text).to_ascii_lowercase();
    is_hex(&text, 64).then_some(text)
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hubs_answer_is_read() {
        let digest = "a".repeat(64);
        let json = format!(
            r#"{{"_id": 7, "sha": "{}", "siblings": [
                {{"rfilename": "b.gguf", "size": 5, "blobId": "x", "lfs": {{"sha256": "{digest}", "size": 5, "pointerSize": 1}}}},
                {{"rfilename": "README.md"}}, {{"rfilename": "sub/a.gguf", "lfs": {{"oid": "sha256:{digest}"}}}}]}}"#,
            "0".repeat(40)
        );
        let listing = parse(json.as_bytes()).unwrap();
        let paths: Vec<&str> = listing.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["README.md", "b.gguf", "sub/a.gguf"]);
        assert_eq!((listing.refused, listing.commit.is_some()), (0, true));
        assert_eq!(listing.files[1].bytes, Some(5));
        assert!(listing.files[1..].iter().all(|file| file.sha256.as_ref() == Some(&digest)));
    }

    #[test]
    fn evil_names_and_sizes_are_left_out_and_counted() {
        let json = r#"{"sha": "main; rm -rf", "siblings": [
            {"rfilename": "../../etc/passwd"}, {"rfilename": "/abs.gguf"}, {"rfilename": "a\\b.gguf"}, {"rfilename": "CON.gguf"},
            {"rfilename": "x\u001b[2J.gguf"}, {"rfilename": "huge.gguf", "size": 18446744073709551615},
            {"rfilename": "fine.gguf", "lfs": {"sha256": "short"}}, {"rfilename": "fine.gguf"}]}"#;
        let listing = parse(json.as_bytes()).unwrap();
        assert_eq!((listing.files.len(), listing.refused, listing.commit), (1, 7, None));
        assert_eq!(listing.files[0].sha256, None, "a digest that is none counts as absent");
    }

    #[test]
    fn other_answers_are_refused() {
        for json in [
            "",
            "null",
            "[]",
            "{}",
            "<html>",
            r#"{"siblings": 5}"#,
            r#"{"siblings": [{"rfilename": 5}]}"#,
            r#"{"siblings": [{"rfilename": "a.gguf", "size": -1}]}"#,
        ] {
            assert!(parse(json.as_bytes()).is_err(), "{json}");
        }
        assert!(parse("[".repeat(100_000).as_bytes()).is_err(), "deep nesting");
    }
}
