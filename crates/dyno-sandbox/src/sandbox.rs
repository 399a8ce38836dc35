//! The sandbox of this machine: tried once, then used for one program after the other.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::child::{self, Bounds, Ended, Stop};
use crate::launcher::KEEP;
use crate::leash::Leash;
use crate::nonce::nonce;
use crate::order::{Attempt, LauncherCall, Order, ResourceLimits};
use crate::outcome;
use crate::scratch::{MAX_BYTES, MAX_FILES, Scratch};
use crate::{
    Demand, Interpreter, Launcher, Limits, Mechanism, Outcome, Program, Protection, Protections,
    SandboxError, Settings, Unavailable,
};

const DRIVER: &str = include_str!("python/driver.py");
const TRIAL: &str = include_str!("python/trial.py");
/// Most bytes of one file that a program makes.
const MAX_FILE_BYTES: u64 = MAX_BYTES / 8;
/// Most files that a program has open.
const MAX_OPEN_FILES: u64 = 32;
/// Most threads: so many stacks of the usual size fit the usual memory limit.
const MAX_THREADS: u64 = 64;
/// How often the scratch folder is looked at, where it is no disk of its own.
const SCRATCH_LOOK: Duration = Duration::from_millis(20);

/// A sandbox that was tried on this machine. Cheap to clone; may be used from several threads.
#[derive(Debug, Clone)]
pub struct Sandbox {
    settings: Settings,
    interpreter: Interpreter,
    protections: Protections,
    own_disk: Attempt,
    landlock: Attempt,
    seccomp: Attempt,
}

/// What the trial of the protections found.
#[derive(Debug, Deserialize)]
struct Tried {
    held: Vec<Protection>,
    own_disk: bool,
}

/// What the driver reads.
#[derive(Serialize)]
struct DriverOrder<'a> {
    nonce: &'a str,
    source: &'a str,
    tests: &'a str,
}

impl Sandbox {
    /// Finds the interpreter and tries every protection by attempting what it forbids.
    ///
    /// # Errors
    /// There is no usable interpreter, or a required protection does not hold and the settings demand it.
    pub fn detect(settings: Settings) -> Result<Self, Unavailable> {
        Self::detect_unless(settings, &|| false)
    }

    /// The same, given up as soon as `stopped` says so; it is asked often.
    ///
    /// # Errors
    /// As [`Sandbox::detect`]; some error when it was given up.
    pub fn detect_unless(settings: Settings, stopped: &dyn Fn() -> bool) -> Result<Self, Unavailable> {
        let program = settings.interpreter.as_deref().unwrap_or_else(|| Path::new("python3"));
        let interpreter = Interpreter::find(program, stopped)?;
        let attempt = |mechanism| match settings.without.contains(&mechanism) {
            true => Attempt::Off,
            false => Attempt::IfPossible,
        };
        Scratch::sweep(&settings.scratch_root);
        let untried = Self {
            own_disk: attempt(Mechanism::OwnDisk),
            landlock: attempt(Mechanism::Landlock),
            seccomp: attempt(Mechanism::Seccomp),
            protections: Protections::default(),
            settings,
            interpreter,
        };
        let tried = untried.try_protections(stopped)?;
        let protections: Protections = tried.held.into_iter().collect();
        if untried.settings.demand == Demand::Isolation && !protections.isolate() {
            return Err(Unavailable::NotIsolated {
                missing: protections.missing().collect(),
                remedy: REMEDY,
            });
        }
        // What worked once must work each time, without it nothing runs; what did not is not tried again.
        let insist = |attempt, worked| match (attempt, worked) {
            (Attempt::IfPossible, true) => Attempt::Required,
            (Attempt::IfPossible, false) => Attempt::Off,
            (attempt, _) => attempt,
        };
        Ok(Self {
            own_disk: insist(untried.own_disk, tried.own_disk),
            landlock: insist(untried.landlock, protections.has(Protection::Reads)),
            seccomp: insist(untried.seccomp, protections.has(Protection::Processes)),
            protections,
            ..untried
        })
    }

