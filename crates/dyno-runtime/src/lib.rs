//! Inside an engine process: everything an engine needs apart from the arithmetic.
//!
//! The protocol server, the batching scheduler, sampling and log-probabilities, stop conditions, chat templates and
//! time stamps live here; the arithmetic is behind the narrow [`Backend`] trait. Nothing here assumes a particular
//! backend, and nothing in a backend decides what this crate decides.

mod backend;
mod clock;
mod command;
pub mod detokenizer;
mod failure;
mod likelihoods;
pub mod measure;
pub mod perplexity;
mod process;
mod random;
pub mod sampling;
pub mod scheduler;
pub mod scoring;
mod serve;
mod server;
pub mod stop;
pub mod template;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod worker;

pub use backend::{Backend, BackendError, BackendInfo, BatchItem, DescribedModel};
pub use clock::{Clock, MonotonicClock};
pub use failure::{Failure, FailureKind};
pub use process::own_memory;
pub use serve::{EngineIdentity, serve};
