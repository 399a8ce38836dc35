//! `dyno generate` with the real engine.

use crate::dyno::World;

const TINY: &str = "synth:tiny-llama@q8_0";

#[test]
fn a_trained_model_tells_a_story_and_repeats_it() {
    let Some(world) = World::with_engine("story") else { return };
    let file = World::stories();
    let model = file.to_str().unwrap();
    let arguments = [
        "generate",
        model,
        "--prompt",
        "Once upon a time",
        "--max-tokens",
        "40",
        "--temperature",
        "0",
        "--quiet",
    ];
    let story = world.run(&arguments).ok();
    assert!(story.contains("there was a little"), "{story}");
    assert_eq!(world.run(&arguments).ok(), story, "temperature 0 is repeatable");
    let streamed = world.run(&[&arguments[..], &["--stream"]].concat()).ok();
    assert_eq!(streamed, story, "streaming gives the same text");
}

#[test]
fn json_carries_ids_times_and_the_reason_to_stop() {
    let Some(world) = World::with_engine("json") else { return };
    let text = world
        .run(&[
            "generate",
            TINY,
            "-p",
            "hello",
            "--max-tokens",
            "5",
            "--seed",
            "3",
            "--logprobs",
            "2",
            "--format",
            "json",
            "-q",
        ])
        .ok();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let tokens = json["tokens"].as_array().unwrap();
    assert!(!tokens.is_empty() && tokens.len() <= 5);
    let times: Vec<f64> = tokens.iter().map(|token| token["at_ms"].as_f64().unwrap()).collect();
    assert!(times.windows(2).all(|pair| pair[0] <= pair[1]), "{times:?}");
    assert!(tokens.iter().all(
        |token| token["logprob"].as_f64().unwrap() <= 0.0 && token["top"].as_array().unwrap().len() == 2
    ));
    assert!(["length", "eos"].contains(&json["finish_reason"].as_str().unwrap()));
    assert!(json["prompt_tokens"].as_u64().unwrap() > 0);
}

#[test]
fn the_seed_decides_the_draw() {
    let Some(world) = World::with_engine("seed") else { return };
    let text = |seed: &str| {
        world
            .run(&[
                "generate",
                TINY,
                "-p",
                "hello",
                "--max-tokens",
                "24",
                "--temperature",
                "1.5",
                "--seed",
                seed,
                "-q",
            ])
            .ok()
    };
    assert_eq!(text("1"), text("1"));
    assert_ne!(text("1"), text("2"));
}

#[test]
fn prompts_beyond_the_window_and_windows_beyond_training_are_refused() {
    let Some(world) = World::with_engine("window") else { return };
    let file = World::stories();
    let model = file.to_str().unwrap();
    let long = "word ".repeat(600);
    world.run(&["generate", model, "-p", &long]).refused(2, &["512"]);
    world.run(&["generate", model, "-p", "x", "--context", "1024"]).refused(2, &["1024", "512"]);
    world.run(&["generate", model, "-p", "x", "--system", "be brief"]).refused(2, &["--system", "template"]);
}

#[test]
fn a_prompt_from_a_file_and_from_standard_input_is_the_same_prompt() {
    let Some(world) = World::with_engine("file") else { return };
    let file = world.path("prompt.txt");
    std::fs::write(&file, "hello").unwrap();
    let arguments = |rest: &'static [&'static str]| {
        [&["generate", TINY, "--max-tokens", "8", "--temperature", "0", "-q"], rest].concat()
    };
    let typed = world.run(&arguments(&["-p", "hello"])).ok();
    assert_eq!(world.run(&arguments(&["--filename", "prompt.txt"])).ok(), typed);
    let input = std::fs::File::open(&file).unwrap();
    let piped = world.command(&arguments(&["--filename", "-"])).stdin(input).output().unwrap();
    assert_eq!(crate::dyno::finished(piped).ok(), typed);
}
