//! Why programs cannot be run here, and why one could not be run.

use std::path::PathBuf;

use crate::Protection;

/// Why this machine runs no programs of models.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// No interpreter.
    #[error(
        "the Python interpreter {} does not answer: {reason}; install Python 3.8 or later, or name another one", program.display()
    )]
    NoInterpreter {
        /// What was tried.
        program: PathBuf,
        /// What happened.
        reason: String,
    },
    /// An interpreter that is too old.
    #[error("{} is Python {version}; 3.8 or later is needed, name another interpreter", program.display())]
    TooOld {
        /// The interpreter.
        program: PathBuf,
        /// Its version.
        version: String,
    },
    /// Protections do not hold.
    #[error(
        "code written by a model is not run here: this machine cannot guarantee that {}; {remedy}, \
         or allow it all the same, at your own risk",
        meanings(missing)
    )]
    NotIsolated {
        /// What is missing.
        missing: Vec<Protection>,
        /// What would help.
        remedy: &'static str,
    },
    /// The trial of the protections itself failed.
    #[error("the sandbox could not be tried: {0}")]
    Untried(#[from] SandboxError),
}

/// A program that could not be run: nothing is known about whether it is right.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A limit that makes no sense.
    #[error("{name} = {value} is too small; the least is {least}")]
    BadLimit {
        /// Which.
        name: &'static str,
        /// What was given.
        value: u64,
        /// What is accepted.
        least: u64,
    },
    /// A program that is too long.
    #[error("the program has {bytes} bytes; at most {most} are accepted")]
    TooLong {
        /// Its bytes, tests included.
        bytes: usize,
        /// The bound.
        most: usize,
    },
    /// The interpreter never began.
    #[error("the interpreter did not start: {said}")]
    NotStarted {
        /// What the launcher or the interpreter said, or how it ended.
        said: String,
    },
    /// The caller wanted it to end.
    #[error("the program was stopped")]
    Stopped,
    /// The trial of the protections gave no list.
    #[error("the trial of the protections gave no list of them: {said}")]
    NoList {
        /// What it gave instead.
        said: String,
    },
    /// The system.
    #[error("{what}: {source}")]
    Io {
        /// What was done.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl SandboxError {
    /// Wraps an error of the system.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

fn meanings(missing: &[Protection]) -> String {
    missing.iter().map(|protection| protection.meaning()).collect::<Vec<_>>().join(", that ")
}
