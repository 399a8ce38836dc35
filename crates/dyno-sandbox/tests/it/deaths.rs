//! Nothing of a program outlives those who wanted it.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use dyno_sandbox::{Limits, Program, SandboxError};

use crate::world::{Turn, sandbox_with_file_rules, settings, trial_binary};

/// Waits until it is so; a guard against hanging, not a measurement.
fn eventually(what: &str, is_so: impl Fn() -> bool) {
    assert!(
        (0..3000).any(|_| is_so() || {
            std::thread::sleep(Duration::from_millis(10));
            false
        }),
        "never: {what}"
    );
}

/// Whether a process works in one of these folders still.
fn anybody_in(root: &Path) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|process| std::fs::read_link(process.path().join("cwd")).ok())
        .any(|cwd| cwd.starts_with(root))
}

/// Waits for the parent-death signal of the thread that executes the interpreter anew: it has none.
const ANEW: &str = "import os, sys, threading, time
def anew():
    os.execv(sys.executable, [sys.executable, '-s', '-S', '-c', 'import time; time.sleep(1000)'])
open('running', 'w').close()
threading.Thread(target=anew).start()
time.sleep(1000)";
const ASLEEP: &str = "import time\nopen('running', 'w').close()\ntime.sleep(1000)";

/// Command lines of processes that name this folder.
fn processes_of(root: &Path) -> Vec<String> {
    let root = root.to_str().unwrap();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(root))
        .collect()
}

/// Processes that descend from this one.
fn descendants(pid: u32) -> Vec<u32> {
    let parent = |stat: String| stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse::<u32>().ok();
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let all: Vec<(u32, u32)> = all
        .filter_map(|process| {
            let stat = std::fs::read_to_string(process.path().join("stat")).ok()?;
            Some((process.file_name().to_str()?.parse().ok()?, parent(stat)?))
        })
        .collect();
    let mut found = vec![pid];
    let mut at = 0;
    while at < found.len() {
        let of = found[at];
        found.extend(all.iter().filter(|(_, parent)| *parent == of).map(|(pid, _)| *pid));
        at += 1;
    }
    found.split_off(1)
}

fn is_there(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z"))
}

fn a_program_dies_with_its_parent(source: &str, anew: bool) {
    let _turn = Turn::take();
    let root = tempfile::tempdir().unwrap();
    let root_path = root.path().canonicalize().unwrap();
    let program = root_path.join("program.py");
    std::fs::write(&program, source).unwrap();
    let mut parent = Command::new(trial_binary());
    parent.arg("run").arg(&root_path).arg(&program).stdout(Stdio::piped());
    let mut parent = parent.spawn().unwrap();
    // Its disk is its own, but its current folder can be looked into from outside.
    let runs = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let is_new = String::from_utf8_lossy(&line).contains("time.sleep(1000)");
        Path::new(&format!("/proc/{pid}/cwd/running")).exists() && (is_new || !anew)
    };
    eventually("the program runs", || descendants(parent.id()).iter().any(runs));
    let children = descendants(parent.id());
    assert!(children.len() >= 2, "a keeper and the interpreter: {children:?}");
    parent.kill().unwrap();
    parent.wait().unwrap();
    eventually("the program is gone", || !children.iter().any(|pid| is_there(*pid)));
    assert_eq!(processes_of(&root_path), Vec::<String>::new());
    // Its output is closed as well: nobody holds the pipe of the parent.
    let mut rest = String::new();
    parent.stdout.take().unwrap().read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
}

#[test]
fn a_program_dies_with_the_process_that_wanted_it() {
    if sandbox_with_file_rules("a_program_dies_with_the_process_that_wanted_it").is_some() {
        a_program_dies_with_its_parent(ASLEEP, false);
    }
}

#[test]
fn a_program_that_executes_the_interpreter_anew_from_a_thread_dies_too() {
    let test = "a_program_that_executes_the_interpreter_anew_from_a_thread_dies_too";
    if sandbox_with_file_rules(test).is_some() {
        a_program_dies_with_its_parent(ANEW, true);
    }
}

#[test]
fn a_program_ends_when_its_caller_wants_it_to() {
    let Some(sandbox) = sandbox_with_file_rules("a_program_ends_when_its_caller_wants_it_to") else { return };
    let _turn = Turn::take();
    let asked = std::cell::Cell::new(0);
    let stopped = || {
        asked.set(asked.get() + 1);
        asked.get() > 20
    };
    // Not one wait for its time limit.
    let limits = Limits { time_limit: Duration::from_secs(100_000), ..Limits::default() };
    let program = Program { limits, ..Program::new(ANEW, "") };
    let error = sandbox.run_unless(&program, &stopped).unwrap_err();
    assert!(matches!(error, SandboxError::Stopped), "{error}");
}

#[test]
fn nothing_is_left_after_each_end() {
    let test = "nothing_is_left_after_each_end";
    if sandbox_with_file_rules(test).is_none() {
        return;
    }
    let _turn = Turn::take();
    let root = tempfile::tempdir().unwrap();
    let root_path = root.path().canonicalize().unwrap();
    let sandbox = dyno_sandbox::Sandbox::detect(dyno_sandbox::Settings {
        scratch_root: root_path.clone(),
        ..settings()
    })
    .unwrap();
    let brief = Limits { time_limit: Duration::from_millis(800), ..Limits::default() };
    for source in ["open('x', 'w').close()", "1 / 0", "import time; time.sleep(1000)", "while True: print(1)"]
    {
        sandbox.run(&Program { limits: brief, ..Program::new(source, "") }).unwrap();
        assert!(!anybody_in(&root_path), "{source}");
        assert_eq!(std::fs::read_dir(&root_path).unwrap().count(), 0, "{source}");
    }
}
