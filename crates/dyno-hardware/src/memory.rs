//! Memory and swap of the machine.

use crate::Sources;

/// `/proc/meminfo`, bytes; 0 where it says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Memory {
    pub(crate) total_bytes: u64,
    pub(crate) available_bytes: u64,
    pub(crate) swap_total_bytes: u64,
    pub(crate) swap_free_bytes: u64,
}

/// Reads `/proc/meminfo`.
pub(crate) fn read(sources: &Sources) -> Memory {
    let text = sources.text("proc/meminfo").unwrap_or_default();
    let bytes = |name| kib_field_bytes(&text, name).unwrap_or(0);
    Memory {
        total_bytes: bytes("MemTotal"),
        available_bytes: bytes("MemAvailable"),
        swap_total_bytes: bytes("SwapTotal"),
        swap_free_bytes: bytes("SwapFree"),
    }
}

/// Pages swapped in and out since boot (`/proc/vmstat`).
pub(crate) fn swap_pages(sources: &Sources) -> u64 {
    let text = sources.text("proc/vmstat").unwrap_or_default();
    let number = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|number| number.trim().parse::<u64>().ok()).unwrap_or(0)
    };
    number("pswpin").saturating_add(number("pswpout"))
}

/// The value of a line like `VmRSS:   123 kB`, in bytes.
pub(crate) fn kib_field_bytes(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "SwapCached:  1 kB\nSwapTotal:   2048 kB\nBroken: 5\nHuge: 99999999999999999999 kB\n";
        assert_eq!(kib_field_bytes(text, "SwapTotal"), Some(2 << 20));
        assert_eq!(kib_field_bytes(text, "Swap"), None);
        assert_eq!(kib_field_bytes(text, "Broken"), None);
        assert_eq!(kib_field_bytes(text, "Huge"), None);
    }
}
