//! Names of models in an Ollama store: `ollama:[[HOST/]NAMESPACE/]NAME[:TAG]`.

use std::fmt;

use crate::ModelError;

/// Host, namespace and tag meant when none is named: what Ollama itself fills in.
const DEFAULT_HOST: &str = "registry.ollama.ai";
const DEFAULT_NAMESPACE: &str = "library";
const DEFAULT_TAG: &str = "latest";

/// Longest part of a name, bytes.
const PART_BYTES_MAX: usize = 350;

/// A model of an Ollama store, every part checked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OllamaReference {
    /// Registry it came from.
    pub host: String,
    /// User or organisation.
    pub namespace: String,
    /// Model.
    pub name: String,
    /// Tag.
    pub tag: String,
}

impl OllamaReference {
    /// Reads `ollama:NAME[:TAG]` (the `ollama:` may be absent). Touches no file.
    ///
    /// # Errors
    /// [`ModelError::BadOllamaReference`] with what is wrong.
    pub fn parse(text: &str) -> Result<Self, ModelError> {
        let bad = |reason: &str| ModelError::BadOllamaReference {
            reference: text.to_owned(),
            reason: reason.to_owned(),
        };
        let name = text.strip_prefix("ollama:").unwrap_or(text);
        // A colon before the last slash belongs to the port of a host.
        let (path, tag) = match name.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => (path, tag),
            _ => (name, DEFAULT_TAG),
        };
        let parts: Vec<&str> = path.split('/').collect();
        let (host, namespace, name) = match parts.as_slice() {
            [name] => (DEFAULT_HOST, DEFAULT_NAMESPACE, *name),
            [namespace, name] => (DEFAULT_HOST, *namespace, *name),
            [host, namespace, name] => (*host, *namespace, *name),
            _ => return Err(bad("a name has at most a host, a namespace and a model")),
        };
        for (part, marks) in [(host, "-_.:"), (namespace, "-_."), (name, "-_."), (tag, "-_.")] {
            check_part(part, marks).map_err(bad)?;
        }
        let [host, namespace, name, tag] = [host, namespace, name, tag].map(ToOwned::to_owned);
        Ok(Self { host, namespace, name, tag })
    }

    /// The reference without its tag: `ollama:llama3.2`.
    #[must_use]
    pub fn family(&self) -> String {
        let usual_host = self.host == DEFAULT_HOST;
        match (usual_host, usual_host && self.namespace == DEFAULT_NAMESPACE) {
            (_, true) => format!("ollama:{}", self.name),
            (true, _) => format!("ollama:{}/{}", self.namespace, self.name),
            _ => format!("ollama:{}/{}/{}", self.host, self.namespace, self.name),
        }
    }
}

impl fmt::Display for OllamaReference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.family(), self.tag)
    }
}

/// A part becomes the name of a folder or file: letters, digits and a few marks, and nothing that leads elsewhere.
fn check_part(part: &str, marks: &str) -> Result<(), &'static str> {
    if part.is_empty() || part.len() > PART_BYTES_MAX {
        return Err("each part of a name has 1 to 350 characters");
    }
    if !part.chars().all(|letter| letter.is_ascii_alphanumeric() || marks.contains(letter)) {
        return Err("names consist of letters, digits, '-', '_' and '.'");
    }
    if !part.starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '_') {
        return Err("each part of a name begins with a letter, a digit or '_'");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_filled_in_as_ollama_does_and_written_back() {
        let cases = [
            ("ollama:llama3.2:1b", "registry.ollama.ai/library/llama3.2:1b", "ollama:llama3.2:1b"),
            ("ollama:llama3.2", "registry.ollama.ai/library/llama3.2:latest", "ollama:llama3.2:latest"),
            ("ollama:me/own:v1", "registry.ollama.ai/me/own:v1", "ollama:me/own:v1"),
            ("ollama:hf.co/o/R-GGUF:Q8_0", "hf.co/o/R-GGUF:Q8_0", "ollama:hf.co/o/R-GGUF:Q8_0"),
            (
                "ollama:localhost:5000/me/own",
                "localhost:5000/me/own:latest",
                "ollama:localhost:5000/me/own:latest",
            ),
        ];
        for (text, full, canonical) in cases {
            let found = OllamaReference::parse(text).unwrap();
            let OllamaReference { host, namespace, name, tag } = &found;
            assert_eq!(format!("{host}/{namespace}/{name}:{tag}"), full, "{text}");
            assert_eq!(found.to_string(), canonical, "{text}");
            assert_eq!(OllamaReference::parse(canonical).unwrap(), found);
        }
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for text in [
            "ollama:",
            "ollama::1b",
            "ollama:a:",
            "ollama:../../x",
            "ollama:..:1b",
            "ollama:a/b/c/d",
            "ollama:/etc/passwd",
            "ollama:a:../x",
            "ollama:a b",
            "ollama:a\\b",
            "ollama:-x",
            "ollama:.hidden",
            "ollama:a:\u{1b}[2J",
            "ollama:ä",
        ] {
            let error = OllamaReference::parse(text).unwrap_err();
            assert!(error.is_bad_input() && error.to_string().contains("ollama:NAME"), "{text}: {error}");
        }
        assert!(OllamaReference::parse(&format!("ollama:{}", "x".repeat(351))).is_err());
    }
}
