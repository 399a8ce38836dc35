//! Everything a use case can fail with, and the exit code it stands for.

use std::path::PathBuf;

use dyno_engine::EngineError;
use dyno_models::ModelError;
use dyno_types::Remedy;

use crate::Exit;
use crate::generate::PromptTooLong;

/// Exit code of what the user stopped, as a shell gives it for Ctrl-C.
pub const INTERRUPTED: u8 = Exit::Interrupted.code();

/// A failed use case.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The request itself is at fault.
    #[error("{0}")]
    Input(String),
    /// The request is at fault, and what would help is known.
    #[error("{what}")]
    Refused {
        /// What is wrong, with the value and its bound.
        what: String,
        /// What would help.
        remedy: Remedy,
    },
    /// The model cannot be found, read or made.
    #[error(transparent)]
    Model(ModelError),
    /// The model cannot be fetched, or the cache cannot be used.
    #[error(transparent)]
    Hub(dyno_hub::HubError),
    /// Models in the cache are not what they were.
    #[error("{models} damaged model(s) were set aside")]
    Damaged {
        /// How many.
        models: usize,
    },
    /// The engine failed.
    #[error(transparent)]
    Engine(EngineError),
    /// The history cannot be used.
    #[error(transparent)]
    History(dyno_store::StoreError),
    /// A plan that cannot be carried out.
    #[error(transparent)]
    Plan(#[from] dyno_bench::PlanError),
    /// A benchmark ended early.
    #[error(transparent)]
    Bench(dyno_bench::BenchError),
    /// This machine cannot be measured.
    #[error(transparent)]
    Machine(dyno_hardware::MeasureError),
    /// Timings from which no rates follow.
    #[error("the engine's timings make no sense; close what else keeps this machine busy and try again")]
    Rates,
    /// Nobody said where to keep something, and nothing else says it; a sentence says what would.
    #[error("{0}")]
    NoPlace(String),
    /// A file cannot be read.
    #[error("{} cannot be read: {source}; check its permissions, or choose another place", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("{} cannot be written: {source}; free some space or choose another place", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// `dyno doctor` found problems.
    #[error("{problems} problem(s) found; see the lines marked PROBLEM")]
    Unhealthy {
        /// How many.
        problems: usize,
    },
    /// A prompt that no window holds together with its answer.
    #[error(transparent)]
    TooLong(#[from] Box<PromptTooLong>),
    /// No attempt at an answer fulfilled the policy.
    #[error("{} accepted; the best one: {problems}", none_of(*.attempts))]
    NotAccepted {
        /// How many.
        attempts: usize,
        /// What is wrong with the best.
        problems: String,
    },
    /// Questions were asked and no answer could be judged.
    #[error("nothing could be judged: {0}")]
    NothingJudged(String),
    /// There is no run to show.
    #[error("nothing was measured yet")]
    NothingMeasured,
    /// A model that was quantized before, without leave to do so again.
    #[error(
        "{model} is already quantized ({quantization}), and quantizing it again adds to its losses; start from the original file"
    )]
    AlreadyQuantized {
        /// Name of its file.
        model: String,
        /// Its quantization.
        quantization: String,
    },
    /// A request that goes nowhere.
    #[error(transparent)]
    Route(#[from] dyno_advise::RouteError),
    /// Stopped by the user.
    #[error("stopped")]
    Cancelled,
}

impl From<dyno_hardware::MeasureError> for AppError {
    fn from(error: dyno_hardware::MeasureError) -> Self {
        match error {
            dyno_hardware::MeasureError::Cancelled => Self::Cancelled,
            error => Self::Machine(error),
        }
    }
}

// An end that the user asked for is one thing, wherever it was noticed.

impl From<ModelError> for AppError {
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::Cancelled { .. } => Self::Cancelled,
            error => Self::Model(error),
        }
    }
}

impl From<dyno_store::StoreError> for AppError {
    fn from(error: dyno_store::StoreError) -> Self {
        match error {
            dyno_store::StoreError::Stopped { .. } => Self::Cancelled,
            error => Self::History(error),
        }
    }
}

