//! Every verb, in the middle of whatever it does, ends with the first SIGINT or SIGTERM, leaves no process behind, and exits with 130;
//! with a second signal it ends without asking anybody.
//!
//! How long it takes is not measured here: dyno itself says when something did not end within its bounds (seconds) and was left behind,
//! and that must not be said.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::dyno::World;

const LEFT_BEHIND: &str = "was left behind";

/// A guard against hanging for ever, far above every bound of dyno's own.
const PATIENCE: Duration = Duration::from_secs(60);

/// Something to interrupt.
struct Stage {
    name: &'static str,
    arguments: Vec<String>,
    /// A piece of standard error that says that the stage was reached.
    mark: &'static str,
}

fn stage(name: &'static str, mark: &'static str, arguments: &[&str]) -> Stage {
    Stage { name, mark, arguments: arguments.iter().map(ToString::to_string).collect() }
}

/// Processes whose command lines name the folder that sockets and scratch folders of this world lie in.
fn processes_of(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().unwrap();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| {
        let line = std::fs::read(process.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    });
    lines.filter(|line| line.contains(folder)).collect()
}

fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A command whose temporary files lie in a folder of their own.
fn started(world: &World, arguments: &[&str]) -> Child {
    let folder = world.path("t");
    std::fs::create_dir_all(&folder).unwrap();
    let mut command: Command = world.command(arguments);
    command.env("TMPDIR", &folder).env("HF_ENDPOINT", "http://127.0.0.1:9");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// What is written to standard error: up to the mark, and after it as it comes.
struct Heard(std::thread::JoinHandle<String>);

impl Heard {
    fn until(child: &mut Child, mark: &'static str) -> Self {
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let (reached, is_reached) = std::sync::mpsc::channel();
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            while !text.contains(mark) {
                if lines.read_line(&mut text).unwrap() == 0 {
                    return text;
                }
            }
            reached.send(()).unwrap();
            let _ = lines.read_to_string(&mut text);
            text
        });
        let heard = Self(reader);
        if is_reached.recv_timeout(PATIENCE).is_err() {
            let _ = child.kill();
            panic!("{mark:?} was never said: {}", heard.0.join().unwrap());
        }
        heard
    }
}

/// Sends the signal once the stage is reached; gives the exit code and what was said.
fn interrupted(world: &World, stage: &Stage, signal: Signal) -> (Option<i32>, String) {
    let arguments: Vec<&str> = stage.arguments.iter().map(String::as_str).collect();
    let mut child = started(world, &arguments);
    let heard = Heard::until(&mut child, stage.mark);
    // Somewhere inside the stage.
    std::thread::sleep(Duration::from_millis(150));
    kill_process(Pid::from_child(&child), signal).unwrap();
    let code = child.wait().unwrap().code();
    (code, heard.0.join().unwrap())
}

fn check(world: &World, stage: &Stage, signal: Signal) {
    let (code, said) = interrupted(world, stage, signal);
    assert_eq!(code, Some(130), "{} {signal:?}: {said}", stage.name);
    assert!(!said.contains(LEFT_BEHIND) && !said.contains("panicked"), "{} {signal:?}: {said}", stage.name);
    let folder = world.path("t");
    eventually(stage.name, || processes_of(&folder).is_empty());
}

#[test]
fn every_verb_ends_at_every_stage() {
    let Some(world) = World::with_engine("every_verb_ends_at_every_stage") else { return };
    // Large enough that each stage lasts.
    let model = world.run(&["synth", "smollm2-135m@f16", "-q"]).ok();
    let model = model.trim();
    let text = world.path("text.txt");
    std::fs::write(&text, "The sun rises over the hills and the river runs on. ".repeat(20_000)).unwrap();
    let text = text.to_str().unwrap();
    let quantized = world.path("quantized");
    let quantized = quantized.to_str().unwrap();
    let stages = [
        stage("synth", "making", &["synth", "qwen2.5-1.5b@q8_0"]),
        stage("generate", "loading", &["generate", model, "-p", "x", "--max-tokens", "8000"]),
        stage("bench, first loads", "measuring", &["bench", model, "--contexts", "512"]),
        stage("bench, inference", ", run ", &["bench", "builtin:nano", "--runs", "500", "--contexts", "128"]),
        stage("eval, hashing", "checking", &["eval", model, "heldout-choice", "--no-cache"]),
        stage("eval, likelihoods", "heldout-choice,", &["eval", model, "heldout-choice", "--no-cache"]),
        stage("eval, answers", "heldout-steps,", &["eval", model, "heldout-steps", "--no-cache"]),
        stage("eval, programs", "heldout-code,", &["eval", "builtin:micro", "heldout-code", "--no-cache"]),
        stage("eval, text", "perplexity of", &["eval", model, "--perplexity", text]),
        stage("quant impact", "quantizing to", &["eval", model, "--quant-impact", "--to", "q4_k_m"]),
        stage("tune", "round 1", &["tune", model, "--sampling", "--task", "knowledge"]),
        stage("quantize", "quantizing to", &["quantize", model, "--to", "q4_k_m", "--output", quantized]),
        stage("rates", "measuring the engine", &["recommend"]),
        stage("abilities", "measuring this machine", &["doctor", "--measure"]),
    ];
    for (index, stage) in stages.iter().enumerate() {
        check(&world, stage, if index % 2 == 0 { Signal::INT } else { Signal::TERM });
    }
}

