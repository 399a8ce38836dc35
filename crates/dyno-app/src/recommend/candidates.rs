//! Candidates for a role: the catalogue's models, planned in each quantization, with what the history knows of them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use dyno_advise::{Candidate, MeasuredRate, MeasuredRun, Variant};
use dyno_models::SynthSpec;
use dyno_store::Filter;
use dyno_types::{CatalogueModel, HardwareProfile, ModelFacts, Role, RunRecord};

use crate::{App, AppError};

/// Quantizations to choose from: what hubs offer for nearly every model. Half precision is left out: 8 bits keep 99.98 % of it
/// in half the memory.
const QUANTIZATIONS: [&str; 7] = ["q8_0", "q6_k", "q5_k_m", "q4_k_m", "q4_0", "q3_k_m", "q2_k"];

/// Newest runs of the history that are looked through.
const RUNS_MAX: u32 = 500;

/// What a run measured: the shape of a synthetic model, or a model of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Shape(String),
    Model(String),
}

/// Valid runs of this machine, by what they measured and its quantization, newest first.
#[derive(Debug, Default)]
pub(super) struct Measured {
    runs: BTreeMap<(Subject, String), Vec<MeasuredRun>>,
    failure: Option<String>,
}

impl Measured {
    /// Reads the history. One that cannot be read costs the measured figures, not the advice; one that does not exist is not
    /// made.
    pub(super) fn read(app: &App, machine: &HardwareProfile) -> Self {
        if !app.places.history_file.exists() {
            return Self::default();
        }
        match records(app, machine) {
            Ok(runs) => Self { runs, failure: None },
            Err(error) => Self { failure: Some(error.to_string()), ..Self::default() },
        }
    }

    /// What to tell about the history.
    pub(super) fn note(&self) -> Option<String> {
        self.failure.as_ref().map(|error| format!("measured runs are left out: {error}"))
    }

    fn of(&self, model: &CatalogueModel, quantization: &str) -> Vec<MeasuredRun> {
        let subjects = [
            Some(Subject::Model(model.name.clone())),
            // Random weights in the same shape take the same time and memory.
            model.shape.clone().map(Subject::Shape),
        ];
        let found = subjects
            .into_iter()
            .flatten()
            .filter_map(|subject| self.runs.get(&(subject, quantization.to_owned())));
        found.flatten().cloned().collect()
    }
}

type Runs = BTreeMap<(Subject, String), Vec<MeasuredRun>>;

fn records(app: &App, machine: &HardwareProfile) -> Result<Runs, AppError> {
    let history = app.open_history()?;
    let filter = Filter { only_valid: true, limit: RUNS_MAX, ..Filter::default() };
    let mut runs = Runs::new();
    for headline in history.list(&filter)?.iter().filter(|headline| headline.machine == machine.cpu) {
        if subject(&headline.reference, "", None).is_none()
            && dyno_models::recognise(&headline.model).is_none()
        {
            continue;
        }
        let Some(record) = history.get(&headline.id)? else { continue };
        let model = &record.model;
        let Some(subject) = subject(&model.reference, &model.file_name, model.name.as_deref()) else {
            continue;
        };
        if same_machine(&record.machine, machine) {
            runs.entry((subject, model.quantization.clone())).or_default().push(measured(&record));
        }
    }
    Ok(runs)
}

fn same_machine(one: &HardwareProfile, other: &HardwareProfile) -> bool {
    (&one.cpu, one.cores_usable, one.ram_bytes) == (&other.cpu, other.cores_usable, other.ram_bytes)
}

/// What a run measured, from how its model was named, its file's name and the name in its header.
fn subject(reference: &str, file_name: &str, name: Option<&str>) -> Option<Subject> {
    if let Ok(spec) = SynthSpec::parse(reference, 0) {
        return Some(Subject::Shape(spec.shape.name.to_owned()));
    }
    let last = reference.rsplit(['/', '\\']).next().unwrap_or(reference);
    let names = [reference, last, file_name, name.unwrap_or_default()];
    let hit = names.into_iter().find_map(dyno_models::recognise)?;
    Some(Subject::Model(hit.model.name.clone()))
}

fn measured(record: &RunRecord) -> MeasuredRun {
    let rate = |metric: &str| {
        let summary = record.metrics.get(metric)?;
        Some(MeasuredRate { mean_tps: summary.mean, interval_tps: summary.ci95 })
    };
    let engine = &record.settings.engine;
    MeasuredRun {
        id: record.id.clone(),
        context: engine.context,
        kv_type_k: engine.kv_type_k,
        kv_type_v: engine.kv_type_v,
        ubatch: engine.ubatch,
        decode: rate("decode_tps"),
        prefill: rate("prefill_tps"),
        rss_peak_bytes: record.metrics.get("rss_peak_bytes").map(|summary| summary.max as u64),
    }
}

/// The catalogue's models for a role.
pub(super) fn for_role(role: Role, measured: &Measured) -> Vec<Candidate> {
    let models = dyno_models::models_for(role);
    let facts = planned(&models);
    let candidate = |model: &&'static CatalogueModel| {
        let variants = match &model.shape {
            Some(shape) => QUANTIZATIONS
                .into_iter()
                .filter_map(|quantization| {
                    let facts = facts.get(&format!("{shape}@{quantization}"))?.clone();
                    let measured = measured.of(model, quantization);
                    Some(Variant {
                        quantization: quantization.to_owned(),
                        facts: Some(facts),
                        file_bytes: None,
                        measured,
                    })
                })
                .collect(),
            None => published(model),
        };
        Candidate { model: (*model).clone(), variants }
    };
    models.iter().map(candidate).collect()
}

