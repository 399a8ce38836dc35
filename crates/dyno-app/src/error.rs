//! Everything a use case can fail with, and the exit code it stands for.

use std::path::PathBuf;

use dyno_engine::EngineError;
use dyno_models::ModelError;

/// A failed use case.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The request itself is at fault.
    #[error("{0}")]
    Input(String),
    /// The model cannot be found, read or made.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The history cannot be used.
    #[error(transparent)]
    History(#[from] dyno_store::StoreError),
    /// A plan that cannot be carried out.
    #[error(transparent)]
    Plan(#[from] dyno_bench::PlanError),
    /// A benchmark ended early.
    #[error(transparent)]
    Bench(#[from] dyno_bench::BenchError),
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
    /// There is no run to show.
    #[error("nothing was measured yet; `dyno bench` measures the built-in model")]
    NothingMeasured,
    /// Stopped by the user.
    #[error("stopped")]
    Cancelled,
}

impl AppError {
    /// 1 runtime, 2 bad input, 3 model.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Input(_) | Self::Plan(_) => 2,
            Self::Model(error) if error.is_bad_input() => 2,
            Self::Model(
                ModelError::Write { .. } | ModelError::DiskFull { .. } | ModelError::Cancelled { .. },
            ) => 1,
            Self::Model(_) => 3,
            Self::Engine(error) => engine_exit_code(error),
            Self::Bench(error) => error.engine().map_or(1, engine_exit_code),
            Self::History(_)
            | Self::Write { .. }
            | Self::Unhealthy { .. }
            | Self::NothingMeasured
            | Self::Cancelled => 1,
        }
    }
}

fn engine_exit_code(error: &EngineError) -> u8 {
    match error {
        EngineError::Model { .. } => 3,
        EngineError::BadRequest(_) | EngineError::NoTemplate => 2,
        _ => 1,
    }
}
