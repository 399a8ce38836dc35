//! The sandbox of this machine: tried once, then used for one program after the other.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::child::{self, Bounds, Ended};
use crate::nonce::nonce;
use crate::order::{Attempt, Order, ResourceLimits};
use crate::outcome;
use crate::scratch::{MAX_BYTES, Scratch};
use crate::{
    Demand, Interpreter, Limits, Mechanism, Outcome, Program, Protection, Protections, SandboxError,
    Settings, Unavailable,
};

const DRIVER: &str = include_str!("python/driver.py");
const TRIAL: &str = include_str!("python/trial.py");
/// Most bytes of one file that a program makes.
const MAX_FILE_BYTES: u64 = MAX_BYTES / 8;
/// Most files that a program has open; with the bound of one file, also what it can hide in files without a name.
const MAX_OPEN_FILES: u64 = 32;
/// How often the scratch folder is looked at.
const SCRATCH_LOOK: Duration = Duration::from_millis(100);

/// A sandbox that was tried on this machine. Cheap to clone; may be used from several threads.
#[derive(Debug, Clone)]
pub struct Sandbox {
    settings: Settings,
    interpreter: Interpreter,
    protections: Protections,
    landlock: Attempt,
    seccomp: Attempt,
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
        let interpreter =
            Interpreter::find(settings.interpreter.as_deref().unwrap_or_else(|| Path::new("python3")))?;
        let attempt = |mechanism| match settings.without.contains(&mechanism) {
            true => Attempt::Off,
            false => Attempt::IfPossible,
        };
        let (landlock, seccomp) = (attempt(Mechanism::Landlock), attempt(Mechanism::Seccomp));
        let untried = Self { settings, interpreter, protections: Protections::default(), landlock, seccomp };
        let protections = untried.try_protections()?;
        if untried.settings.demand == Demand::Isolation && !protections.isolate() {
            return Err(Unavailable::NotIsolated {
                missing: protections.missing().collect(),
                remedy: REMEDY,
            });
        }
        // What worked once must work each time; without it nothing runs.
        let insist = |attempt, worked| match (attempt, worked) {
            (Attempt::IfPossible, true) => Attempt::Required,
            (attempt, _) => attempt,
        };
        Ok(Self {
            landlock: insist(landlock, protections.has(Protection::Reads)),
            seccomp: insist(seccomp, protections.has(Protection::Processes)),
            protections,
            ..untried
        })
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

    /// Runs one program in a process of its own and waits for its end; nothing of it is left afterwards. Blocks the
    /// calling thread, whose end would end the program.
    ///
    /// # Errors
    /// The program could not be run, so that nothing is known about it: a limit makes no sense, or the system refused
    /// something. Whatever the program itself does is an [`Outcome`].
    pub fn run(&self, program: &Program) -> Result<Outcome, SandboxError> {
        program.check()?;
        let scratch = Scratch::new(&self.settings.scratch_root)?;
        let nonce = nonce()?;
        let input =
            self.input(&DriverOrder { nonce: &nonce, source: &program.source, tests: &program.tests })?;
        let mut command = self.command(&scratch, &program.limits)?;
        let bounds =
            Bounds { time: program.limits.time_limit, output_bytes: program.limits.output_limit_bytes };
        let mut looked = Instant::now();
        let over_limit = || {
            let due = looked.elapsed() >= SCRATCH_LOOK;
            if due {
                looked = Instant::now();
            }
            due && scratch.is_over_limit()
        };
        let ended = child::run(command.stdin(input), bounds, over_limit).map_err(SandboxError::io(
            format!("{} cannot be run", self.settings.launcher.program.display()),
        ))?;
        // Too little time or output to begin with is the program's outcome; anything else is our failure.
        if ended.stop.is_none() && !outcome::has_started(&ended, &nonce) {
            return Err(SandboxError::NotStarted { said: last_words(&ended) });
        }
        Ok(outcome::outcome(&ended, &nonce, &program.limits, self.protections.clone()))
    }

