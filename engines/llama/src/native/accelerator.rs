//! Whether this machine has more than its processor for llama.cpp to compute on.

use super::sys;

/// Whether there is a device that layers can be computed on.
pub(crate) fn has_accelerator() -> bool {
    super::start();
    // SAFETY: a question about the devices that were found when llama.cpp started; no argument, no state of ours.
    unsafe { sys::llama_supports_gpu_offload() }
}
