//! Input refused before any engine starts: exit code and sentence.

use crate::dyno::{World, finished};

#[test]
fn flags_that_make_no_sense_are_refused_with_their_name() {
    let cases: &[(&[&str], i32, &[&str])] = &[
        (&["bench", "--runs", "0"], 2, &["runs", "0"]),
        (&["bench", "--processes", "0"], 2, &["processes"]),
        (&["bench", "--max-tokens", "0"], 2, &["tokens"]),
        (&["bench", "--contexts", "x"], 2, &["--contexts", "128-1024*2"]),
        (&["bench", "--contexts", "16", "--context-decode-tokens", "16"], 2, &["16"]),
        (&["bench", "--threads", "many"], 2, &["--threads", "auto"]),
        (&["bench", "--kv-type-k", "q3_0"], 2, &["q8_0"]),
        (&["bench", "--format", "jsn"], 2, &["json"]),
        (&["bench", "--temperature", "3"], 2, &["temperature", "0 to 2"]),
        (&["generate", "synth:tiny-llama@q8_0", "--prompt", "x", "--max-tokens", "0"], 2, &["max-tokens"]),
        (&["generate", "synth:tiny-llama@q8_0"], 2, &["--prompt"]),
        (&["generate", "synth:tiny-llama@q8_0", "--filename", "nowhere.txt"], 2, &["nowhere.txt"]),
        (
            &["generate", "synth:tiny-llama@q8_0", "--prompt", "x", "--threads", "1,2"],
            2,
            &["--threads", "one value"],
        ),
        (
            &["generate", "builtin:nano", "-p", "x", "--memory-limit-bytes", "1"],
            2,
            &["--memory-limit-bytes", "128MiB"],
        ),
        (&["bench", "--memory-limit-bytes", "127MiB"], 2, &["128MiB"]),
        (&["synth", "lama-3.2-1b@q4_k_m"], 2, &["llama-3.2-1b"]),
        (&["synth", "llama-3.2-1b@q4_k_n"], 2, &["q4_k_m"]),
        (&["synth", "llama-3.2-1b"], 2, &["@"]),
        (&["report"], 1, &["bench"]),
        (&["report", "nosuchrun"], 2, &["nosuchrun"]),
        (&["nonsense"], 2, &["nonsense"]),
    ];
    for (arguments, code, texts) in cases {
        eprintln!("{arguments:?}");
        World::new().run(arguments).refused(*code, texts);
    }
}

#[test]
fn a_piped_prompt_that_is_no_text_is_refused_with_where_and_a_remedy() {
    let world = World::new();
    let model = "synth:tiny-llama@q8_0";
    let cases: &[(&[u8], &[&str], &[&str])] = &[
        (b"", &[], &["standard input is empty", "--prompt"]),
        (b"", &["-p", "-"], &["standard input is empty"]),
        (b"caf\xe9", &[], &["standard input", "byte 4", "0xE9", "iconv"]),
        (b"\xff\xfeh\0i", &["-p", "-"], &["UTF-16"]),
        (b"caf\xe9", &["--filename", "prompt.bin"], &["prompt.bin", "byte 4"]),
        (b"x", &["-p", "-", "--filename", "-"], &["both"]),
    ];
    for (bytes, rest, texts) in cases {
        let file = world.path("prompt.bin");
        std::fs::write(&file, bytes).unwrap();
        let arguments = [&["generate", model][..], rest].concat();
        let input = std::fs::File::open(&file).unwrap();
        finished(world.command(&arguments).stdin(input).output().unwrap()).refused(2, texts);
    }
}

