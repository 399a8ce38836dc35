//! Memory that a model will take, before it is loaded.

use dyno_types::{EngineSettings, ModelFacts};
use serde::Serialize;

/// Predicted memory of an engine process with the model loaded, its context open and the window full, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct MemoryEstimate {
    /// Weights in pages of the model file, which the system may drop and read again.
    pub weights_mapped_bytes: u64,
    /// Weights copied or rearranged in memory.
    pub weights_anonymous_bytes: u64,
    /// KV cache and recurrent states, of all sequences.
    pub kv_bytes: u64,
    /// Scratch buffers of the compute graph.
    pub compute_bytes: u64,
    /// The process itself: code, tokenizer, tables.
    pub process_bytes: u64,
}

impl MemoryEstimate {
    /// Everything: the predicted peak of the resident set.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.weights_mapped_bytes
            + self.weights_anonymous_bytes
            + self.kv_bytes
            + self.compute_bytes
            + self.process_bytes
    }
}

/// What the model will take with these settings; `None` when its header does not determine it.
#[must_use]
pub fn memory(facts: &ModelFacts, settings: &EngineSettings) -> Option<MemoryEstimate> {
    let _ = (facts, settings);
    None
}
