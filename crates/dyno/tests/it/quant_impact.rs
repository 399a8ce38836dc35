//! `dyno eval --quant-impact`: what is refused, and real comparisons with the built engine.

use std::path::Path;

use serde_json::Value;

use crate::dyno::World;

/// One thread: two or more wait for each other without end where others use the processors, too.
const ALONE: [&str; 6] = ["--threads", "1", "--threads-prefill", "1", "--processes", "2"];

fn impact<'a>(arguments: &[&'a str], format: &'a str) -> Vec<&'a str> {
    [&["eval"], arguments, &["--quant-impact"], &ALONE, &["--format", format]].concat()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn names(rows: &Value) -> Vec<&str> {
    rows.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect()
}

/// Rate, and whether its interval holds it; on a busy machine two processes may differ so much that there is none.
fn assert_rate(rate: &Value) {
    let tps = rate["tps"].as_f64().unwrap();
    assert!(tps > 0.0, "{rate}");
    if !rate["ci95"].is_null() {
        let [low, high] = [0, 1].map(|end| rate["ci95"][end].as_f64().unwrap());
        assert!(low < high && low < tps && tps < high, "{rate}");
    }
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let world = World::new();
    let cases: &[(&[&str], &[&str])] = &[
        (&["builtin:nano", "--quant-impact", "--to", "q8_0,q9_z"], &["q9_z", "q4_k_m"]),
        (&["builtin:nano", "--to", "q8_0"], &["--quant-impact"]),
        (&["builtin:nano", "--quant-impact", "--processes", "0"], &["--processes"]),
        (
            &["builtin:nano", "--quant-impact", "--perplexity", "x", "--reference", "builtin:nano"],
            &["--reference"],
        ),
        (&["builtin:nano", "--quant-impact", "--perplexity", "nowhere.txt"], &["nowhere.txt"]),
        (&["builtin:nano", "no-such-suite", "--quant-impact"], &["no-such-suite"]),
        (&["builtin:nano", "--quant-impact", "--strategies", "all"], &["one prompt strategy"]),
        (&["builtin:nano", "--quant-impact", "--votes", "3"], &["plain answers", "--votes"]),
    ];
    for (arguments, texts) in cases {
        eprintln!("{arguments:?}");
        world.run(&[&["eval"], *arguments].concat()).refused(2, texts);
    }
}

#[test]
fn random_weights_have_speed_and_memory_and_no_quality() {
    let Some(world) = World::with_engine("quantization impact of a shape") else { return };
    let arguments = impact(&["synth:tiny-llama@f16", "--to", "q8_0,q4_0", "--quiet"], "json");
    let result = json(&world.run(&arguments).ok());
    let rows = &result["rows"];
    assert_eq!(names(rows), ["f16", "q8_0", "q4_0"]);
    let bytes = |row: usize| rows[row]["file_bytes"].as_u64().unwrap();
    assert!(bytes(0) > bytes(1) && bytes(1) > bytes(2));
    for row in rows.as_array().unwrap() {
        assert_rate(&row["footprint"]["prefill_tps"]);
        assert_rate(&row["footprint"]["decode_tps"]);
        assert!(row["footprint"]["rss_peak_bytes"].as_u64().unwrap() > 1 << 20);
        assert!(row["ppl"].is_null() && row["kld_mean"].is_null() && row["accuracy"].is_null(), "{row}");
    }
    assert!(result["remarks"].to_string().contains("quality does not apply"), "{}", result["remarks"]);
    let markdown = world.run(&impact(&["synth:tiny-llama@f16", "--to", "q8_0", "-q"], "md")).ok();
    assert!(markdown.starts_with("Written by `dyno eval synth:tiny-llama@f16"), "{markdown}");
    assert!(
        markdown.contains("| f16 (original)") && markdown.contains("quality does not apply"),
        "{markdown}"
    );
    world.run(&impact(&["synth:tiny-llama@f16", "--to", "f16", "-q"], "md")).refused(2, &["f16", "--to"]);
    world.run(&impact(&["synth:tiny-llama@f16", "--to", "iq4_xs", "-q"], "md")).refused(2, &["iq4_xs"]);
}

/// A suite that is quickly answered, and a text.
fn questions(world: &World) -> (String, String) {
    let header = r#"{"schema":"dyno.suite/1","name":"tiny","title":"Tiny","description":"d","source":"s","license":"MIT"}"#;
    let item = |number: usize| {
        format!(
            r#"{{"id":"i{number}","task":"sums","kind":"numeric","question":"What is {number} + 2?","answer":"{}","max_tokens":24}}"#,
            number + 2
        )
    };
    let lines: Vec<String> = std::iter::once(header.to_owned()).chain((0..12).map(item)).collect();
    std::fs::write(world.path("tiny.jsonl"), lines.join("\n")).unwrap();
    let text: String = (0..120).map(|number| format!("What is {number} + 3? {}\n", number + 3)).collect();
    std::fs::write(world.path("sums.txt"), text).unwrap();
    ["tiny.jsonl", "sums.txt"].map(|name| world.path(name).to_str().unwrap().to_owned()).into()
}

fn quantized_files(folder: &Path) -> Vec<(String, std::time::SystemTime)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let about = entry.metadata().unwrap();
        if about.is_dir() {
            found.extend(quantized_files(&entry.path()));
        } else {
            found.push((entry.file_name().into_string().unwrap(), about.modified().unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn a_trained_model_is_compared_with_its_quantizations_and_the_report_shows_all() {
    let Some(world) = World::with_engine("quantization impact") else { return };
    let (suite, text) = questions(&world);
    let asked = ["builtin:nano", &suite, "--perplexity", &text, "--chunk", "64", "--to", "q8_0,q4_k_m", "-q"];
    let result = json(&world.run(&impact(&asked, "json")).ok());
    let rows = &result["rows"];
    let original = rows[0]["name"].as_str().unwrap();
    assert_eq!(names(rows)[1..], ["q8_0", "q4_k_m"]);
    let divergence: Vec<f64> = (1..3).map(|row| rows[row]["kld_mean"].as_f64().unwrap()).collect();
    assert!(divergence[0] >= 0.0 && divergence[1] > divergence[0], "{divergence:?}");
    for row in rows.as_array().unwrap() {
        assert!(row["ppl"].as_f64().unwrap() > 1.0 && row["task"] == "tiny · direct", "{row}");
        assert_eq!(row["accuracy"]["n"], 12);
        assert_rate(&row["footprint"]["decode_tps"]);
    }
    assert!(rows[0]["comparison"].is_null() && rows[0]["kld_mean"].is_null());
    assert_eq!(
        (&rows[2]["comparison"]["baseline"], &rows[2]["comparison"]["n"]),
        (&original.into(), &12.into())
    );
    // Rows of 128 are no multiple of 256.
    let remarks = result["remarks"].to_string();
    assert!(remarks.contains("q4_k_m in part only: rows of 128 are no multiple of 256"), "{remarks}");
    assert!(!remarks.contains("q8_0 in part only"), "{remarks}");

    let made = quantized_files(&world.path("cache/quantized"));
    assert_eq!(made.len(), 2, "{made:?}");
    let table = world.run(&impact(&asked, "table")).ok();
    assert!(table.contains("Impact of quantization") && table.contains("(original)"), "{table}");
    assert_eq!(quantized_files(&world.path("cache/quantized")), made, "made once");
    let page = world.run(&["report", "--format", "html"]).ok();
    assert!(page.contains("pareto-size") && page.contains("pareto-speed") && page.contains("q4_k_m"));
    let ids: Vec<&str> = rows.as_array().unwrap().iter().map(|row| row["eval"].as_str().unwrap()).collect();
    let alone = world.run(&["report", ids[1]]).ok();
    assert!(!alone.contains("Impact of quantization"), "{alone}");
    let named = world.run(&[&["report"], &ids[..]].concat()).ok();
    assert!(named.contains("Impact of quantization"), "{named}");
}
