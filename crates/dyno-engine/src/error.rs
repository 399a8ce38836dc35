//! Everything that can go wrong with an engine, typed, with what would help.

use dyno_types::{Remedy, Wish};

/// How an engine process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExitCause {
    /// Ended by itself with this exit code.
    Code(i32),
    /// Killed by this signal.
    Signal(i32),
    /// Ended, but the system did not say how.
    Unknown,
}

impl std::fmt::Display for ExitCause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "it ended with exit code {code}"),
            Self::Signal(6) => {
                write!(f, "it aborted itself (signal 6, a failed assertion in native code or out of memory)")
            }
            Self::Signal(9) => {
                write!(f, "it was killed (signal 9, by a person or by the system when memory ran out)")
            }
            Self::Signal(11) => write!(f, "it crashed (signal 11, invalid memory access)"),
            Self::Signal(4) => write!(
                f,
                "it crashed (signal 4, an instruction this processor lacks: rebuild the engine here)"
            ),
            Self::Signal(signal) => write!(f, "it was ended by signal {signal}"),
            Self::Unknown => write!(f, "it ended for an unknown reason"),
        }
    }
}

/// A failed engine operation.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EngineError {
    /// The engine executable was not found.
    #[error(
        "no engine executable {name:?} beside dyno or in {searched}; build it with `make build`, or set DYNO_ENGINE_DIR"
    )]
    NotFound {
        /// Executable name.
        name: String,
        /// Where it was looked for.
        searched: String,
    },
    /// The engine process could not be started or did not shake hands.
    #[error(
        "the engine did not start: {reason}; `dyno doctor` checks the machine, `make build` rebuilds the engine{}",
        tail(log)
    )]
    Start {
        /// What happened.
        reason: String,
        /// Last log lines.
        log: Vec<String>,
    },
    /// Nothing can be made in the folder for temporary files.
    #[error("the temporary folder {folder} {reason}; set TMPDIR to a folder that can be written")]
    TemporaryFolder {
        /// The folder.
        folder: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Front and engine speak different protocol versions.
    #[error("the engine speaks protocol {engine}, dyno speaks {dyno}; build both from the same version")]
    Protocol {
        /// The engine's.
        engine: u32,
        /// Ours.
        dyno: u32,
    },
    /// The engine process ended while something was going on.
    #[error("the engine process died {during}: {cause}; {}{}", after_a_death(log), tail(log))]
    Died {
        /// What was going on, e.g. `while loading x.gguf`.
        during: String,
        /// How it ended.
        cause: ExitCause,
        /// Last log lines.
        log: Vec<String>,
    },
    /// The engine does not do such work at all.
    #[error("the engine {engine:?} cannot {what}; this work needs another engine")]
    Unable {
        /// Its name.
        engine: String,
        /// What was wanted, after "cannot".
        what: &'static str,
    },
    /// Nothing came in time; the process was killed.
    #[error("the engine did not answer {during} within {seconds} s and was stopped{}", tail(log))]
    Deadline {
        /// What was going on.
        during: String,
        /// The limit.
        seconds: u64,
        /// Last log lines.
        log: Vec<String>,
    },
    /// The model cannot be loaded.
    #[error("the model cannot be loaded: {reason}; fetch the file again or choose another{}", tail(log))]
    Model {
        /// Why.
        reason: String,
        /// Last log lines.
        log: Vec<String>,
    },
    /// The model's file is not the one that was looked at; a sentence says how it differs.
    #[error("{0}")]
    ModelChanged(String),
    /// Not enough memory for what was asked.
    #[error("not enough memory {during}: {reason}; choose a smaller model, context or KV type")]
    OutOfMemory {
        /// What was going on.
        during: String,
        /// Details.
        reason: String,
    },
    /// A file that the engine was to make cannot be written.
    #[error("{path} cannot be written: {reason}; free some space or choose another place")]
    Write {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The request itself is at fault.
    #[error("{0}")]
    BadRequest(String),
    /// The model carries no chat template.
    #[error("the model has no chat template")]
    NoTemplate,
    /// The model's chat template cannot be used, for this chat or any.
    #[error("{0}")]
    Template(String),
    /// Cancelled by the caller.
    #[error("cancelled")]
    Cancelled,
    /// Anything else the engine reported.
    #[error("the engine failed: {0}; run `dyno doctor` to check this build of it")]
    Internal(String),
}

impl EngineError {
    /// What would help.
    #[must_use]
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::Deadline { .. } => Some(Remedy::Raise(Wish::Deadline)),
            Self::NoTemplate | Self::Template(_) => {
                Some(Remedy::Either(vec![Remedy::Give(Wish::Raw), Remedy::Give(Wish::Template)]))
            }
            _ => None,
        }
    }

    /// What a failed load means: native code that gives up on a file does so every time, so the file is at fault, not the moment.
    pub(crate) fn of_a_load(self) -> Self {
        match self {
            Self::Died {
                cause: cause @ ExitCause::Signal(SIGABRT | SIGFPE | SIGSEGV | SIGBUS), log, ..
            } => {
                let words = log.iter().rev().find(|line| is_last_word(line));
                let reason = match words {
                    Some(words) => format!("native code gave up on it: {words}"),
                    None => format!("native code gave up on it: {cause}"),
                };
                Self::Model { reason, log }
            }
            other => other,
        }
    }
}

