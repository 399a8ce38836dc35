//! Names of models on a hub: `hf:ORG/REPO[@REVISION][:FILE-OR-QUANT]`, and what a name from outside may look like.

use std::fmt;

use crate::ModelError;

/// Longest name of an organisation, a repository or one part of a path, bytes (what file systems take).
const PART_BYTES_MAX: usize = 255;
/// Longest revision or path, bytes.
const PATH_BYTES_MAX: usize = 1024;
/// The revision meant when none is named.
pub const DEFAULT_REVISION: &str = "main";

/// Names that Windows keeps for devices, whatever follows the first dot.
const RESERVED: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// A model on a hub, as a user names it. Every part has been checked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HubReference {
    /// User or organisation.
    pub organisation: String,
    /// Repository of that organisation.
    pub repository: String,
    /// Branch, tag or commit; `None` for the default branch.
    pub revision: Option<String>,
    /// File (a path in the repository) or quantization label; `None` leaves the choice to dyno.
    pub choice: Option<String>,
}

impl HubReference {
    /// Reads `hf:ORG/REPO[@REVISION][:FILE-OR-QUANT]` (the `hf:` may be absent). Touches no network.
    ///
    /// # Errors
    /// [`ModelError::BadHubReference`] with what is wrong.
    pub fn parse(text: &str) -> Result<Self, ModelError> {
        let bad = |reason: &str| ModelError::BadHubReference {
            reference: text.to_owned(),
            reason: reason.to_owned(),
        };
        let name = text.strip_prefix("hf:").unwrap_or(text);
        let (place, choice) =
            name.split_once(':').map_or((name, None), |(place, choice)| (place, Some(choice)));
        let (repo, revision) =
            place.split_once('@').map_or((place, None), |(repo, revision)| (repo, Some(revision)));
        let Some((organisation, repository)) = repo.split_once('/') else {
            return Err(bad("it lacks the organisation"));
        };
        for part in [organisation, repository] {
            check_repository_part(part).map_err(bad)?;
        }
        for path in revision.into_iter().chain(choice) {
            check_path(path).map_err(bad)?;
        }
        let revision = revision.filter(|revision| *revision != DEFAULT_REVISION);
        Ok(Self {
            organisation: organisation.to_owned(),
            repository: repository.to_owned(),
            revision: revision.map(ToOwned::to_owned),
            choice: choice.map(ToOwned::to_owned),
        })
    }

    /// `ORG/REPO`.
    #[must_use]
    pub fn repo(&self) -> String {
        format!("{}/{}", self.organisation, self.repository)
    }

    /// The revision, named or default.
    #[must_use]
    pub fn revision(&self) -> &str {
        self.revision.as_deref().unwrap_or(DEFAULT_REVISION)
    }
}

impl fmt::Display for HubReference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "hf:{}/{}", self.organisation, self.repository)?;
        if let Some(revision) = &self.revision {
            write!(out, "@{revision}")?;
        }
        self.choice.as_ref().map_or(Ok(()), |choice| write!(out, ":{choice}"))
    }
}

/// An organisation or repository: letters, digits, `-`, `_` and `.`; `--` and `..` never appear (the hub's own rule, which
/// makes `ORG--REPO` unambiguous as a folder name).
fn check_repository_part(part: &str) -> Result<(), &'static str> {
    if part.is_empty() || part.len() > PART_BYTES_MAX {
        return Err("organisation and repository have 1 to 255 characters");
    }
    if !part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return Err("organisation and repository consist of letters, digits, '-', '_' and '.'");
    }
    if part.starts_with(['-', '.']) || part.contains("--") || part.contains("..") {
        return Err("organisation and repository neither begin with '-' or '.' nor contain '--' or '..'");
    }
    Ok(())
}

/// Refuses a path inside a repository that could lead outside a folder, confuse a terminal, or not exist on some system.
///
/// # Errors
/// What is wrong, as half a sentence.
pub fn check_path(path: &str) -> Result<(), &'static str> {
    if path.is_empty() || path.len() > PATH_BYTES_MAX {
        return Err("a file or revision has 1 to 1024 characters");
    }
    if path.chars().any(|letter| letter.is_control() || "\\:*?\"<>|".contains(letter)) {
        return Err("a file or revision has no control characters and none of \\ : * ? \" < > |");
    }
    if path.chars().any(is_invisible) {
        return Err("a file or revision has no invisible characters");
    }
    path.split('/').try_for_each(check_part)
}

