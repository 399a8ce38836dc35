//! How users name models, and how a name becomes a file.

use std::path::{Path, PathBuf};

use crate::ModelError;
use crate::builtin::Builtin;
use crate::file_reference::named_path;
use crate::hub_address::pasted;
use crate::hub_reference::HubReference;
use crate::ollama_reference::OllamaReference;
use crate::shapes::{nearest, shape_names};
use crate::split::ModelFiles;
use crate::synth::{Progress, SynthSpec, synthesize};

/// Reference of the model that `dyno bench` measures when none is named.
pub const DEFAULT_REFERENCE: &str = "builtin:nano";

/// References of other kinds, recognised so that the refusal can say what they are.
const UNSUPPORTED: &[(&str, &str)] = &[("http://", "a remote server"), ("https://", "a remote server")];

/// A model as a user names it.
#[derive(Debug, Clone, PartialEq)]
pub enum Reference {
    /// A file.
    File(PathBuf),
    /// A model inside this program.
    Builtin(&'static Builtin),
    /// A synthetic model.
    Synthetic(SynthSpec),
    /// A model on a hub.
    Hub(HubReference),
    /// A model in an Ollama store on this machine.
    Ollama(OllamaReference),
    /// A model file on a web server, by its address: `http(s)://HOST/PATH.gguf`.
    Url(String),
}

impl Reference {
    /// Reads a reference: a path (as [`named_path`] reads it) · `synth:SHAPE@QUANT[#SEED]` · `builtin:NAME` ·
    /// `hf:ORG/REPO[@REVISION][:FILE-OR-QUANT]`, also as people paste it (`hf.co/ORG/REPO:QUANT`, `ORG/REPO:QUANT`, the address
    /// of a page or file of the hub) · `ollama:NAME[:TAG]` · `https://HOST/PATH.gguf`. Touches no file and no network.
    ///
    /// # Errors
    /// [`ModelError`] for unknown shapes, quantizations and built-ins, for names no hub can have, and for kinds not supported
    /// yet.
    pub fn parse(text: &str) -> Result<Self, ModelError> {
        if text.starts_with("file:") {
            return Ok(Self::File(named_path(text)));
        }
        if text.starts_with("synth:") {
            return SynthSpec::parse(text, 0).map(Self::Synthetic);
        }
        if let Some(name) = text.strip_prefix("builtin:") {
            return Builtin::find(name).map(Self::Builtin);
        }
        if text.starts_with("hf:") {
            let name = text.strip_prefix("hf:").unwrap_or(text);
            return match pasted(name)? {
                Some(hub) => Ok(Self::Hub(hub)),
                None => HubReference::parse(text).map(Self::Hub),
            };
        }
        if text.starts_with("ollama:") {
            return OllamaReference::parse(text).map(Self::Ollama);
        }
        if has_secret(text) {
            return Err(ModelError::SecretInAddress);
        }
        if let Some(hub) = pasted(text)? {
            return Ok(Self::Hub(hub));
        }
        if is_file_address(text) {
            return Ok(Self::Url(text.to_owned()));
        }
        if let Some((_, kind)) = UNSUPPORTED.iter().find(|(prefix, _)| text.starts_with(prefix)) {
            return Err(ModelError::UnsupportedReference { reference: text.to_owned(), kind });
        }
        Ok(Self::File(named_path(text)))
    }
}

/// Whether a web address names a user: `https://USER[:PASSWORD]@HOST/…`.
fn has_secret(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| rest.split(['/', '?', '#']).next().is_some_and(|host| host.contains('@')))
}

/// Whether this is the address of a model file: `http(s)://…/NAME.gguf`, perhaps with a query.
fn is_file_address(text: &str) -> bool {
    let web = text.starts_with("https://") || text.starts_with("http://");
    let path = text.split(['?', '#']).next().unwrap_or(text);
    web && path.to_lowercase().ends_with(".gguf")
}

/// The file a reference names, made in `cache_dir` when it is synthetic and not there yet (`progress` is called only
/// then). Of a split model, the first part; all parts have been checked.
///
/// # Errors
/// [`ModelError`]: unknown or unsupported references, missing or broken files, and what [`synthesize`] fails with.
pub fn resolve(reference: &str, cache_dir: &Path, progress: Progress<'_>) -> Result<PathBuf, ModelError> {
    match Reference::parse(reference)? {
        Reference::Builtin(builtin) => builtin.place(cache_dir),
        Reference::Synthetic(spec) => synthesize(&spec, cache_dir, progress),
        Reference::Hub(_) | Reference::Ollama(_) | Reference::Url(_) => {
            Err(ModelError::Elsewhere { reference: reference.to_owned() })
        }
        Reference::File(path) => find_file(path, reference),
    }
}

/// The file at this path; of a split model the first part, all parts checked. `reference` is how it was named.
///
/// # Errors
/// [`ModelError`] for missing and broken files.
pub fn find_file(path: PathBuf, reference: &str) -> Result<PathBuf, ModelError> {
    if ModelFiles::exist(&path)? {
        Ok(ModelFiles::open(&path)?.first().to_owned())
    } else {
        Err(ModelError::NotFound { hint: hint(reference), path })
    }
}

/// What somebody who named a missing file may have meant: a shape, when the text resembles one.
fn hint(reference: &str) -> String {
    let shape = reference.split_once('@').map_or(reference, |(shape, _)| shape);
    if is_repository(reference) {
        format!(", or write hf:{reference} for the model of a hub")
    } else if SynthSpec::parse(reference, 0).is_ok() {
        format!(", or did you mean synth:{reference}?")
    } else if let Some(near) = nearest(shape, shape_names()) {
        format!(", or did you mean synth:{near}@q4_k_m?")
    } else {
        format!(", or write hf:ORG/REPO:QUANT, ollama:NAME:TAG, {DEFAULT_REFERENCE} or synth:SHAPE@QUANT")
    }
}

/// Whether a text looks like `ORG/REPO` rather than like a path.
fn is_repository(text: &str) -> bool {
    let path_like = text.starts_with(['.', '/', '~']) || text.to_lowercase().ends_with(".gguf");
    !path_like && text.matches('/').count() == 1 && HubReference::parse(text).is_ok()
}
