//! A raised flag at any moment: a partial record, marked, and no process left.

use std::pin::pin;

use dyno_bench::{BenchError, run_bench};
use dyno_engine::FakeScript;
use dyno_types::{Job, ValidityFlag, WindowFailureKind};
use futures::FutureExt as _;
use futures::executor::block_on;

use crate::bench::{Recorder, context, plan, windows};
use crate::watched::Watched;

#[test]
fn whenever_it_is_raised_the_record_keeps_what_was_measured() {
    let all = Recorder::new(None);
    let full = all.run(&plan(), &Watched::new(FakeScript::default())).record;
    let events = all.heard().len();
    let mut most = 0;
    for at in 0..events - 2 {
        let engine = Watched::new(FakeScript::default());
        let outcome = Recorder::new(Some(at)).run(&plan(), &engine);
        assert_eq!(outcome.error, Some(BenchError::Cancelled), "event {at}");
        assert!(
            outcome.record.validity.flags.contains(&ValidityFlag::Incomplete)
                && !outcome.record.validity.valid
        );
        assert_eq!(engine.orphans(), 0, "event {at}");
        let kept = outcome.record.stages.inference.map_or_else(Vec::new, |stage| stage.samples);
        assert!(kept.len() >= most, "event {at}: a later end keeps no less");
        assert!(full.stages.inference.as_ref().unwrap().samples.starts_with(&kept), "event {at}");
        most = kept.len();
    }
    assert_eq!(most, 18);
}

#[test]
fn windows_not_reached_are_recorded_as_such() {
    let marked = (0..200)
        .map(|at| Recorder::new(Some(at)).run(&plan(), &Watched::new(FakeScript::default())).record)
        .find(|record| windows(record).iter().any(|(_, kind)| kind.is_none()))
        .unwrap();
    let missed = Some(WindowFailureKind::NotReached);
    assert_eq!(
        windows(&marked),
        [(4096, Some(WindowFailureKind::BeyondTraining)), (256, None), (512, missed), (1024, missed)]
    );
}

#[test]
fn a_silent_engine_does_not_keep_anybody_waiting() {
    let engine = Watched::new(FakeScript::default()).silent_from(5);
    let (plan, context, job) = (plan(), context(), Job::default());
    let outcome = {
        let mut running = pin!(run_bench(&plan, &engine, &context, &job));
        assert!(running.as_mut().now_or_never().is_none(), "it waits for the engine");
        job.cancel.cancel();
        block_on(running)
    };
    assert_eq!(outcome.error, Some(BenchError::Cancelled));
    assert_eq!(
        outcome.record.stages.inference.unwrap().samples.len(),
        1,
        "three to warm up, one measured, then silence"
    );
    assert_eq!(engine.orphans(), 0);
}

#[test]
fn a_run_can_move_between_threads() {
    fn assert_send<T: Send>(_: &T) {}
    let engine = Watched::new(FakeScript::default());
    let (plan, context, job) = (plan(), context(), Job::default());
    assert_send(&run_bench(&plan, &engine, &context, &job));
}
