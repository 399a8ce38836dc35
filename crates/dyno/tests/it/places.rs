//! Without a home, in one that cannot be written, and among names that are no text: whatever needs no history and no cache works, and
//! the rest says what it misses.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use crate::dyno::{Finished, World, finished};

/// A home in which nobody can make a folder, not even the superuser.
const UNWRITABLE: &str = "/dev/null";

/// A command in a world that says nowhere where to keep things.
fn placeless(world: &World, home: Option<&str>, arguments: &[&str]) -> Command {
    let mut command = world.command(arguments);
    for name in ["DYNO_CACHE_DIR", "DYNO_HISTORY", "XDG_CACHE_HOME", "XDG_DATA_HOME"] {
        command.env_remove(name);
    }
    match home {
        Some(home) => command.env("HOME", home),
        None => command.env_remove("HOME"),
    };
    command
}

fn run(world: &World, home: Option<&str>, arguments: &[&str]) -> Finished {
    eprintln!("{home:?} {arguments:?}");
    finished(placeless(world, home, arguments).output().unwrap())
}

/// Most of what dyno does, as far as it needs no engine.
#[test]
fn without_a_home_whatever_needs_none_works_and_the_rest_says_what_it_misses() {
    let world = World::new();
    let stories = World::stories();
    let stories = stories.to_str().unwrap();
    for works in [
        &["models", "inspect", stories][..],
        &["models", "inspect", "synth:llama-3.2-1b@q4_k_m"],
        &["models", "inspect", "builtin:nano"],
        &["models", "list"],
        &["models", "list", "--format", "json"],
        &["recommend", "--no-measure"],
        &["recommend", "--no-measure", stories],
        &["recommend", "--no-measure", "--stack"],
        &["route", "code"],
        &["synth"],
        &["synth", "tiny-llama@q8_0", "--output", "made"],
        &["eval", "--list"],
        &["eval", "--template-file", "csv"],
        &["completions", "bash"],
        &["man"],
    ] {
        run(&world, None, works).ok();
        run(&world, Some(UNWRITABLE), works).ok();
    }
    for needs_cache in [
        &["models", "pull", "hf:org/repo"][..],
        &["models", "show", "x"],
        &["models", "verify", "--all"],
        &["models", "pin", "x"],
        &["models", "unpin", "x"],
        &["models", "rm", "x"],
        &["cache", "dir"],
        &["cache", "size"],
        &["cache", "prune"],
        &["synth", "tiny-llama@q8_0"],
        &["generate", "synth:tiny-llama@q8_0", "-p", "x"],
    ] {
        run(&world, None, needs_cache).refused(2, &["DYNO_CACHE_DIR", "--cache-dir"]);
    }
    for needs_history in [&["history"][..], &["history", "--remove", "x"], &["report"], &["report", "x"]] {
        run(&world, None, needs_history).refused(2, &["DYNO_HISTORY", "--history"]);
    }
}

/// Every variable that dyno reads.
const VARIABLES: [&str; 25] = [
    "DYNO_CACHE_DIR",
    "DYNO_CACHE_MAX_SIZE",
    "DYNO_HISTORY",
    "DYNO_CONFIG",
    "DYNO_ENGINE_DIR",
    "DYNO_DEADLINE",
    "DYNO_MEMORY_LIMIT_BYTES",
    "DYNO_THREADS",
    "OMP_NUM_THREADS",
    "LLAMA_CACHE_DIR",
    "LLAMA_CACHE_MAX_SIZE",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "HF_ENDPOINT",
    "HF_HOME",
    "HF_HUB_CACHE",
    "HF_HUB_OFFLINE",
    "HF_TOKEN",
    "HF_TOKEN_PATH",
    "HUGGINGFACE_HUB_CACHE",
    "OLLAMA_MODELS",
    "RUST_LOG",
    "TMPDIR",
    "NO_COLOR",
];

#[test]
fn variables_set_to_nothing_count_as_unset() {
    let world = World::new();
    for arguments in
        [&["cache", "dir"][..], &["cache", "size"], &["models", "list"], &["history"], &["eval", "--list"]]
    {
        let ran = |prepare: &dyn Fn(&mut Command)| {
            let mut command = world.command(arguments);
            prepare(&mut command);
            let ran = finished(command.output().unwrap());
            (ran.code, ran.out, ran.err)
        };
        let unset = ran(&|command| {
            for name in VARIABLES {
                command.env_remove(name);
            }
        });
        let empty = ran(&|command| {
            command.envs(VARIABLES.map(|name| (name, "")));
        });
        assert_eq!(unset.0, Some(0), "{arguments:?}: {}", unset.2);
        assert_eq!(empty, unset, "{arguments:?}");
    }
    let engines = engine_dir(&world);
    for name in ["DYNO_CACHE_DIR", "DYNO_HISTORY", "TMPDIR"] {
        let mut command = world.command(&["generate", "builtin:nano", "-p", "x", "--context", "64"]);
        command.env("DYNO_ENGINE_DIR", &engines).env(name, "").current_dir(world.path("engines"));
        finished(command.output().unwrap())
            .refused(1, &["the engine did not start: it ended with exit code 1"]);
        assert_eq!(std::fs::read_dir(world.path("engines")).unwrap().count(), 1, "{name}");
    }
}

