//! What the history knows of models: runs on this machine and evaluations, by the weights and by the model of the catalogue.

use std::collections::BTreeMap;

use dyno_advise::{MeasuredRate, MeasuredRun, MeasuredScore};
use dyno_eval::of_today;
use dyno_models::SynthSpec;
use dyno_store::{Filter, History};
use dyno_types::{CatalogueModel, EvalRecord, HardwareProfile, ModelFacts, RunRecord, SuiteResult};

use crate::{AppError, Work};

/// Newest records of either kind whose headlines are looked through.
const HEADLINES_MAX: u32 = 500;

/// Newest records read of one model at one quantization: a record may hold thousands of answers.
const OF_MODEL_MAX: usize = 8;

/// What a record is about: the shape of a synthetic model, a model of the catalogue, or the header of one file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    /// A shape with random weights, at a quantization.
    Shape(String, String),
    /// A model of the catalogue, at a quantization.
    Model(String, String),
    /// Fingerprint of the header.
    Weights(String),
}

/// A model that a record names, to be looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// As the user named it then.
    pub(super) reference: String,
    /// Fingerprint of its header.
    pub(super) fingerprint: String,
}

/// An evaluation and the weights it is about.
#[derive(Debug, Clone, PartialEq)]
struct Evaluation {
    model_sha256: String,
    score: MeasuredScore,
}

/// Valid runs of this machine and valid evaluations, newest first.
#[derive(Debug, Default)]
pub(super) struct Measured {
    runs: BTreeMap<Subject, Vec<MeasuredRun>>,
    evaluations: BTreeMap<Subject, Vec<Evaluation>>,
    named: Vec<Named>,
    failure: Option<String>,
}

impl Measured {
    /// Reads the history. One that cannot be read costs the measured figures, not the advice; one that does not exist is not
    /// made.
    pub(super) fn read(work: &Work, machine: &HardwareProfile) -> Self {
        let read = || -> Result<Self, AppError> {
            let history = match work.history_to_read() {
                Ok(Some(history)) => history,
                Ok(None) | Err(AppError::NoPlace(_)) => return Ok(Self::default()),
                Err(error) => return Err(error),
            };
            let mut measured = Self::default();
            measured.add_runs(&history, machine)?;
            measured.add_evaluations(&history)?;
            Ok(measured)
        };
        read().unwrap_or_else(|error| Self { failure: Some(error.to_string()), ..Self::default() })
    }

    /// What to tell about the history.
    pub(super) fn note(&self) -> Option<String> {
        self.failure.as_ref().map(|error| format!("measured runs are left out: {error}"))
    }

    /// Models that records name, the latest first, each once.
    pub(super) fn named(&self) -> &[Named] {
        &self.named
    }

    /// Runs of a model of the catalogue at this quantization, also of random weights in its shape: they take the same time and
    /// memory.
    pub(super) fn runs_of_model(&self, model: &CatalogueModel, quantization: &str) -> Vec<MeasuredRun> {
        let of_shape = model.shape.clone().map(|shape| Subject::Shape(shape, quantization.to_owned()));
        let subjects = [Some(of_model(model, quantization)), of_shape];
        subjects
            .into_iter()
            .flatten()
            .filter_map(|subject| self.runs.get(&subject))
            .flatten()
            .cloned()
            .collect()
    }

    /// Runs of the file with this header.
    pub(super) fn runs_of_file(&self, facts: &ModelFacts) -> Vec<MeasuredRun> {
        self.runs.get(&Subject::Weights(facts.fingerprint.clone())).cloned().unwrap_or_default()
    }

    /// Evaluations of a model of the catalogue at this quantization.
    pub(super) fn scores_of_model(&self, model: &CatalogueModel, quantization: &str) -> Vec<MeasuredScore> {
        self.scores(&of_model(model, quantization), None)
    }

    /// Evaluations of the file with this header; of these very weights, where their digest is known.
    pub(super) fn scores_of_file(&self, facts: &ModelFacts, sha256: Option<&str>) -> Vec<MeasuredScore> {
        self.scores(&Subject::Weights(facts.fingerprint.clone()), sha256)
    }

    fn scores(&self, subject: &Subject, sha256: Option<&str>) -> Vec<MeasuredScore> {
        let found = self.evaluations.get(subject).into_iter().flatten();
        let same = found.filter(|evaluation| sha256.is_none_or(|sha256| evaluation.model_sha256 == sha256));
        same.map(|evaluation| evaluation.score.clone()).collect()
    }

    fn add_runs(&mut self, history: &History, machine: &HardwareProfile) -> Result<(), AppError> {
        let filter = Filter { only_valid: true, limit: HEADLINES_MAX, ..Filter::default() };
        let mut read: BTreeMap<(String, String), usize> = BTreeMap::new();
        for headline in history.list(&filter)?.iter().filter(|headline| headline.machine == machine.cpu) {
            let of_model =
                read.entry((headline.reference.clone(), headline.quantization.clone())).or_default();
            *of_model += 1;
            if *of_model > OF_MODEL_MAX {
                continue;
            }
            let Some(record) = history.get(&headline.id)?.map(dyno_bench::recomputed) else { continue };
            self.name(&record.model);
            if same_machine(&record.machine, machine) {
                for subject in subjects(&record.model) {
                    self.runs.entry(subject).or_default().push(measured_run(&record));
                }
            }
        }
        Ok(())
    }

