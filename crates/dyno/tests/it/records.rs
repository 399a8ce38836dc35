//! What dyno keeps, under hostile circumstances: foreign files, a full disk.

use std::path::{Path, PathBuf};

use crate::dyno::World;

/// A record that the report crate keeps for its own tests.
fn record_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../dyno-report/tests/fixtures/run-v1.json")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_page_that_does_not_fit_leaves_the_old_one() {
    let world = World::new();
    let (page, record) = (world.path("pages/page.html"), record_file());
    let [page_text, record_text] = [&page, &record].map(|path| path.to_str().unwrap());
    let report = ["report", record_text, "--format", "html", "--output", page_text];
    world.run(&report).ok();
    let before = std::fs::read(&page).unwrap();
    world.on_a_full_disk("16", &report).refused(1, &["page.html", "cannot be written"]);
    assert_eq!(std::fs::read(&page).unwrap(), before);
    assert_eq!(names(page.parent().unwrap()), ["page.html"], "nothing half-written stays");
}

#[test]
fn a_model_that_does_not_fit_leaves_nothing() {
    let world = World::new();
    world.on_a_full_disk("16", &["synth", "tiny-llama@f16"]).refused(1, &["tiny-llama"]);
    let left: Vec<String> =
        names(&world.path("cache")).into_iter().filter(|name| !name.ends_with(".lock")).collect();
    assert_eq!(left, [""; 0], "nothing half-written stays");
    world.run(&["synth", "tiny-llama@f16"]).ok();
}

#[test]
fn a_history_that_is_none_is_named_and_left_alone() {
    let world = World::new();
    let garbage = b"this is not a database, but somebody's diary".repeat(100);
    std::fs::write(world.path("history.sqlite"), &garbage).unwrap();
    world.run(&["history"]).refused(1, &["history.sqlite"]);
    assert_eq!(std::fs::read(world.path("history.sqlite")).unwrap(), garbage);
}

#[test]
fn an_empty_history_says_how_to_fill_it() {
    let finished = World::new().run(&["history"]);
    assert!(finished.err.contains("dyno bench"), "{}", finished.err);
    finished.ok();
}

/// An evaluation that the store keeps for its own tests.
fn eval_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../dyno-store/tests/fixtures/eval-v1.json")
}

#[test]
fn an_evaluation_is_shown_in_every_format() {
    let (world, file) = (World::new(), eval_file());
    let shown = |format: &str| world.run(&["report", file.to_str().unwrap(), "--format", format]).ok();
    assert!(shown("table").contains("In short: ") && shown("table").contains("heldout-single"));
    assert!(shown("html").contains("id=\"figure-tasks\"") && shown("html").contains("</html>"));
    assert!(shown("md").contains("| suite | strategy |"));
    assert!(shown("csv").starts_with("eval_id,model,") && shown("csv").lines().count() > 10);
    let json: serde_json::Value = serde_json::from_str(&shown("json")).unwrap();
    assert_eq!(json["schema"], "dyno.eval/1");
}

#[test]
fn runs_and_evaluations_are_not_mixed_in_one_report() {
    let (world, run, eval) = (World::new(), record_file(), eval_file());
    world
        .run(&["report", run.to_str().unwrap(), eval.to_str().unwrap()])
        .refused(2, &["only runs or only evaluations"]);
}
