//! `dyno eval`: what is refused before any engine starts, and real evaluations with the built engine.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::dyno::{World, finished};

const TINY: &str = "synth:tiny-llama@q8_0";

/// One thread: two or more wait for each other without end where others use the processors, too.
const ALONE: [&str; 4] = ["--threads", "1", "--threads-prefill", "1"];

/// Arguments of an evaluation, on one thread, with the record as JSON.
fn eval<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [&["eval"], arguments, &ALONE, &["--format", "json"]].concat()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn record(out: &str) -> Value {
    serde_json::from_str(out).unwrap_or_else(|error| panic!("{error}: {out}"))
}

fn suite(world: &World, name: &str, lines: &[&str]) -> PathBuf {
    let header = r#"{"schema":"dyno.suite/1","name":"tiny","title":"Tiny","description":"d","source":"s","license":"MIT"}"#;
    let file = world.path(name);
    std::fs::write(&file, format!("{header}\n{}\n", lines.join("\n"))).unwrap();
    file
}

const GOOD: &str = r#"{"id":"a","task":"sums","kind":"numeric","question":"2 + 2?","answers":["4"]}"#;
const BAD: &str =
    r#"{"id":"b","task":"sums","kind":"choice","question":"which?","choices":["x","y"],"correct":7}"#;

#[test]
fn the_list_names_suites_strategies_and_templates() {
    let world = World::new();
    let out = world.run(&["eval", "--list"]).ok();
    assert!(!out.contains("seed"), "{out}");
    for expected in ["five-topics", "direct", "chain_of_thought", "chatml"] {
        assert!(out.contains(expected), "{expected}: {out}");
    }
    let json = record(&world.run(&["eval", "--list", "--format", "json"]).ok());
    assert!(json["suites"].as_array().unwrap().iter().any(|suite| suite["name"] == "open-cases"), "{json}");
    assert!(!json.to_string().contains("seed 0"), "{json}");
}

#[test]
fn what_cannot_be_asked_is_refused_with_its_name() {
    let world = World::new();
    let bad = suite(&world, "bad.jsonl", &[GOOD, BAD]);
    let nothing = suite(&world, "nothing.jsonl", &[BAD]);
    let own = world.path("own.csv");
    std::fs::write(&own, "question,answer\nCapital of France?,Paris\n").unwrap();
    let empty = world.path("empty.jsonl");
    std::fs::write(&empty, "").unwrap();
    let cases: &[(&[&str], &[&str])] = &[
        (&["eval"], &["MODEL"]),
        (&["eval", TINY, "no-such-suite"], &["no-such-suite", "five-topics"]),
        (&["eval", TINY, "--strategy", "dirct"], &["dirct", "direct"]),
        (&["eval", TINY, "--template", "chatlm"], &["chatlm", "chatml"]),
        (&["eval", TINY, text(&empty)], &["empty.jsonl", "empty"]),
        (&["eval", TINY, text(&nothing)], &["nothing.jsonl", "line 2", "correct"]),
        (&["eval", TINY, text(&bad), "--strict"], &["bad.jsonl", "line 3", "correct", "7"]),
        (&["eval", TINY, "--perplexity", "nowhere.txt"], &["nowhere.txt"]),
        (&["eval", TINY, "--reference", TINY], &["--perplexity"]),
        (&["eval", TINY, "--temperature", "3"], &["temperature", "0 to 2"]),
        (&["eval", TINY, "--format", "jsn"], &["json"]),
        (&["eval", TINY, "--limit", "0"], &["--limit"]),
        (&["eval", TINY, text(&bad), "--suite-format", "gsm9k"], &["gsm9k", "gsm8k"]),
        (&["eval", TINY, text(&own), "--score", "exct"], &["exct", "exact", "contains"]),
        (
            &["eval", TINY, text(&own), "--answer-column", "reply"],
            &["own.csv", "no column \"reply\"", "question"],
        ),
        (&["eval", "--template-file", "xlsx"], &["xlsx", "csv", "jsonl"]),
    ];
    for (arguments, texts) in cases {
        eprintln!("{arguments:?}");
        world.run(arguments).refused(2, texts);
    }
}

#[test]
fn an_evaluation_that_measures_nothing_prints_and_keeps_nothing() {
    let Some(world) = World::with_engine("an_evaluation_that_measures_nothing_prints_and_keeps_nothing")
    else {
        return;
    };
    let short = world.path("short.txt");
    std::fs::write(&short, "Too short for a chunk.").unwrap();
    let refused = world.run(&eval(&[TINY, "--perplexity", text(&short)]));
    assert_eq!(refused.out, "");
    refused.refused(2, &["less than one chunk of 512", "--chunk takes at most", "longer text"]);
    assert_eq!(world.run(&["history", "--format", "json"]).ok().trim(), "[]");
}

