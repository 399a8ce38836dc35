//! Memory of a process and of a loaded model, in bytes.

use serde::{Deserialize, Serialize};

/// Memory of one process at one moment, as the operating system counts it (`/proc/<pid>/status` on Linux).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessMemory {
    /// Resident set (VmRSS), bytes.
    pub rss_bytes: u64,
    /// Highest resident set so far (VmHWM), bytes.
    pub rss_peak_bytes: u64,
    /// Part of the resident set that is anonymous (heap, KV cache, compute buffers), bytes.
    pub anonymous_bytes: u64,
    /// Part of the resident set that is pages of mapped files (memory-mapped weights), bytes.
    pub file_bytes: u64,
}

/// What a loaded model occupies by purpose, as its backend accounts for it, bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryBreakdown {
    /// Weights, mapped or copied.
    pub weights_bytes: u64,
    /// KV cache (or recurrent state) of the open context.
    pub kv_bytes: u64,
    /// Scratch buffers of the compute graph.
    pub compute_bytes: u64,
}