/// Files as published, or one without a size where only the memory is.
fn published(model: &CatalogueModel) -> Vec<Variant> {
    let variant = |quantization: &str, file_bytes| Variant {
        quantization: quantization.to_owned(),
        facts: None,
        file_bytes,
        measured: Vec::new(),
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
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    let todo = Mutex::new(specs.into_iter());
    // A shape that cannot be made is a model that cannot be advised on; a test of the catalogue finds it.
    let outline = |spec: String| Some((SynthSpec::parse(&spec, 0).ok()?.outline(), spec));
    let work = || {
        let next = || todo.lock().unwrap_or_else(PoisonError::into_inner).next();
        std::iter::from_fn(next).filter_map(outline).collect::<Vec<_>>()
    };
    let facts: Vec<(ModelFacts, String)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    facts.into_iter().map(|(facts, spec)| (spec, facts)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_recognised_by_shape_or_by_name() {
        let shape = |name: &str| Some(Subject::Shape(name.to_owned()));
        let model = |name: &str| Some(Subject::Model(name.to_owned()));
        let cases = [
            ("synth:qwen2.5-7b@q4_k_m", "", None, shape("qwen2.5-7b")),
            ("hf:Qwen/Qwen2.5-7B-Instruct-GGUF:q4_k_m", "", None, model("qwen2.5-7b")),
            ("../models/qwen2.5-coder-7b-instruct-q4_k_m.gguf", "", None, model("qwen2.5-coder-7b")),
            ("a.gguf", "WizardLM-7B-uncensored.Q8_0.gguf", None, model("wizardlm-7b")),
            ("a.gguf", "b.gguf", Some("all-MiniLM-L6-v2"), model("all-minilm")),
            ("a.gguf", "b.gguf", Some("my own"), None),
        ];
        for (reference, file, name, expected) in cases {
            assert_eq!(subject(reference, file, name), expected, "{reference} {file} {name:?}");
        }
    }

    #[test]
    fn the_history_of_this_machine_reaches_every_model_of_the_shape() {
        let folder = tempfile::tempdir().unwrap();
        let places = crate::Places {
            cache_dir: folder.path().to_owned(),
            history_file: folder.path().join("history.sqlite"),
            pages_dir: folder.path().to_owned(),
            engine_dir: None,
            beside: None,
            executable: None,
            hub: crate::HubSettings::new(folder.path().to_owned()),
        };
        let limits = crate::Limits { deadline: std::time::Duration::from_secs(1), memory_limit_bytes: None };
        let app = App::new(places, limits, crate::CancelFlag::default());
        let machine =
            HardwareProfile { cpu: "cpu".to_owned(), cores_usable: 2, ..HardwareProfile::default() };
        assert!(Measured::read(&app, &machine).runs.is_empty() && !app.places.history_file.exists());
        let summary = |mean: f64, max: f64| dyno_types::MetricSummary {
            unit: dyno_types::Unit::TokensPerSecond,
            better: dyno_types::Better::Higher,
            n: 3,
            mean,
            sd: None,
            median: mean,
            min: mean,
            max,
            percentiles: BTreeMap::new(),
            ci95: Some([mean - 1.0, mean + 1.0]),
        };
        let record = |id: &str, reference: &str, cores: u32| {
            let mut record = RunRecord {
                id: id.to_owned(),
                schema: dyno_types::RUN_SCHEMA.to_owned(),
                ..RunRecord::default()
            };
            record.machine = HardwareProfile { cores_usable: cores, ..machine.clone() };
            record.model.reference = reference.to_owned();
            record.model.quantization = "q4_k_m".to_owned();
            record.validity.valid = true;
            record.metrics.insert("decode_tps".to_owned(), summary(9.0, 9.5));
            record.metrics.insert("rss_peak_bytes".to_owned(), summary(4e9, 5e9));
            record
        };
        let history = app.open_history().unwrap();
        history.append(&record("here", "synth:qwen2.5-7b@q4_k_m", 2)).unwrap();
        history.append(&record("elsewhere", "synth:qwen2.5-7b@q4_k_m", 64)).unwrap();
        history.append(&record("stranger", "my-own.gguf", 2)).unwrap();
        let measured = Measured::read(&app, &machine);
        let coding = for_role(Role::Coding, &measured);
        let runs: Vec<(&str, &str, &MeasuredRun)> = coding
            .iter()
            .flat_map(|candidate| candidate.variants.iter().map(move |variant| (candidate, variant)))
            .flat_map(|(candidate, variant)| {
                let names = (candidate.model.name.as_str(), variant.quantization.as_str());
                variant.measured.iter().map(move |run| (names.0, names.1, run))
            })
            .collect();
        let names: Vec<(&str, &str)> =
            runs.iter().map(|(model, quantization, _)| (*model, *quantization)).collect();
        assert_eq!(names, [("qwen2.5-7b", "q4_k_m"), ("qwen2.5-coder-7b", "q4_k_m")]);
        assert_eq!((runs[0].2.id.as_str(), runs[0].2.rss_peak_bytes), ("here", Some(5_000_000_000)));
    }

    #[test]
    fn every_model_of_a_role_can_be_chosen_in_some_way() {
        for role in [Role::Speech, Role::Voice, Role::Embedding] {
            for candidate in for_role(role, &Measured::default()) {
                assert!(!candidate.variants.is_empty(), "{}", candidate.model.name);
            }
        }
    }
}