/// Waits until dyno handles the signal itself.
fn until_it_watches(child: &Child) {
    let watches = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
        [Signal::INT, Signal::TERM].iter().all(|signal| caught >> (signal.as_raw() - 1) & 1 == 1)
    };
    eventually("dyno watches signals", watches);
    // Somewhere inside the wait.
    std::thread::sleep(Duration::from_millis(200));
}

/// Sends the signals, a moment apart; gives the exit code and what was said.
fn ended_by(mut child: Child, signals: &[Signal]) -> (Option<i32>, String) {
    until_it_watches(&child);
    for signal in signals {
        // After the last one it may be gone.
        let _ = kill_process(Pid::from_child(&child), *signal);
        std::thread::sleep(Duration::from_millis(100));
    }
    let code = child.wait().unwrap().code();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (code, said)
}

/// A pipe that nobody writes to.
fn pipe(world: &World, name: &str) -> String {
    let path = world.path(name);
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path.to_str().unwrap().to_owned()
}

#[test]
fn waits_for_servers_and_locks_end() {
    let world = World::new();
    // Takes connections and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let hub = format!("http://{address}");
    let file = format!("{hub}/model.gguf");
    let locks = world.path("cache/locks");
    std::fs::create_dir_all(&locks).unwrap();
    let index = std::fs::File::create(locks.join("index")).unwrap();
    rustix::fs::flock(&index, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let waits: [&[&str]; 4] = [
        &["models", "inspect", &file],
        &["models", "list"],
        &["models", "pull", "hf:o/r"],
        &["generate", "hf:o/r", "-p", "x"],
    ];
    for (arguments, signal) in waits.into_iter().zip([Signal::INT, Signal::TERM, Signal::INT, Signal::TERM]) {
        let mut command = world.command(arguments);
        command.env("HF_ENDPOINT", &hub).stdout(Stdio::null()).stderr(Stdio::piped());
        let (code, said) = ended_by(command.spawn().unwrap(), &[signal]);
        assert_eq!(code, Some(130), "{arguments:?}: {said}");
        assert!(!said.contains(LEFT_BEHIND), "{arguments:?}: {said}");
    }
}

#[test]
fn files_that_are_pipes_nobody_writes_to_are_not_waited_for() {
    let world = World::new();
    let pipe = pipe(&world, "pipe.json");
    let check = format!("json={pipe}");
    let nano = "builtin:nano";
    let reads: [&[&str]; 7] = [
        &["eval", nano, &pipe],
        &["eval", nano, "--perplexity", &pipe],
        &["eval", nano, "--policy", &pipe],
        &["tune", nano, "--sampling", "--task", "reasoning", "--suite", &pipe],
        &["generate", nano, "-p", "x", "--check", &check],
        &["recommend", "--no-measure", "--tiers", &pipe],
        &["report", &pipe],
    ];
    for (arguments, signal) in reads.into_iter().zip([Signal::INT, Signal::TERM].into_iter().cycle()) {
        let (code, said) = ended_by(started(&world, arguments), &[signal]);
        assert_eq!(code, Some(130), "{arguments:?}: {said}");
        assert!(!said.contains(LEFT_BEHIND), "{arguments:?}: {said}");
    }
    for signals in [[Signal::INT, Signal::INT], [Signal::TERM, Signal::INT], [Signal::TERM, Signal::TERM]] {
        let (code, said) = ended_by(started(&world, reads[0]), &signals);
        assert_eq!(code, Some(130), "{said}");
        assert!(!said.contains(LEFT_BEHIND), "{signals:?}: {said}");
    }
}

#[test]
fn pipes_in_the_place_of_files_of_our_own_are_no_files() {
    let world = World::new();
    let config = pipe(&world, "config.toml");
    world.run(&["--config", &config, "models", "list"]).refused(2, &["config.toml", "no plain file"]);
    std::fs::create_dir_all(world.path("answers")).unwrap();
    for name in ["digests.json", "model-files.json"] {
        pipe(&world, name);
    }
    let stories = World::stories();
    world.run(&["recommend", "--no-measure", stories.to_str().unwrap()]).ok();
}

#[test]
fn a_history_that_another_process_holds_is_not_waited_for() {
    let world = World::new();
    let holding = "import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute('BEGIN EXCLUSIVE')
print('held', flush=True)
sys.stdin.read()";
    let mut python = Command::new("python3");
    python.args(["-c", holding]).arg(world.path("history.sqlite"));
    let Ok(mut holder) = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() else {
        eprintln!("SKIPPED: a_history_that_another_process_holds_is_not_waited_for: no python3 to hold it");
        return;
    };
    let mut held = String::new();
    BufReader::new(holder.stdout.take().unwrap()).read_line(&mut held).unwrap();
    assert_eq!(held, "held\n");
    for (arguments, signal) in [
        (&["history"][..], Signal::INT),
        (&["report"], Signal::TERM),
        (&["bench", "builtin:nano"], Signal::INT),
    ] {
        let (code, said) = ended_by(started(&world, arguments), &[signal]);
        assert_eq!(code, Some(130), "{arguments:?}: {said}");
        assert!(!said.contains(LEFT_BEHIND), "{arguments:?}: {said}");
    }
    drop(holder.stdin.take());
    holder.wait().unwrap();
}

#[test]
fn a_prompt_that_never_comes_is_not_waited_for() {
    let world = World::new();
    let mut child = started(&world, &["generate", "builtin:nano", "--filename", "-"]);
    // Open, with something in it, and no end.
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"Once upon").unwrap();
    let (code, said) = ended_by(child, &[Signal::TERM]);
    assert_eq!(code, Some(130), "a blocking read, left behind: {said}");
    drop(input);
}
