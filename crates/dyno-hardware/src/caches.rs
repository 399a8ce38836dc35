//! Caches that hold data: how many of each level and size, and the sum of the last level.

use std::collections::{BTreeMap, BTreeSet};

use dyno_types::CacheFacts;

use crate::Sources;
use crate::processor::count;

/// A cache beyond this is a misreading, bytes.
const CACHE_BYTES_MAX: u64 = 1 << 40;
/// Levels beyond this are a misreading.
const LEVEL_MAX: u64 = 9;

/// The distinct caches, by level and size. Processors that share a cache name the same list of processors.
pub(crate) fn read(sources: &Sources) -> Vec<CacheFacts> {
    let mut distinct = BTreeSet::new();
    for folder in sources.processor_folders() {
        for index in sources.entries(&folder.join("cache").to_string_lossy(), "index") {
            // Instruction caches hold no weights.
            if sources.line(index.join("type")).as_deref() == Some("Instruction") {
                continue;
            }
            let read = || {
                let level = sources.number(index.join("level")).filter(|level| *level <= LEVEL_MAX)?;
                let bytes = size_bytes(&sources.line(index.join("size"))?)?;
                let bytes = Some(bytes).filter(|bytes| (1..=CACHE_BYTES_MAX).contains(bytes))?;
                let shared = sources.line(index.join("shared_cpu_list")).unwrap_or_default();
                Some((u32::try_from(level).ok()?, bytes, shared))
            };
            distinct.extend(read());
        }
    }
    let mut instances: BTreeMap<(u32, u64), usize> = BTreeMap::new();
    for (level, bytes, _) in distinct {
        *instances.entry((level, bytes)).or_default() += 1;
    }
    let facts = |((level, bytes), number)| CacheFacts { level, bytes, instances: count(number) };
    instances.into_iter().map(facts).collect()
}

/// Sum over the caches of the highest level, bytes; 0 when unknown. An unknown number of instances counts as one.
pub(crate) fn last_level_bytes(caches: &[CacheFacts]) -> u64 {
    let highest = caches.iter().map(|cache| cache.level).max();
    let all = |cache: &CacheFacts| cache.bytes.saturating_mul(u64::from(cache.instances.max(1)));
    caches.iter().filter(|cache| Some(cache.level) == highest).map(all).fold(0, u64::saturating_add)
}

/// `32K`, `16M` or a plain number of bytes.
fn size_bytes(text: &str) -> Option<u64> {
    let (digits, unit) = match text.chars().last()? {
        'K' => (&text[..text.len() - 1], 1 << 10),
        'M' => (&text[..text.len() - 1], 1 << 20),
        'G' => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Caches of a tree: processor, index, level, type, size, shared list.
    fn caches_of(rows: &[(u32, u32, &str, &str, &str, &str)]) -> Vec<CacheFacts> {
        let folder = tempfile::tempdir().unwrap();
        for (processor, index, level, kind, size, shared) in rows {
            let path = format!("sys/devices/system/cpu/cpu{processor}/cache/index{index}");
            let index = folder.path().join(path);
            fs::create_dir_all(&index).unwrap();
            for (file, text) in
                [("level", level), ("type", kind), ("size", size), ("shared_cpu_list", shared)]
            {
                fs::write(index.join(file), format!("{text}\n")).unwrap();
            }
        }
        read(&Sources::at(folder.path()))
    }

    fn cache(level: u32, bytes: u64, instances: u32) -> CacheFacts {
        CacheFacts { level, bytes, instances }
    }

    #[test]
    fn shared_caches_count_once_and_instruction_caches_never() {
        let caches = caches_of(&[
            (0, 0, "1", "Data", "48K", "0,4"),
            (0, 1, "1", "Instruction", "64K", "0,4"),
            (0, 2, "2", "Unified", "1280K", "0,4"),
            (0, 3, "3", "Unified", "12M", "0-7"),
            (4, 0, "1", "Data", "48K", "0,4"),
            (4, 3, "3", "Unified", "12M", "0-7"),
            (1, 0, "1", "Data", "32K", "1"),
            (1, 2, "2", "Unified", "1280K", "1"),
        ]);
        assert_eq!(
            caches,
            [cache(1, 32 << 10, 1), cache(1, 48 << 10, 1), cache(2, 1280 << 10, 2), cache(3, 12 << 20, 1)]
        );
        assert_eq!(last_level_bytes(&caches), 12 << 20);
    }

    #[test]
    fn nonsense_is_no_cache() {
        let caches = caches_of(&[
            (0, 0, "-1", "Data", "32K", "0"),
            (0, 1, "1", "Data", "-32K", "0"),
            (0, 2, "2", "Unified", "18446744073709551615", "0"),
            (0, 3, "99999999999999999999", "Unified", "1M", "0"),
            (0, 4, "77", "Unified", "1M", "0"),
            (0, 5, "3", "Unified", "0K", "0"),
            (0, 6, "3", "Unified", "\u{e9}", "0"),
        ]);
        assert_eq!(caches, []);
        assert_eq!(last_level_bytes(&[]), 0);
        assert_eq!(last_level_bytes(&[cache(3, u64::MAX, 9), cache(3, 1, 1)]), u64::MAX, "never overflows");
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(size_bytes("32K"), Some(32 << 10));
        assert_eq!(size_bytes("16M"), Some(16 << 20));
        assert_eq!(size_bytes("512"), Some(512));
        assert_eq!(size_bytes("K"), None);
        assert_eq!(size_bytes("99999999999999999999G"), None);
        assert_eq!(size_bytes("18446744073709551615K"), None);
    }
}