impl From<EngineError> for AppError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Cancelled => Self::Cancelled,
            error => Self::Engine(error),
        }
    }
}

impl From<dyno_bench::BenchError> for AppError {
    fn from(error: dyno_bench::BenchError) -> Self {
        match error {
            dyno_bench::BenchError::Cancelled => Self::Cancelled,
            error => Self::Bench(error),
        }
    }
}

impl From<dyno_hub::HubError> for AppError {
    fn from(error: dyno_hub::HubError) -> Self {
        match error {
            dyno_hub::HubError::Model(error) => error.into(),
            dyno_hub::HubError::Cancelled { .. } => Self::Cancelled,
            error => Self::Hub(error),
        }
    }
}

fn none_of(attempts: usize) -> String {
    if attempts == 1 {
        "the one attempt was not".to_owned()
    } else {
        format!("none of {attempts} attempts was")
    }
}

impl AppError {
    /// A request at fault, with what would help.
    pub(crate) fn refused(what: impl Into<String>, remedy: Remedy) -> Self {
        Self::Refused { what: what.into(), remedy }
    }

    /// What would help, where that is known.
    #[must_use]
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::Refused { remedy, .. } => Some(remedy.clone()),
            Self::Plan(error) => error.remedy(),
            Self::Engine(error) => error.remedy(),
            Self::Bench(error) => error.engine().and_then(EngineError::remedy),
            Self::Hub(error) => error.remedy(),
            Self::History(error) => error.remedy(),
            _ => None,
        }
    }

    /// The exit code it stands for.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.exit().code()
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Input(_)
            | Self::Refused { .. }
            | Self::NoPlace(_)
            | Self::Plan(_)
            | Self::TooLong(_)
            | Self::AlreadyQuantized { .. }
            | Self::Route(_) => Exit::Input,
            Self::Model(error) if error.is_bad_input() => Exit::Input,
            Self::Cancelled
            | Self::Model(ModelError::Cancelled { .. })
            | Self::Hub(dyno_hub::HubError::Cancelled { .. }) => Exit::Interrupted,
            Self::Model(ModelError::Write { .. } | ModelError::DiskFull { .. }) => Exit::Runtime,
            Self::Hub(error) if error.is_bad_input() => Exit::Input,
            Self::Hub(error) if error.is_model_failure() => Exit::Model,
            Self::Model(_) | Self::Damaged { .. } => Exit::Model,
            Self::Engine(error) => engine_exit(error),
            Self::Bench(dyno_bench::BenchError::Cancelled) => Exit::Interrupted,
            Self::Bench(error) => error.engine().map_or(Exit::Runtime, engine_exit),
            Self::Hub(_)
            | Self::History(_)
            | Self::Machine(_)
            | Self::Rates
            | Self::Read { .. }
            | Self::Write { .. }
            | Self::Unhealthy { .. }
            | Self::NotAccepted { .. }
            | Self::NothingJudged(_)
            | Self::NothingMeasured => Exit::Runtime,
        }
    }
}

fn engine_exit(error: &EngineError) -> Exit {
    match error {
        EngineError::Model { .. } | EngineError::ModelChanged(_) | EngineError::Template(_) => Exit::Model,
        EngineError::BadRequest(_) | EngineError::NoTemplate => Exit::Input,
        EngineError::Cancelled => Exit::Interrupted,
        _ => Exit::Runtime,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_was_asked_for_is_the_same_wherever_it_was_noticed() {
        let file = || "x".to_owned();
        let errors: [AppError; 7] = [
            dyno_store::StoreError::Stopped { path: file().into() }.into(),
            EngineError::Cancelled.into(),
            ModelError::Cancelled { file_name: file() }.into(),
            dyno_hub::HubError::Cancelled { file: file() }.into(),
            dyno_hub::HubError::Model(ModelError::Cancelled { file_name: file() }).into(),
            dyno_bench::BenchError::Cancelled.into(),
            dyno_hardware::MeasureError::Cancelled.into(),
        ];
        for error in errors {
            assert!(matches!(error, AppError::Cancelled), "{error:?}");
            assert_eq!((error.exit_code(), error.to_string().as_str()), (130, "stopped"));
        }
    }
}
