//! One use case per verb: a plain request goes in, events tell the progress, a plain result comes out.
//!
//! The command line (and later the HTTP front) call these and print; they hold no logic of their own, and nothing here
//! prints or reads the environment.

mod abilities;
mod app;
mod bench;
mod cache;
mod doctor;
mod error;
mod generate;
mod inspect;
mod kept;
mod models;
mod page;
mod past;
mod predictions;
mod rates;
mod recommend;
mod synth;

pub use app::{App, Limits, Places};
pub use bench::{BenchJob, BenchResult, ContextChoice};
pub use doctor::{Check, CheckStatus, DoctorReport};
pub use dyno_advise::{Complexity, DetectedTier, Route};
pub use dyno_bench::CancelFlag;
pub use dyno_hub::{CacheSize, Checked, HubError, HubSettings, Pruned, Verdict, parse_bytes};
pub use error::AppError;
pub use generate::{GenerateJob, Generated, GeneratedStep};
pub use models::{Fetched, Inspected, ModelRow, damaged, listed};
pub use page::write_page;
pub use recommend::{MemoryBasis, RecommendJob, RouteJob, parse_memory};
pub use synth::{SynthCatalogue, Synthesized};
