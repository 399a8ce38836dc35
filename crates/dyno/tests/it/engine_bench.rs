//! `dyno bench` with the real engine: one valid record with everything in it.

use serde_json::Value;

use crate::dyno::World;

/// A short plan on the trained model; its window is 512.
fn bench(world: &World, model: &str, more: &[&str]) -> Value {
    let short =
        ["bench", model, "--format", "json", "--max-tokens", "16", "--contexts", "128,512,1024", "-q"];
    serde_json::from_str(&world.run(&[&short[..], more].concat()).ok()).unwrap()
}

#[test]
fn one_record_with_every_metric_and_stage() {
    let Some(world) = World::with_engine("record") else { return };
    let file = World::stories();
    let record = bench(&world, file.to_str().unwrap(), &[]);
    assert_eq!(record["schema"], "dyno.run/1");
    for metric in [
        "load_ms",
        "load_cold_ms",
        "ttft_ms",
        "tpot_ms",
        "itl_ms",
        "prefill_tps",
        "decode_tps",
        "rss_peak_bytes",
    ] {
        let summary = &record["metrics"][metric];
        assert!(summary["mean"].as_f64().is_some_and(|mean| mean > 0.0), "{metric}: {summary}");
    }
    for metric in ["ttft_ms", "decode_tps", "prefill_tps"] {
        let interval = record["metrics"][metric]["ci95"].as_array().unwrap();
        assert!(interval[0].as_f64() < interval[1].as_f64(), "{metric}");
    }
    for stage in ["metadata", "load", "inference", "context", "cleanup"] {
        assert!(!record["stages"][stage].is_null(), "{stage}");
    }
    assert_eq!(record["stages"]["inference"]["samples"].as_array().unwrap().len(), 3 * 3 * 3);
    let windows = record["stages"]["context"]["samples"].as_array().unwrap();
    for window in windows {
        let (size, outcome) = (window["context"].as_u64().unwrap(), &window["outcome"]);
        if size > 512 {
            assert_eq!(outcome["kind"], "beyond_training", "{outcome}");
        } else {
            let request = &outcome["request"];
            assert_eq!(
                request["n_in"].as_u64().unwrap() + request["n_out_asked"].as_u64().unwrap(),
                size,
                "truly filled"
            );
        }
    }
    assert!(windows.iter().any(|window| window["context"] == 1024));
    let voiding: Vec<&Value> = record["validity"]["flags"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|flag| *flag != "debug_build")
        .collect();
    assert!(
        !voiding
            .iter()
            .any(|flag| ["incomplete", "no_samples", "engine_restarted"].contains(&flag.as_str().unwrap())),
        "{voiding:?}"
    );
}

#[test]
fn the_record_is_kept_listed_and_shown_again() {
    let Some(world) = World::with_engine("kept") else { return };
    let record = bench(&world, "synth:tiny-llama@q4_0", &["--processes", "1", "--runs", "1"]);
    let id = record["id"].as_str().unwrap();
    let history: Value = serde_json::from_str(&world.run(&["history", "--format", "json"]).ok()).unwrap();
    assert_eq!(history[0]["id"], id);
    assert_eq!(record["model"]["synthetic"], true);
    let again: Value = serde_json::from_str(&world.run(&["report", "--format", "json"]).ok()).unwrap();
    assert_eq!(again, record, "what is shown later is what was measured");
    assert!(world.run(&["report", id, "--format", "html"]).ok().contains("</html>"));
    assert!(world.path("reports").join(format!("{id}.html")).exists(), "bench leaves a page");
    world.run(&["history", "--remove", id]).ok();
    assert_eq!(world.run(&["history", "--format", "json"]).ok().trim(), "[]");
}

#[test]
fn a_record_that_cannot_be_kept_is_printed_all_the_same() {
    let Some(world) = World::with_engine("full disk") else { return };
    let model = world.run(&["synth", "tiny-llama@q4_0", "-q"]).ok();
    // An empty history and its shared memory fit into this size (in blocks of 512 bytes), a record of 30 runs does not.
    let (blocks, runs) = ("192", "30");
    let arguments =
        ["bench", model.trim(), "--processes", "1", "--runs", runs, "--contexts", "128", "--format", "json"];
    let ended = world.on_a_full_disk(blocks, &arguments);
    let record: Value =
        serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {}", ended.err));
    assert!(record["metrics"]["decode_tps"]["mean"].as_f64().unwrap() > 0.0);
    ended.refused(1, &["history.sqlite"]);
}

#[test]
fn several_models_are_measured_in_the_order_given() {
    let Some(world) = World::with_engine("several models") else { return };
    let alone = ["--processes", "1", "--runs", "1", "--threads", "1", "--threads-prefill", "1"];
    let other = ["synth:tiny-llama@q8_0"];
    let records = bench(&world, "synth:tiny-llama@q4_0", &[&other[..], &alone].concat());
    let quantization = |record: &Value| record["model"]["quantization"].as_str().unwrap().to_owned();
    let measured: Vec<String> = records.as_array().unwrap().iter().map(quantization).collect();
    assert_eq!(measured, ["q4_0", "q8_0"]);
}

#[test]
fn a_sweep_gives_one_record_per_combination() {
    let Some(world) = World::with_engine("sweep") else { return };
    let records = bench(
        &world,
        "synth:tiny-llama@q4_0",
        &[
            "--processes",
            "1",
            "--runs",
            "1",
            "--threads",
            "1-2",
            "--threads-prefill",
            "1",
            "--kv-type-k",
            "f16,q8_0",
        ],
    );
    let settings: Vec<(u64, &str)> = records
        .as_array()
        .unwrap()
        .iter()
        .map(|record| &record["settings"]["engine"])
        .map(|engine| (engine["threads"].as_u64().unwrap(), engine["kv_type_k"].as_str().unwrap()))
        .collect();
    assert_eq!(settings.len(), 4);
    for threads in [1, 2] {
        for kind in ["f16", "q8_0"] {
            assert!(settings.contains(&(threads, kind)), "{settings:?}");
        }
    }
}
