//! What an engine process cannot do to the machine, whatever a model makes of it: take all memory, drag others into the shortage it
//! caused, or fill the disk with its remains.

use std::io;

/// Restrains a process that was just started. Weights that are mapped from their file do not count as memory.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn restrain(pid: u32, data_limit_bytes: Option<u64>) -> io::Result<()> {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let process = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    // Where memory runs out all the same, the kernel is to end this process and no other.
    let score = format!("/proc/{pid}/oom_score_adj");
    if std::fs::read_to_string(&score)?.trim().parse::<i32>().is_ok_and(|score| score < OOM_SCORE_MIN) {
        std::fs::write(score, OOM_SCORE_MIN.to_string())?;
    }
    let core = Rlimit { current: Some(0), maximum: Some(0) };
    prlimit(Some(process), Resource::Core, core)?;
    if let Some(bytes) = data_limit_bytes {
        prlimit(Some(process), Resource::Data, Rlimit { current: Some(bytes), maximum: Some(bytes) })?;
    }
    Ok(())
}

/// Elsewhere nothing of the kind exists.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn restrain(_pid: u32, _data_limit_bytes: Option<u64>) -> io::Result<()> {
    Ok(())
}

/// As if half of all memory were used by it already, which nothing that matters to a machine can match.
#[cfg(any(target_os = "linux", target_os = "android"))]
const OOM_SCORE_MIN: i32 = 500;
