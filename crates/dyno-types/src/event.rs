//! Progress of a use case, for whoever shows it. Events carry no result: a use case returns its result.

use crate::Remedy;

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
    /// A remark or a warning with what would help.
    Advice {
        /// The remark.
        text: String,
        /// What would help.
        remedy: Remedy,
        /// Whether something went wrong.
        warning: bool,
    },
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

/// Whole seconds in the two units that matter: `12 s`, `3 min 20 s`, `2 h 5 min`.
#[must_use]
pub fn seconds_in_words(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A time to wait in words, rounded up.
#[must_use]
pub fn time_left(seconds: f64) -> String {
    // Far beyond any wait; the cast of what is larger would lose nothing worth showing.
    seconds_in_words(seconds.clamp(0.0, 1e9).ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_told_in_units_of_their_size() {
        let cases = [(0.0, "0 s"), (0.2, "1 s"), (59.0, "59 s"), (61.0, "1 min 1 s"), (7500.0, "2 h 5 min")];
        for (seconds, expected) in cases {
            assert_eq!(time_left(seconds), expected);
        }
        assert_eq!(time_left(f64::INFINITY), time_left(1e9));
    }
}