#[test]
fn model_files_that_are_none_are_refused_with_the_reason() {
    let world = World::new();
    let file = |name: &str, bytes: &[u8]| {
        let path = world.path(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let version_1 = [b"GGUF".as_slice(), &1u32.to_le_bytes(), &[0; 64]].concat();
    let big_endian = [b"GGUF".as_slice(), &3u32.to_be_bytes(), &[0; 64]].concat();
    let lying =
        [b"GGUF".as_slice(), &3u32.to_le_bytes(), &u64::MAX.to_le_bytes(), &u64::MAX.to_le_bytes()].concat();
    let cases = [
        (file("empty.gguf", b""), 3, "empty"),
        (file("text.gguf", b"this is no model at all, just text"), 3, "gguf"),
        (file("v1.gguf", &version_1), 3, "version 1"),
        (file("be.gguf", &big_endian), 3, "big-endian"),
        (file("lying.gguf", &lying), 3, "lying.gguf"),
        (world.path("").to_str().unwrap().to_owned(), 3, "directory"),
        (world.path("missing.gguf").to_str().unwrap().to_owned(), 3, "missing.gguf"),
    ];
    for (path, code, text) in cases {
        eprintln!("{path}");
        world.run(&["generate", &path, "--prompt", "x"]).refused(code, &[text]);
        let bench = world.run(&["bench", &path]);
        assert_eq!(bench.code, Some(code), "{}", bench.err);
    }
}

#[test]
#[cfg(unix)]
fn an_unreadable_file_is_refused_with_the_reason() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new();
    let file = world.path("private.gguf");
    std::fs::write(&file, b"GGUF").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o000)).unwrap();
    let arguments = ["generate", "private.gguf", "--prompt", "x"];
    let run = if std::fs::File::open(&file).is_err() {
        world.run(&arguments)
    } else {
        // The superuser reads everything, unless started without that right.
        let starter = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"];
        match world.through(&starter, &arguments).output() {
            Ok(output) => finished(output),
            Err(error) => {
                eprintln!("SKIPPED: an_unreadable_file: this user reads every file, and setpriv: {error}");
                return;
            }
        }
    };
    run.refused(3, &["private.gguf", "cannot be read"]);
}

#[test]
fn a_vocabulary_without_weights_is_no_model_to_run() {
    let file = World::vocabulary();
    World::new().run(&["generate", file.to_str().unwrap(), "--prompt", "x"]).refused(3, &["vocabulary"]);
}

#[test]
fn any_model_file_can_be_inspected_without_an_engine() {
    let world = World::new();
    let text = world.run(&["models", "inspect", "synth:tiny-llama@q4_k_m"]).ok();
    for part in ["tiny-llama", "q4_k", "Training context", "KV type", "q8_0"] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    // Its file would take 40 GB; only its header is planned.
    let large = world.run(&["models", "inspect", "synth:llama-3.3-70b@q4_k_m"]).ok();
    assert!(large.contains("80 layers, all full") && large.contains("70.6 B"), "{large}");
    let hybrid = world.run(&["models", "inspect", "synth:tiny-granite-h@q8_0"]).ok();
    assert!(hybrid.contains("3 with a state of") && hybrid.contains("norms, biases"), "{hybrid}");
    assert!(!world.path("cache").exists(), "nothing is made");
    let stories = World::stories();
    let inspect = ["models", "inspect", stories.to_str().unwrap(), "--format", "json"];
    let inspection: serde_json::Value = serde_json::from_str(&world.run(&inspect).ok()).unwrap();
    assert_eq!(inspection["facts"]["layers"], 5);
    let types: Vec<&str> =
        inspection["memory"].as_array().unwrap().iter().map(|row| row["kv_type"].as_str().unwrap()).collect();
    assert_eq!(types, ["f32", "f16", "bf16"], "its heads are 8 wide, blocks 32");
    assert_eq!(inspection["memory"][1]["kv_bytes_per_token"], 640.0);
    let text = world.run(&["models", "inspect", World::vocabulary().to_str().unwrap()]).ok();
    assert!(text.contains("this model has no weights"), "{text}");
}

