//! One use case per verb: a plain request goes in, events tell the progress, a plain result comes out.
//!
//! The command line (and later the HTTP front) call these and print; they hold no logic of their own, and nothing here
//! prints or reads the environment.

mod app;
mod bench;
mod doctor;
mod error;
mod generate;
mod inspect;
mod page;
mod past;
mod synth;

pub use app::{App, Limits, Places};
pub use bench::{BenchJob, BenchResult, ContextChoice};
pub use doctor::{Check, CheckStatus, DoctorReport};
pub use dyno_bench::CancelFlag;
pub use error::AppError;
pub use generate::{GenerateJob, Generated, GeneratedStep};
pub use page::write_page;
pub use synth::{SynthCatalogue, Synthesized};
