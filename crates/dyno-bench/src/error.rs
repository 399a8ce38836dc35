//! What can go wrong before and while measuring.

use dyno_engine::EngineError;
use dyno_types::{KnobError, Remedy, SamplingError, Wish};

/// A plan that cannot be carried out; found before anything is measured.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// A count outside its range.
    #[error("{wish} is {value}, and must be 1 to {max}")]
    Count {
        /// What was counted.
        wish: Wish,
        /// The refused value.
        value: u32,
        /// Largest accepted value.
        max: u32,
    },
    /// No window to fill.
    #[error("the list of windows names no window; give at least one, e.g. 512 or 512-4096*2")]
    NoWindows,
    /// A window without room for a prompt before the tokens to decode.
    #[error("a context window of {window} tokens leaves no room for a prompt before {decode} decoded tokens")]
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
    #[error("a window of {context} tokens leaves no room for a prompt before {max_tokens} generated tokens")]
    ContextTooSmall {
        /// Context of the inference stage, tokens.
        context: u32,
        /// Tokens to generate.
        max_tokens: u32,
    },
    /// The context is larger than the model was trained for.
    #[error("a window of {context} tokens is beyond the {train} tokens the model was trained for")]
    BeyondTraining {
        /// Asked context, tokens.
        context: u32,
        /// Training context, tokens.
        train: u64,
    },
    /// The physical batch is larger than the logical one.
    #[error("a physical batch of {ubatch} tokens is larger than the batch of {batch} that it is a part of")]
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

impl PlanError {
    /// What would help.
    #[must_use]
    pub fn remedy(&self) -> Option<Remedy> {
        let context = Wish::Knob("context");
        Some(match self {
            Self::Count { wish, max, .. } => Remedy::Between(*wish, 1, (*max).into()),
            Self::NoWindows => Remedy::Use(Wish::Contexts, "512-4096*2".to_owned()),
            Self::WindowTooSmall { .. } => {
                Remedy::Either(vec![Remedy::Raise(Wish::Contexts), Remedy::Lower(Wish::ContextDecodeTokens)])
            }
            Self::WindowTooLarge { .. } => Remedy::Lower(Wish::Contexts),
            Self::ContextTooSmall { .. } => {
                Remedy::Either(vec![Remedy::Raise(context), Remedy::Lower(Wish::MaxTokens)])
            }
            Self::BeyondTraining { train, .. } => Remedy::AtMost(context, *train),
            Self::Batch { .. } => {
                Remedy::Either(vec![Remedy::Lower(Wish::Knob("ubatch")), Remedy::Raise(Wish::Knob("batch"))])
            }
            Self::Knob(error) => Remedy::Change(Wish::Knob(error.flag)),
            Self::NoPrompts | Self::UnknownKnob(_) | Self::SweepTooLarge { .. } | Self::Sampling(_) => {
                return None;
            }
        })
    }
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