fn check_part(part: &str) -> Result<(), &'static str> {
    if part.is_empty() || part == "." || part == ".." {
        return Err("a path neither begins nor ends with '/' nor contains '//', '/./' or '..'");
    }
    if part.len() > PART_BYTES_MAX {
        return Err("a part of a path has at most 255 bytes");
    }
    if part.starts_with('.') || part.ends_with(['.', ' ']) {
        return Err("a part of a path neither begins with '.' nor ends with '.' or a space");
    }
    let stem = part.split('.').next().unwrap_or(part).trim_end().to_lowercase();
    let numbered = |device: &str| {
        stem.strip_prefix(device).is_some_and(|rest| rest.chars().count() == 1 && !rest.starts_with('0'))
    };
    if RESERVED.contains(&stem.as_str()) || numbered("com") || numbered("lpt") {
        return Err("a part of a path is not a device name such as CON or COM1");
    }
    Ok(())
}

/// Characters that hide or reorder text.
fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_and_written_back() {
        let cases = [
            ("hf:org/repo", "hf:org/repo"),
            ("org/repo", "hf:org/repo"),
            ("hf:org/repo@main:q4_k_m", "hf:org/repo:q4_k_m"),
            ("hf:o.r_g/re-po.2@refs/pr/1:sub/dir/File.gguf", "hf:o.r_g/re-po.2@refs/pr/1:sub/dir/File.gguf"),
        ];
        for (text, canonical) in cases {
            let reference = HubReference::parse(text).unwrap();
            assert_eq!(reference.to_string(), canonical);
            assert_eq!(HubReference::parse(canonical).unwrap(), reference);
        }
        assert_eq!(HubReference::parse("hf:a/b").unwrap().revision(), "main");
    }

    #[test]
    fn evil_references_are_refused() {
        let cases = [
            "hf:",
            "hf:repo",
            "hf:/repo",
            "hf:org/",
            "hf:a/b/c",
            "hf:../b",
            "hf:a/..",
            "hf:a--b/c",
            "hf:a/b@",
            "hf:a/b:",
            "hf:a/b:../x.gguf",
            "hf:a/b:/etc/passwd",
            "hf:a/b@../..",
            "hf:a/b:x/../y",
            "hf:a/b:x\\y",
            "hf:a/b:c:d",
            "hf:a/b:x\u{1b}[2J.gguf",
            "hf:a b/c",
            "hf:a/b?x",
            "hf:a/b#x",
            "hf:ä/b",
        ];
        for text in cases {
            let error = HubReference::parse(text).unwrap_err();
            assert!(error.is_bad_input() && error.to_string().contains("hf:ORG/REPO"), "{text}: {error}");
        }
    }

    #[test]
    fn paths_stay_inside_and_exist_everywhere() {
        for good in [
            "a.gguf",
            "Q4_K_M/model-00001-of-00002.gguf",
            "a b.gguf",
            "com10.gguf",
            "console.gguf",
            "modèle.gguf",
        ] {
            assert_eq!(check_path(good), Ok(()), "{good}");
        }
        let evil = [
            "",
            "/a",
            "a/",
            "a//b",
            "..",
            "../a",
            "a/../b",
            "./a",
            "a\\b",
            "C:a",
            "a\0b",
            "a\nb",
            "CON",
            "nul.gguf",
            "aux/b",
            "COM1.gguf",
            "lpt9",
            "a.",
            "a ",
            ".hidden",
            "a\u{202e}b",
            "a\u{200b}b",
            "a|b",
            "a*b",
        ];
        for path in evil {
            assert!(check_path(path).is_err(), "{path:?}");
        }
        assert!(check_path(&"x".repeat(256)).is_err() && check_path(&"x/".repeat(600)).is_err());
    }
}
