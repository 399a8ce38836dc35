//! What the scheduler let a process have: counts before and after a measurement become the time it lost.

use serde::{Deserialize, Serialize};

use crate::Stages;

/// Share of the measured time from which a loss voids a process: more than intervals usually span.
pub const LOST_SHARE_MAX: f64 = 0.05;

/// What the scheduler has counted so far for one thread.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ThreadTimes {
    /// Thread id.
    pub id: u32,
    /// Its name, as the process gave it.
    pub name: String,
    /// Time on a processor, ns.
    pub ran_ns: u64,
    /// Time it was ready to run and waited for a processor, ns.
    pub waited_ns: u64,
    /// How often it was taken off a processor while it still had work.
    pub involuntary_switches: u64,
}

/// Time in which some task stood still for want of a resource, ms since boot (Linux pressure stall information).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct PressureTimes {
    /// For a processor.
    pub cpu_ms: f64,
    /// For memory that had to be freed or read back first.
    pub memory_ms: f64,
    /// For a disk.
    pub io_ms: f64,
}

/// Everything counted so far around one engine process: two of these enclose a timed window.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scheduling {
    /// Threads of the engine process.
    pub threads: Vec<ThreadTimes>,
    /// Processor time of the front, ms.
    pub front_cpu_ms: f64,
    /// Processor time that the host of a virtual machine kept for itself, all processors together, ms.
    pub stolen_ms: f64,
    /// Pressure on the whole machine, where the system counts it.
    pub pressure: Option<PressureTimes>,
}

/// What one engine process lost in its timed windows to everything that is not the measurement.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ProcessLoss {
    /// Engine process.
    pub process: u32,
    /// Processors it may use.
    pub processors: u32,
    /// Most threads that computed at the same time.
    pub threads: u32,
    /// Length of all timed windows, ms.
    pub measured_ms: f64,
    /// Run-queue wait of the computing threads, added up, ms: they meet at every layer, so each wait holds up all.
    pub waited_ms: f64,
    /// Processor time of the engine's other threads and of the front, ms; where every processor computes, as much of the wait is
    /// part of the measurement.
    pub own_ms: f64,
    /// Times a computing thread was taken off its processor.
    pub involuntary_switches: u64,
    /// Time the host of a virtual machine kept for itself, ms.
    pub stolen_ms: f64,
    /// Pressure in the timed windows; absent where the system does not count it.
    pub pressure: Option<PressureTimes>,
}

impl ProcessLoss {
    /// Whether there were more computing threads than processors, so that they waited for each other.
    #[must_use]
    pub fn is_oversubscribed(&self) -> bool {
        self.processors > 0 && self.threads > self.processors
    }

    /// Share of the measured time lost, 0..=1: wait beyond what the measurement itself causes, time kept by the host, and stalls for
    /// memory. At most that much: waits of two threads at the same moment count twice.
    #[must_use]
    pub fn lost_share(&self) -> f64 {
        if self.measured_ms <= 0.0 {
            return 0.0;
        }
        let crowded = self.processors > 0 && self.threads >= self.processors;
        let own_ms = if crowded && !self.is_oversubscribed() { self.own_ms } else { 0.0 };
        let memory_ms = self.pressure.map_or(0.0, |pressure| pressure.memory_ms);
        let lost_ms = (self.waited_ms - own_ms).max(0.0) + self.stolen_ms + memory_ms;
        (lost_ms / self.measured_ms).clamp(0.0, 1.0)
    }

    /// Whether others cost this process more than [`LOST_SHARE_MAX`].
    #[must_use]
    pub fn is_disturbed(&self) -> bool {
        !self.is_oversubscribed() && self.lost_share() > LOST_SHARE_MAX
    }
}

/// A measured process that was thrown away and repeated, with everything it measured.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DiscardedProcess {
    /// Why.
    pub loss: ProcessLoss,
    /// Its samples.
    pub stages: Stages,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loss(threads: u32, waited_ms: f64, own_ms: f64) -> ProcessLoss {
        ProcessLoss {
            processors: 2,
            threads,
            measured_ms: 1000.0,
            waited_ms,
            own_ms,
            ..ProcessLoss::default()
        }
    }

    #[test]
    fn a_loss_voids_by_what_it_cost() {
        let steal = |stolen_ms| ProcessLoss { stolen_ms, ..loss(2, 0.0, 0.0) };
        let memory = |memory_ms| {
            let pressure = Some(PressureTimes { cpu_ms: 900.0, memory_ms, io_ms: 900.0 });
            ProcessLoss { pressure, ..loss(2, 0.0, 0.0) }
        };
        let cases = [
            (loss(2, 0.0, 0.0), 0.0, false),
            (loss(2, 50.0, 0.0), 0.05, false),
            (loss(2, 51.0, 0.0), 0.051, true),
            // Our own sixth of a core makes the computing threads wait as long: nothing is lost to others.
            (loss(2, 160.0, 160.0), 0.0, false),
            (loss(2, 160.0, 60.0), 0.1, true),
            // With a processor to spare our own threads need not be in the way.
            (loss(1, 60.0, 160.0), 0.06, true),
            (steal(40.0), 0.04, false),
            (steal(60.0), 0.06, true),
            (memory(60.0), 0.06, true),
            (loss(2, 5000.0, 0.0), 1.0, true),
            // Four threads on two processors wait for each other, which is another fault.
            (loss(4, 900.0, 0.0), 0.9, false),
            (ProcessLoss::default(), 0.0, false),
        ];
        for (loss, share, disturbed) in cases {
            assert!((loss.lost_share() - share).abs() < 1e-12, "{loss:?} {}", loss.lost_share());
            assert_eq!(loss.is_disturbed(), disturbed, "{loss:?}");
        }
    }
}
