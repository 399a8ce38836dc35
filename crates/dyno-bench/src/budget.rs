//! How much memory a window will take, before it is opened. Pure.

use dyno_types::MemoryBreakdown;

/// What contexts opened before took, by window.
#[derive(Debug, Clone, Default)]
pub(crate) struct ContextHistory {
    /// Ascending by window, each once.
    seen: Vec<(u32, MemoryBreakdown)>,
}

impl ContextHistory {
    /// Keeps what an opened context took.
    pub(crate) fn record(&mut self, window: u32, memory: MemoryBreakdown) {
        match self.seen.binary_search_by_key(&window, |(window, _)| *window) {
            Ok(index) => self.seen[index].1 = memory,
            Err(index) => self.seen.insert(index, (window, memory)),
        }
    }

    /// KV cache and compute buffers of a window, bytes. The KV cache grows in proportion to the largest one seen (or by
    /// the header's bytes per token when none was seen); the compute buffers along the line through the two largest windows
    /// seen, or in proportion when only one was.
    pub(crate) fn predict(&self, window: u32, kv_bytes_per_token: Option<f64>) -> u64 {
        (self.kv(window, kv_bytes_per_token) + self.compute(window)).max(0.0) as u64
    }

    fn kv(&self, window: u32, kv_bytes_per_token: Option<f64>) -> f64 {
        let proportional = self.seen.iter().rev().find(|(_, memory)| memory.kv_bytes > 0);
        match proportional {
            Some((seen, memory)) => memory.kv_bytes as f64 * f64::from(window) / f64::from((*seen).max(1)),
            None => kv_bytes_per_token.unwrap_or(0.0) * f64::from(window),
        }
    }

    fn compute(&self, window: u32) -> f64 {
        match self.seen.as_slice() {
            [] => 0.0,
            [(seen, memory)] => {
                memory.compute_bytes as f64 * (f64::from(window) / f64::from((*seen).max(1))).max(1.0)
            }
            [.., (smaller, before), (larger, after)] => {
                let growth = after.compute_bytes as f64 - before.compute_bytes as f64;
                let per_token = growth / f64::from(larger - smaller);
                (after.compute_bytes as f64 + per_token * (f64::from(window) - f64::from(*larger))).max(0.0)
            }
        }
    }
}

/// What is wrong with a window, as a sentence; `None` when it fits. `held` bytes of the open context will be freed first.
/// Nothing is known to be wrong when the free memory is unknown (0).
pub(crate) fn refusal(needed: u64, held: u64, available: u64, share: f64) -> Option<String> {
    let usable = (available as f64 * share) as u64;
    let more = needed.saturating_sub(held);
    (available > 0 && more > usable).then(|| {
        format!(
            "it needs about {} for KV cache and compute buffers, {} more than the context before; only {} are free, of which \
             {:.0} % may be used; choose a smaller window or a smaller KV type",
            mebibytes(needed),
            mebibytes(more),
            mebibytes(available),
            share * 100.0
        )
    })
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(kv_bytes: u64, compute_bytes: u64) -> MemoryBreakdown {
        MemoryBreakdown { weights_bytes: 1, kv_bytes, compute_bytes }
    }

    #[test]
    fn the_header_predicts_until_something_was_seen() {
        let mut history = ContextHistory::default();
        assert_eq!(history.predict(1000, Some(2.0)), 2000);
        assert_eq!(history.predict(1000, None), 0);
        history.record(500, memory(0, 10));
        assert_eq!(history.predict(1000, Some(2.0)), 2020);
        history.record(500, memory(5000, 10));
        assert_eq!(history.predict(1000, Some(2.0)), 10_020);
        assert_eq!(history.predict(250, Some(2.0)), 2510);
    }

    #[test]
    fn compute_buffers_follow_the_line_of_the_largest_windows() {
        let mut history = ContextHistory::default();
        for (window, compute) in [(2048, 300), (512, 150), (1024, 200)] {
            history.record(window, memory(u64::from(window), compute));
        }
        assert_eq!(history.predict(4096, None), 4096 + 500);
        assert_eq!(history.predict(1024, None), 1024 + 200);
    }

    #[test]
    fn windows_are_refused_by_what_they_add() {
        assert_eq!(refusal(1000, 200, 1000, 0.9), None);
        assert_eq!(refusal(1000, 0, 0, 0.9), None, "unknown free memory refuses nothing");
        let reason = refusal(600 << 20, 100 << 20, 500 << 20, 0.9).unwrap();
        assert!(reason.contains("600 MiB") && reason.contains("500 MiB are free"), "{reason}");
    }
}
