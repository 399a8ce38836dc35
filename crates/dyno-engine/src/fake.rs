//! An engine in virtual time, whose every reported time follows from a script by plain arithmetic.
//!
//! It ships with dyno, not only with its tests: whatever measures engines can be run against it and must find exactly
//! what the script says (`dyno doctor` does that). It never sleeps and reads no clock. The arithmetic:
//!
//! - *depth* is the number of tokens in the context before the one being computed;
//! - a prompt of `n` tokens, `c` of them cached, takes `Σ prefill.at(depth)` for depths `c..n`;
//! - the first token follows the prompt pass after one `sampling_ns`; token `k` (counted from 1) follows token `k − 1`
//!   after `decode.at(n + k − 2) + sampling_ns`;
//! - every time is multiplied by the process's jitter (parts per million), and computing times by the factor of the
//!   thread count, each rounded down to whole ns.
//!
//! Likelihoods are exact, too, by [`FakeScript::logprob`]. It takes no time to compute them; a reference file holds only a
//! mark, and quantizing copies the file.

mod arithmetic;
mod generation;
mod likelihood;
mod script;
mod session;

pub use script::{FakeFailure, FakeFault, FakeMemory, FakePoint, FakeScript, TokenCost};

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use dyno_types::Job;

use crate::{Engine, EngineError, Session};
use arithmetic::Pace;
use session::FakeSession;

/// Starts scripted sessions; the n-th start is process n, counted from 0.
#[derive(Debug, Clone)]
pub struct FakeEngine {
    script: Arc<FakeScript>,
    started: Arc<AtomicU32>,
}

impl FakeEngine {
    /// An engine that follows this script.
    #[must_use]
    pub fn new(script: FakeScript) -> Self {
        Self { script: Arc::new(script), started: Arc::default() }
    }

    /// The script, for computing what must come out.
    #[must_use]
    pub fn script(&self) -> &FakeScript {
        &self.script
    }

    /// Processes started so far.
    #[must_use]
    pub fn processes_started(&self) -> u32 {
        self.started.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Engine for FakeEngine {
    async fn start(&self, job: &Job) -> Result<Box<dyn Session>, EngineError> {
        if job.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        let process = self.started.fetch_add(1, Ordering::Relaxed);
        let pace = Pace::of(&self.script, process);
        Ok(Box::new(FakeSession::start(Arc::clone(&self.script), process, pace, job.cancel.clone())?))
    }
}

#[cfg(test)]
mod tests;
