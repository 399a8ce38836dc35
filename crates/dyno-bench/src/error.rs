//! What can go wrong before and while measuring.

use dyno_engine::EngineError;
use dyno_types::{KnobError, SamplingError};

/// A plan that cannot be carried out; found before anything is measured.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// A count outside its range.
    #[error("--{flag} is {value}; ask for 1 to {max}")]
    Count {
        /// Flag without dashes.
        flag: &'static str,
        /// The refused value.
        value: u32,
        /// Largest accepted value.
        max: u32,
    },
    /// No window to fill.
    #[error("--contexts names no window; give at least one, e.g. 512 or 512-4096*2")]
    NoWindows,
    /// A window without room for a prompt before the tokens to decode.
    #[error(
        "a context window of {window} tokens leaves no room for a prompt before {decode} decoded tokens; ask for larger \
         windows, or lower --context-decode-tokens"
    )]
    WindowTooSmall {
        /// The refused window.
        window: u32,
        /// Tokens to decode in each window.
        decode: u32,
    },
    /// A window beyond anything an engine accepts.
    #[error("a context window of {window} tokens is beyond the largest accepted one, {max}")]
    WindowTooLarge {
        /// The refused window.
        window: u32,
        /// Largest accepted window.
        max: u32,
    },
    /// The context of the inference stage is too small.
    #[error(
        "--context {context} leaves no room for a prompt before {max_tokens} generated tokens; raise it or lower --max-tokens"
    )]
    ContextTooSmall {
        /// Context of the inference stage, tokens.
        context: u32,
        /// Tokens to generate.
        max_tokens: u32,
    },
    /// The context is larger than the model was trained for.
    #[error(
        "--context {context} is beyond the {train} tokens the model was trained for; ask for at most {train}"
    )]
    BeyondTraining {
        /// Asked context, tokens.
        context: u32,
        /// Training context, tokens.
        train: u64,
    },
    /// The physical batch is larger than the logical one.
    #[error(
        "--ubatch {ubatch} is larger than --batch {batch}; a physical batch is a part of a batch, so lower --ubatch or raise --batch"
    )]
    Batch {
        /// Logical batch, tokens.
        batch: u32,
        /// Physical batch, tokens.
        ubatch: u32,
    },
    /// No prompt to run.
    #[error("the plan has no prompts, or an empty one; give at least one text")]
    NoPrompts,
    /// A knob name or value that does not exist.
    #[error(transparent)]
    Knob(#[from] KnobError),
    /// A knob that does not exist.
    #[error("there is no engine knob {0:?}")]
    UnknownKnob(String),
    /// A sweep with more points than anybody waits for.
    #[error("the sweep has {points} points, more than {max}; give fewer values")]
    SweepTooLarge {
        /// Points asked for.
        points: usize,
        /// Most accepted.
        max: usize,
    },
    /// A sampling value outside its range.
    #[error(transparent)]
    Sampling(#[from] SamplingError),
}

/// Why a benchmark ended before its plan did. What was measured until then is in the record beside it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BenchError {
    /// The flag was raised.
    #[error("stopped; what was measured until then is kept, marked incomplete")]
    Cancelled,
    /// The engine failed.
    #[error("the benchmark ended early, while {doing}: {source}")]
    Engine {
        /// What was going on.
        doing: String,
        /// What the engine said.
        source: EngineError,
    },
}

impl BenchError {
    /// The engine's own error, if it was one.
    #[must_use]
    pub fn engine(&self) -> Option<&EngineError> {
        match self {
            Self::Cancelled => None,
            Self::Engine { source, .. } => Some(source),
        }
    }
}
