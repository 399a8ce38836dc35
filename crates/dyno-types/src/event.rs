//! Progress of a use case, for whoever shows it. Events carry no result: a use case returns its result.

/// Something worth showing while a use case runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A phase begins; `total` steps when known (0: unknown).
    PhaseStarted {
        /// What happens, e.g. `loading llama-3.2-1b`.
        phase: String,
        /// Steps, or 0.
        total: u64,
    },
    /// The current phase has come this far.
    PhaseAdvanced {
        /// Steps done.
        done: u64,
        /// What is being done right now; may be empty.
        detail: String,
    },
    /// The current phase is over.
    PhaseEnded,
    /// A remark worth keeping on screen.
    Note(String),
    /// Something went wrong that does not end the run.
    Warning(String),
}

/// Receives events. Called from the measuring side between, never inside, timed regions.
pub trait EventSink: Send + Sync {
    /// Takes one event; must not block for long.
    fn emit(&self, event: Event);
}

/// Shows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl EventSink for Silent {
    fn emit(&self, _event: Event) {}
}
