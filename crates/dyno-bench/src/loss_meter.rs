//! Looks at the counts of the scheduler around what is timed, so that everything measured says what it lost to others.

use dyno_engine::{EngineError, Session};
use dyno_types::{MeasureReport, MeasureRequest, ProcessLoss, Scheduling};

use crate::loss;

/// How often what was disturbed is measured again.
pub(crate) const RETRIES_MAX: u32 = 2;

/// Where the counts come from.
#[derive(Clone, Copy)]
pub struct LossMeter<'a> {
    /// What the scheduler has counted for a live engine process; `None` where the system does not count the wait of threads.
    pub scheduling: &'a (dyn Fn(u32) -> Option<Scheduling> + Send + Sync),
    /// Monotonic clock, ms since any fixed moment.
    pub clock_ms: &'a (dyn Fn() -> f64 + Send + Sync),
    /// Processors that may be used.
    pub processors: u32,
}

/// A look at the counts, and when it was taken.
pub struct Look {
    pid: u32,
    counts: Scheduling,
    at_ms: f64,
}

/// A bare measurement, and what it lost to others.
#[derive(Debug)]
pub struct CalmMeasurement {
    /// The times.
    pub report: MeasureReport,
    /// What it lost; absent where the system does not say. It is disturbed only where repetitions were, too.
    pub loss: Option<ProcessLoss>,
}

impl LossMeter<'_> {
    /// Counts before a timed window; absent where the system has none.
    #[must_use]
    pub fn look(&self, pid: u32) -> Option<Look> {
        let counts = (self.scheduling)(pid)?;
        Some(Look { pid, counts, at_ms: (self.clock_ms)() })
    }

    /// Adds what was lost since the look to what was lost so far by the process of this number.
    pub fn add(&self, before: Option<Look>, process: u32, so_far: &mut Option<ProcessLoss>) {
        let Some(before) = before else { return };
        let now_ms = (self.clock_ms)();
        let Some(after) = (self.scheduling)(before.pid) else { return };
        let none = ProcessLoss { process, processors: self.processors, ..ProcessLoss::default() };
        let loss = so_far.get_or_insert(none);
        loss::add_window(loss, [&before.counts, &after], now_ms - before.at_ms);
    }

    /// A bare measurement, repeated a few times while others disturb it; the calmest counts.
    ///
    /// # Errors
    /// As [`dyno_engine::Generate::measure`].
    pub async fn measure_calmly(
        &self,
        session: &dyn Session,
        request: &MeasureRequest,
    ) -> Result<CalmMeasurement, EngineError> {
        let mut calmest = self.measure(session, request).await?;
        for _ in 0..RETRIES_MAX {
            if !calmest.is_disturbed() {
                break;
            }
            let again = self.measure(session, request).await?;
            if again.lost_share() < calmest.lost_share() {
                calmest = again;
            }
        }
        Ok(calmest)
    }

    async fn measure(
        &self,
        session: &dyn Session,
        request: &MeasureRequest,
    ) -> Result<CalmMeasurement, EngineError> {
        let before = self.look(session.info().pid);
        let report = session.measure(request).await?;
        let mut loss = None;
        self.add(before, 0, &mut loss);
        Ok(CalmMeasurement { report, loss })
    }
}

impl CalmMeasurement {
    /// Whether others took a noticeable share of its time, also when it was repeated.
    #[must_use]
    pub fn is_disturbed(&self) -> bool {
        self.loss.is_some_and(|loss| loss.is_disturbed())
    }

    /// Share of its time that others took, 0..=1.
    #[must_use]
    pub fn lost_share(&self) -> f64 {
        self.loss.map_or(0.0, |loss| loss.lost_share())
    }
}
