//! Verdicts given before: what a judge wrote to a prompt is kept, so that the same evaluation again asks it nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use dyno_types::{ChatMessage, EngineSettings, Sampling};
use serde::{Deserialize, Serialize};

use crate::AppError;
use crate::eval::cache::settings_that_count;
use crate::eval::digest::sha256_hex;
use crate::eval::lines::{Line, Lines};

/// Schema of the files; raised when the meaning of a line changes.
const SCHEMA: &str = "dyno.verdicts/1";

/// Where verdicts are kept, and whose.
#[derive(Debug, Clone)]
pub(crate) struct VerdictPlace {
    /// Folder of the files.
    pub(crate) folder: PathBuf,
    /// SHA-256 of the judge's weights.
    pub(crate) judge_sha256: String,
}

/// How a judge is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JudgeAsked<'a> {
    pub(crate) sampling: &'a Sampling,
    /// Maximum length of a verdict, tokens.
    pub(crate) max_tokens: u32,
    /// Backend of the engine with its version.
    pub(crate) backend: &'a str,
    pub(crate) settings: &'a EngineSettings,
}

/// Everything a verdict depends on but the prompt.
#[derive(Debug, Serialize)]
struct VerdictKey<'a> {
    /// dyno's version: how chats become prompts belongs to it.
    dyno: &'a str,
    judge_sha256: &'a str,
    sampling: &'a Sampling,
    max_tokens: u32,
    backend: &'a str,
    settings: BTreeMap<String, serde_json::Value>,
}

/// What a judge wrote.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Written {
    pub(crate) text: String,
    pub(crate) tokens: u64,
    /// Whether it was cut at the maximum length of a verdict.
    pub(crate) cut: bool,
}

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Verdict {
    /// SHA-256 of the chat.
    prompt: String,
    #[serde(flatten)]
    written: Written,
}

impl Line for Verdict {
    fn id(&self) -> &str {
        &self.prompt
    }
}

/// The verdicts of one judge with one backend and settings.
#[derive(Debug)]
pub(crate) struct Verdicts(Lines<Verdict>);

impl Verdicts {
    /// The verdicts known. The window counts for nothing: it only has to hold what is asked.
    pub(crate) fn open(place: &VerdictPlace, asked: &JudgeAsked<'_>) -> Result<Self, AppError> {
        let mut settings = settings_that_count(asked.settings);
        settings.remove("context");
        let (dyno, judge_sha256) = (env!("CARGO_PKG_VERSION"), place.judge_sha256.as_str());
        let JudgeAsked { sampling, max_tokens, backend, .. } = *asked;
        let key = VerdictKey { dyno, judge_sha256, sampling, max_tokens, backend, settings };
        Lines::open(&place.folder, SCHEMA, &key).map(Self)
    }

    /// What was written to this chat before.
    pub(crate) fn get(&self, chat: &str) -> Option<&Written> {
        self.0.get(chat).map(|verdict| &verdict.written)
    }

    /// Keeps what was written to this chat.
    pub(crate) fn keep(&mut self, chat: &str, written: &Written) -> Result<(), AppError> {
        self.0.keep(&Verdict { prompt: chat.to_owned(), written: written.clone() })
    }
}

/// What a chat is found by.
pub(crate) fn chat_id(chat: &[ChatMessage]) -> String {
    let text = serde_json::to_string(chat).expect("messages are plain data");
    sha256_hex(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(folder: &std::path::Path, sha256: &str, max_tokens: u32, settings: EngineSettings) -> Verdicts {
        let place = VerdictPlace { folder: folder.to_owned(), judge_sha256: sha256.to_owned() };
        let sampling = &Sampling::greedy();
        let asked = JudgeAsked { sampling, max_tokens, backend: "backend", settings: &settings };
        Verdicts::open(&place, &asked).unwrap()
    }

    #[test]
    fn a_verdict_is_found_again_for_the_same_judge_prompt_and_settings_in_any_window() {
        let folder = tempfile::tempdir().unwrap();
        let usual = EngineSettings::default;
        let chat =
            |content: &str| chat_id(&[ChatMessage { role: "user".to_owned(), content: content.to_owned() }]);
        let written = Written { text: "Rating: [[4]]".to_owned(), tokens: 5, cut: false };
        open(folder.path(), "a", 9, usual()).keep(&chat("x"), &written).unwrap();
        let wide = EngineSettings { context: 9_999, threads: 3, ..usual() };
        assert_eq!(open(folder.path(), "a", 9, wide).get(&chat("x")), Some(&written));
        assert_eq!(open(folder.path(), "a", 9, usual()).get(&chat("y")), None);
        let small = EngineSettings { kv_type_k: dyno_types::KvType::Q8_0, ..usual() };
        for other in [
            open(folder.path(), "b", 9, usual()),
            open(folder.path(), "a", 8, usual()),
            open(folder.path(), "a", 9, small),
        ] {
            assert_eq!(other.get(&chat("x")), None);
        }
    }
}
