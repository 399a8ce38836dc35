//! What to type to run a choice.

use dyno_types::{CatalogueModel, Choice, EngineSettings, KvType};

/// The command that runs the choice: the file that is here, else the published files where a repository is known, else a model
/// with random weights in the same shape, which measures speed and memory. Of models that dyno does not run, the command fetches
/// the published files; `None` when there is nothing to type.
pub(crate) fn command(model: &CatalogueModel, choice: &Choice) -> Option<String> {
    let quantization = &choice.quantization;
    let published = || model.repository.as_ref().map(|repository| format!("hf:{repository}:{quantization}"));
    if choice.runs_with.is_some() {
        let fetched = published().filter(|_| choice.here.is_none() && model.runs_with.is_none())?;
        return Some(format!("dyno models pull {fetched}"));
    }
    if let Some(reference) = choice.here.as_ref().map(|here| shell_word(&here.reference)).or_else(published) {
        return Some(format!("dyno generate {reference}{} --prompt \"Hello\"", knobs(choice)));
    }
    let shape = model.shape.as_deref()?;
    Some(format!("dyno bench synth:{shape}@{quantization}{}", knobs(choice)))
}

/// A reference as a shell takes it for one word.
fn shell_word(reference: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "-_./:@+,=%".contains(letter);
    if !reference.is_empty() && reference.chars().all(plain) {
        return reference.to_owned();
    }
    format!("'{}'", reference.replace('\'', "'\\''"))
}

/// Flags for what differs from the defaults.
fn knobs(choice: &Choice) -> String {
    let (settings, usual) = (&choice.settings, EngineSettings::default());
    let mut flags = String::new();
    if settings.context != usual.context {
        flags += &format!(" --context {}", settings.context);
    }
    let mut kv_type = |flag: &str, chosen: KvType, usual: KvType| {
        if chosen != usual {
            flags += &format!(" --{flag} {}", chosen.name());
        }
    };
    kv_type("kv-type-k", settings.kv_type_k, usual.kv_type_k);
    kv_type("kv-type-v", settings.kv_type_v, usual.kv_type_v);
    if settings.ubatch != usual.ubatch {
        flags += &format!(" --ubatch {}", settings.ubatch);
    }
    flags
}
