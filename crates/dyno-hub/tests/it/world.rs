//! A cache of its own, models to serve, and everything that was said.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dyno_hub::{Found, HubError, HubSettings, Library, Patience, Token};
use dyno_models::HubReference;
use dyno_types::{CancelFlag, Event, EventSink, Job};
use sha2::{Digest, Sha256};

use super::stand_in::{Answer, Request, StandIn};

/// Commit of every stand-in repository.
pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// Keeps what was said.
#[derive(Default)]
pub(crate) struct Said(Mutex<Vec<Event>>);

impl EventSink for Said {
    fn emit(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

/// A cache folder of its own.
pub(crate) struct World {
    folder: tempfile::TempDir,
    said: Arc<Said>,
    pub(crate) settings: HubSettings,
}

impl World {
    pub(crate) fn new(hub: &StandIn) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (first_wait, longest_wait) = (Duration::from_millis(5), Duration::from_millis(1500));
        let settings = HubSettings {
            endpoint: hub.url().parse().unwrap(),
            patience: Patience {
                first_wait,
                longest_wait,
                silence: Duration::from_secs(5),
                ..Patience::default()
            },
            ..HubSettings::new(Some(folder.path().join("cache")))
        };
        Self { folder, said: Arc::default(), settings }
    }

    pub(crate) fn with_token(mut self, token: &str) -> Self {
        self.settings.token = Token::new(token);
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn cache(&self) -> &Path {
        self.settings.cache_dir.as_deref().unwrap()
    }

    pub(crate) fn library(&self) -> Library {
        Library::new(self.settings.clone())
    }

    pub(crate) fn job(&self) -> Job {
        Job::new(self.said.clone(), CancelFlag::default(), Duration::from_secs(60))
    }

    pub(crate) fn find(&self, reference: &str) -> Result<Found, HubError> {
        self.library().find(&HubReference::parse(reference).unwrap(), &self.job())
    }

    pub(crate) fn pull(&self, reference: &str) -> Result<Found, HubError> {
        self.library().pull(&HubReference::parse(reference).unwrap(), &self.job())
    }

    /// Whether a remark or warning with this text was made.
    pub(crate) fn said(&self, text: &str) -> bool {
        self.said.0.lock().unwrap().iter().any(|event| match event {
            Event::Note(said) | Event::Warning(said) => said.contains(text),
            _ => false,
        })
    }

    /// Everything that was said.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.said.0.lock().unwrap().clone()
    }

    /// Names of all files in the cache, with folders, sorted; without locks and records.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut names = Vec::new();
        walk(self.cache(), "", &mut names);
        names.retain(|name| !name.starts_with("locks/") && !name.starts_with("index/"));
        names.sort();
        names
    }
}

fn walk(folder: &Path, prefix: &str, names: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            walk(&entry.path(), &format!("{name}/"), names);
        } else {
            names.push(name);
        }
    }
}

/// Bytes that nobody can mistake for others: the same for the same seed.
pub(crate) fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut noise: Vec<u8> = std::iter::repeat_with(&mut next).take(bytes.div_ceil(8)).flatten().collect();
    noise.truncate(bytes);
    noise
}

/// A real, small model.
pub(crate) fn model(quant: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let spec = dyno_models::SynthSpec::parse(&format!("tiny-llama@{quant}"), 0).unwrap();
    std::fs::read(dyno_models::synthesize(&spec, folder.path(), &mut |_, _| true).unwrap()).unwrap()
}

pub(crate) fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A repository `o/r` as the hub lists it.
pub(crate) fn listing(files: &[(&str, &[u8])]) -> String {
    let file = |(name, content): &(&str, &[u8])| {
        serde_json::json!({"rfilename": name, "size": content.len(),
            "lfs": {"sha256": sha256(content), "size": content.len(), "pointerSize": 134}})
    };
    let files: Vec<_> = files.iter().map(file).collect();
    serde_json::json!({"sha": COMMIT, "siblings": files}).to_string()
}

/// An honest answer about a repository `o/r` with these files.
pub(crate) fn honest(request: &Request, files: &[(&str, &[u8])]) -> Answer {
    if request.path.starts_with("/api/models/o/r/revision/") {
        return Answer::new(200, listing(files));
    }
    let file = request.path.strip_prefix(&format!("/o/r/resolve/{COMMIT}/"));
    match file.and_then(|path| files.iter().find(|(name, _)| *name == path)) {
        Some((_, content)) => Answer::file(request, content),
        None => Answer::new(404, "no such file"),
    }
}

/// A hub with one file `m-Q8_0.gguf`, which a script may spoil.
pub(crate) fn hub_with(
    content: &[u8],
    spoil: impl Fn(&Request, Answer) -> Answer + Send + Sync + 'static,
) -> StandIn {
    let content = content.to_vec();
    StandIn::start(move |request| spoil(request, honest(request, &[("m-Q8_0.gguf", &content)])))
}

/// Whether the request is for a file (rather than a list).
pub(crate) fn is_file(request: &Request) -> bool {
    request.path.contains("/resolve/")
}
