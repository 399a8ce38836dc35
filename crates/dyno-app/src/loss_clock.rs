//! The clock and the counts that say what measured processes lose to others.

use std::time::Instant;

use dyno_bench::LossMeter;

/// Milliseconds since its start.
pub(crate) struct LossClock {
    now_ms: Box<dyn Fn() -> f64 + Send + Sync>,
}

impl LossClock {
    /// From now on.
    pub(crate) fn start() -> Self {
        let start = Instant::now();
        Self { now_ms: Box::new(move || start.elapsed().as_secs_f64() * 1e3) }
    }

    /// Looks at the counts of this machine, of which so many processors may be used.
    pub(crate) fn meter(&self, processors: u32) -> LossMeter<'_> {
        LossMeter { scheduling: &dyno_hardware::scheduling, clock_ms: &*self.now_ms, processors }
    }
}
