//! Whether the machine left a measurement undisturbed: two states around it become reasons for doubt.

use dyno_types::{MachineState, ValidityFlag};

use crate::process::family_cpu_s;

/// Share of all processor time used that may be others' before it counts as a disturbance.
const FOREIGN_SHARE_MAX: f64 = 0.10;
/// Less than this, seconds, is the system's own housekeeping and the grain of its clocks.
const FOREIGN_MIN_S: f64 = 0.5;

/// Flags that follow from the machine's state before and after a measurement.
///
/// `own_cpu_s` is the processor time that everything measured on purpose (dyno and its engines) used in between. Foreign load
/// is busy + stolen − own, over the whole machine; it counts from a tenth of busy + stolen on. Battery is no part of a state:
/// see `HardwareProfile::on_battery`.
#[must_use]
pub fn judge(before: &MachineState, after: &MachineState, own_cpu_s: f64) -> Vec<ValidityFlag> {
    let mut flags = Vec::new();
    if throttled(before, after) {
        flags.push(ValidityFlag::Throttled);
    }
    if disturbed(before, after, own_cpu_s) {
        flags.push(ValidityFlag::ForeignLoad);
    }
    if after.swap_pages > before.swap_pages {
        flags.push(ValidityFlag::SwapUsed);
    }
    flags
}

/// The machine from one moment on, for whoever measures with this process and children that end before the verdict.
#[derive(Debug, Clone, Copy)]
pub struct Watch {
    before: MachineState,
    family_cpu_s: f64,
}

impl Watch {
    /// From now on.
    #[must_use]
    pub fn begin() -> Self {
        Self { before: crate::state(), family_cpu_s: family_cpu_s() }
    }

    /// What disturbed the machine since then.
    #[must_use]
    pub fn flags(&self) -> Vec<ValidityFlag> {
        judge(&self.before, &crate::state(), (family_cpu_s() - self.family_cpu_s).max(0.0))
    }
}

fn throttled(before: &MachineState, after: &MachineState) -> bool {
    matches!((before.throttle_events, after.throttle_events), (Some(before), Some(after)) if after > before)
}

fn disturbed(before: &MachineState, after: &MachineState, own_cpu_s: f64) -> bool {
    let used_s = (after.cpu_busy_s - before.cpu_busy_s) + (after.cpu_steal_s - before.cpu_steal_s);
    let foreign_s = used_s - own_cpu_s;
    foreign_s > FOREIGN_MIN_S && foreign_s > FOREIGN_SHARE_MAX * used_s
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Flags after this change of state.
    fn after_change(own_cpu_s: f64, change: impl FnOnce(&mut MachineState)) -> Vec<ValidityFlag> {
        let before = MachineState {
            cpu_busy_s: 1000.0,
            cpu_steal_s: 5.0,
            swap_pages: 7,
            throttle_events: Some(3),
            ..MachineState::default()
        };
        let mut after = before;
        change(&mut after);
        judge(&before, &after, own_cpu_s)
    }

    #[test]
    fn our_own_work_is_no_disturbance() {
        assert_eq!(after_change(38.0, |after| after.cpu_busy_s += 39.0), []);
        assert_eq!(after_change(39.0, |after| after.cpu_busy_s += 38.0), [], "clocks disagree a little");
        assert_eq!(after_change(0.0, |_| {}), []);
    }

    #[test]
    fn others_count_from_a_tenth_of_the_time_used_and_steal_counts_too() {
        assert_eq!(after_change(91.0, |after| after.cpu_busy_s += 100.0), []);
        assert_eq!(after_change(89.0, |after| after.cpu_busy_s += 100.0), [ValidityFlag::ForeignLoad]);
        let stolen = |after: &mut MachineState| {
            after.cpu_busy_s += 80.0;
            after.cpu_steal_s += 20.0;
        };
        assert_eq!(after_change(80.0, stolen), [ValidityFlag::ForeignLoad]);
    }

    #[test]
    fn housekeeping_in_a_short_run_is_no_disturbance() {
        assert_eq!(after_change(0.1, |after| after.cpu_busy_s += 0.5), []);
    }

    #[test]
    fn swapping_and_throttling_count_when_they_happened_in_between() {
        assert_eq!(after_change(0.0, |after| after.swap_pages += 1), [ValidityFlag::SwapUsed]);
        assert_eq!(after_change(0.0, |after| after.throttle_events = Some(4)), [ValidityFlag::Throttled]);
        assert_eq!(after_change(0.0, |after| after.throttle_events = None), []);
    }
}
