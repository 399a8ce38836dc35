//! Memory and processor time of one process.

use std::path::Path;

use dyno_types::ProcessMemory;

use crate::Sources;
use crate::memory::kib_field_bytes;

/// Memory of a running process; `None` when there is no such process or the system does not say (anything but Linux).
#[must_use]
pub fn process_memory(pid: u32) -> Option<ProcessMemory> {
    parse_memory(&Sources::system().text(Path::new("proc").join(pid.to_string()).join("status"))?)
}

/// Processor time a process used so far, over all its threads, user and system, seconds; `None` as for [`process_memory`].
#[must_use]
pub fn process_cpu_s(pid: u32) -> Option<f64> {
    let stat = Sources::system().text(Path::new("proc").join(pid.to_string()).join("stat"))?;
    Some(seconds(cpu_ticks(&stat, Whose::Own)?))
}

/// Processor time of this process and of its children that have ended and were waited for (and of theirs), seconds; 0 where
/// the system does not say.
pub(crate) fn family_cpu_s() -> f64 {
    let stat = Sources::system().text(Path::new("proc/self/stat"));
    stat.and_then(|stat| cpu_ticks(&stat, Whose::Family)).map_or(0.0, seconds)
}

fn seconds(ticks: u64) -> f64 {
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}

/// `/proc/<pid>/status`. A process that has ended and was not waited for has no memory lines.
fn parse_memory(status: &str) -> Option<ProcessMemory> {
    let bytes = |name| kib_field_bytes(status, name);
    Some(ProcessMemory {
        rss_bytes: bytes("VmRSS")?,
        rss_peak_bytes: bytes("VmHWM")?,
        anonymous_bytes: bytes("RssAnon").unwrap_or(0),
        file_bytes: bytes("RssFile").unwrap_or(0).saturating_add(bytes("RssShmem").unwrap_or(0)),
    })
}

/// Whose processor time is asked for.
#[derive(Clone, Copy)]
enum Whose {
    /// utime and stime.
    Own = 2,
    /// With cutime and cstime, those of children that were waited for.
    Family = 4,
}

/// Processor time of `/proc/<pid>/stat`; the name before it may hold blanks and parentheses.
fn cpu_ticks(stat: &str, whose: Whose) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    // State is field 3 of the line and the first one here; utime is field 14, then stime, cutime, cstime.
    let mut fields = after_name.split_whitespace().skip(11);
    (0..whose as usize).try_fold(0_u64, |sum, _| sum.checked_add(fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_status() {
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nRssAnon:\t 256 kB\nRssFile:\t 700 kB\nRssShmem:\t 68 kB\n";
        let expected = ProcessMemory {
            rss_bytes: 1 << 20,
            rss_peak_bytes: 2 << 20,
            anonymous_bytes: 256 << 10,
            file_bytes: 768 << 10,
        };
        assert_eq!(parse_memory(status), Some(expected));
        assert_eq!(parse_memory("Name:\tzombie\nState:\tZ (zombie)\n"), None);
    }

    #[test]
    fn ticks_are_found_behind_any_name() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194560 1 2 3 4 150 50 30 4 20 0 1 0 100 0 0";
        assert_eq!((cpu_ticks(stat, Whose::Own), cpu_ticks(stat, Whose::Family)), (Some(200), Some(234)));
        assert_eq!(cpu_ticks("7 (a) S 1", Whose::Own), None);
        assert_eq!(cpu_ticks("", Whose::Family), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn children_that_ended_belong_to_the_family() {
        let others = || family_cpu_s() - process_cpu_s(std::process::id()).unwrap();
        let before = others();
        let count = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        assert!(std::process::Command::new("sh").args(["-c", count]).status().unwrap().success());
        assert!(others() > before, "{before} and then {}", others());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_block_of_memory_shows_up_and_a_dead_process_is_nothing() {
        let before = process_memory(std::process::id()).unwrap();
        let block = vec![1_u8; 64 << 20];
        let after = process_memory(std::process::id()).unwrap();
        std::hint::black_box(&block);
        assert!(after.anonymous_bytes >= before.anonymous_bytes + (32 << 20), "{before:?} {after:?}");
        assert!(after.rss_peak_bytes >= after.rss_bytes);
        assert_eq!(process_memory(u32::MAX), None);
        assert_eq!(process_cpu_s(u32::MAX), None);
    }
}
