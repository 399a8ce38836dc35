//! Running code that a model wrote: in a sandbox that is tried once per evaluation, a few programs at a time.

use std::sync::Arc;

use dyno_sandbox::{Demand, Launcher, Program, Sandbox, Settings};
use dyno_types::{Event, EventSink};
use tokio::sync::Semaphore;

use crate::{App, AppError};

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
    Sandbox(Arc<Sandbox>, Arc<Semaphore>),
    /// None: every program is refused for this reason.
    Refused(String),
}

impl CodeRunner {
    fn new(sandbox: Sandbox) -> Self {
        Self::Sandbox(Arc::new(sandbox), Arc::new(Semaphore::new(PROGRAMS_MAX)))
    }

    /// Under which circumstances programs run: part of the key of their answers, and a note in the record.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Sandbox(sandbox, _) => {
                format!("python {}, {}", sandbox.interpreter().version_text(), sandbox.protections())
            }
            Self::Refused(_) => "refused".to_owned(),
        }
    }

    /// Runs a program with its tests.
    pub(crate) async fn run(&self, source: String, tests: String) -> CodeVerdict {
        let (sandbox, permits) = match self {
            Self::Refused(reason) => return CodeVerdict::NotRun(reason.clone()),
            Self::Sandbox(sandbox, permits) => (Arc::clone(sandbox), permits),
        };
        // The semaphore is never closed; without a permit the program would merely start at once.
        let _permit = permits.acquire().await;
        let program = Program::new(source, tests);
        match tokio::task::spawn_blocking(move || sandbox.run(&program)).await {
            Ok(Ok(outcome)) if outcome.verdict.passed() => CodeVerdict::Passed,
            Ok(Ok(outcome)) => CodeVerdict::Failed(outcome.verdict.to_string()),
            Ok(Err(error)) => CodeVerdict::NotRun(error.to_string()),
            Err(error) => CodeVerdict::NotRun(format!("the sandbox failed: {error}")),
        }
    }
}

impl App {
    /// The sandbox, tried on this machine; `unsafe_code` runs code also where it cannot be isolated.
    pub(crate) async fn code_runner(
        &self,
        unsafe_code: bool,
        events: &dyn EventSink,
    ) -> Result<CodeRunner, AppError> {
        let Some(program) = self.places.executable.clone() else {
            return Ok(CodeRunner::Refused("dyno does not know its own executable".to_owned()));
        };
        let scratch_root = std::env::temp_dir();
        let launcher = Launcher { program, arguments: vec![CODE_LAUNCHER.into()] };
        let demand = if unsafe_code { Demand::Nothing } else { Demand::Isolation };
        let settings = Settings { demand, ..Settings::new(launcher, scratch_root) };
        let detected = tokio::task::spawn_blocking(move || Sandbox::detect(settings)).await;
        Ok(match detected {
            Ok(Ok(sandbox)) => CodeRunner::new(sandbox),
            Ok(Err(unavailable)) => {
                events.emit(Event::Warning(unavailable.to_string()));
                CodeRunner::Refused(unavailable.to_string())
            }
            Err(error) => CodeRunner::Refused(format!("the sandbox failed: {error}")),
        })
    }
}
