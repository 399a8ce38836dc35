//! One engine process of a run, and what is remembered about it.

use dyno_engine::Session;
use dyno_types::{LoadReport, ProcessLoss, ProcessMemory};

use crate::budget::ContextHistory;
use crate::{BenchContext, Look};

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
        context.loss_meter().look(self.session.info().pid)
    }

    /// Adds what was lost since the look.
    pub(crate) fn note_loss(&mut self, context: &BenchContext, before: Option<Look>) {
        context.loss_meter().add(before, self.number, &mut self.loss);
    }

    /// Notes the processor time used so far, which is gone with the process.
    pub(crate) fn note_cpu(&mut self, context: &BenchContext) {
        if let Some(seconds) = (context.process_cpu_s)(self.session.info().pid) {
            self.cpu_s = self.cpu_s.max(seconds);
        }
    }
}