    /// What of the kernel keeps programs in, as far as it works here.
    #[must_use]
    pub fn mechanisms(&self) -> Vec<Mechanism> {
        let all = [
            (Mechanism::OwnDisk, self.own_disk),
            (Mechanism::Landlock, self.landlock),
            (Mechanism::Seccomp, self.seccomp),
        ];
        all.into_iter()
            .filter(|(_, used)| *used == Attempt::Required)
            .map(|(mechanism, _)| mechanism)
            .collect()
    }

    /// The interpreter that runs the programs.
    #[must_use]
    pub fn interpreter(&self) -> &Interpreter {
        &self.interpreter
    }

    /// What programs are kept from here.
    #[must_use]
    pub fn protections(&self) -> &Protections {
        &self.protections
    }

    /// Runs one program in a process of its own and waits for its end; nothing of it is left afterwards.
    ///
    /// # Errors
    /// The program could not be run, so that nothing is known about it: a limit makes no sense, or the system refused
    /// something. Whatever the program itself does is an [`Outcome`].
    pub fn run(&self, program: &Program) -> Result<Outcome, SandboxError> {
        self.run_unless(program, &|| false)
    }

    /// The same, ended as soon as `stopped` says so; it is asked often.
    ///
    /// # Errors
    /// As [`Sandbox::run`], and [`SandboxError::Stopped`].
    pub fn run_unless(&self, program: &Program, stopped: &dyn Fn() -> bool) -> Result<Outcome, SandboxError> {
        program.check()?;
        let scratch = Scratch::new(&self.settings.scratch_root)?;
        let nonce = nonce()?;
        let order = DriverOrder { nonce: &nonce, source: &program.source, tests: &program.tests };
        let input = serde_json::to_vec(&order).map_err(std::io::Error::other);
        let leash = input.and_then(|input| Leash::new(&input));
        let (leash, socket) =
            leash.map_err(SandboxError::io("the program cannot be handed to the launcher"))?;
        let mut command = self.command(&scratch, &program.limits)?;
        let bounds =
            Bounds { time: program.limits.time_limit, output_bytes: program.limits.output_limit_bytes };
        let mut looked = Instant::now();
        // A disk of its own is bounded by the kernel, and empty when seen from here.
        let watched = self.own_disk != Attempt::Required;
        let watch = || {
            if stopped() {
                return Some(Stop::Asked);
            }
            let due = watched && looked.elapsed() >= SCRATCH_LOOK;
            if due {
                looked = Instant::now();
            }
            (due && scratch.is_over_limit()).then_some(Stop::Scratch)
        };
        let ended = child::run(command.stdin(socket), Some(leash), bounds, watch).map_err(
            SandboxError::io(format!("{} cannot be run", self.settings.launcher.program.display())),
        )?;
        if ended.stop == Some(Stop::Asked) {
            return Err(SandboxError::Stopped);
        }
        // Too little time or output to begin with is the program's outcome; anything else is our failure.
        if ended.stop.is_none() && !outcome::has_started(&ended, &nonce) {
            return Err(SandboxError::NotStarted { said: last_words(&ended) });
        }
        Ok(outcome::outcome(&ended, &nonce, &program.limits, self.protections.clone()))
    }

