//! Virtual time: what one process and its thread counts make of the script's costs.

use super::FakeScript;

const PPM: u128 = 1_000_000;

/// How the times of one process differ from the script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    /// Times are multiplied by this, parts per million.
    ppm: u128,
}

impl Pace {
    pub(super) fn of(script: &FakeScript, process: u32) -> Self {
        let jitter = match script.jitter_ppm.len() {
            0 => 0,
            length => script.jitter_ppm[process as usize % length],
        };
        let ppm = (1_000_000 + i64::from(jitter)).max(0);
        Self { ppm: u128::from(ppm.unsigned_abs()) }
    }

    /// A time of this process, ns, rounded down.
    pub(super) fn ns(self, script_ns: u64) -> u64 {
        u64::try_from(u128::from(script_ns) * self.ppm / PPM).unwrap_or(u64::MAX)
    }

    /// A time of this process, ms.
    pub(super) fn ms(self, script_ms: f64) -> f64 {
        // Exact for no jitter: multiplying and dividing by the same number could round.
        if self.ppm == PPM { script_ms } else { script_ms * self.ppm as f64 / PPM as f64 }
    }

    /// A computing time of this process with so many threads (0: as scripted), ns.
    pub(super) fn computing_ns(self, script: &FakeScript, threads: u32, script_ns: u64) -> u64 {
        self.ns(with_threads(script, threads, script_ns))
    }
}

fn with_threads(script: &FakeScript, threads: u32, script_ns: u64) -> u64 {
    let factors = &script.threads_percent;
    let index = (threads as usize).checked_sub(1);
    let percent = index.and_then(|index| factors.get(index).or(factors.last())).copied().unwrap_or(100);
    u64::try_from(u128::from(script_ns) * u128::from(percent) / 100).unwrap_or(u64::MAX)
}
