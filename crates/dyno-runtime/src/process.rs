//! This process's memory as the system counts it.

use dyno_types::ProcessMemory;

/// Memory of this process now. All zero where the system has no `/proc`.
#[must_use]
pub fn own_memory() -> ProcessMemory {
    std::fs::read_to_string("/proc/self/status").map(|status| parse_status(&status)).unwrap_or_default()
}

/// Reads the memory lines of a `/proc/<pid>/status` (documented in proc_pid_status(5)); a missing line counts as zero.
fn parse_status(status: &str) -> ProcessMemory {
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
        kib.unwrap_or(0).saturating_mul(1024)
    };
    ProcessMemory {
        rss_bytes: bytes("VmRSS"),
        rss_peak_bytes: bytes("VmHWM"),
        anonymous_bytes: bytes("RssAnon"),
        // Shared memory is not backed by a file anybody chose, but it is not anonymous either.
        file_bytes: bytes("RssFile").saturating_add(bytes("RssShmem")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_lines_of_a_status_file() {
        let status = "Name:\tengine\nVmPeak:\t 9 kB\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nRssAnon:\t     300 kB\n\
                      RssFile:\t     700 kB\nRssShmem:\t      24 kB\n";
        let expected = ProcessMemory {
            rss_bytes: 1_048_576,
            rss_peak_bytes: 2_097_152,
            anonymous_bytes: 307_200,
            file_bytes: 741_376,
        };
        assert_eq!(parse_status(status), expected);
        assert_eq!(parse_status("VmRSS: many kB\n"), ProcessMemory::default());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_memory_and_its_parts_add_up() {
        let memory = own_memory();
        assert!(memory.rss_bytes > 100_000);
        assert!(memory.rss_peak_bytes >= memory.rss_bytes);
        assert_eq!(memory.anonymous_bytes + memory.file_bytes, memory.rss_bytes);
    }
}
