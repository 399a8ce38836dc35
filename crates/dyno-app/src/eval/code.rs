//! Running code that a model wrote: in a sandbox that is tried once per evaluation, a few programs at a time.

use std::sync::Arc;

use dyno_engine::temporary_folder;
use dyno_sandbox::{Demand, Launcher, Mechanism, Program, Sandbox, Settings, Unavailable};
use dyno_types::{CancelFlag, Event, EventSink as _, Remedy, Wish};
use tokio::sync::Semaphore;

use crate::{AppError, Work};

/// The word with which dyno starts itself as the launcher of the sandbox; see [`launch_code`].
pub const CODE_LAUNCHER: &str = "__launch-code";

/// Most programs at a time: each may use a processor for a while, and the engine wants some too.
const PROGRAMS_MAX: usize = 2;

/// Becomes the interpreter of a program of a model, as the sandbox of another dyno process ordered. To be called first thing
/// in `main`, before any thread, when the first argument is [`CODE_LAUNCHER`]; `arguments` are those behind it.
#[must_use]
pub fn launch_code(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> std::process::ExitCode {
    dyno_sandbox::launcher::main(arguments)
}

/// How a program went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CodeVerdict {
    /// Its tests passed.
    Passed,
    /// They did not; why.
    Failed(String),
    /// It could not be run; why.
    NotRun(String),
}

/// What runs programs.
#[derive(Debug, Clone)]
pub(crate) enum CodeRunner {
    /// A sandbox that was tried.
    Sandbox(Arc<Sandbox>, Arc<Semaphore>, CancelFlag),
    /// None: every program is refused for this reason.
    Refused(String),
}

impl CodeRunner {
    fn new(sandbox: Sandbox, cancel: CancelFlag) -> Self {
        Self::Sandbox(Arc::new(sandbox), Arc::new(Semaphore::new(PROGRAMS_MAX)), cancel)
    }

    /// Under which circumstances programs run: part of the key of their answers, and a note in the record.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Sandbox(sandbox, ..) => {
                let (python, held) = (sandbox.interpreter().version_text(), sandbox.protections());
                // Where a program has no disk of its own, one that removes a file fails.
                let own_disk = sandbox.mechanisms().contains(&Mechanism::OwnDisk);
                let without = if own_disk { "" } else { ", without a private disk" };
                format!("python {python}, {held}{without}")
            }
            Self::Refused(_) => "refused".to_owned(),
        }
    }

    /// Why no program can be run.
    pub(crate) fn refusal(&self) -> Option<&str> {
        match self {
            Self::Sandbox(..) => None,
            Self::Refused(reason) => Some(reason),
        }
    }

    /// Runs a program with its tests; ends it when the work is to end.
    pub(crate) async fn run(&self, source: String, tests: String) -> CodeVerdict {
        let (sandbox, permits, cancel) = match self {
            Self::Refused(reason) => return CodeVerdict::NotRun(reason.clone()),
            Self::Sandbox(sandbox, permits, cancel) => (Arc::clone(sandbox), permits, cancel.clone()),
        };
        // The semaphore is never closed; without a permit the program would merely start at once.
        let _permit = permits.acquire().await;
        let program = Program::new(source, tests);
        match tokio::task::spawn_blocking(move || sandbox.run_unless(&program, &|| cancel.is_cancelled()))
            .await
        {
            Ok(Ok(outcome)) if outcome.verdict.passed() => CodeVerdict::Passed,
            Ok(Ok(outcome)) => CodeVerdict::Failed(outcome.verdict.to_string()),
            Ok(Err(error)) => CodeVerdict::NotRun(error.to_string()),
            Err(error) => CodeVerdict::NotRun(format!("the sandbox failed: {error}")),
        }
    }
}

/// Why there is no sandbox.
#[derive(Debug)]
pub(crate) struct NoSandbox {
    pub(crate) reason: String,
    /// What would help.
    pub(crate) remedy: Option<Remedy>,
}

impl NoSandbox {
    fn of(reason: String) -> Self {
        Self { reason, remedy: None }
    }
}

impl Work {
    /// What runs programs on this machine; `unsafe_code` runs code also where it cannot be isolated.
    pub(crate) async fn code_runner(&self, unsafe_code: bool) -> Result<CodeRunner, AppError> {
        let demand = if unsafe_code { Demand::Nothing } else { Demand::Isolation };
        Ok(match self.sandbox(demand).await? {
            Ok(sandbox) => CodeRunner::new(sandbox, self.job.cancel.clone()),
            Err(NoSandbox { reason, remedy: Some(remedy) }) => {
                self.job.emit(Event::Advice { text: reason.clone(), remedy, warning: true });
                CodeRunner::Refused(reason)
            }
            Err(NoSandbox { reason, remedy: None }) => {
                self.job.emit(Event::Warning(reason.clone()));
                CodeRunner::Refused(reason)
            }
        })
    }

    /// The sandbox, tried on this machine, or why there is none.
    pub(crate) async fn sandbox(&self, demand: Demand) -> Result<Result<Sandbox, NoSandbox>, AppError> {
        let Some(program) = self.app.places.executable.clone() else {
            return Ok(Err(NoSandbox::of("dyno does not know its own executable".to_owned())));
        };
        let launcher = Launcher { program, arguments: vec![CODE_LAUNCHER.into()] };
        let settings = Settings { demand, ..Settings::new(launcher, temporary_folder()) };
        // It looks at the flag itself, so that nothing it started is left when we end.
        let cancel = self.job.cancel.clone();
        let detecting =
            tokio::task::spawn_blocking(move || Sandbox::detect_unless(settings, &|| cancel.is_cancelled()));
        let detected = detecting.await;
        self.go_on()?;
        Ok(match detected {
            Ok(detected) => detected.map_err(|unavailable| NoSandbox {
                reason: unavailable.to_string(),
                remedy: matches!(unavailable, Unavailable::NotIsolated { .. })
                    .then_some(Remedy::Give(Wish::AllowUnsafeCode)),
            }),
            Err(error) => Err(NoSandbox::of(format!("the sandbox failed: {error}"))),
        })
    }
}
