//! An engine never outlives its parent.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::scripted::{EXECUTABLE, HANG_GUARD, guarded, member_of_group, start};

/// The promise made to users.
const ENDS_WITHIN: Duration = Duration::from_secs(2);

#[test]
fn the_engine_ends_when_its_parent_is_killed() {
    let mut parent =
        Command::new(EXECUTABLE).env("DYNO_SCRIPTED", "parent").stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(parent.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let engine: u32 = line.trim().parse().unwrap();
    let alive = || member_of_group(engine).filter(|stat| !stat.contains(") Z "));
    assert!(alive().is_some(), "the engine runs as long as its parent");
    parent.kill().unwrap();
    parent.wait().unwrap();
    let begun = Instant::now();
    while let Some(left) = alive() {
        assert!(begun.elapsed() < ENDS_WITHIN, "still there: {left}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_engine_sees_what_it_needs_of_the_environment_and_no_secrets() {
    let mut parent = Command::new(EXECUTABLE)
        .env("DYNO_SCRIPTED", "parent")
        .envs([("HF_TOKEN", "hf_x"), ("AWS_SECRET_ACCESS_KEY", "x"), ("OMP_NUM_THREADS", "1")])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(parent.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let environment = std::fs::read_to_string(format!("/proc/{}/environ", line.trim())).unwrap();
    parent.kill().unwrap();
    parent.wait().unwrap();
    let names: Vec<&str> =
        environment.split('\0').map(|entry| entry.split_once('=').map_or(entry, |(name, _)| name)).collect();
    assert!(names.contains(&"OMP_NUM_THREADS") && names.contains(&"DYNO_SCRIPTED"), "{names:?}");
    assert!(!names.contains(&"HF_TOKEN") && !names.contains(&"AWS_SECRET_ACCESS_KEY"), "{names:?}");
}

#[test]
fn the_end_of_standard_input_alone_ends_the_engine() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("engine.sock");
    let mut engine =
        Command::new(EXECUTABLE).arg("--socket").arg(&socket).stdin(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while !socket.exists() {
        assert!(begun.elapsed() < HANG_GUARD && engine.try_wait().unwrap().is_none(), "it does not listen");
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(engine.stdin.take());
    assert_eq!(engine.wait().unwrap().signal(), Some(9));
}

#[test]
fn the_engine_outlives_the_thread_that_asked_for_it() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let handle = runtime.handle().clone();
    let session = std::thread::spawn(move || handle.block_on(start("sound"))).join().unwrap();
    assert_eq!(runtime.block_on(guarded(session.tokenize("a", false, false))), Ok(vec![97]));
}
