//! `dyno tune` and what `dyno generate` makes of its presets: what is refused before any engine starts, and real searches with the
//! built engine.

use std::path::PathBuf;

use serde_json::Value;

use crate::dyno::World;

const TINY: &str = "synth:tiny-llama@q8_0";

/// Eight sums, as few as a search takes.
fn sums(world: &World) -> PathBuf {
    let mut text = r#"{"schema":"dyno.suite/1","name":"sums","title":"Sums","description":"d","source":"s","license":"MIT"}"#
        .to_owned();
    for number in 0..8 {
        text += &format!(
            "\n{{\"id\":\"n{number}\",\"task\":\"sums\",\"kind\":\"numeric\",\"question\":\"{number} + 2?\",\"answer\":\"{}\",\"max_tokens\":4}}",
            number + 2
        );
    }
    let file = world.path("sums.jsonl");
    std::fs::write(&file, text).unwrap();
    file
}

#[test]
fn what_cannot_be_searched_is_refused_with_its_name() {
    let world = World::new();
    let cases: &[(&[&str], &[&str])] = &[
        (&["tune", TINY], &["--sampling"]),
        (&["tune", TINY, "--sampling", "--task", "cooking"], &["cooking", "reasoning"]),
        (&["tune", TINY, "--sampling", "--budget", "20"], &["--budget", "at least 107"]),
        (&["tune", TINY, "--sampling", "--candidates", "1"], &["--candidates", "2 to 256"]),
        (&["tune", TINY, "--sampling", "--weights", "0,0"], &["--weights"]),
        (&["tune", TINY, "--sampling", "--weights", "1"], &["--weights", "two numbers"]),
        (&["tune", TINY, "--sampling", "--suite", "no-such-suite"], &["no-such-suite"]),
        (&["tune", TINY, "--sampling", "--suite", "heldout-choice"], &["at least 8", "written"]),
        (&["tune", TINY, "--sampling", "--strategy", "dirct"], &["dirct", "direct"]),
    ];
    for (arguments, texts) in cases {
        world.run(arguments).refused(2, texts);
    }
}

#[test]
fn a_dry_run_shows_settings_and_rounds_and_needs_no_engine() {
    let world = World::new();
    let arguments = ["tune", TINY, "--sampling", "--task", "reasoning,code", "--dry-run"];
    let out = world.run(&arguments).ok();
    for expected in ["reasoning: ", "code: 60 questions from heldout-code", "start", "fresh questions"] {
        assert!(out.contains(expected), "{expected}: {out}");
    }
    let json: Value =
        serde_json::from_str(&world.run(&[&arguments[..], &["--format", "json"]].concat()).ok()).unwrap();
    assert_eq!(json[1]["task"], "code");
    assert_eq!(json[1]["candidates"].as_array().unwrap().len(), 9);
    assert_eq!(json[1]["rounds"][0]["settings"], 9);
    assert!(!world.path("presets").exists());
}

#[test]
fn what_is_found_is_kept_and_generate_takes_it() {
    let Some(world) = World::with_engine("tune") else { return };
    let file = sums(&world);
    let tune = [
        &["tune", TINY, "--sampling", "--task", "knowledge", "--suite", file.to_str().unwrap()][..],
        &[
            "--candidates",
            "2",
            "--budget",
            "24",
            "--threads",
            "1",
            "--threads-prefill",
            "1",
            "--context",
            "512",
        ],
        &["--format", "json"],
    ]
    .concat();
    let found = world.run(&tune);
    assert!(found.err.contains("knowledge, round 1: 2 settings"), "{}", found.err);
    let found: Value = serde_json::from_str(&found.ok()).unwrap();
    let task = &found["tasks"][0];
    // Random weights answer nothing right, so nothing is better than the start.
    assert_eq!((&task["recommended"], &task["winner"]["quality"]), (&task["start"], &Value::from(0.0)));
    assert!(task["rounds"][0]["settings"][0]["decode_tps"].as_f64().unwrap() > 0.0, "{task}");
    let kept = PathBuf::from(task["kept_in"].as_str().unwrap());
    assert_eq!(kept, world.path("presets").join(format!("{}.json", found["model_sha256"].as_str().unwrap())));
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(kept).unwrap()).unwrap();
    assert_eq!(kept["schema"], "dyno.sampling-presets/1");

    let generate =
        ["generate", TINY, "-p", "hi", "--max-tokens", "2", "--threads", "1", "--threads-prefill", "1"];
    let sampling = |more: &[&str]| {
        let finished = world.run(&[&generate[..], &["--format", "json"], more].concat());
        let err = finished.err.clone();
        let json: Value = serde_json::from_str(&finished.ok()).unwrap();
        (json["sampling"].clone(), err)
    };
    let (plain, err) = sampling(&[]);
    assert!(plain["temperature"].as_f64().unwrap() > 0.65 && err.contains("tuned for knowledge"), "{err}");
    let (preset, err) = sampling(&["--preset", "knowledge"]);
    assert!((preset["top_p"].as_f64().unwrap() - 0.8).abs() < 1e-6, "{preset}");
    assert!(err.contains("preset knowledge: temperature 0.2"), "{err}");
    let (flags, _) = sampling(&["--task", "knowledge", "--top-p", "0.5"]);
    assert_eq!(flags["top_p"], 0.5);
    assert_eq!(flags["temperature"], preset["temperature"]);
}
