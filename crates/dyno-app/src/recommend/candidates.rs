//! Candidates for a role: the catalogue's models, planned in each quantization, and the models on this machine, with what the
//! history knows of them.

use std::collections::BTreeMap;

use dyno_advise::{Candidate, Variant, YARDSTICK_ITEMS_MIN, suite_role};
use dyno_models::SynthSpec;
use dyno_types::{CatalogueModel, ModelFacts, Role};

use super::local::LocalModel;
use super::measured::{Measured, recognised};
use super::side_by_side::side_by_side;

/// Quantizations to choose from: what hubs offer for nearly every model. Half precision is left out: 8 bits keep 99.98 % of it
/// in half the memory.
const QUANTIZATIONS: [&str; 7] = ["q8_0", "q6_k", "q5_k_m", "q4_k_m", "q4_0", "q3_k_m", "q2_k"];

/// The catalogue's models for a role, and the models on this machine that can have it.
pub(super) fn for_role(role: Role, locals: &[LocalModel], measured: &Measured) -> Vec<Candidate> {
    let models = dyno_models::models_for(role);
    let mut candidates = of_catalogue(&models, measured);
    for local in locals {
        match recognised(&local.facts) {
            Some(model) if model.roles.contains(&role) && can_be_loaded(&local.facts, role) => {
                let candidate = candidates.iter_mut().find(|candidate| candidate.model.name == model.name);
                candidate.into_iter().for_each(|candidate| put_here(candidate, local, measured));
            }
            Some(_) => {}
            None if has_role(local, role, measured) => candidates.push(own(local, &candidates, measured)),
            None => {}
        }
    }
    candidates
}

/// Just these models of this machine, whatever role they have.
pub(super) fn of_files(locals: &[LocalModel], measured: &Measured) -> Vec<Candidate> {
    let mut candidates: Vec<Candidate> = Vec::new();
    for local in locals {
        let mut candidate = own(local, &candidates, measured);
        if let Some(known) = recognised(&local.facts).filter(|_| !local.facts.synthetic) {
            let name = std::mem::take(&mut candidate.model.name);
            candidate.model = CatalogueModel { name, ..known.clone() };
        }
        candidates.push(candidate);
    }
    candidates
}

/// Models of the catalogue in every quantization.
pub(super) fn of_catalogue(models: &[&'static CatalogueModel], measured: &Measured) -> Vec<Candidate> {
    let facts = planned(models);
    let candidate = |model: &&'static CatalogueModel| {
        let variants = match &model.shape {
            Some(shape) => QUANTIZATIONS
                .into_iter()
                .filter_map(|quantization| {
                    let facts = facts.get(&format!("{shape}@{quantization}"))?.clone();
                    Some(Variant {
                        quantization: quantization.to_owned(),
                        facts: Some(facts),
                        file_bytes: None,
                        measured: measured.runs_of_model(model, quantization),
                        evaluated: measured.scores_of_model(model, quantization),
                        here: None,
                    })
                })
                .collect(),
            None => published(model),
        };
        Candidate { model: (*model).clone(), variants }
    };
    models.iter().map(candidate).collect()
}

/// Notes that a quantization of the candidate is here: its own header takes the place of the planned one. The first file of a
/// quantization counts.
fn put_here(candidate: &mut Candidate, local: &LocalModel, measured: &Measured) {
    let quantization = &local.facts.quantization;
    let known = candidate.variants.iter().position(|variant| variant.quantization == *quantization);
    if known.is_some_and(|at| candidate.variants[at].here.is_some()) {
        return;
    }
    let mut variant = here(local, measured);
    if variant.measured.is_empty() {
        variant.measured = measured.runs_of_model(&candidate.model, quantization);
    }
    match known {
        Some(at) => candidate.variants[at] = variant,
        None => candidate.variants.push(variant),
    }
}

fn here(local: &LocalModel, measured: &Measured) -> Variant {
    Variant {
        quantization: local.facts.quantization.clone(),
        facts: Some(local.facts.clone()),
        file_bytes: Some(local.facts.file_bytes),
        measured: measured.runs_of_file(&local.facts),
        evaluated: measured.scores_of_file(&local.facts, local.sha256.as_deref()),
        here: Some(local.whereabouts.clone()),
    }
}