#[test]
fn an_example_file_is_printed_and_can_be_asked() {
    let world = World::new();
    let example = world.run(&["eval", "--template-file", "csv"]).ok();
    assert!(example.starts_with("question,answer,category,system\n"), "{example}");
    let Some(world) = World::with_engine("an example file") else { return };
    let file = world.path("own.csv");
    std::fs::write(&file, example).unwrap();
    let model = World::stories();
    let run = world.run(&eval(&[text(&model), text(&file), "--max-tokens", "8"]));
    let scored = "own: questions from `question`, answers from `answer`, scored by contains";
    assert!(run.err.contains(scored), "{}", run.err);
    let record = record(&run.ok());
    assert_eq!(record["suites"][0]["items"].as_array().unwrap().len(), 3, "{record}");
    assert_eq!(record["suites"][0]["scores"][0]["metric"], "contains");
}

#[test]
fn data_sets_load_and_score_badly_and_honestly() {
    let name = "data sets";
    let Some(world) = World::with_engine(name) else { return };
    let (model, sums, endings) = (
        World::stories(),
        World::questions("gsm8k_test.jsonl"),
        World::questions("hellaswag_eval_subset.json"),
    );
    let arguments = eval(&[text(&model), text(&sums), text(&endings), "--limit", "12", "--max-tokens", "24"]);
    let first = world.run(&arguments);
    assert!(first.err.contains("no chat template"), "{}", first.err);
    let first = record(&first.ok());
    assert_eq!(first["schema"], "dyno.eval/1");
    assert_eq!(first["validity"]["valid"], true, "{}", first["validity"]);
    assert_eq!(first["model_sha256"].as_str().unwrap().len(), 64);
    assert_eq!(first["template"]["name"], "none");
    let suites = first["suites"].as_array().unwrap();
    assert_eq!(suites.len(), 2);
    for (suite, chance) in suites.iter().zip([None, Some(0.25)]) {
        let score = &suite["scores"][0];
        assert_eq!((&score["metric"], &score["n"]), (&Value::from("accuracy"), &Value::from(12)), "{score}");
        let [low, high] = [0, 1].map(|end| score["ci95"][end].as_f64().unwrap());
        let value = score["value"].as_f64().unwrap();
        assert!(low <= value && value <= high && high - low > 0.1, "{score}");
        assert_eq!(score["chance"].as_f64(), chance);
    }
    assert!(suites[0]["scores"][0]["value"].as_f64().unwrap() < 0.3, "{}", suites[0]["scores"]);
    let choices = suites[1]["items"][0]["choices"].as_array().unwrap();
    assert!(choices.len() == 4 && choices.iter().all(|choice| choice["logprob"].as_f64().unwrap() < 0.0));
    assert!(first["notes"].to_string().contains("12 of 96"), "{}", first["notes"]);

    let again = record(&world.run(&arguments).ok());
    for (suite, before) in again["suites"].as_array().unwrap().iter().zip(suites) {
        assert_eq!(suite["items_cached"], 12);
        assert_eq!(suite["items"].as_array().unwrap().len(), 12);
        for (item, before) in
            suite["items"].as_array().unwrap().iter().zip(before["items"].as_array().unwrap())
        {
            let mut kept = before.clone();
            kept["cached"] = Value::from(true);
            assert_eq!(*item, kept, "only where it came from differs");
        }
    }
    let table = world.run(&arguments[..arguments.len() - 2]).ok();
    assert!(table.contains("gsm8k") && table.contains("hellaswag"), "{table}");
    let stored: Value =
        record(&world.run(&eval(&[text(&model), text(&sums), "--limit", "2", "--max-tokens", "24"])).ok());
    assert_eq!(stored["suites"][0]["items_cached"], 2, "a smaller draw is part of a larger one");
}

