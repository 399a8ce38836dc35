//! `dyno recommend` and `dyno route`: answers and refusals, without an engine.

use serde_json::Value;

use crate::dyno::World;

fn json(world: &World, arguments: &[&str]) -> Value {
    let arguments = [arguments, &["--format", "json"]].concat();
    serde_json::from_str(&world.run(&arguments).ok()).unwrap()
}

#[test]
fn a_file_that_is_not_there_is_no_model_of_the_catalogue() {
    let world = World::new();
    for name in ["mine.gguf", "nowhere/x.gguf"] {
        let said = format!("{name} does not exist");
        world.run(&["recommend", "--no-measure", name]).refused(3, &[&said]);
    }
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
        ["= measured here", "~ predicted", "* published", "NOT RECOMMENDED: ", "This machine is in tier "]
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
    // Which of the two depends on how much of its weights this processor's kernels copy.
    let alternative = refusal["alternative"][0].as_str().unwrap();
    assert!(["qwen2.5-7b", "qwen2.5-14b"].contains(&alternative), "{refusal}");
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
            let known = ["measured", "predicted", "published", "estimated"];
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
        (&["recommend", "--no-measure", "--memory", "0"], &["the memory \"0\"", "16GB"]),
        (&["recommend", "--no-measure", "--memory", "3PB"], &["3PB", "more than any machine has"]),
        (&["recommend", "--no-measure", "--memory", "much"], &["much", "16GB"]),
        (&["recommend", "--no-measure", "--context", "0"], &["a window of 0 tokens", "--context takes 8 to"]),
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
        (&["route", "image"], &["does not run models for vision", "--role vision"]),
        (&["route", "code", "--memory", "64MiB"], &["no model for coding", "--role coding"]),
        (&["--config", "nowhere.toml", "route"], &["nowhere.toml"]),
    ];
    for (arguments, texts) in cases {
        eprintln!("{arguments:?}");
        World::new().run(arguments).refused(2, texts);
    }
}

