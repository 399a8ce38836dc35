//! A sandbox for tests, and the turn that keeps more than two programs from running at once.

use std::path::PathBuf;
use std::sync::{Condvar, Mutex, OnceLock};
use std::time::Duration;

use dyno_sandbox::{
    Launcher, Limits, Mechanism, Outcome, Program, Protection, Sandbox, Settings, Unavailable,
};

/// Programs at once.
const AT_ONCE: usize = 2;
static RUNNING: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());

/// Waits for a turn; dropping it gives the turn away.
pub(crate) struct Turn;

impl Turn {
    pub(crate) fn take() -> Self {
        let mut running =
            RUNNING.1.wait_while(RUNNING.0.lock().unwrap(), |running| *running >= AT_ONCE).unwrap();
        *running += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *RUNNING.0.lock().unwrap() -= 1;
        RUNNING.1.notify_one();
    }
}

pub(crate) fn trial_binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_dyno-sandbox-trial"))
}

pub(crate) fn settings() -> Settings {
    let launcher = Launcher { program: trial_binary(), arguments: vec!["launch".into()] };
    Settings::new(launcher, std::env::temp_dir())
}

/// The sandbox of this machine; `None`, loudly, where it cannot be.
pub(crate) fn sandbox(test: &str) -> Option<&'static Sandbox> {
    static SANDBOX: OnceLock<Result<Sandbox, Unavailable>> = OnceLock::new();
    match SANDBOX.get_or_init(|| Sandbox::detect(settings())) {
        Ok(sandbox) => Some(sandbox),
        Err(error) => {
            eprintln!("SKIPPED: {test}: {error}");
            None
        }
    }
}

/// The same where private files cannot be read, too.
pub(crate) fn sandbox_with_file_rules(test: &str) -> Option<&'static Sandbox> {
    let sandbox = sandbox(test)?;
    if sandbox.protections().has(Protection::Reads) {
        return Some(sandbox);
    }
    eprintln!("SKIPPED: {test}: the kernel has no Landlock");
    None
}

/// The same where a program has a disk of its own.
pub(crate) fn sandbox_with_own_disk(test: &str) -> Option<&'static Sandbox> {
    let sandbox = sandbox(test)?;
    if sandbox.mechanisms().contains(&Mechanism::OwnDisk) {
        return Some(sandbox);
    }
    eprintln!("SKIPPED: {test}: user namespaces are not allowed here");
    None
}

/// Limits that a hostile program reaches soon.
pub(crate) fn tight() -> Limits {
    Limits { cpu_limit: Duration::from_secs(1), memory_limit_bytes: 256 << 20, ..Limits::default() }
}

pub(crate) fn run(sandbox: &Sandbox, source: &str, tests: &str, limits: Limits) -> Outcome {
    let _turn = Turn::take();
    sandbox.run(&Program { source: source.to_owned(), tests: tests.to_owned(), limits }).unwrap()
}