    /// The driver's order as a file without a name: unlike a pipe it takes any amount at once.
    fn input(&self, order: &DriverOrder<'_>) -> Result<Stdio, SandboxError> {
        let folder = &self.settings.scratch_root;
        let write = || -> std::io::Result<File> {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            serde_json::to_writer(&mut file, order)?;
            file.flush()?;
            // Opened again for reading alone; the name goes when `file` does.
            File::open(file.path())
        };
        let what = || format!("the program cannot be written to {}", folder.display());
        write().map(Stdio::from).map_err(SandboxError::io(what()))
    }

    fn command(&self, scratch: &Scratch, limits: &Limits) -> Result<Command, SandboxError> {
        let order = Order {
            parent_pid: std::process::id(),
            interpreter: self.interpreter.executable.clone(),
            // -I would ignore PYTHONHASHSEED, and the order of sets, with it the answer of a program, would differ from run to
            // run. What else it does is done: the environment is ours alone, and the driver drops the current folder from the path.
            arguments: ["-s", "-S", "-B", "-c", DRIVER].map(str::to_owned).to_vec(),
            limits: ResourceLimits {
                cpu_s: limits.cpu_limit_s(),
                memory_bytes: limits.memory_limit_bytes,
                file_bytes: MAX_FILE_BYTES,
                open_files: MAX_OPEN_FILES,
            },
            landlock: self.landlock,
            seccomp: self.seccomp,
            files: self.interpreter.file_rules(&absolute(scratch.path())?),
        };
        let order = serde_json::to_string(&order)
            .map_err(std::io::Error::other)
            .map_err(SandboxError::io("the launcher's order cannot be written (is every path UTF-8?)"))?;
        let launcher = &self.settings.launcher;
        let mut command = Command::new(&launcher.program);
        command.args(&launcher.arguments).arg(order).current_dir(scratch.path()).env_clear();
        command.envs([("PYTHONHASHSEED", "0"), ("PYTHONUTF8", "1"), ("TZ", "UTC"), ("LC_ALL", "C")]);
        // One heap for all threads: each further one would reserve 64 MiB of the address space.
        command.env("MALLOC_ARENA_MAX", "1").env("TMPDIR", scratch.path()).env("HOME", scratch.path());
        Ok(command)
    }

    fn try_protections(&self) -> Result<Protections, SandboxError> {
        let outside = tempfile::Builder::new()
            .prefix("dyno-sandbox-outside-")
            .tempdir_in(&self.settings.scratch_root)
            .map_err(SandboxError::io(format!("no folder in {}", self.settings.scratch_root.display())))?;
        let file = absolute(outside.path())?.join("file");
        std::fs::write(&file, "private")
            .map_err(SandboxError::io(format!("{} cannot be written", file.display())))?;
        let limits = Limits::default();
        let outside = serde_json::to_string(&file).map_err(std::io::Error::other);
        let outside = outside.map_err(SandboxError::io("the path of the scratch folder is not UTF-8"))?;
        let source =
            format!("OUTSIDE = {outside}\nMEMORY_BYTES = {}\n{TRIAL}", limits.memory_limit_bytes * 2);
        let outcome = self.run(&Program::new(source, ""))?;
        let said =
            || SandboxError::NoList { said: format!("{}; {}", outcome.verdict, outcome.stderr.trim()) };
        if !outcome.verdict.passed() {
            return Err(said());
        }
        let held: Vec<Protection> = serde_json::from_str(outcome.stdout.trim()).map_err(|_| said())?;
        Ok(held.into_iter().collect())
    }
}

#[cfg(target_os = "linux")]
const REMEDY: &str = "the kernel, or the container around this process, forbids system-call filters (seccomp): allow them \
                      there, or run outside of the container";
#[cfg(not(target_os = "linux"))]
const REMEDY: &str = "only Linux offers what is needed: run this in a Linux container or virtual machine";

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
