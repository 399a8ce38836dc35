//! Everything a benchmark needs from the world outside an engine session, handed in by the caller.

use dyno_types::{
    HardwareProfile, MachineState, PageCache, ProcessMemory, Scheduling, ToolInfo, ValidityFlag,
};
use futures::future::BoxFuture;

use crate::LossMeter;

/// What the machine's state before and after a run says about the run, given the processor seconds that the run itself
/// used (front and engines); everything beyond those was foreign.
pub type Judge = dyn Fn(&MachineState, &MachineState, f64) -> Vec<ValidityFlag> + Send + Sync;

/// The circumstances of one run: facts as values, effects as closures.
pub struct BenchContext {
    /// Id of the record: unique, sortable by start time, safe in file names.
    pub id: String,
    /// The measuring tool.
    pub tool: ToolInfo,
    /// The machine.
    pub machine: HardwareProfile,
    /// Time it took to read and check the model's header, ms.
    pub metadata_read_ms: f64,
    /// Wall clock, Unix ms.
    pub unix_ms: Box<dyn Fn() -> i64 + Send + Sync>,
    /// Monotonic clock, ms since any fixed moment.
    pub clock_ms: Box<dyn Fn() -> f64 + Send + Sync>,
    /// State of the machine now.
    pub machine_state: Box<dyn Fn() -> MachineState + Send + Sync>,
    /// Judges whether the machine left the run undisturbed.
    pub judge: Box<Judge>,
    /// Processor time a live process has used so far, seconds; `None` when it is not to be had.
    pub process_cpu_s: Box<dyn Fn(u32) -> Option<f64> + Send + Sync>,
    /// What the scheduler has counted for a live engine process; `None` where the system does not count the wait of threads.
    pub scheduling: Box<dyn Fn(u32) -> Option<Scheduling> + Send + Sync>,
    /// Waits so many ms.
    pub pause: Box<dyn Fn(f64) -> BoxFuture<'static, ()> + Send + Sync>,
    /// Drops the model file from the page cache and says whether that worked.
    pub drop_page_cache: Box<dyn Fn() -> PageCache + Send + Sync>,
    /// Memory of a live process; `None` when it is not to be had (the engine's own count is used then).
    pub process_memory: Box<dyn Fn(u32) -> Option<ProcessMemory> + Send + Sync>,
}

impl BenchContext {
    /// What looks at the counts of the scheduler.
    pub(crate) fn loss_meter(&self) -> LossMeter<'_> {
        LossMeter {
            scheduling: &*self.scheduling,
            clock_ms: &*self.clock_ms,
            processors: self.machine.cores_usable,
        }
    }
}
