//! What makes use of a recommended model: data that whoever talks to people words.

use crate::EngineSettings;

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
}

/// How a next step is typed.
#[derive(Debug, Clone, Copy)]
pub struct StepWords(pub fn(&NextStep) -> String);

impl PartialEq for StepWords {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::fn_addr_eq(self.0, other.0)
    }
}
