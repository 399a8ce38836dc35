//! `dyno recommend` and `dyno route`: answers and refusals, without an engine.

use serde_json::Value;

use crate::dyno::World;

fn json(world: &World, arguments: &[&str]) -> Value {
    let arguments = [arguments, &["--format", "json"]].concat();
    serde_json::from_str(&world.run(&arguments).ok()).unwrap()
}

#[test]
fn the_first_line_says_what_to_use_why_and_how() {
    let world = World::new();
    let text = world
        .run(&["recommend", "--no-measure", "--role", "coding", "--memory", "16GB", "--priority", "quality"])
        .ok();
    let first = text.lines().next().unwrap();
    for part in
        ["Use ", " for coding: it needs ", "of the 12.0 GiB of memory", "HumanEval (published", "dyno "]
    {
        assert!(first.contains(part), "{part:?} is not in {first}");
    }
    for part in
        ["= measured here", "~ predicted", "* published", "NOT RECOMMENDED", "This machine is in tier "]
    {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    assert!(world.run(&["recommend", "--no-measure", "--explain", "--top", "1"]).ok().contains("licence"));
}

#[test]
fn seventy_billion_parameters_on_16_gb_are_refused_with_an_alternative() {
    let world = World::new();
    let asked = ["recommend", "--no-measure", "llama3.3:70b", "--memory", "16GB", "--priority", "quality"];
    let text = world.run(&asked).ok();
    assert!(text.starts_with("Llama 3.3 70B Instruct is not recommended: even at q2_k it needs "), "{text}");
    let advice = json(&world, &asked);
    assert_eq!(advice["choices"], Value::Array(Vec::new()));
    let refusal = &advice["not_recommended"][0];
    assert_eq!(refusal["reason"]["kind"], "too_large");
    assert_eq!(refusal["alternative"][0], "qwen2.5-14b", "{refusal}");
}

#[test]
fn every_figure_of_the_json_says_where_it_comes_from() {
    let advice =
        json(&World::new(), &["recommend", "--no-measure", "--memory", "24GB", "--role", "reasoning"]);
    assert_eq!(advice["schema"], "dyno.advice/1");
    let choices = advice["choices"].as_array().unwrap();
    assert!(!choices.is_empty());
    for choice in choices {
        for figure in ["memory", "decode", "prefill", "quality"] {
            let figure = &choice[figure];
            let evidence = figure["evidence"].as_str();
            let known = ["measured", "predicted", "published"];
            assert!(figure.is_null() || evidence.is_some_and(|word| known.contains(&word)), "{choice}");
        }
        let (needs, usable) = (&choice["memory"]["total_bytes"], &advice["budget"]["usable_bytes"]);
        assert!(needs.is_null() || needs.as_u64() <= usable.as_u64(), "{choice}");
    }
}

#[test]
fn a_profile_decides_the_margin_and_the_priority() {
    let world = World::new();
    let development =
        json(&world, &["recommend", "--no-measure", "--memory", "10GB", "--profile", "development"]);
    assert_eq!(
        (&development["budget"]["margin"], &development["request"]["priority"]),
        (&0.3.into(), &"speed".into())
    );
    let production =
        json(&world, &["recommend", "--no-measure", "--memory", "10GB", "--profile", "production"]);
    assert_eq!(
        (&production["budget"]["margin"], &production["request"]["priority"]),
        (&0.2.into(), &"quality".into())
    );
}

#[test]
fn stacks_have_one_model_per_role() {
    let world = World::new();
    let advice = json(&world, &["recommend", "--no-measure", "--stack"]);
    let stacks = advice["stacks"].as_array().unwrap();
    assert_eq!(stacks.len(), 10, "this machine and four sizes, each in two ways");
    for stack in stacks {
        assert!(stack["peak_bytes"].as_u64() <= stack["budget"]["usable_bytes"].as_u64(), "{stack}");
        let roles = stack["choices"].as_array().unwrap().len() + stack["unfilled"].as_array().unwrap().len();
        assert_eq!(roles, 6);
    }
    let text = world.run(&["recommend", "--no-measure", "--stack", "--memory", "16GB"]).ok();
    assert!(text.contains("one model at a time") && text.contains("all loaded together"), "{text}");
}

#[test]
fn a_text_too_long_for_every_window_is_read_in_parts() {
    let text =
        World::new().run(&["recommend", "--no-measure", "--memory", "2GB", "--context", "120000"]).ok();
    assert!(text.starts_with("Nothing for general use with a window of 120000 tokens fits"), "{text}");
    assert!(text.contains("Reading: in ") && text.contains("pages"), "{text}");
}

#[test]
fn a_tier_policy_of_ones_own_is_read_strictly() {
    let world = World::new();
    let built_in = include_str!("../../../dyno-advise/data/tiers.toml");
    let file = world.path("tiers.toml");
    let path = file.to_str().unwrap();
    std::fs::write(
        &file,
        built_in
            .replace("least_tps = 5\n", "least_tps = 7\n")
            .replace("least_tps = 15", "least_tps = 7")
            .replace("least_tps = 30", "least_tps = 7"),
    )
    .unwrap();
    assert!(world.run(&["recommend", "--no-measure", "--tiers", path]).ok().contains("at least 7 tokens/s"));
    std::fs::write(&file, built_in.replacen("ram_budget_gb", "ram_bugdet_gb", 1)).unwrap();
    world.run(&["recommend", "--no-measure", "--tiers", path]).refused(2, &["tiers.toml", "ram_bugdet_gb"]);
    world.run(&["recommend", "--no-measure", "--tiers", "nowhere.toml"]).refused(2, &["nowhere.toml"]);
}

#[test]
fn what_makes_no_sense_is_refused_with_a_hint() {
    let cases: &[(&[&str], &[&str])] = &[
        (&["recommend", "--no-measure", "--role", "codng"], &["codng", "coding"]),
        (&["recommend", "--no-measure", "--priority", "fast"], &["speed", "balanced", "quality"]),
        (&["recommend", "--no-measure", "--profile", "test"], &["development", "production"]),
        (&["recommend", "--no-measure", "--memory", "0"], &["--memory", "16GB"]),
        (&["recommend", "--no-measure", "--memory", "3PB"], &["3PB", "more than any machine has"]),
        (&["recommend", "--no-measure", "--memory", "much"], &["much", "16GB"]),
        (&["recommend", "--no-measure", "--context", "0"], &["--context 0"]),
        (&["recommend", "--no-measure", "--context", "4000000000"], &["16777216"]),
        (&["recommend", "--no-measure", "--context", "-1"], &["-1"]),
        (&["recommend", "--no-measure", "--top", "0"], &["--top"]),
        (&["recommend", "--no-measure", "qwen2.5-codr:7b"], &["qwen2.5-coder-7b"]),
        (
            &["recommend", "--no-measure", "mistral:7b", "--role", "embedding"],
            &["Mistral 7B", "general", "embedding"],
        ),
        (&["recommend", "--no-measure", "mistral:7b", "--stack"], &["--stack"]),
        (&["recommend", "--no-measure", "--format", "xml"], &["json"]),
        (&["route", "dancing"], &["dancing", "coding"]),
        (&["route", "code", "--loaded", "qwen2.5-codr:7b"], &["qwen2.5-coder-7b"]),
        (&["route", "image", "--memory", "64MiB"], &["no model for vision", "--role vision"]),
    ];
    for (arguments, texts) in cases {
        eprintln!("{arguments:?}");
        World::new().run(arguments).refused(2, texts);
    }
}

#[test]
fn a_request_is_routed_with_reasons() {
    let world = World::new();
    let route = json(&world, &["route", "code", "--memory", "16GB"]);
    assert_eq!((&route["model"], &route["task"]), (&"qwen2.5-1.5b".into(), &"coding".into()));
    let text = world.run(&["route", "--content", "5000", "--memory", "16GB"]).ok();
    assert!(
        text.contains("(task: reasoning)") && text.contains("because requests of more than 2,000 tokens"),
        "{text}"
    );
    let long = json(&world, &["route", "reasoning", "--content", "1000000", "--memory", "16GB"]);
    assert_eq!(long["reading"]["kind"], "chunks", "{long}");
}

#[test]
fn a_damaged_history_costs_the_measured_figures_only() {
    let world = World::new();
    std::fs::write(world.path("history.sqlite"), b"this is no database, whatever its name says").unwrap();
    let text = world.run(&["recommend", "--no-measure"]).ok();
    assert!(text.contains("Note: measured runs are left out"), "{text}");
    let untouched = World::new();
    untouched.run(&["recommend", "--no-measure"]).ok();
    assert!(!untouched.path("history.sqlite").exists(), "advice makes no history");
}
