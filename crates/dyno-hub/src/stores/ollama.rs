//! The store of an Ollama installation: `manifests/HOST/NAMESPACE/NAME/TAG` is a list of layers, each of them a file
//! `blobs/sha256-DIGEST`. Read, never changed.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use dyno_models::OllamaReference;
use serde::Deserialize;

use super::{Place, StoredModel, stored_model};
use crate::HubError;

/// Longest manifest read, bytes.
const MANIFEST_BYTES_MAX: u64 = 1 << 20;

/// Most manifests listed.
const MANIFESTS_MAX: usize = 10_000;

/// Tags named in an error.
const TAGS_SHOWN: usize = 20;

/// Kind of the layer that holds a GGUF file.
const MODEL_LAYER: &str = "application/vnd.ollama.image.model";

#[derive(Deserialize)]
struct Manifest {
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
struct Layer {
    #[serde(rename = "mediaType")]
    media_type: String,
    digest: String,
}

/// The file of a model in a store, and the digest its content must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OllamaModel {
    /// The file.
    pub path: PathBuf,
    /// SHA-256 of its content, 64 lower-case hexadecimal digits.
    pub sha256: String,
}

/// Folders of an Ollama store: the one named (`OLLAMA_MODELS`), else that of this home directory and that of the service.
pub(crate) fn ollama_folders(named: Option<PathBuf>, home: Option<&Path>) -> Vec<PathBuf> {
    if let Some(named) = named {
        return vec![named];
    }
    let own = home.map(|home| home.join(".ollama").join("models"));
    own.into_iter().chain([PathBuf::from("/usr/share/ollama/.ollama/models")]).collect()
}

/// The model of this name in the first store that has it.
///
/// # Errors
/// [`HubError::NotInOllama`] with the tags that are there; [`HubError::OllamaStore`] for a manifest that names no GGUF file, or
/// a file that is gone.
pub(crate) fn find(stores: &[PathBuf], reference: &OllamaReference) -> Result<OllamaModel, HubError> {
    for store in stores {
        let manifest = manifest_path(store, reference);
        if manifest.is_file() {
            return model_of(store, &manifest).map_err(|reason| HubError::OllamaStore {
                reference: reference.to_string(),
                path: manifest,
                reason,
            });
        }
    }
    Err(not_there(stores, reference))
}

/// Every model of a store that holds a GGUF file which is there, by name.
pub(super) fn models(store: &Path) -> Vec<StoredModel> {
    let named = references(store).into_iter();
    let found = named.filter_map(|reference| {
        let model = model_of(store, &manifest_path(store, &reference)).ok()?;
        stored_model(reference.to_string(), Place::Ollama, vec![model.path])
    });
    found.collect()
}

fn manifest_path(store: &Path, reference: &OllamaReference) -> PathBuf {
    let OllamaReference { host, namespace, name, tag } = reference;
    store.join("manifests").join(host).join(namespace).join(name).join(tag)
}

/// What a manifest leads to, or why it leads nowhere.
fn model_of(store: &Path, manifest: &Path) -> Result<OllamaModel, String> {
    let mut text = String::new();
    let file = dyno_models::open_plain(manifest).map_err(|error| error.to_string())?;
    file.take(MANIFEST_BYTES_MAX).read_to_string(&mut text).map_err(|error| error.to_string())?;
    let manifest: Manifest =
        serde_json::from_str(&text).map_err(|error| format!("it is no manifest: {error}"))?;
    let mut layers = manifest.layers.into_iter().filter(|layer| layer.media_type == MODEL_LAYER);
    let (Some(layer), None) = (layers.next(), layers.next()) else {
        return Err("it does not name exactly one GGUF file".to_owned());
    };
    let digest = layer.digest.strip_prefix("sha256:").unwrap_or_default();
    let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if digest.len() != 64 || !digest.bytes().all(hexadecimal) {
        return Err("its digest is not sha256: and 64 hexadecimal digits".to_owned());
    }
    // Older versions wrote a colon, which Windows does not take.
    let names = ["sha256-", "sha256:"].map(|prefix| store.join("blobs").join(format!("{prefix}{digest}")));
    let path = names.into_iter().find(|path| path.is_file());
    let path = path.ok_or_else(|| format!("the file sha256-{digest} that it names is not in blobs"))?;
    Ok(OllamaModel { path, sha256: digest.to_owned() })
}

/// Every name that a store has a manifest for.
fn references(store: &Path) -> Vec<OllamaReference> {
    let mut found = Vec::new();
    walk(&store.join("manifests"), &mut Vec::new(), &mut found);
    found.sort_by_key(ToString::to_string);
    found
}

/// Folders are host, namespace and name; the file in them is the tag.
fn walk(folder: &Path, parts: &mut Vec<String>, found: &mut Vec<OllamaReference>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(part) = entry.file_name().into_string() else { continue };
        if parts.len() < 3 {
            parts.push(part);
            walk(&entry.path(), parts, found);
            parts.pop();
        } else if let [host, namespace, name] = parts.as_slice()
            && found.len() < MANIFESTS_MAX
        {
            // A name nobody can type is passed over.
            found.extend(OllamaReference::parse(&format!("{host}/{namespace}/{name}:{part}")));
        }
    }
}

fn not_there(stores: &[PathBuf], reference: &OllamaReference) -> HubError {
    let all: Vec<OllamaReference> = stores.iter().flat_map(|store| references(store)).collect();
    let same = all.iter().filter(|known| known.family() == reference.family());
    let mut names: Vec<String> = same.map(ToString::to_string).collect();
    if names.is_empty() {
        names = all.iter().map(ToString::to_string).collect();
    }
    let more = names.len().saturating_sub(TAGS_SHOWN);
    names.truncate(TAGS_SHOWN);
    if more > 0 {
        names.push(format!("and {more} more"));
    }
    let available = match names.as_slice() {
        [] => {
            let places: Vec<String> = stores.iter().map(|store| store.display().to_string()).collect();
            format!("no model is in {}; OLLAMA_MODELS names another store", places.join(" or "))
        }
        names => format!("there are {}", names.join(", ")),
    };
    HubError::NotInOllama { reference: reference.to_string(), available }
}
