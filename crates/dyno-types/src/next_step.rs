//! What makes use of a recommended model: data that whoever talks to people words.

use crate::{EngineSettings, Remedy};

/// What to do with a choice.
#[derive(Debug, Clone, PartialEq)]
pub enum NextStep {
    /// Fetch its published files, which another program runs.
    Fetch {
        /// The files.
        reference: String,
    },
    /// Let it answer.
    Answer {
        /// The model.
        reference: String,
        /// Settings it was chosen with.
        settings: EngineSettings,
    },
    /// Measure speed and memory of its shape, with random weights.
    Measure {
        /// The model.
        reference: String,
        /// Settings it was chosen with.
        settings: EngineSettings,
    },
    /// Do what would help.
    Mend(Remedy),
}

/// How a next step is typed.
#[derive(Debug, Clone, Copy)]
pub struct StepWords(pub fn(&NextStep) -> String);

impl StepWords {
    /// How what would help is typed.
    #[must_use]
    pub fn remedy(self, remedy: Remedy) -> String {
        (self.0)(&NextStep::Mend(remedy))
    }
}

impl PartialEq for StepWords {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::fn_addr_eq(self.0, other.0)
    }
}
