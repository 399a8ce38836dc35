//! Two counts of the scheduler around a timed window → what the window lost to others. Pure.

use dyno_engine::launch::COMPUTE_THREAD;
use dyno_types::{PressureTimes, ProcessLoss, Scheduling, ThreadTimes};

/// Share of the busiest computing thread's wish for a processor from which a thread counts as computing in a window.
const COMPUTES_SHARE: u64 = 10;

/// Adds what a window between these two counts lost. Threads that began in between count from zero.
pub(crate) fn add_window(loss: &mut ProcessLoss, [before, after]: [&Scheduling; 2], measured_ms: f64) {
    let changes: Vec<ThreadTimes> = after.threads.iter().map(|thread| change(before, thread)).collect();
    let (computing, others): (Vec<&ThreadTimes>, Vec<&ThreadTimes>) =
        changes.iter().partition(|thread| thread.name == COMPUTE_THREAD);
    let ms = |ns: u64| ns as f64 / 1e6;
    let wish = |thread: &ThreadTimes| thread.ran_ns.saturating_add(thread.waited_ns);
    let most = computing.iter().map(|thread| wish(thread)).max().unwrap_or(0);
    let at_work = computing.iter().filter(|thread| most > 0 && wish(thread) >= most / COMPUTES_SHARE).count();
    loss.threads = loss.threads.max(u32::try_from(at_work).unwrap_or(u32::MAX));
    loss.measured_ms += measured_ms;
    loss.waited_ms += computing.iter().map(|thread| ms(thread.waited_ns)).sum::<f64>();
    loss.involuntary_switches += computing.iter().map(|thread| thread.involuntary_switches).sum::<u64>();
    loss.own_ms += others.iter().map(|thread| ms(thread.ran_ns)).sum::<f64>();
    loss.own_ms += (after.front_cpu_ms - before.front_cpu_ms).max(0.0);
    loss.stolen_ms += (after.stolen_ms - before.stolen_ms).max(0.0);
    if let (Some(before), Some(after)) = (before.pressure, after.pressure) {
        let so_far = loss.pressure.unwrap_or_default();
        let grown = |part: fn(&PressureTimes) -> f64| part(&so_far) + (part(&after) - part(&before)).max(0.0);
        loss.pressure = Some(PressureTimes {
            cpu_ms: grown(|pressure| pressure.cpu_ms),
            memory_ms: grown(|pressure| pressure.memory_ms),
            io_ms: grown(|pressure| pressure.io_ms),
        });
    }
}

/// What a thread did since the earlier count.
fn change(before: &Scheduling, thread: &ThreadTimes) -> ThreadTimes {
    let earlier = before.threads.iter().find(|earlier| earlier.id == thread.id).cloned().unwrap_or_default();
    ThreadTimes {
        ran_ns: thread.ran_ns.saturating_sub(earlier.ran_ns),
        waited_ns: thread.waited_ns.saturating_sub(earlier.waited_ns),
        involuntary_switches: thread.involuntary_switches.saturating_sub(earlier.involuntary_switches),
        ..thread.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thread(id: u32, name: &str, ran_ms: u64, waited_ms: u64) -> ThreadTimes {
        ThreadTimes {
            id,
            name: name.to_owned(),
            ran_ns: ran_ms * 1_000_000,
            waited_ns: waited_ms * 1_000_000,
            involuntary_switches: waited_ms,
        }
    }

    fn counts(threads: Vec<ThreadTimes>, front_cpu_ms: f64, stolen_ms: f64) -> Scheduling {
        Scheduling { threads, front_cpu_ms, stolen_ms, pressure: None }
    }

    #[test]
    fn only_computing_threads_wait_and_only_the_others_are_in_the_way() {
        let before = counts(vec![thread(1, "engine", 10, 500), thread(2, COMPUTE_THREAD, 100, 5)], 40.0, 7.0);
        let after = counts(
            vec![
                thread(1, "engine", 16, 900),
                thread(2, COMPUTE_THREAD, 1000, 105),
                // Started since, and a third that hardly ran.
                thread(3, COMPUTE_THREAD, 950, 20),
                thread(4, COMPUTE_THREAD, 1, 0),
            ],
            44.0,
            10.0,
        );
        let mut loss = ProcessLoss { processors: 2, ..ProcessLoss::default() };
        add_window(&mut loss, [&before, &after], 1000.0);
        let expected = ProcessLoss {
            processors: 2,
            threads: 2,
            measured_ms: 1000.0,
            waited_ms: 120.0,
            own_ms: 10.0,
            involuntary_switches: 120,
            stolen_ms: 3.0,
            ..ProcessLoss::default()
        };
        assert_eq!(loss, expected);
        add_window(&mut loss, [&after, &after], 500.0);
        assert_eq!(loss, ProcessLoss { measured_ms: 1500.0, ..expected });
    }

    #[test]
    fn pressure_grows_where_both_counts_have_it() {
        let pressure = |memory_ms| Some(PressureTimes { memory_ms, ..PressureTimes::default() });
        let at = |memory_ms| Scheduling { pressure: pressure(memory_ms), ..Scheduling::default() };
        let mut loss = ProcessLoss::default();
        add_window(&mut loss, [&at(100.0), &Scheduling::default()], 1.0);
        assert_eq!(loss.pressure, None);
        add_window(&mut loss, [&at(100.0), &at(130.0)], 1.0);
        add_window(&mut loss, [&at(130.0), &at(135.0)], 1.0);
        assert_eq!(loss.pressure, pressure(35.0));
    }
}
