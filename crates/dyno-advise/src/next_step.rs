//! What to do with a choice.

use dyno_types::{CatalogueModel, Choice, NextStep};

use crate::engine_settings;

/// Lets the choice answer: the file that is here, else the published files where a repository is known; else a model with random
/// weights in the same shape is measured. Of models that dyno does not run, the published files are fetched; `None` when there is nothing
/// to do.
pub(crate) fn next_step(model: &CatalogueModel, choice: &Choice) -> Option<NextStep> {
    let quantization = &choice.quantization;
    let published = || model.repository.as_ref().map(|repository| format!("hf:{repository}:{quantization}"));
    if choice.runs_with.is_some() {
        let reference = published().filter(|_| choice.here.is_none() && model.runs_with.is_none())?;
        return Some(NextStep::Fetch { reference });
    }
    let settings = engine_settings(&choice.settings);
    if let Some(reference) = choice.here.as_ref().map(|here| here.reference.clone()).or_else(published) {
        return Some(NextStep::Answer { reference, settings });
    }
    let shape = model.shape.as_deref()?;
    Some(NextStep::Measure { reference: format!("synth:{shape}@{quantization}"), settings })
}