#[test]
fn in_a_home_that_cannot_be_written_nothing_is_lost_but_what_would_be_kept() {
    let world = World::new();
    let home = Some(UNWRITABLE);
    assert!(run(&world, home, &["history"]).err.contains("nothing measured yet"));
    run(&world, home, &["report"]).refused(1, &["nothing was measured yet"]);
    assert!(run(&world, home, &["cache", "dir"]).ok().starts_with(UNWRITABLE));
    run(&world, home, &["synth", "tiny-llama@q8_0"]).refused(1, &[UNWRITABLE, "cannot be written"]);
    let named = ["--history", "/dev/null/history.sqlite", "bench", "builtin:nano"];
    run(&world, home, &named).refused(1, &["/dev/null/history.sqlite", "cannot be opened"]);
}

#[test]
fn models_run_without_any_place_to_keep_things() {
    let Some(world) = World::with_engine("models_run_without_any_place_to_keep_things") else { return };
    let stories = World::stories();
    let stories = stories.to_str().unwrap();
    let temporary = world.path("t");
    std::fs::create_dir(&temporary).unwrap();
    let brief =
        ["--runs", "1", "--processes", "1", "--max-tokens", "4", "--contexts", "64", "--format", "csv"];
    let bench = [&["bench", "builtin:nano"], &brief[..]].concat();
    for home in [None, Some(UNWRITABLE)] {
        for arguments in [
            &["generate", "builtin:nano", "-p", "2 + 2", "--max-tokens", "4"][..],
            &["generate", stories, "-p", "Once", "--raw", "--max-tokens", "4"],
            &["eval", "builtin:nano", "heldout-choice", "--limit", "2"],
            &["tune", "builtin:nano", "--sampling", "--task", "knowledge", "--dry-run"],
            &bench,
        ] {
            let mut command = placeless(&world, home, arguments);
            let ran = finished(command.env("TMPDIR", &temporary).output().unwrap());
            let kept = matches!(arguments[0], "bench" | "eval");
            assert_eq!(ran.err.contains("nothing of this will be kept"), kept, "{arguments:?}: {}", ran.err);
            assert!(!ran.ok().is_empty(), "{arguments:?}");
            let left: Vec<_> = std::fs::read_dir(&temporary).unwrap().flatten().collect();
            assert!(left.is_empty(), "{arguments:?} leaves {left:?}");
        }
    }
}

