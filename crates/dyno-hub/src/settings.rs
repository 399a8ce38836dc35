//! Everything the user can set, as one plain value; only the command reads the environment.

use std::ffi::OsString;
use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Url;

use crate::HubError;
use crate::stores::{lm_studio_folders, ollama_folders};

/// Most bytes of the cache when nothing else is said: 50 GiB.
pub const DEFAULT_CACHE_MAX_BYTES: u64 = 50 << 30;
/// Hub when none is named.
const DEFAULT_ENDPOINT: &str = "https://huggingface.co";
/// Longest token file, bytes.
const TOKEN_BYTES_MAX: u64 = 4096;

/// A secret that proves who asks. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Takes a token: visible ASCII without blanks around it; `None` when nothing is left or it has other characters.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let sound = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        sound.then(|| Self(text.to_owned()))
    }

    pub(crate) fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Token(hidden)")
    }
}

/// How long to wait and how often to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Repetitions after a failure that may pass (per piece of a file; progress in between starts the count again).
    pub retries: u32,
    /// Wait before the first repetition; it doubles.
    pub first_wait: Duration,
    /// Longest wait, also when a server asks for more.
    pub longest_wait: Duration,
    /// Longest wait for a connection.
    pub connect: Duration,
    /// Longest silence of a server.
    pub silence: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            retries: 3,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(30),
            connect: Duration::from_secs(15),
            silence: Duration::from_secs(30),
        }
    }
}

/// Where models come from and where they are kept.
#[derive(Debug, Clone)]
pub struct HubSettings {
    /// Address of the hub, without path.
    pub endpoint: Url,
    /// Who asks.
    pub token: Option<Token>,
    /// Whether nothing may be fetched.
    pub offline: bool,
    /// `hub` folder of the Hugging Face cache, used where it lies.
    pub huggingface_cache: Option<PathBuf>,
    /// Ollama stores, read where they are.
    pub ollama: Vec<PathBuf>,
    /// Folders in which LM Studio keeps models.
    pub lm_studio: Vec<PathBuf>,
    /// Folders of the user that hold models.
    pub folders: Vec<PathBuf>,
    /// Folder of the cache; without one nothing is found there, and nothing can be fetched.
    pub cache_dir: Option<PathBuf>,
    /// Most bytes of all models in the cache.
    pub cache_max_bytes: u64,
    /// Parallel connections of one download, at least 1.
    pub connections: usize,
    /// Waiting and repeating.
    pub patience: Patience,
}

impl HubSettings {
    /// Defaults over this cache folder, if there is one: the public hub, no token, 50 GiB.
    ///
    /// # Panics
    /// Never: the default address is a constant.
    #[must_use]
    pub fn new(cache_dir: Option<PathBuf>) -> Self {
        Self {
            endpoint: Url::parse(DEFAULT_ENDPOINT).expect("the default address is valid"),
            token: None,
            offline: false,
            huggingface_cache: None,
            ollama: Vec::new(),
            lm_studio: Vec::new(),
            folders: Vec::new(),
            cache_dir,
            cache_max_bytes: DEFAULT_CACHE_MAX_BYTES,
            connections: 4,
            patience: Patience::default(),
        }
    }