#[test]
fn without_an_engine_the_remedy_is_named() {
    let world = World::new();
    let nowhere = world.path("nowhere");
    let run = world.run(&[
        "generate",
        "synth:tiny-llama@q8_0",
        "--prompt",
        "x",
        "--engine-dir",
        nowhere.to_str().unwrap(),
    ]);
    run.refused(1, &["dyno-engine-llama", "make build"]);
}

#[test]
fn help_manual_and_completions_print_to_standard_output() {
    let world = World::new();
    for verb in ["bench", "generate", "synth", "history", "report", "doctor"] {
        assert!(world.run(&["--help"]).ok().contains(verb));
        assert!(world.run(&[verb, "--help"]).ok().contains("Usage"));
        assert!(world.run(&["man"]).ok().contains(&format!("dyno\\-{verb}")), "{verb} is not in the manual");
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(world.run(&["completions", shell]).ok().contains("bench"));
    }
}

#[test]
fn synthetic_models_are_made_once_and_repeatable() {
    let world = World::new();
    let path = world.run(&["synth", "tiny-llama@q4_0"]).ok();
    let first = std::fs::read(path.trim()).unwrap();
    assert_eq!(world.run(&["synth", "tiny-llama@q4_0"]).ok(), path, "the cached file is used");
    let elsewhere = world.path("elsewhere");
    let again = world.run(&["synth", "tiny-llama@q4_0", "--output", elsewhere.to_str().unwrap()]).ok();
    assert!(again.trim() != path.trim());
    assert!(std::fs::read(again.trim()).unwrap() == first, "same seed, same bytes");
    let other = world.run(&["synth", "tiny-llama@q4_0", "--seed", "7"]).ok();
    assert!(std::fs::read(other.trim()).unwrap() != first, "another seed, other bytes");
}

#[test]
fn typical_failures_end_with_the_code_of_the_table() {
    let world = World::new();
    std::fs::write(world.path("broken.gguf"), b"GGUF and then nothing").unwrap();
    std::fs::write(world.path("h.sqlite"), b"this is no history").unwrap();
    let model = "synth:tiny-llama@q8_0";
    let cases: &[(i32, &[&str])] = &[
        (0, &["--version"]),
        (0, &["history"]),
        (1, &["report"]),
        (1, &["generate", model, "-p", "x", "--engine-dir", "nowhere"]),
        (1, &["history", "--history", "h.sqlite"]),
        (2, &["nonsense"]),
        (2, &["generate", model, "-p", "x", "--context", "0"]),
        (2, &["generate", "synth:no-such@q8_0", "-p", "x"]),
        (2, &["eval", model, "no-such-suite"]),
        (3, &["generate", "broken.gguf", "-p", "x"]),
        (3, &["bench", "missing.gguf"]),
        (3, &["models", "inspect", "broken.gguf"]),
    ];
    for (code, arguments) in cases {
        let run = world.run(arguments);
        assert_eq!(run.code, Some(*code), "{arguments:?}: {}", run.err);
    }
}

#[test]
fn the_readme_the_help_and_the_manual_say_every_exit_code() {
    let readme = include_str!("../../../../README.md");
    let world = World::new();
    // Both break their lines where they like, and the manual escapes hyphens.
    let words = |arguments: &[&str]| {
        let text = world.run(arguments).ok().replace("\\-", "-");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let (help, manual) = (words(&["--help"]), words(&["man"]));
    let rows: Vec<(&str, &str)> = readme
        .lines()
        .skip_while(|line| !line.starts_with("| exit code"))
        .skip(2)
        .map_while(|line| line.trim_matches(['|', ' ']).split_once(" | "))
        .collect();
    let codes: Vec<&str> = rows.iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, ["0", "1", "2", "3", "10", "11", "12", "130"]);
    for (code, meaning) in rows {
        assert!(help.contains(&format!("{code} {meaning}")), "{code} {meaning} is not in\n{help}");
        let first_words: Vec<&str> = meaning.split(' ').take(3).collect();
        assert!(manual.contains(&first_words.join(" ")), "{meaning} is not in the manual");
    }
}