const SIGABRT: i32 = 6;
const SIGBUS: i32 = 7;
const SIGFPE: i32 = 8;
const SIGSEGV: i32 = 11;

/// Whether a log line is what native code says when it gives up.
fn is_last_word(line: &str) -> bool {
    ["GGML_ASSERT", "GGML_ABORT", "ssertion", "what():", "terminate called", "abort", "panicked at"]
        .iter()
        .any(|word| line.contains(word))
}

/// What to do when a process died: native code that gave up with a reason does so every time.
fn after_a_death(log: &[String]) -> &'static str {
    if log.iter().any(|line| is_last_word(line)) {
        "the same model with the same settings will end so again; change one of them"
    } else {
        "try again, and run `dyno doctor` when it repeats"
    }
}

/// The last log lines as a readable tail, or nothing.
fn tail(log: &[String]) -> String {
    if log.is_empty() { String::new() } else { format!("\nlast engine log lines:\n  {}", log.join("\n  ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_names_its_cause_and_what_to_do() {
        let during = || "while testing".to_owned();
        let reason = || "because".to_owned();
        let log = || vec!["last words".to_owned()];
        let died = |cause| EngineError::Died { during: during(), cause, log: log() };
        for (error, parts) in [
            (
                EngineError::NotFound { name: "x".to_owned(), searched: "/here".to_owned() },
                ["/here", "make build"],
            ),
            (EngineError::Start { reason: reason(), log: log() }, ["because", "dyno doctor"]),
            (EngineError::Protocol { engine: 1, dyno: 2 }, ["protocol 1", "build both"]),
            (died(ExitCause::Signal(9)), ["signal 9", "memory ran out"]),
            (died(ExitCause::Signal(4)), ["an instruction this processor lacks", "rebuild"]),
            (died(ExitCause::Code(3)), ["while testing", "dyno doctor"]),
            (
                EngineError::Deadline { during: during(), seconds: 3, log: log() },
                ["within 3 s", "was stopped"],
            ),
            (EngineError::Model { reason: reason(), log: log() }, ["because", "choose another"]),
            (EngineError::OutOfMemory { during: during(), reason: reason() }, ["because", "smaller model"]),
            (EngineError::Write { path: "a.gguf".to_owned(), reason: reason() }, ["a.gguf", "because"]),
            (EngineError::NoTemplate, ["the model", "no chat template"]),
            (EngineError::Template(reason()), ["because", "because"]),
            (EngineError::Internal(reason()), ["because", "dyno doctor"]),
        ] {
            let text = error.to_string();
            assert!(parts.iter().all(|part| text.contains(part)), "{text}");
        }
        let asserted = EngineError::Died {
            during: during(),
            cause: ExitCause::Signal(6),
            log: vec!["GGML_ASSERT(n > 0) failed".to_owned()],
        };
        let text = asserted.to_string();
        assert!(text.contains("change one of them") && !text.contains("try again"), "{text}");
        assert!(died(ExitCause::Unknown).to_string().ends_with("\nlast engine log lines:\n  last words"));
    }
}
