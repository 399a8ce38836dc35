//! Plan, measure and analyse: a benchmark plan and an engine become samples and a record.
//!
//! The staged procedure: metadata, load (cold and warm), inference with three standard prompts, truly filled context
//! windows, cleanup; the last four in each of several engine processes, because only processes are independent
//! repetitions. [`BenchPlan`] says what to do, [`run_bench`] does it, and everything after the samples
//! ([`summarize`], [`analyze`], [`flags`]) is a pure function of them. Whatever touches the machine comes in
//! through [`BenchContext`], so this crate itself reads no clock and no file.

mod analysis;
mod budget;
mod calibrate;
mod circumstances;
mod error;
mod loss;
mod loss_meter;
mod plan;
mod process;
mod prompt;
mod quiet;
mod repetition;
mod run;
mod sample;
mod stage;
mod summary;
mod sweep;
mod threads;
mod turns;
mod validity;
mod variation;

pub use analysis::analyze;
pub use calibrate::{Calibration, CalibrationModel, Calibrator, TIMING_PASSES};
pub use circumstances::{BenchContext, Judge};
pub use error::{BenchError, PlanError};
pub use loss_meter::{CalmMeasurement, Look, LossMeter};
pub use plan::{BenchPlan, BenchPrompt, NO_TEMPLATE, PlanRequest, WINDOW_TOKENS_MAX, WarmUp, Wording};
pub use prompt::{CORPUS, standard_prompts};
pub use run::{BenchOutcome, run_bench};
pub use summary::{Scope, summarize};
pub use sweep::{SWEEP_POINTS_MAX, expand_sweep};
pub use turns::{TurnModel, TurnPlan, TurnWatch, Turns, TurnsOutcome, measure_in_turn};
pub use validity::flags;
pub use variation::{recomputed, run_variation};
