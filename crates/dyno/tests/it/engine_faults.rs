//! Ends that were not planned: what was measured is kept, the cause is named, no process stays behind.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::dyno::{World, finished};

/// A benchmark that takes long enough to be disturbed.
const LONG: &[&str] = &[
    "bench",
    "synth:tiny-llama@q8_0",
    "--threads",
    "2",
    "--runs",
    "500",
    "--max-tokens",
    "200",
    "--contexts",
    "128",
    "--format",
    "json",
];

/// Waits (bounded) until `found` gives something.
fn wait_for<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = found() {
            return value;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{what} did not happen within a minute");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Engine processes whose parent is this process.
fn engines_of(parent: u32) -> Vec<Pid> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        status
            .lines()
            .any(|line| line.strip_prefix("PPid:").is_some_and(|id| id.trim() == parent.to_string()))
            && status.lines().next().is_some_and(|name| name.contains("dyno-engine"))
    })
    .filter_map(Pid::from_raw)
    .collect()
}

/// Highest resident set of a process, KiB.
fn rss_peak_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn alive(pid: Pid) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    status.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Starts the long benchmark and waits until it has measured something: until it speaks of the second request.
fn start_measuring(world: &World) -> (Child, BufReader<std::process::ChildStderr>) {
    let mut child =
        world.command(LONG).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut seen = String::new();
    wait_for("the inference stage", || {
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        seen.push_str(&line);
        assert!(!line.is_empty(), "dyno ended early: {seen}");
        (seen.matches(", run ").count() > 1).then_some(())
    });
    std::thread::sleep(Duration::from_millis(700));
    (child, lines)
}

#[test]
fn ctrl_c_keeps_a_partial_invalid_record_and_leaves_no_orphan() {
    let Some(world) = World::with_engine("ctrl-c") else { return };
    let (child, _lines) = start_measuring(&world);
    let engines = engines_of(child.id());
    assert!(!engines.is_empty());
    let front_kib = rss_peak_kib(child.id());
    assert!(front_kib < 60 << 10, "the front holds {front_kib} KiB; it promises to stay under 60 MiB");
    signal(&child, Signal::INT);
    let ended = finished(child.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(130));
    assert!(engines.into_iter().all(|pid| !alive(pid)), "an engine outlived dyno");
    let record: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(record["validity"]["valid"], false);
    assert!(record["validity"]["flags"].as_array().unwrap().contains(&Value::from("incomplete")));
    assert!(
        !record["stages"]["inference"]["samples"].as_array().unwrap().is_empty(),
        "what was measured is kept"
    );
    let stored: Value = serde_json::from_str(&world.run(&["history", "--format", "json"]).ok()).unwrap();
    assert_eq!(stored[0]["id"], record["id"]);
}

#[test]
fn a_killed_engine_is_named_and_costs_only_the_rest() {
    let Some(world) = World::with_engine("killed engine") else { return };
    let (child, mut lines) = start_measuring(&world);
    for pid in engines_of(child.id()) {
        kill_process(pid, Signal::KILL).unwrap();
    }
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut lines, &mut text).unwrap();
        text
    });
    let ended = finished(child.wait_with_output().unwrap());
    let err = reader.join().unwrap();
    assert_eq!(ended.code, Some(1), "{err}");
    assert!(err.contains("signal 9"), "{err}");
    let record: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(record["validity"]["valid"], false);
}

#[test]
fn a_killed_dyno_takes_its_engine_along_within_two_seconds() {
    let Some(world) = World::with_engine("killed dyno") else { return };
    let (mut child, _lines) = start_measuring(&world);
    let engines = engines_of(child.id());
    assert!(!engines.is_empty());
    signal(&child, Signal::KILL);
    child.wait().unwrap();
    let killed = Instant::now();
    wait_for("the engine's end", || engines.iter().all(|pid| !alive(*pid)).then_some(()));
    assert!(killed.elapsed() < Duration::from_secs(2), "the promise is two seconds");
}

#[test]
fn too_little_memory_is_an_error_with_a_remedy() {
    let Some(world) = World::with_engine("memory") else { return };
    let model = world.run(&["synth", "smollm2-135m@q8_0", "-q"]).ok();
    let generate = |limit: &str, more: &[&str]| {
        let fixed = ["generate", model.trim(), "-p", "x", "--max-tokens", "2", "--memory-limit-bytes", limit];
        world.run(&[&fixed[..], more].concat())
    };
    // Less than the weights: the load fails. Enough for the weights but not for 8,000 tokens of f32 KV: the context does.
    generate("150000000", &["--mmap", "off"]).refused(1, &["memory"]);
    generate("450000000", &["--context", "8192", "--kv-type-k", "f32", "--kv-type-v", "f32"])
        .refused(1, &["memory", "context"]);
}
