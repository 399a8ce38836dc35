//! What others take from the engine's threads: counted, voiding, repeated; and waiting for a quiet machine.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use dyno_bench::{BenchContext, BenchPlan};
use dyno_engine::FakeScript;
use dyno_engine::launch::COMPUTE_THREAD;
use dyno_types::{Event, MachineState, RunRecord, Scheduling, ThreadTimes, ValidityFlag};
use futures::FutureExt as _;

use crate::bench::{Recorder, context, plan, request, run_in};
use crate::watched::Watched;

/// A context whose engine threads wait `lost` of every window in the processes named (counted from 0, the unmeasured first one
/// included): a window lasts 1 ms on the clock of these tests.
pub(crate) fn disturbing(engine: &Watched, processes: &'static [u32], lost: f64) -> BenchContext {
    let seen = Arc::clone(&engine.seen);
    let waited_ns = AtomicU64::new(0);
    let scheduling = move |_| {
        let process = seen.started.load(Ordering::SeqCst) - 1;
        let more = if processes.contains(&process) { (lost * 1e6) as u64 } else { 0 };
        let waited_ns = waited_ns.fetch_add(more, Ordering::SeqCst) + more;
        let ran_ns = 1_000_000 + waited_ns;
        let name = COMPUTE_THREAD.to_owned();
        let thread = ThreadTimes { id: 1, name, ran_ns, waited_ns, involuntary_switches: 0 };
        Some(Scheduling { threads: vec![thread], ..Scheduling::default() })
    };
    BenchContext { scheduling: Box::new(scheduling), ..context() }
}

fn measured(plan: &BenchPlan, processes: &'static [u32], lost: f64) -> RunRecord {
    let engine = Watched::new(FakeScript::default());
    let outcome = run_in(plan, &engine, &disturbing(&engine, processes, lost));
    assert_eq!((outcome.error, engine.orphans()), (None, 0));
    outcome.record
}

fn lost_by(record: &RunRecord) -> Vec<u32> {
    record.losses.iter().map(|loss| loss.process).collect()
}

#[test]
fn a_calm_run_says_what_each_process_lost_and_repeats_nothing() {
    let record = measured(&plan(), &[1, 2, 3], 0.04);
    assert_eq!(lost_by(&record), [1, 2, 3]);
    assert!(
        record.losses.iter().all(|loss| (0.01..0.04).contains(&loss.lost_share())),
        "{:?}",
        record.losses
    );
    assert!(record.discarded.is_empty() && record.notes.is_empty() && record.validity.valid);
}

#[test]
fn only_the_disturbed_process_is_repeated_and_what_was_discarded_is_kept() {
    let undisturbed = measured(&plan(), &[], 0.0);
    let record = measured(&plan(), &[2], 0.5);
    assert_eq!(lost_by(&record), [1, 3, 4]);
    assert!(record.validity.valid && record.validity.flags.is_empty(), "{:?}", record.validity);
    let [discarded] = record.discarded.as_slice() else { panic!("{:?}", record.discarded) };
    assert!(discarded.loss.process == 2 && discarded.loss.is_disturbed());
    let inference = discarded.stages.inference.as_ref().unwrap();
    assert_eq!((inference.samples.len(), inference.warmup_discarded.as_slice()), (6, &[3][..]));
    assert!(inference.samples.iter().all(|sample| sample.process == 2));
    assert_eq!(discarded.stages.load.as_ref().unwrap().samples.len(), 1);
    assert_eq!(discarded.stages.cleanup.as_ref().unwrap().samples.len(), 1);
    assert_eq!(discarded.stages.context.as_ref().unwrap().samples.len(), 3);
    let text = &record.notes[0];
    assert!(
        record.notes.len() == 1 && text.contains("engine process 2 lost") && text.contains("again"),
        "{text}"
    );
    // Figures are those of a run that nothing disturbed, but for the unique line of each prompt.
    assert_eq!(record.metrics["decode_tps"].n, undisturbed.metrics["decode_tps"].n);
    assert_eq!(record.stages.inference.as_ref().unwrap().warmup_discarded, [3, 3, 3]);
    let back: RunRecord = serde_json::from_str(&serde_json::to_string(&record).unwrap()).unwrap();
    assert_eq!(back, record);
}

#[test]
fn a_disturbance_that_stays_voids_the_run_after_a_bounded_number_of_repetitions() {
    let everything: &[u32] = &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    let record = measured(&plan(), everything, 0.16);
    assert_eq!(record.discarded.len(), 2);
    assert_eq!(lost_by(&record), [3, 4, 5]);
    assert!(!record.validity.valid && record.validity.flags == [ValidityFlag::Disturbed]);
    assert_eq!(record.stages.inference.unwrap().samples.len(), 18, "what was measured is kept all the same");
}

#[test]
fn windows_beyond_training_are_recorded_once_also_when_the_first_process_is_repeated() {
    let record = measured(&plan(), &[1], 0.5);
    let refused = |record: &RunRecord| {
        crate::bench::windows(record).iter().filter(|(window, _)| *window == 4096).count()
    };
    assert_eq!(refused(&record), 1);
}

