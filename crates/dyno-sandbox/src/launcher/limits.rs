//! Limits of resources that the kernel keeps for every process.

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::order::ResourceLimits;

/// Limits this process and what it becomes. `no_children` forbids new processes and threads by count, for where no filter does; the
/// kernel counts all of the user's processes and does not count at all for root. In a namespace of its own (`own_user`) it counts those of the
/// namespace alone, so that threads can be limited.
pub(super) fn apply(limits: &ResourceLimits, no_children: bool, own_user: bool) -> Result<(), String> {
    // The first limit sends a signal that a program can ignore, the second one, a second later, SIGKILL.
    set(Resource::Cpu, limits.cpu_s, limits.cpu_s.saturating_add(1))?;
    set(Resource::Fsize, limits.file_bytes, limits.file_bytes)?;
    set(Resource::Core, 0, 0)?;
    set(Resource::Nofile, limits.open_files, limits.open_files)?;
    if no_children {
        set(Resource::Nproc, 1, 1)?;
    } else if own_user {
        set(Resource::Nproc, limits.threads, limits.threads)?;
    }
    match set(Resource::As, limits.memory_bytes, limits.memory_bytes) {
        // macOS does not limit address space; the trial of the protections finds that out and says so.
        Err(_) if cfg!(not(target_os = "linux")) => Ok(()),
        result => result,
    }
}

fn set(resource: Resource, soft: u64, hard: u64) -> Result<(), String> {
    let limit = Rlimit { current: Some(soft), maximum: Some(hard) };
    setrlimit(resource, limit)
        .map_err(|error| format!("the limit {resource:?} cannot be set to {soft}: {error}"))
}
