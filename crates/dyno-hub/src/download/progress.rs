//! Rate and time left of a transfer: pure, the clock comes from outside.

use std::collections::VecDeque;
use std::time::Duration;

use dyno_types::time_left;

/// The rate is that of the last so many seconds.
const WINDOW: Duration = Duration::from_secs(10);
/// A line is worth showing this often.
const SHOW_EVERY: Duration = Duration::from_millis(200);

/// Bytes over time.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// Moment since the beginning and bytes done then; the oldest first.
    seen: VecDeque<(Duration, u64)>,
    shown: Option<Duration>,
}

impl Meter {
    /// Notes that `done` of `total` bytes are there at this moment; gives the words to show, when it is time.
    pub(crate) fn note(&mut self, at: Duration, done: u64, total: u64) -> Option<String> {
        if self.shown.is_some_and(|shown| at.saturating_sub(shown) < SHOW_EVERY) {
            return None;
        }
        self.shown = Some(at);
        self.seen.push_back((at, done));
        while self.seen.len() > 2
            && self.seen.front().is_some_and(|(old, _)| at.saturating_sub(*old) > WINDOW)
        {
            self.seen.pop_front();
        }
        Some(self.words(done, total))
    }

    fn words(&self, done: u64, total: u64) -> String {
        let rate = self.bytes_per_s().filter(|rate| *rate >= 1.0);
        let Some(rate) = rate else { return size(done) };
        let left = total.saturating_sub(done) as f64 / rate;
        format!("{} at {}/s, {} left", size(done), size(rate as u64), time_left(left))
    }

    fn bytes_per_s(&self) -> Option<f64> {
        let ((begin, before), (end, after)) = (self.seen.front()?, self.seen.back()?);
        let seconds = end.saturating_sub(*begin).as_secs_f64();
        (seconds > 0.0).then(|| after.saturating_sub(*before) as f64 / seconds)
    }
}

/// A size in the unit people read: `1.5 GB` (thousands).
pub(crate) fn size(bytes: u64) -> String {
    let units = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    let bytes = bytes as f64;
    let unit = units.iter().find(|(factor, _)| bytes >= *factor);
    unit.map_or_else(|| format!("{bytes} B"), |(factor, name)| format!("{:.1} {name}", bytes / factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_and_time_left_follow_the_last_seconds() {
        let mut meter = Meter::default();
        let at = Duration::from_secs;
        let total = 1_000_000_000;
        assert_eq!(meter.note(at(0), 0, total).unwrap(), "0 B");
        assert_eq!(meter.note(Duration::from_millis(100), 1, total), None, "too soon");
        assert_eq!(meter.note(at(1), 50_000_000, total).unwrap(), "50.0 MB at 50.0 MB/s, 19 s left");
        for second in 2..=20 {
            meter.note(at(second), 50_000_000 + second * 1_000_000, total);
        }
        assert_eq!(meter.note(at(21), 71_000_000, total).unwrap(), "71.0 MB at 1.0 MB/s, 15 min 29 s left");
        assert_eq!(meter.note(at(60), 71_000_000, total).unwrap(), "71.0 MB", "a standstill has no rate");
    }

    #[test]
    fn sizes_read_well() {
        assert_eq!(
            [size(0), size(999), size(1_500), size(2_340_000_000)],
            ["0 B", "999 B", "1.5 kB", "2.3 GB"]
        );
    }
}