/// Whether a model that is in no catalogue can have a role: every model that writes text can be tried at every task of text; a
/// built-in one, which is there to test the program, only where it was evaluated.
fn has_role(local: &LocalModel, role: Role, measured: &Measured) -> bool {
    let evaluated = || {
        let scores = measured.scores_of_file(&local.facts, local.sha256.as_deref());
        scores.iter().any(|score| score.items >= YARDSTICK_ITEMS_MIN && suite_role(&score.suite) == role)
    };
    match role {
        Role::General | Role::Coding | Role::Reasoning => {
            can_be_loaded(&local.facts, role) && (!local.whereabouts.builtin || evaluated())
        }
        Role::Vision | Role::Speech | Role::Voice | Role::Embedding => false,
    }
}

/// Whether a file is of the kind that a role needs: to write text, it has weights, a tokenizer, and is no encoder.
pub(super) fn can_be_loaded(facts: &ModelFacts, role: Role) -> bool {
    let writes = dyno_models::check_runnable(facts).is_ok() && facts.tokenizer.is_some();
    writes || !dyno_advise::runs_role(role)
}

/// A candidate from a file alone, under a name that none of the others has.
fn own(local: &LocalModel, others: &[Candidate], measured: &Measured) -> Candidate {
    let reference = &local.whereabouts.reference;
    let file = reference.rsplit(['/', '\\']).next().unwrap_or(reference);
    let is_path = matches!(dyno_models::Reference::parse(reference), Ok(dyno_models::Reference::File(_)));
    let short = if is_path { file.strip_suffix(".gguf").unwrap_or(file) } else { reference };
    let taken = others.iter().any(|other| other.model.name == short);
    let name = if taken { reference.clone() } else { short.to_owned() };
    let about = local
        .whereabouts
        .builtin
        .then(|| "A reference model inside dyno: it is there to test dyno.".to_owned());
    let model = CatalogueModel {
        // What the header says of itself is often unlike any name that people know.
        title: name.clone(),
        name,
        aliases: Vec::new(),
        roles: vec![Role::General, Role::Coding, Role::Reasoning],
        parameters: Some(local.facts.parameters).filter(|parameters| *parameters > 0),
        parameters_active: None,
        shape: None,
        sizes: Vec::new(),
        memory: None,
        context: None,
        licence: local.facts.licence.clone(),
        repository: None,
        runs_with: None,
        remark: about,
        figures: Vec::new(),
    };
    Candidate { model, variants: vec![here(local, measured)] }
}

/// Files as published, or one without a size where none is known.
fn published(model: &CatalogueModel) -> Vec<Variant> {
    let variant = |quantization: &str, file_bytes| Variant {
        quantization: quantization.to_owned(),
        facts: None,
        file_bytes,
        measured: Vec::new(),
        evaluated: Vec::new(),
        here: None,
    };
    if model.sizes.is_empty() {
        return vec![variant("as published", None)];
    }
    model.sizes.iter().map(|size| variant(&size.quantization, Some(size.bytes))).collect()
}

/// Header facts of every shape in every quantization, planned side by side on all cores; nothing is written.
fn planned(models: &[&CatalogueModel]) -> BTreeMap<String, ModelFacts> {
    let mut specs: Vec<String> = models
        .iter()
        .filter_map(|model| model.shape.as_deref())
        .flat_map(|shape| QUANTIZATIONS.map(|quantization| format!("{shape}@{quantization}")))
        .collect();
    specs.sort_unstable();
    specs.dedup();
    // A shape that cannot be made is a model that cannot be advised on; a test of the catalogue finds it.
    let outline = |spec: String| Some((SynthSpec::parse(&spec, 0).ok()?.outline(), spec));
    let facts = side_by_side(specs, outline);
    facts.into_iter().flatten().map(|(facts, spec)| (spec, facts)).collect()
}

#[cfg(test)]
mod tests;