/// A folder with an executable that is found as the engine, and can do nothing.
fn engine_dir(world: &World) -> PathBuf {
    let folder = world.path("engines");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("dyno-engine-llama");
    std::fs::write(&file, "#!/bin/sh\nexit 1\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

#[test]
fn a_temporary_folder_that_does_not_exist_is_named_and_no_engine_is_blamed() {
    let world = World::new();
    let engines = engine_dir(&world);
    let missing = world.path("missing");
    let missing = missing.to_str().unwrap();
    // For the engine's socket, and for a model that has no other place.
    for home in [Some(world.path("").to_str().unwrap().to_owned()), None] {
        let mut command =
            placeless(&world, home.as_deref(), &["generate", "builtin:nano", "-p", "x", "--context", "64"]);
        command.env("DYNO_ENGINE_DIR", &engines).env("TMPDIR", missing);
        let ran = finished(command.output().unwrap());
        assert!(!ran.err.contains("engine"), "{}", ran.err);
        ran.refused(1, &[missing, "does not exist", "TMPDIR"]);
    }
}

#[test]
fn a_history_on_a_full_disk_can_be_looked_into() {
    let Some(world) = World::with_engine("a_history_on_a_full_disk_can_be_looked_into") else { return };
    let brief = ["--runs", "1", "--processes", "1", "--max-tokens", "4", "--contexts", "64", "-q"];
    world.run(&[&["bench", "builtin:nano"], &brief[..]].concat()).ok();
    for arguments in [&["history"][..], &["report"]] {
        let text = world.on_a_full_disk("0", arguments).ok();
        assert!(text.contains("nano"), "{arguments:?}: {text}");
    }
    let refused = world.on_a_full_disk("0", &[&["bench", "builtin:nano"], &brief[..]].concat());
    assert_eq!(refused.code, Some(1), "{}", refused.err);
    assert!(refused.err.contains("history.sqlite"), "{}", refused.err);
}

#[test]
fn a_quantization_that_does_not_fit_names_the_file_and_leaves_nothing() {
    let test = "a_quantization_that_does_not_fit_names_the_file_and_leaves_nothing";
    let Some(world) = World::with_engine(test) else { return };
    let stories = World::stories();
    let quantize = ["quantize", stories.to_str().unwrap(), "--to", "q8_0", "--output", "made"];
    // Some of the weights fit.
    world.on_a_full_disk("100", &quantize).refused(1, &["stories260K-q8_0.gguf", "cannot be written"]);
    assert_eq!(std::fs::read_dir(world.path("made")).unwrap().count(), 0, "nothing half-written stays");
}

/// Bytes that are no UTF-8, in a folder of their own.
fn odd(world: &World) -> PathBuf {
    let folder = world.path("").join(OsString::from_vec(b"folder \xe9 ".to_vec()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn odd_name(ending: &str) -> OsString {
    OsString::from_vec([b"caf\xe9 100%41", ending.as_bytes()].concat())
}

#[test]
fn names_that_are_no_text_name_files_all_the_same() {
    let world = World::new();
    let folder = odd(&world);
    let model = folder.join(odd_name(".gguf"));
    std::fs::copy(World::stories(), &model).unwrap();
    // By its path, by its name from the folder, and by the name that dyno itself gives it.
    let inspect = |name: &OsString| {
        let mut command = world.command(&["models", "inspect", "--format", "json"]);
        finished(command.arg(name).current_dir(&folder).output().unwrap()).ok()
    };
    let by_path: serde_json::Value = serde_json::from_str(&inspect(&model.clone().into())).unwrap();
    let by_name: serde_json::Value = serde_json::from_str(&inspect(&odd_name(".gguf"))).unwrap();
    let named = by_path["facts"]["reference"].as_str().unwrap();
    assert!(named.starts_with("file:/") && named.ends_with("caf%E9 100%2541.gguf"), "{named}");
    let again: serde_json::Value = serde_json::from_str(&inspect(&named.into())).unwrap();
    for other in [&by_name, &again] {
        assert_eq!(other["facts"]["fingerprint"], by_path["facts"]["fingerprint"]);
    }
    let missing = folder.join(odd_name("none.gguf"));
    let mut command = world.command(&["models", "inspect"]);
    finished(command.arg(&missing).output().unwrap()).refused(3, &["does not exist"]);
    let output = folder.join(odd_name(""));
    let mut command = world.command(&["synth", "tiny-llama@q8_0", "--output"]);
    finished(command.arg(&output).output().unwrap()).ok();
    assert_eq!(std::fs::read_dir(&output).unwrap().count(), 1);
}

#[test]
fn every_verb_takes_names_that_are_no_text() {
    let Some(world) = World::with_engine("every_verb_takes_names_that_are_no_text") else { return };
    let folder = odd(&world);
    let model = folder.join(odd_name("-f16.gguf"));
    std::fs::copy(World::stories(), &model).unwrap();
    let suite = folder.join(odd_name(".csv"));
    std::fs::write(&suite, "question,answer\nOnce upon a,time\n").unwrap();
    let text = folder.join(odd_name(".txt"));
    std::fs::write(&text, "Once upon a time there was a girl. ".repeat(40)).unwrap();
    let (page, quantized) = (folder.join(odd_name(".html")), folder.join(odd_name("quantized")));
    let ran = |arguments: &[&dyn AsRef<std::ffi::OsStr>]| {
        let mut command = world.command(&[]);
        for argument in arguments {
            command.arg(argument);
        }
        command.current_dir(&folder).env("DYNO_HISTORY", folder.join(odd_name(".sqlite")));
        command.env("DYNO_CACHE_DIR", folder.join(odd_name("cache"))).env("TMPDIR", &folder);
        finished(command.output().unwrap()).ok()
    };
    ran(&[&"generate", &model, &"--raw", &"--filename", &text, &"--max-tokens", &"4"]);
    ran(&[&"generate", &"builtin:nano", &"-p", &"x", &"--max-tokens", &"4"]);
    ran(&[
        &"bench",
        &model,
        &"--runs",
        &"1",
        &"--processes",
        &"1",
        &"--max-tokens",
        &"4",
        &"--contexts",
        &"64",
        &"--page",
        &page,
    ]);
    assert!(page.exists());
    ran(&[&"eval", &model, &suite, &"--max-tokens", &"4"]);
    ran(&[&"eval", &model, &"--perplexity", &text, &"--chunk", &"32", &"--reference", &model]);
    ran(&[&"quantize", &model, &"--to", &"q8_0", &"--output", &quantized]);
    assert_eq!(std::fs::read_dir(&quantized).unwrap().count(), 1);
    let record = folder.join(odd_name(".json"));
    std::fs::write(&record, ran(&[&"report", &"--format", &"json"])).unwrap();
    ran(&[&"report", &record]);
    // What was measured is found again where it is.
    let advice = ran(&[&"recommend", &"--no-measure", &model]);
    assert!(advice.contains("measured"), "{advice}");
}
