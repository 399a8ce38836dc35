//! What to type to run a choice.

use dyno_types::{CatalogueModel, Choice, EngineSettings, KvType, Role};

/// The command that runs the choice: the published files where a repository is known, else a model with random weights in
/// the same shape, which measures speed and memory. `None` when dyno's engine does not run it.
pub(crate) fn command(model: &CatalogueModel, choice: &Choice) -> Option<String> {
    if model.runs_with.is_some() {
        return None;
    }
    let shape = model.shape.as_deref()?;
    let reference = match &model.repository {
        Some(repository) => format!("hf:{repository}:{}", choice.quantization),
        None => format!("synth:{shape}@{}", choice.quantization),
    };
    // Encoders have no next token to generate; what can be done with them is to fetch them.
    match (&model.repository, model.roles.first()) {
        (Some(_), Some(Role::Embedding)) => Some(format!("dyno models pull {reference}")),
        (None, Some(Role::Embedding)) => None,
        (Some(_), _) => Some(format!("dyno generate {reference}{} --prompt \"Hello\"", knobs(choice))),
        (None, _) => Some(format!("dyno bench {reference}{}", knobs(choice))),
    }
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
