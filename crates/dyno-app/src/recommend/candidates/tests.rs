//! Which candidates the catalogue, this machine and the history give.

use std::path::Path;
use std::sync::Arc;

use dyno_advise::MeasuredRun;
use dyno_types::{
    Better, EvalRecord, HardwareProfile, MetricSummary, RunRecord, Score, SuiteResult, Unit, Whereabouts,
};

use super::super::local::on_this_machine;
use super::*;
use crate::testing::work;

fn machine() -> HardwareProfile {
    HardwareProfile { cpu: "cpu".to_owned(), cores_usable: 2, ..HardwareProfile::default() }
}

fn summary(mean: f64, max: f64) -> MetricSummary {
    MetricSummary {
        unit: Unit::TokensPerSecond,
        better: Better::Higher,
        n: 3,
        mean,
        sd: None,
        median: mean,
        min: mean,
        max,
        percentiles: BTreeMap::new(),
        ci95: Some([mean - 1.0, mean + 1.0]),
    }
}

fn run(id: &str, reference: &str, cores: u32) -> RunRecord {
    let mut record =
        RunRecord { id: id.to_owned(), schema: dyno_types::RUN_SCHEMA.to_owned(), ..RunRecord::default() };
    record.machine = HardwareProfile { cores_usable: cores, ..machine() };
    record.model.reference = reference.to_owned();
    record.model.quantization = "q4_k_m".to_owned();
    record.validity.valid = true;
    record.metrics.insert("decode_tps".to_owned(), summary(9.0, 9.5));
    record.metrics.insert("rss_peak_bytes".to_owned(), summary(4e9, 5e9));
    record
}

/// An evaluation of a file: so many of 100 questions answered right.
fn evaluation(id: &str, file: &Path, suite: &str, right: u64) -> EvalRecord {
    let mut record =
        EvalRecord { id: id.to_owned(), schema: dyno_types::EVAL_SCHEMA.to_owned(), ..EvalRecord::default() };
    record.model = dyno_models::read_facts(file, &file.display().to_string()).unwrap();
    record.validity.valid = true;
    let value = right as f64 / 100.0;
    let score = Score {
        metric: "accuracy".to_owned(),
        group: "all".to_owned(),
        n: 100,
        clusters: 100,
        value,
        standard_error: 0.05,
        ci95: Some([value - 0.1, value + 0.1]),
        chance: None,
        unparsed: 0.0,
        tied: 0,
        failed: 0,
    };
    let mut result =
        SuiteResult { strategy: "direct".to_owned(), scores: vec![score], ..SuiteResult::default() };
    suite.clone_into(&mut result.suite.name);
    suite.clone_into(&mut result.suite.sha256);
    record.suites = vec![result];
    record
}

/// A real model file, built into this program.
fn write_builtin(name: &str, file: &Path) {
    let builtin = dyno_models::BUILTINS.iter().find(|builtin| builtin.name == name).unwrap();
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, builtin.bytes).unwrap();
}

fn here(candidates: &[Candidate]) -> Vec<(&str, &Whereabouts)> {
    let variants = candidates.iter().flat_map(|one| one.variants.iter().map(move |variant| (one, variant)));
    let found = variants.filter_map(|(one, variant)| Some((one.model.name.as_str(), variant.here.as_ref()?)));
    found.collect()
}

#[test]
fn the_history_of_this_machine_reaches_every_model_of_the_shape() {
    let folder = tempfile::tempdir().unwrap();
    let work = work(folder.path());
    let empty = Measured::read(&work, &machine());
    assert!(empty.named().is_empty() && !work.app.places.history.path().unwrap().exists());
    let history = work.open_history().unwrap();
    history.append(&run("here", "synth:qwen2.5-7b@q4_k_m", 2)).unwrap();
    history.append(&run("elsewhere", "synth:qwen2.5-7b@q4_k_m", 64)).unwrap();
    history.append(&run("stranger", "my-own.gguf", 2)).unwrap();
    let measured = Measured::read(&work, &machine());
    let coding = for_role(Role::Coding, &[], &measured);
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
fn a_model_that_was_evaluated_is_a_candidate_as_long_as_its_file_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let work = work(folder.path());
    let file = folder.path().join("my/own.gguf");
    write_builtin("nano", &file);
    work.open_history().unwrap().append_eval(&evaluation("e1", &file, "my-code", 70)).unwrap();
    let locals = |measured: &Measured| on_this_machine(&work, measured).unwrap();
    let measured = Measured::read(&work, &machine());
    let coding = for_role(Role::Coding, &locals(&measured), &measured);
    let [(name, whereabouts)] = here(&coding)[..] else { panic!("{:?}", here(&coding)) };
    assert_eq!((name, whereabouts.place.as_str()), ("own", "measured before"));
    assert_eq!(whereabouts.reference, file.display().to_string());
    let own = coding.iter().find(|candidate| candidate.model.name == "own").unwrap();
    assert_eq!(own.variants[0].evaluated.len(), 1);
    assert!((own.variants[0].evaluated[0].share - 0.7).abs() < 1e-12);
    write_builtin("micro", &file);
    assert_eq!(
        here(&for_role(Role::Coding, &locals(&measured), &measured)),
        [],
        "another model has its name"
    );
    std::fs::remove_file(&file).unwrap();
    assert_eq!(here(&for_role(Role::Coding, &locals(&measured), &measured)), []);
}

