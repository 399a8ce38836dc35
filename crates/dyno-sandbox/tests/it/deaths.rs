//! Nothing of a program outlives those who wanted it.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use dyno_sandbox::{Limits, Program};

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

fn scratch_folders(root: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(root).unwrap().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.join("running").exists()).collect()
}

/// Whether a process works in one of these folders still.
fn anybody_in(root: &Path) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|process| std::fs::read_link(process.path().join("cwd")).ok())
        .any(|cwd| cwd.starts_with(root))
}

#[test]
fn a_program_dies_with_the_process_that_wanted_it() {
    let test = "a_program_dies_with_the_process_that_wanted_it";
    if sandbox_with_file_rules(test).is_none() {
        return;
    }
    let _turn = Turn::take();
    let root = tempfile::tempdir().unwrap();
    let root_path = root.path().canonicalize().unwrap();
    let program = root_path.join("program.py");
    std::fs::write(&program, "open('running', 'w').close()\nimport time\ntime.sleep(1000)").unwrap();
    let mut parent = Command::new(trial_binary());
    parent.arg("run").arg(&root_path).arg(&program).stdout(Stdio::piped());
    let mut parent = parent.spawn().unwrap();
    eventually("the program runs", || !scratch_folders(&root_path).is_empty());
    assert!(anybody_in(&root_path));
    parent.kill().unwrap();
    parent.wait().unwrap();
    eventually("the program is gone", || !anybody_in(&root_path));
    // Its output is closed as well: nobody holds the pipe of the parent.
    let mut rest = String::new();
    parent.stdout.take().unwrap().read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
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