#[test]
fn killed_and_started_again_it_goes_on() {
    let name = "killed evaluation";
    let Some(world) = World::with_engine(name) else { return };
    let (model, sums) = (World::stories(), World::questions("gsm8k_test.jsonl"));
    let arguments = eval(&[text(&model), text(&sums), "--limit", "80", "--max-tokens", "30", "--quiet"]);
    let mut child = world.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while answers_kept(&world) < 5 {
        assert!(started.elapsed() < Duration::from_secs(60), "no answers within a minute");
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let kept = answers_kept(&world) as u64;
    let resumed = record(&world.run(&arguments).ok());
    let suite = &resumed["suites"][0];
    let cached = suite["items_cached"].as_u64().unwrap();
    assert!(cached == kept || cached + 1 == kept, "{cached} of {kept} (the last line may be torn)");
    assert_eq!(suite["items"].as_array().unwrap().len(), 80);
    let elsewhere = World::with_engine(name).unwrap();
    let whole = record(&elsewhere.run(&arguments).ok());
    let read = |record: &Value| -> Vec<String> {
        record["suites"][0]["items"].as_array().unwrap().iter().map(|item| item["id"].to_string()).collect()
    };
    assert_eq!(read(&resumed), read(&whole), "the same items in the same order");
}

/// Answers in the files beside the history.
fn answers_kept(world: &World) -> usize {
    let Ok(files) = std::fs::read_dir(world.path("answers")) else { return 0 };
    let lines =
        |file: std::fs::DirEntry| std::fs::read_to_string(file.path()).unwrap_or_default().lines().count();
    files.flatten().map(lines).map(|lines| lines.saturating_sub(1)).sum()
}

#[test]
fn a_model_differs_from_itself_by_nothing() {
    let name = "perplexity";
    let Some(world) = World::with_engine(name) else { return };
    let model = World::stories();
    let story = "Once upon a time there was a little girl. She liked to play in the park with her dog. ";
    std::fs::write(world.path("story.txt"), story.repeat(40)).unwrap();
    let out = world
        .run(&eval(&[
            text(&model),
            "--perplexity",
            "story.txt",
            "--chunk",
            "128",
            "--reference",
            text(&model),
            "--quiet",
        ]))
        .ok();
    let record = record(&out);
    let perplexity = &record["perplexity"];
    assert!((1.0..100.0).contains(&perplexity["ppl"].as_f64().unwrap()), "{perplexity}");
    assert!(perplexity["chunks"].as_u64().unwrap() > 3 && perplexity["context"] == 128, "{perplexity}");
    assert!(record["divergence"]["kld_mean"].as_f64().unwrap() < 1e-4, "{}", record["divergence"]);
    assert_eq!(record["divergence"]["top1_agree"], 1.0);
    assert!(record["suites"].as_array().unwrap().is_empty(), "a text alone asks no questions");
    let leftovers = std::fs::read_dir(world.path("")).unwrap().flatten();
    assert!(
        leftovers.into_iter().all(|entry| !entry.file_name().to_string_lossy().starts_with("reference-"))
    );
}

#[test]
fn bad_lines_are_named_and_cost_only_themselves() {
    let Some(world) = World::with_engine("bad lines") else { return };
    let file = suite(&world, "mixed.jsonl", &[GOOD, BAD]);
    let finished = world.run(&eval(&[TINY, text(&file), "--max-tokens", "4"]));
    assert!(finished.err.contains("line 3") && finished.err.contains("correct"), "{}", finished.err);
    let record = record(&finished.ok());
    assert_eq!(record["suites"][0]["items"].as_array().unwrap().len(), 1);
    assert_eq!(record["suites"][0]["suite"]["refused"].as_array().unwrap().len(), 1);
}

#[test]
fn code_of_a_model_runs_apart_or_not_at_all() {
    let name = "code";
    let Some(world) = World::with_engine(name) else { return };
    let (model, programs) = (World::stories(), World::questions("HumanEval.jsonl.gz"));
    let out =
        world.run(&eval(&[text(&model), text(&programs), "--limit", "3", "--max-tokens", "24", "--quiet"]));
    let record = record(&out.out);
    let items = record["suites"][0]["items"].as_array().unwrap();
    assert_eq!(items.len(), 3);
    let judged = items.iter().any(|item| item["outcome"]["state"] != "failed");
    // Where nothing could be judged, that is a failure and no score.
    assert_eq!(out.code, Some(i32::from(!judged)), "{}", out.err);
    for item in items {
        let state = item["outcome"]["state"].as_str().unwrap();
        // Stories are no programs; where nothing can be isolated, the reason says so.
        assert!(["wrong", "unparsed", "failed"].contains(&state), "{item}");
        if state == "failed" {
            let reason = item["outcome"]["reason"].as_str().unwrap();
            assert!(
                reason.contains("not run here") || reason.contains("Python") || reason.contains("window"),
                "{reason}"
            );
        }
    }
}

#[test]
fn suites_nobody_named_do_without_programs_where_none_can_be_run() {
    let test = "suites_nobody_named_do_without_programs_where_none_can_be_run";
    let Some(world) = World::with_engine(test) else { return };
    let run = |suites: &[&str]| {
        let arguments =
            [&["builtin:nano"][..], suites, &["--limit", "2", "--max-tokens", "16", "--quiet"]].concat();
        // No interpreter is there.
        finished(world.command(&eval(&arguments)).env("PATH", world.path("nothing")).output().unwrap())
    };
    let record = record(&run(&[]).ok());
    let suites: Vec<&str> = record["suites"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|suite| suite["suite"]["name"].as_str())
        .collect();
    assert_eq!(suites, ["heldout-single", "heldout-steps", "heldout-choice"]);
    assert!(record["notes"].to_string().contains("heldout-code was left out"), "{}", record["notes"]);
    run(&["heldout-code"]).refused(1, &["nothing could be judged", "Python"]);
}

#[test]
fn the_seed_decides_sampled_answers_whatever_the_batch() {
    let Some(world) = World::with_engine("eval seed") else { return };
    let model = World::stories();
    let run = |seed: &str| {
        let arguments = eval(&[
            text(&model),
            "five-topics",
            "--limit",
            "6",
            "--max-tokens",
            "16",
            "--temperature",
            "1",
            "--seed",
            seed,
            "--no-cache",
            "--quiet",
        ]);
        let record = record(&world.run(&arguments).ok());
        let items = record["suites"][0]["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["answer"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(run("1"), run("1"));
    assert_ne!(run("1"), run("2"));
}
