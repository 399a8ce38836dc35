//! One use case per verb: a plain request goes in, events tell the progress, a plain result comes out.
//!
//! What all jobs share is an [`App`]; one [`dyno_types::Job`] at work in it is a [`Work`], and every use case is a method of that, so that
//! several run side by side, each watched, bounded and stopped by itself.
//!
//! The command line (and later the HTTP front) call these and print; they hold no logic of their own, and nothing here
//! prints or reads the environment.

mod abilities;
mod app;
mod bench;
mod blocking;
mod cache;
mod doctor;
mod engines;
mod error;
mod eval;
mod exit;
mod generate;
mod inspect;
mod kept;
mod known_files;
mod loss_clock;
mod matrix_instructions;
mod models;
mod page;
mod past;
mod places;
mod plain_text;
mod predictions;
mod presets;
mod quant_impact;
mod quantize;
mod rates;
mod recommend;
mod synth;
#[cfg(test)]
mod testing;
mod tune;
mod variation;
mod watched;

pub use app::{App, Work};
pub use bench::{BenchJob, BenchResult, ContextChoice};
pub use doctor::{Check, CheckStatus, DoctorReport};
pub use dyno_advise::{Complexity, DetectedTier, Fallback, Route, RouteError, WindowBound};
pub use dyno_engine::launch::MEMORY_LIMIT_BYTES_MIN;
pub use dyno_engine::outlive_file_limit;
pub use dyno_eval::{CHECK_SPECS, SamplingChoice, Standing, Weights};
pub use dyno_hub::{
    CacheSize, Checked, HubError, HubSettings, Place, Pruned, StoredModel, Verdict, parse_bytes,
};
pub use dyno_models::{DEFAULT_REFERENCE, path_name, read_plain};
pub use engines::{Backend, Engines, ProcessEngines};
pub use error::{AppError, INTERRUPTED};
pub use eval::{
    CODE_LAUNCHER, EVAL_CONTEXT, EVAL_SEQUENCES, EvalCatalogue, EvalJob, EvalResult, QuestionReading,
    StrategyRow, SuiteRow, TextJob, eval_catalogue, launch_code, question_template, score_by,
};
pub use exit::{Exit, exit_codes};
pub use generate::{
    ANSWER_TOKENS_USUAL, AttemptReport, GenerateJob, Generated, GeneratedStep, LongPrompt, PartReport,
    PolicyReport, PolicyWishes, PromptTooLong, ReadingReport, SamplingWishes,
};
pub use models::{Fetched, Inspected, ListedModel, ModelRow, damaged, kept_elsewhere, listed};
pub use page::write_page;
pub use past::Records;
pub use places::{Location, Places};
pub use plain_text::plain_text;
pub use presets::{ModelPresets, TunedPreset};
pub use quant_impact::{QUANT_IMPACT_TYPES, QuantImpactJob, QuantImpactResult};
pub use quantize::{QuantizeJob, QuantizeResult, Quantized};
pub use recommend::{Asked, MemoryBasis, RecommendJob, RouteJob, parse_memory};
pub use synth::{SynthCatalogue, Synthesized};
pub use tune::{
    CANDIDATES_USUAL, PlannedRound, PlannedTask, SkippedTask, StartComparison, TUNE_BUDGET, TaskTuning,
    TriedRound, TriedSetting, TuneJob, TuneResult,
};