#[test]
fn a_request_is_routed_with_reasons() {
    let world = World::new();
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

#[test]
fn a_request_goes_to_what_is_recommended() {
    let world = World::new();
    for (task, role) in [("chat", "general"), ("code", "coding"), ("reasoning", "reasoning")] {
        for priority in ["speed", "balanced", "quality"] {
            for memory in ["4GB", "23GiB"] {
                let rest = ["--priority", priority, "--memory", memory];
                let route = json(&world, &[&["route", task][..], &rest].concat());
                let advice =
                    json(&world, &[&["recommend", "--no-measure", "--role", role][..], &rest].concat());
                assert_eq!(route["model"], advice["choices"][0]["model"], "{task} {priority} {memory}");
                assert_eq!(
                    route["quantization"], advice["choices"][0]["quantization"],
                    "{task} {priority} {memory}"
                );
            }
        }
    }
    let stacks = json(&world, &["recommend", "--no-measure", "--stack", "--memory", "23GiB"]);
    for (role, place) in [("coding", 0), ("reasoning", 1)] {
        let advice = json(&world, &["recommend", "--no-measure", "--role", role, "--memory", "23GiB"]);
        let [stacked, alone] = [&stacks["stacks"][0]["choices"][place][1], &advice["choices"][0]];
        let names = |choice: &Value| [choice["model"].clone(), choice["quantization"].clone()];
        assert_eq!(names(stacked), names(alone), "{role}");
    }
}

#[test]
fn models_that_dyno_does_not_run_are_never_something_to_run() {
    let world = World::new();
    for role in ["vision", "speech", "voice", "embedding"] {
        let advice = json(&world, &["recommend", "--no-measure", "--role", role]);
        let headline = advice["headline"].as_str().unwrap();
        assert!(
            headline.contains("does not run models") && !headline.contains("run it with: dyno"),
            "{headline}"
        );
        for choice in advice["choices"].as_array().unwrap() {
            assert!(choice["runs_with"].is_string(), "{choice}");
            assert!(!choice["command"].as_str().unwrap_or_default().contains("generate"), "{choice}");
        }
    }
    let stacks = json(&world, &["recommend", "--no-measure", "--stack", "--memory", "23GiB"]);
    let headline = stacks["headline"].as_str().unwrap();
    let (to_use, others) = headline.split_once(" Other programs can run ").unwrap();
    assert!(to_use.contains("for coding") && !to_use.contains("for vision"), "{headline}");
    assert!(others.contains("for vision") && others.contains("for voice"), "{headline}");
}

#[test]
fn what_nobody_measured_is_a_claim_and_chooses_nothing() {
    let world = World::new();
    let asked = ["recommend", "--no-measure", "piper", "--memory", "2GB"];
    let advice = json(&world, &asked);
    let memory = &advice["choices"][0]["memory"];
    assert_eq!(memory["evidence"], "estimated", "{advice}");
    assert!(
        memory["total_bytes"].as_u64().unwrap() < 400_000_000,
        "a voice of 63 MB needs no gigabytes: {memory}"
    );
    let text = world.run(&[&asked[..], &["--explain"]].concat()).ok();
    for part in [
        "? estimated from the size",
        "?263.1 MiB",
        "claimed memory_peak_gb 3.2",
        "nobody is known to have measured it",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    // Claims took the memory from the models beside the voice.
    let stacks = json(&world, &["recommend", "--no-measure", "--stack", "--memory", "8GB"]);
    let together =
        stacks["stacks"].as_array().unwrap().iter().find(|stack| stack["loading"] == "together").unwrap();
    let bytes = |role: &str| {
        let choices = together["choices"].as_array().unwrap();
        let choice = choices.iter().find(|choice| choice[0] == role).unwrap();
        choice[1]["memory"]["total_bytes"].as_u64().unwrap()
    };
    assert!(bytes("voice") < bytes("coding"), "{together}");
}

/// A real model file, built into the program, under this name.
fn own_model(world: &World, builtin: &str, name: &str) -> String {
    let inspected = json(world, &["models", "inspect", &format!("builtin:{builtin}")]);
    let made = inspected["facts"]["file_name"].as_str().unwrap().to_owned();
    let file = world.path(name);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::copy(world.path("cache/builtin").join(made), &file).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn files_are_compared_with_each_other_alone() {
    let world = World::new();
    let (one, other) = (own_model(&world, "nano", "one.gguf"), own_model(&world, "micro", "other.gguf"));
    let advice = json(&world, &["recommend", "--no-measure", &one, &other]);
    let mut names: Vec<&str> = advice["choices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|choice| choice["model"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["one", "other"]);
    assert_eq!(advice["request"]["among"].as_array().unwrap().len(), 2);
    let command = advice["choices"][0]["command"].as_str().unwrap();
    assert!(command.starts_with("dyno generate /") && command.contains(".gguf"), "{command}");
    // Encoders and projectors write no text.
    world.run(&["synth", "all-minilm@f16", "--output", "encoder"]).ok();
    let encoder = std::fs::read_dir(world.path("encoder")).unwrap().next().unwrap().unwrap().path();
    let encoder = encoder.to_str().unwrap();
    world.run(&["recommend", "--no-measure", &one, encoder]).refused(3, &["turns texts into vectors"]);
    json(&world, &["recommend", "--no-measure", "--role", "embedding", encoder]);
    let named = json(&world, &["recommend", "--no-measure", "qwen2.5:7b", "llama3.1:8b", &one]);
    assert_eq!(named["request"]["among"].as_array().unwrap().len(), 3, "{named}");
}

#[test]
fn models_of_the_user_are_listed_and_go_first() {
    let world = World::new();
    let file = own_model(&world, "micro", "mine/my-own.gguf");
    let config = world.path(".config/dyno/config.toml");
    std::fs::create_dir_all(config.parent().unwrap()).unwrap();
    std::fs::write(&config, "[models]\nfolders = [\"~/mine\", \"/nowhere/at/all\"]\n").unwrap();
    let listed = world.run(&["models", "list"]);
    assert!(listed.err.contains("/nowhere/at/all of models.folders is left out"), "{}", listed.err);
    let text = listed.ok();
    assert!(text.contains("my-own.gguf") && text.contains("mine"), "{text}");
    let rows = json(&world, &["models", "list"]);
    let row = rows.as_array().unwrap().iter().find(|row| row["name"] == file.as_str()).unwrap();
    assert!(row["place"].as_str().unwrap().ends_with("mine") && row["bytes"].as_u64() > Some(1000), "{row}");
    let studio = own_model(&world, "nano", ".lmstudio/models/me/repo/small.gguf");
    assert!(world.run(&["models", "list"]).ok().contains(&studio));
    let snapshot = "huggingface/hub/models--o--r/snapshots/c0ffee/other.gguf";
    own_model(&world, "nano", snapshot);
    std::fs::create_dir_all(world.path("huggingface/hub/models--o--r/refs")).unwrap();
    std::fs::write(world.path("huggingface/hub/models--o--r/refs/main"), "c0ffee").unwrap();
    let text = world.run(&["models", "list"]).ok();
    for part in ["hf:o/r:other.gguf", "Hugging Face cache", "LM Studio"] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    std::fs::remove_file(studio).unwrap();
    std::fs::remove_file(world.path(snapshot)).unwrap();
    let route = json(&world, &["route", "code"]);
    assert_eq!(route["model"], "my-own");
    assert!(route["command"].as_str().unwrap().contains("my-own.gguf"), "{route}");
    let advice = json(&world, &["recommend", "--no-measure", "--role", "coding"]);
    assert_eq!(
        (&advice["choices"][0]["model"], &advice["choices"][0]["standing"]),
        (&"my-own".into(), &"here".into())
    );
    let notes = advice["notes"].to_string();
    assert!(notes.contains("What is here goes first") && notes.contains("would score higher"), "{notes}");
    std::fs::write(&config, "[models]\nfolder = []\n").unwrap();
    world.run(&["models", "list"]).refused(2, &["config.toml", "folder"]);
}