#[test]
fn a_file_that_was_named_from_another_folder_is_found_where_it_was_noted() {
    let folder = tempfile::tempdir().unwrap();
    let work = work(folder.path());
    let file = folder.path().join("my/own.gguf");
    write_builtin("nano", &file);
    let mut record = evaluation("e1", &file, "my-code", 70);
    "own.gguf".clone_into(&mut record.model.reference);
    work.open_history().unwrap().append_eval(&record).unwrap();
    let measured = Measured::read(&work, &machine());
    let found = || {
        let locals = on_this_machine(&work, &measured).unwrap();
        locals.into_iter().map(|local| local.whereabouts.reference).collect::<Vec<_>>()
    };
    assert_eq!(found(), Vec::<String>::new(), "no such file in this folder");
    let model = work.find(&file.display().to_string()).unwrap();
    work.note_file(&model);
    assert_eq!(found(), [file.display().to_string()]);
}

#[test]
fn models_of_folders_and_stores_are_candidates_once_each() {
    let folder = tempfile::tempdir().unwrap();
    let mut work = work(folder.path());
    let mine = folder.path().join("mine");
    write_builtin("nano", &mine.join("a.gguf"));
    write_builtin("nano", &mine.join("copy-of-a.gguf"));
    std::fs::write(mine.join("broken.gguf"), b"GGUF, but not really").unwrap();
    let studio = folder.path().join("studio");
    write_builtin("micro", &studio.join("me/repo/Qwen2.5-Coder-7B-Instruct-Q4_K_M.gguf"));
    let places = Arc::make_mut(&mut work.app.places);
    (places.hub.folders, places.hub.lm_studio) = (vec![mine.clone()], vec![studio]);
    let measured = Measured::default();
    let locals = on_this_machine(&work, &measured).unwrap();
    let general = for_role(Role::General, &locals, &measured);
    let [(name, whereabouts)] = here(&general)[..] else { panic!("{:?}", here(&general)) };
    assert_eq!((name, &whereabouts.place), ("a", &mine.display().to_string()));
    let coding = for_role(Role::Coding, &locals, &measured);
    let found: Vec<(&str, &str)> =
        here(&coding).iter().map(|(name, here)| (*name, here.place.as_str())).collect();
    assert_eq!(found, [("qwen2.5-coder-7b", "LM Studio"), ("a", mine.to_str().unwrap())]);
    assert!(here(&for_role(Role::Vision, &locals, &measured)).is_empty());
}

#[test]
fn a_builtin_model_is_a_candidate_only_where_it_was_evaluated() {
    let folder = tempfile::tempdir().unwrap();
    let work = work(folder.path());
    let file = folder.path().join("nano.gguf");
    write_builtin("nano", &file);
    let mut record = evaluation("e1", &file, "heldout-code", 3);
    "builtin:nano".clone_into(&mut record.model.reference);
    work.open_history().unwrap().append_eval(&record).unwrap();
    std::fs::remove_file(&file).unwrap();
    let measured = Measured::read(&work, &machine());
    let locals = on_this_machine(&work, &measured).unwrap();
    let names = |role| {
        let candidates = for_role(role, &locals, &measured);
        here(&candidates).iter().map(|(name, here)| ((*name).to_owned(), here.builtin)).collect::<Vec<_>>()
    };
    assert_eq!(names(Role::Coding), [("builtin:nano".to_owned(), true)]);
    assert_eq!(names(Role::General), []);
}

#[test]
fn every_model_of_a_role_can_be_chosen_in_some_way() {
    for role in [Role::Speech, Role::Voice, Role::Embedding] {
        for candidate in for_role(role, &[], &Measured::default()) {
            assert!(!candidate.variants.is_empty(), "{}", candidate.model.name);
        }
    }
}
