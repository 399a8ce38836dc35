//! One engine process of a run, and what is remembered about it.

use dyno_engine::Session;
use dyno_types::{LoadReport, ProcessLoss, ProcessMemory, Scheduling};

use crate::budget::ContextHistory;
use crate::{BenchContext, loss};

/// A running engine process.
pub(crate) struct Process {
    pub(crate) session: Box<dyn Session>,
    /// Counted from 0 over the run.
    pub(crate) number: u32,
    pub(crate) load: LoadReport,
    /// Memory before loading.
    pub(crate) before_load: ProcessMemory,
    pub(crate) history: ContextHistory,
    /// KV cache and compute buffers of the open context, bytes.
    pub(crate) context_bytes: u64,
    /// Processor time used when last seen alive, s.
    pub(crate) cpu_s: f64,
    /// What its timed windows lost so far; absent where the system does not say.
    pub(crate) loss: Option<ProcessLoss>,
}

/// A look at the counts of the scheduler, and when it was taken.
pub(crate) struct Look {
    counts: Scheduling,
    at_ms: f64,
}

impl Process {
    pub(crate) fn new(session: Box<dyn Session>, number: u32) -> Self {
        Self {
            session,
            number,
            load: LoadReport::default(),
            before_load: ProcessMemory::default(),
            history: ContextHistory::default(),
            context_bytes: 0,
            cpu_s: 0.0,
            loss: None,
        }
    }

    /// Counts before a timed window; absent where the system has none.
    pub(crate) fn look(&self, context: &BenchContext) -> Option<Look> {
        let counts = (context.scheduling)(self.session.info().pid)?;
        Some(Look { counts, at_ms: (context.clock_ms)() })
    }

    /// Adds what was lost since the look.
    pub(crate) fn note_loss(&mut self, context: &BenchContext, before: Option<Look>) {
        let Some(before) = before else { return };
        let now_ms = (context.clock_ms)();
        let Some(after) = (context.scheduling)(self.session.info().pid) else { return };
        let processors = context.machine.cores_usable;
        let none = ProcessLoss { process: self.number, processors, ..ProcessLoss::default() };
        let loss = self.loss.get_or_insert(none);
        loss::add_window(loss, [&before.counts, &after], now_ms - before.at_ms);
    }

    /// Notes the processor time used so far, which is gone with the process.
    pub(crate) fn note_cpu(&mut self, context: &BenchContext) {
        if let Some(seconds) = (context.process_cpu_s)(self.session.info().pid) {
            self.cpu_s = self.cpu_s.max(seconds);
        }
    }
}