    fn command(&self, scratch: &Scratch, limits: &Limits) -> Result<Command, SandboxError> {
        let launcher = &self.settings.launcher;
        let order = Order {
            launcher: launcher_call(launcher)?,
            interpreter: self.interpreter.executable.clone(),
            // -I would ignore PYTHONHASHSEED, and the order of sets, with it the answer of a program, would differ from run to
            // run. What else it does is done: the environment is ours alone, and the driver drops the current folder from the path.
            arguments: ["-s", "-S", "-B", "-c", DRIVER].map(str::to_owned).to_vec(),
            limits: ResourceLimits {
                cpu_s: limits.cpu_limit_s(),
                memory_bytes: limits.memory_limit_bytes,
                file_bytes: MAX_FILE_BYTES,
                open_files: MAX_OPEN_FILES,
                threads: MAX_THREADS,
                disk_bytes: MAX_BYTES,
                files: MAX_FILES as u64,
            },
            own_disk: self.own_disk,
            landlock: self.landlock,
            seccomp: self.seccomp,
            files: self.interpreter.file_rules(&absolute(scratch.path())?),
        };
        let order = serde_json::to_string(&order)
            .map_err(std::io::Error::other)
            .map_err(SandboxError::io("the launcher's order cannot be written (is every path UTF-8?)"))?;
        let mut command = Command::new(&launcher.program);
        command.args(&launcher.arguments).args([KEEP, &order]).current_dir(scratch.path()).env_clear();
        command.envs([("PYTHONHASHSEED", "0"), ("PYTHONUTF8", "1"), ("TZ", "UTC"), ("LC_ALL", "C")]);
        // One heap for all threads: each further one would reserve 64 MiB of the address space.
        command.env("MALLOC_ARENA_MAX", "1").env("TMPDIR", scratch.path()).env("HOME", scratch.path());
        Ok(command)
    }

    fn try_protections(&self, stopped: &dyn Fn() -> bool) -> Result<Tried, SandboxError> {
        let outside = Scratch::new(&self.settings.scratch_root)?;
        let file = absolute(outside.path())?.join("file");
        std::fs::write(&file, "private")
            .map_err(SandboxError::io(format!("{} cannot be written", file.display())))?;
        let limits = Limits::default();
        let outside = serde_json::to_string(&file).map_err(std::io::Error::other);
        let outside = outside.map_err(SandboxError::io("the path of the scratch folder is not UTF-8"))?;
        let (memory_bytes, disk_bytes) = (limits.memory_limit_bytes * 2, MAX_BYTES);
        let source =
            format!("OUTSIDE = {outside}\nMEMORY_BYTES = {memory_bytes}\nDISK_BYTES = {disk_bytes}\n{TRIAL}");
        let outcome = self.run_unless(&Program::new(source, ""), stopped)?;
        let said =
            || SandboxError::NoList { said: format!("{}; {}", outcome.verdict, outcome.stderr.trim()) };
        if !outcome.verdict.passed() {
            return Err(said());
        }
        serde_json::from_str(outcome.stdout.trim()).map_err(|_| said())
    }
}

#[cfg(target_os = "linux")]
const REMEDY: &str = "the kernel (5.13 or later is needed), or the container around this process, forbids file rules (Landlock) or \
     system-call filters (seccomp): allow them there, or run outside of the container";
#[cfg(not(target_os = "linux"))]
const REMEDY: &str = "only Linux offers what is needed: run this in a Linux container or virtual machine";

/// How the launcher starts itself once more.
fn launcher_call(launcher: &Launcher) -> Result<LauncherCall, SandboxError> {
    let text = |argument: &OsString| {
        let text = argument.to_str().map(str::to_owned);
        text.ok_or_else(|| std::io::Error::other(format!("{} is not UTF-8", argument.display())))
    };
    let arguments: std::io::Result<Vec<String>> = launcher.arguments.iter().map(text).collect();
    let arguments = arguments.map_err(SandboxError::io("the launcher's order cannot be written"))?;
    Ok(LauncherCall { program: launcher.program.clone(), arguments })
}

fn absolute(path: &Path) -> Result<PathBuf, SandboxError> {
    path.canonicalize().map_err(SandboxError::io(format!("{} cannot be resolved", path.display())))
}

/// What a process that never became a running interpreter said, or how it ended.
fn last_words(ended: &Ended) -> String {
    let said = ended.stderr.tail();
    match said.lines().rfind(|line| !line.trim().is_empty()) {
        Some(line) => line.trim().chars().take(500).collect(),
        None => format!("it said nothing ({})", ended.status),
    }
}
