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
    for token in tokens {
        let top = token["top"].as_array().unwrap();
        assert!(token["text"].is_string() && top.iter().all(|likely| likely["text"].is_string()), "{token}");
    }
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
fn a_long_prompt_is_read_as_asked_and_never_cut_in_silence() {
    let Some(world) = World::with_engine("long") else { return };
    let file = World::stories();
    let model = file.to_str().unwrap();
    let text: String = (0..400).map(|n| format!("Tom saw {n} cats by the lake. ")).collect();
    std::fs::write(world.path("long.txt"), &text).unwrap();
    let with = |rest: &[&'static str]| {
        let common = ["generate", model, "--filename", "long.txt", "-p", "What did Tom see?"];
        world.run(&[&common[..], &["--max-tokens", "16", "--temperature", "0"], rest].concat())
    };
    with(&[]).refused(2, &["trained for 512", "parts of", "--long chunks", "--long slide"]);
    let read = |how: &'static str| {
        let run = with(&["--long", how, "--format", "json"]);
        let said = run.err.clone();
        (serde_json::from_str::<serde_json::Value>(&run.ok()).unwrap(), said)
    };
    let (chunks, said) = read("chunks");
    let parts = chunks["reading"]["parts"].as_array().unwrap();
    assert!(parts.len() > 5 && chunks["context"] == 512, "{}", chunks["reading"]["plan"]);
    assert!(parts.iter().all(|part| part["prompt_tokens"].as_u64().unwrap() < 512));
    assert_eq!(
        (chunks["reading"]["plan"]["kind"].as_str(), &chunks["reading"]["forgotten_tokens"]),
        (Some("chunks"), &0.into())
    );
    assert!(said.contains("is read in"), "{said}");
    let (slide, said) = read("slide");
    assert_eq!(slide["reading"]["plan"]["kind"], "sliding_window");
    assert!(
        slide["reading"]["forgotten_tokens"].as_u64().unwrap() > 1_000 && said.contains("are not read"),
        "{said}"
    );
    // Text that merely goes on slides past the window, too.
    let on = [
        "generate",
        model,
        "-p",
        "Once upon a time",
        "--max-tokens",
        "900",
        "--temperature",
        "0",
        "--seed",
        "1",
    ];
    world.run(&on).refused(2, &["900", "512"]);
    let text = world.run(&[&on[..], &["--long", "slide", "--format", "json", "-q"]].concat()).ok();
    let text: serde_json::Value = serde_json::from_str(&text).unwrap();
    let written = text["tokens"].as_array().unwrap().len();
    assert!(written == 900 || text["finish_reason"] == "eos", "{written} {}", text["finish_reason"]);
}

#[test]
fn the_window_is_as_large_as_needed_and_threads_say_where_they_come_from() {
    let Some(world) = World::with_engine("window_size") else { return };
    let arguments = ["generate", TINY, "-p", "hello", "--max-tokens", "8", "--format", "json"];
    let with = |environment: &[(&str, &str)], rest: &[&'static str]| {
        let mut command = world.command(&[&arguments[..], rest].concat());
        command.envs(environment.iter().copied());
        let run = crate::dyno::finished(command.output().unwrap());
        let said = run.err.clone();
        (serde_json::from_str::<serde_json::Value>(&run.ok()).unwrap(), said)
    };
    let (plain, _) = with(&[], &[]);
    assert_eq!((&plain["context"], &plain["thread_choice"]), (&256.into(), &"usable".into()));
    let omp = ("OMP_NUM_THREADS", "1");
    assert_eq!(with(&[omp], &[]).0["thread_choice"], "omp_num_threads");
    assert_eq!(with(&[omp, ("DYNO_THREADS", "1")], &[]).0["thread_choice"], "dyno_threads");
    assert_eq!(with(&[omp], &["--threads", "1"]).0["thread_choice"], "fixed");
    let (found, said) = with(&[("OMP_NUM_THREADS", "lots")], &[]);
    assert!(found["thread_choice"] == "usable" && said.contains("OMP_NUM_THREADS=\"lots\""), "{said}");
}

#[test]
fn a_prompt_from_a_file_and_from_standard_input_is_the_same_prompt() {
    let Some(world) = World::with_engine("file") else { return };
    let file = world.path("prompt.txt");
    std::fs::write(&file, "hello").unwrap();
    let arguments = |rest: &[&'static str]| {
        [&["generate", TINY, "--max-tokens", "8", "--temperature", "0", "-q"], rest].concat()
    };
    let typed = world.run(&arguments(&["-p", "hello"])).ok();
    assert_eq!(world.run(&arguments(&["--filename", "prompt.txt"])).ok(), typed);
    let input = std::fs::File::open(&file).unwrap();
    let piped = world.command(&arguments(&["--filename", "-"])).stdin(input).output().unwrap();
    assert_eq!(crate::dyno::finished(piped).ok(), typed);
    // Without a prompt, and for `-`, standard input is read; the line end that `echo` adds is not part of the prompt.
    std::fs::write(&file, "hello\n").unwrap();
    for rest in [&[][..], &["-p", "-"]] {
        let input = std::fs::File::open(&file).unwrap();
        let piped = world.command(&arguments(rest)).stdin(input).output().unwrap();
        assert_eq!(crate::dyno::finished(piped).ok(), typed, "{rest:?}");
    }
}

#[test]
fn logs_have_stages_and_times_but_never_a_prompt() {
    let Some(world) = World::with_engine("logs") else { return };
    let prompt = "zanzibarquux";
    let with = |filter: &str| {
        let mut command = world.command(&["generate", TINY, "-p", prompt, "--max-tokens", "4", "-q"]);
        crate::dyno::finished(command.env("RUST_LOG", filter).output().unwrap())
    };
    let debug = with("debug");
    for time in ["load_ms=", "tokenize_ms=", "queue_ms=", "prefill_ms=", "decode_ms=", "write_ms="] {
        assert!(debug.err.contains(time), "{time} is not in {}", debug.err);
    }
    assert!(!debug.err.contains(prompt), "{}", debug.err);
    let info = with("info");
    for stage in ["engine started", "loading", "model loaded", "context opened", "engine stopped"] {
        assert!(info.err.contains(stage), "{stage} is not in {}", info.err);
    }
    assert!(!info.err.contains("queue_ms"), "{}", info.err);
    assert_eq!(with("").err, "");
    let unread = with("infos");
    assert!(
        unread.err.contains("RUST_LOG=\"infos\"") && unread.err.contains("did you mean info?"),
        "{}",
        unread.err
    );
    assert_eq!(unread.code, Some(0));
}