#[test]
fn more_threads_than_processors_are_a_remark_and_void_when_they_wait_for_each_other() {
    let mut request = request();
    (request.settings.threads, request.settings.threads_prefill) = (9, 9);
    let plan = BenchPlan::new(request).unwrap();
    let flags = |lost: f64| {
        let engine = Watched::new(FakeScript::default());
        let inner = disturbing(&engine, &[1, 2, 3], lost).scheduling;
        let nine = move |pid| {
            let mut counts: Scheduling = inner(pid)?;
            let thread = counts.threads[0].clone();
            counts.threads = (0..9).map(|id| ThreadTimes { id, ..thread.clone() }).collect();
            Some(counts)
        };
        let crowded = BenchContext { scheduling: Box::new(nine), ..context() };
        let record = run_in(&plan, &engine, &crowded).record;
        assert!(record.discarded.is_empty(), "a repetition would be as crowded");
        record.validity.flags
    };
    assert_eq!(flags(0.0), [ValidityFlag::MoreThreadsThanProcessors]);
    assert_eq!(flags(0.5), [ValidityFlag::MoreThreadsThanProcessors, ValidityFlag::Oversubscribed]);
}

/// A machine whose others use half a processor until so many seconds of waiting have passed.
fn noisy_for(seconds: u32) -> BenchContext {
    let waited = Arc::new(AtomicU32::new(0));
    let (clock_ms, busy_s) = (Arc::new(Mutex::new(0.0)), Arc::clone(&waited));
    let time = Arc::clone(&clock_ms);
    BenchContext {
        clock_ms: Box::new(move || {
            *clock_ms.lock().unwrap() += 1.0;
            *clock_ms.lock().unwrap()
        }),
        machine_state: Box::new(move || MachineState {
            ram_available_bytes: 64 << 30,
            cpu_busy_s: 0.5 * f64::from(busy_s.load(Ordering::SeqCst).min(seconds)),
            ..MachineState::default()
        }),
        pause: Box::new(move |ms| {
            *time.lock().unwrap() += ms;
            waited.fetch_add(1, Ordering::SeqCst);
            futures::future::ready(()).boxed()
        }),
        ..context()
    }
}

/// Pauses of a whole run, and its record.
fn waited(plan: &BenchPlan, mut noisy: BenchContext) -> (u32, RunRecord) {
    let pauses = Arc::new(AtomicU32::new(0));
    let (count, inner) = (Arc::clone(&pauses), noisy.pause);
    noisy.pause = Box::new(move |ms| {
        count.fetch_add(1, Ordering::SeqCst);
        inner(ms)
    });
    let outcome = run_in(plan, &Watched::new(FakeScript::default()), &noisy);
    assert_eq!(outcome.error, None);
    (pauses.load(Ordering::SeqCst), outcome.record)
}

#[test]
fn a_noisy_machine_is_waited_for_and_a_quiet_one_costs_two_looks_a_process() {
    let calm = plan().with_quiet(60_000.0);
    assert_eq!(waited(&calm, noisy_for(0)).0, 4 * 2, "four processes");
    let (pauses, record) = waited(&calm, noisy_for(7));
    assert_eq!(pauses, 7 + 4 * 2);
    assert!(record.notes.is_empty());
    assert_eq!(waited(&plan(), noisy_for(7)).0, 0, "not asked for");
}

#[test]
fn waiting_has_a_limit_after_which_the_run_goes_on_and_says_so() {
    let (pauses, record) = waited(&plan().with_quiet(5_000.0), noisy_for(1000));
    assert_eq!(pauses, 5, "the limit holds for the run: it is not waited for again");
    assert!(
        record.notes[0].contains("did not become quiet within 5 s: others still use 0.50"),
        "{:?}",
        record.notes
    );
}

#[test]
fn waiting_shows_progress_and_ends_with_the_raised_flag() {
    let recorder = Recorder::new(Some(3));
    let plan = plan().with_quiet(1e9);
    let engine = Watched::new(FakeScript::default());
    let outcome = futures::executor::block_on(dyno_bench::run_bench(
        &plan,
        &engine,
        &noisy_for(u32::MAX),
        &recorder.job(),
    ));
    assert_eq!(outcome.error, Some(dyno_bench::BenchError::Cancelled));
    let events = recorder.heard();
    let waiting = |event: &&Event| matches!(event, Event::PhaseAdvanced { detail, .. } if detail.contains("others use 0.50 processors"));
    assert!(events.iter().filter(waiting).count() >= 2, "{events:?}");
}

#[test]
fn a_comparison_of_thread_counts_that_others_disturb_is_repeated_and_said_to_be_doubtful() {
    let mut request = request();
    (request.settings.threads, request.settings.threads_prefill) = (0, 0);
    let plan = BenchPlan::new(request).unwrap();
    // The first process compares thread counts and measures nothing else.
    let calm = measured(&plan, &[], 0.0);
    assert!(calm.notes.is_empty() && !calm.settings.thread_sweep.is_empty());
    let noisy = measured(&plan, &[0], 0.5);
    assert_eq!(noisy.settings.thread_sweep, calm.settings.thread_sweep);
    assert!(
        noisy.notes.len() == 1 && noisy.notes[0].contains("thread counts were compared"),
        "{:?}",
        noisy.notes
    );
    assert!(noisy.validity.valid, "the choice is doubtful, not what was measured with it");
}
