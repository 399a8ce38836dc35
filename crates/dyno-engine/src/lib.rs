//! Engines as the front sees them.
//!
//! An [`Engine`] starts [`Session`]s; a session is one engine process with at most one loaded model. Nothing here
//! links native code: the real engine is another executable that may die at any instruction, and every such death
//! arrives as an [`EngineError`] that names the cause and the remedy.
//!
//! [`ProcessEngine`] supervises real processes, by the contract in [`launch`] and the messages in [`protocol`];
//! [`FakeEngine`] computes in virtual time, with exactly known results.

mod conversation;
mod engine;
mod environment;
mod error;
mod fake;
mod file_limit;
mod find;
pub mod launch;
mod likelihood;
mod link;
mod log;
mod part_file;
mod process;
pub mod protocol;
mod quantization;
mod remote;
mod restraint;
mod session;
mod temporary;

pub use engine::{Deadlines, ProcessEngine, ProcessEngineConfig};
pub use error::{EngineError, ExitCause};
pub use fake::*;
pub use file_limit::outlive_file_limit;
pub use find::find_engine;
pub use session::{
    Engine, Generate, GenerationStream, PerplexityStream, ProgressSink, Quantize, Score, ScoreStream, Session,
};
pub use temporary::temporary_folder;