    fn add_evaluations(&mut self, history: &History) -> Result<(), AppError> {
        let filter = Filter { only_valid: true, limit: HEADLINES_MAX, ..Filter::default() };
        let mut read: BTreeMap<String, usize> = BTreeMap::new();
        for headline in history.list_evals(&filter)? {
            let of_model = read.entry(headline.fingerprint.clone()).or_default();
            *of_model += 1;
            if headline.accuracy.is_none() || *of_model > OF_MODEL_MAX {
                continue;
            }
            let Some(record) = history.get_eval(&headline.id)?.map(of_today) else { continue };
            // Random weights have no quality.
            if record.model.synthetic {
                continue;
            }
            self.name(&record.model);
            for subject in subjects(&record.model) {
                self.evaluations.entry(subject).or_default().extend(evaluations(&record));
            }
        }
        Ok(())
    }

    fn name(&mut self, model: &ModelFacts) {
        let named = Named { reference: model.reference.clone(), fingerprint: model.fingerprint.clone() };
        if !model.synthetic && !self.named.contains(&named) {
            self.named.push(named);
        }
    }
}

fn same_machine(one: &HardwareProfile, other: &HardwareProfile) -> bool {
    (&one.cpu, one.cores_usable, one.ram_bytes) == (&other.cpu, other.cores_usable, other.ram_bytes)
}

fn of_model(model: &CatalogueModel, quantization: &str) -> Subject {
    Subject::Model(model.name.clone(), quantization.to_owned())
}

/// What a record with this model is about.
fn subjects(model: &ModelFacts) -> Vec<Subject> {
    let quantization = model.quantization.clone();
    let known = match SynthSpec::parse(&model.reference, 0) {
        Ok(spec) => Some(Subject::Shape(spec.shape.name.to_owned(), quantization)),
        Err(_) => recognised(model).map(|known| Subject::Model(known.name.clone(), quantization)),
    };
    let weights = (!model.fingerprint.is_empty()).then(|| Subject::Weights(model.fingerprint.clone()));
    known.into_iter().chain(weights).collect()
}

/// The model of the catalogue that a file is, by how it was named, its file's name and the name in its header.
pub(super) fn recognised(model: &ModelFacts) -> Option<&'static CatalogueModel> {
    let reference = model.reference.as_str();
    let last = reference.rsplit(['/', '\\']).next().unwrap_or(reference);
    let names = [reference, last, &model.file_name, model.name.as_deref().unwrap_or_default()];
    names.into_iter().find_map(dyno_models::recognise).map(|hit| hit.model)
}

fn measured_run(record: &RunRecord) -> MeasuredRun {
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

/// The scores of an evaluation that say how good its answers were.
fn evaluations(record: &EvalRecord) -> Vec<Evaluation> {
    let evaluation = |result: &SuiteResult| {
        let score = result.main_score()?;
        Some(Evaluation {
            model_sha256: record.model_sha256.clone(),
            score: MeasuredScore {
                id: record.id.clone(),
                suite: result.suite.name.clone(),
                suite_sha256: result.suite.sha256.clone(),
                strategy: result.strategy.clone(),
                few_shot: result.few_shot,
                items: score.n,
                metric: score.metric.clone(),
                judge_sha256: result.judge.as_ref().map(|judge| judge.sha256.clone()),
                share: score.value,
                ci95: score.ci95,
                chance: score.chance,
            },
        })
    };
    record.suites.iter().filter_map(evaluation).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_recognised_by_shape_by_name_and_by_their_weights() {
        let shape = |name: &str| Some(Subject::Shape(name.to_owned(), "q4_k_m".to_owned()));
        let model = |name: &str| Some(Subject::Model(name.to_owned(), "q4_k_m".to_owned()));
        let cases = [
            ("synth:qwen2.5-7b@q4_k_m", "", None, shape("qwen2.5-7b")),
            ("hf:Qwen/Qwen2.5-7B-Instruct-GGUF:q4_k_m", "", None, model("qwen2.5-7b")),
            ("../models/qwen2.5-coder-7b-instruct-q4_k_m.gguf", "", None, model("qwen2.5-coder-7b")),
            ("a.gguf", "WizardLM-7B-uncensored.Q8_0.gguf", None, model("wizardlm-7b")),
            ("a.gguf", "b.gguf", Some("all-MiniLM-L6-v2"), model("all-minilm")),
            ("a.gguf", "b.gguf", Some("my own"), None),
        ];
        for (reference, file, name, expected) in cases {
            let facts = ModelFacts {
                reference: reference.to_owned(),
                file_name: file.to_owned(),
                name: name.map(ToOwned::to_owned),
                quantization: "q4_k_m".to_owned(),
                fingerprint: "f".to_owned(),
                ..ModelFacts::default()
            };
            let found = subjects(&facts);
            let weights = Subject::Weights("f".to_owned());
            assert_eq!(found.iter().find(|subject| **subject != weights), expected.as_ref(), "{reference}");
            assert!(found.contains(&weights), "{reference}");
        }
    }
}