    /// Settings as the user's environment states them: `HF_ENDPOINT`, `HF_TOKEN` (or the file `HF_TOKEN_PATH`, or `token` in
    /// `HF_HOME`), `HF_HUB_OFFLINE`, `HF_HUB_CACHE` (or `hub` in `HF_HOME`), `LLAMA_CACHE_MAX_SIZE`,
    /// `OLLAMA_MODELS` (or `.ollama/models` in `HOME`). `lookup` reads one variable; empty ones count as unset. Reads the token
    /// file, and where LM Studio keeps its models.
    ///
    /// # Errors
    /// [`HubError::BadSetting`] for a value that makes no sense.
    pub fn from_environment(
        cache_dir: Option<PathBuf>,
        lookup: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, HubError> {
        let lookup = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let text = |name: &str| lookup(name).map(|value| value.to_string_lossy().into_owned());
        let mut settings = Self::new(cache_dir);
        if let Some(endpoint) = text("HF_ENDPOINT") {
            settings.endpoint = parse_endpoint(&endpoint)?;
        }
        if let Some(size) = text("LLAMA_CACHE_MAX_SIZE") {
            settings.cache_max_bytes = parse_bytes("LLAMA_CACHE_MAX_SIZE", &size)?;
        }
        settings.offline = text("HF_HUB_OFFLINE").is_some_and(|value| is_true(&value));
        let home = huggingface_home(&lookup);
        settings.huggingface_cache = ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"]
            .into_iter()
            .find_map(|name| lookup(name).map(PathBuf::from))
            .or_else(|| home.as_ref().map(|home| home.join("hub")));
        let user = lookup("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
        settings.ollama = ollama_folders(lookup("OLLAMA_MODELS").map(PathBuf::from), user.as_deref());
        settings.lm_studio = user.as_deref().map(lm_studio_folders).unwrap_or_default();
        settings.token = match text("HF_TOKEN") {
            Some(token) => Some(Token::new(&token).ok_or_else(|| HubError::BadSetting {
                name: "HF_TOKEN".to_owned(),
                value: "(hidden)".to_owned(),
                reason: "a token consists of letters, digits and '_'; copy it again from the hub".to_owned(),
            })?),
            None => {
                let file = lookup("HF_TOKEN_PATH").map(PathBuf::from);
                file.or_else(|| home.map(|home| home.join("token"))).and_then(|file| read_token(&file))
            }
        };
        Ok(settings)
    }
}

fn huggingface_home(lookup: &impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let dir = |name: &str| lookup(name).map(PathBuf::from);
    dir("HF_HOME")
        .or_else(|| dir("XDG_CACHE_HOME").map(|cache| cache.join("huggingface")))
        .or_else(|| dir("HOME").map(|home| home.join(".cache").join("huggingface")))
}

/// A token file that is missing or makes no sense is no token: most models need none.
fn read_token(file: &Path) -> Option<Token> {
    let mut text = String::new();
    dyno_models::open_plain(file).ok()?.take(TOKEN_BYTES_MAX).read_to_string(&mut text).ok()?;
    Token::new(&text)
}

fn is_true(value: &str) -> bool {
    ["1", "true", "yes", "on"].contains(&value.trim().to_lowercase().as_str())
}

/// An address of a hub: http or https, a host, and nothing that could carry a secret.
fn parse_endpoint(text: &str) -> Result<Url, HubError> {
    let bad = |reason: &str| HubError::BadSetting {
        name: "HF_ENDPOINT".to_owned(),
        // What stands before an @ may be a password.
        value: text.rsplit_once('@').map_or(text, |(_, host)| host).to_owned(),
        reason: reason.to_owned(),
    };
    let url = Url::parse(text.trim_end_matches('/'))
        .map_err(|error| bad(&format!("{error}; write https://HOST")))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(bad("a hub has an http or https address; write https://HOST"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        return Err(bad("a hub's address has no user, password or query; put the token into HF_TOKEN"));
    }
    Ok(url)
}

/// Reads a size (see [`dyno_types::parse_size`]). `name` is the flag or variable, for the error.
///
/// # Errors
/// [`HubError::BadSetting`].
pub fn parse_bytes(name: &str, text: &str) -> Result<u64, HubError> {
    dyno_types::parse_size(text).map_err(|error| HubError::BadSetting {
        name: name.to_owned(),
        value: text.to_owned(),
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Result<HubSettings, HubError> {
        let lookup = |name: &str| {
            pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        };
        HubSettings::from_environment(Some(PathBuf::from("/cache")), lookup)
    }

    #[test]
    fn a_size_that_is_none_is_refused_under_its_name() {
        let error = parse_bytes("--max-size", "5 parsecs").unwrap_err();
        assert!(error.is_bad_input() && error.to_string().contains("--max-size"), "{error}");
    }

    #[test]
    fn the_environment_speaks_and_defaults_fill_in() {
        let plain = settings(&[("HOME", "/h")]).unwrap();
        assert_eq!(plain.endpoint.as_str(), "https://huggingface.co/");
        assert_eq!(plain.huggingface_cache, Some(PathBuf::from("/h/.cache/huggingface/hub")));
        assert_eq!(plain.ollama[0], PathBuf::from("/h/.ollama/models"));
        assert_eq!(plain.lm_studio[0], PathBuf::from("/h/.lmstudio/models"));
        assert!(!plain.offline && plain.token.is_none() && plain.cache_max_bytes == 50 << 30);
        let set = settings(&[
            ("HF_ENDPOINT", "http://mirror:8080/"),
            ("HF_TOKEN", " hf_abc \n"),
            ("HF_HUB_OFFLINE", "ON"),
            ("HF_HOME", "/hf"),
            ("LLAMA_CACHE_MAX_SIZE", "1000"),
            ("OLLAMA_MODELS", "/store"),
        ])
        .unwrap();
        assert_eq!(set.ollama, [PathBuf::from("/store")]);
        assert_eq!(set.endpoint.as_str(), "http://mirror:8080/");
        assert_eq!(set.token, Token::new("hf_abc"));
        assert!(set.offline && set.cache_max_bytes == 1000);
        assert_eq!(set.huggingface_cache, Some(PathBuf::from("/hf/hub")));
        assert!(!format!("{set:?}").contains("hf_abc"), "a token is never printed");
        let moved =
            settings(&[("HF_HUB_CACHE", "/blobs"), ("HF_HOME", "/hf"), ("HF_HUB_OFFLINE", "0")]).unwrap();
        assert_eq!(moved.huggingface_cache, Some(PathBuf::from("/blobs")));
        assert!(!moved.offline);
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        for (name, value) in [
            ("HF_ENDPOINT", "huggingface.co"),
            ("HF_ENDPOINT", "ftp://host"),
            ("HF_ENDPOINT", "https://user:secret@host"),
            ("HF_TOKEN", "two words"),
            ("LLAMA_CACHE_MAX_SIZE", "plenty"),
        ] {
            let error = settings(&[(name, value)]).unwrap_err();
            assert!(error.is_bad_input() && error.to_string().contains(name), "{error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn the_token_file_of_the_home_is_read() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("token"), "hf_file\n").unwrap();
        let set = settings(&[("HF_HOME", home.path().to_str().unwrap())]).unwrap();
        assert_eq!(set.token, Token::new("hf_file"));
    }
}
