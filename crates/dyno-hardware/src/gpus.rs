//! Accelerators: those of NVIDIA through their driver's library, those of AMD and Intel through the kernel's text.

#[cfg(any(target_os = "linux", windows))]
pub(crate) mod nvidia;
pub(crate) mod sysfs;

/// Memory beyond this is a misreading, bytes.
const MEMORY_BYTES_MAX: u64 = 1 << 50;

/// What is free of a memory of this size; nothing is known when the figures contradict each other.
fn free_bytes(total: u64, used: Option<u64>) -> Option<u64> {
    if total == 0 { None } else { total.checked_sub(used?) }
}

/// A size that can be true, else 0 for unknown.
fn plausible(bytes: Option<u64>) -> u64 {
    bytes.filter(|bytes| *bytes <= MEMORY_BYTES_MAX).unwrap_or(0)
}
