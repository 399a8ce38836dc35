//! A small plan, its circumstances, and an event sink that can raise the flag.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dyno_bench::{BenchContext, BenchOutcome, BenchPlan, PlanRequest, run_bench};
use dyno_engine::{Engine, FakeEngine, FakeScript};
use dyno_types::{
    CancelFlag, EngineSettings, Event, EventSink, HardwareProfile, Job, MachineState, ModelFacts, PageCache,
    RunRecord, Sampling, ToolInfo, WindowFailureKind, WindowOutcome,
};
use futures::FutureExt as _;
use futures::executor::block_on;

/// Two runs in three processes, four windows, one of them beyond the training context of 2048.
pub(crate) fn request() -> PlanRequest {
    PlanRequest {
        path: PathBuf::from("fake.gguf"),
        facts: ModelFacts {
            file_name: "fake.gguf".to_owned(),
            context_train: Some(2048),
            ..ModelFacts::default()
        },
        settings: EngineSettings {
            context: 512,
            threads: 2,
            threads_prefill: 2,
            ..EngineSettings::default()
        },
        sampling: Sampling::default(),
        runs: 2,
        processes: 3,
        max_tokens: 8,
        contexts: vec![256, 512, 1024, 4096],
        context_decode_tokens: 16,
    }
}

pub(crate) fn plan() -> BenchPlan {
    BenchPlan::new(request()).unwrap()
}

pub(crate) fn context() -> BenchContext {
    let ticks = Mutex::new(0.0);
    BenchContext {
        id: "20261121-000001-fake".to_owned(),
        tool: ToolInfo { name: "dyno".to_owned(), version: "0".to_owned(), profile: "release".to_owned() },
        machine: HardwareProfile { cores_physical: 4, cores_usable: 8, ..HardwareProfile::default() },
        metadata_read_ms: 1.5,
        unix_ms: Box::new(|| 1_700_000_000_000),
        clock_ms: Box::new(move || {
            let mut now = ticks.lock().unwrap();
            *now += 1.0;
            *now
        }),
        machine_state: Box::new(|| MachineState { ram_available_bytes: 64 << 30, ..MachineState::default() }),
        judge: Box::new(|_, _, _| Vec::new()),
        process_cpu_s: Box::new(|_| None),
        scheduling: Box::new(|_| None),
        pause: Box::new(|_| futures::future::ready(()).boxed()),
        drop_page_cache: Box::new(|| PageCache::Dropped),
        process_memory: Box::new(|_| None),
    }
}

pub(crate) fn run(plan: &BenchPlan, engine: &dyn Engine) -> BenchOutcome {
    run_in(plan, engine, &context())
}

pub(crate) fn run_in(plan: &BenchPlan, engine: &dyn Engine, context: &BenchContext) -> BenchOutcome {
    block_on(run_bench(plan, engine, context, &Job::default()))
}

/// A record that came without an error.
pub(crate) fn complete(plan: &BenchPlan, script: FakeScript) -> RunRecord {
    let outcome = run(plan, &FakeEngine::new(script));
    assert_eq!(outcome.error, None);
    outcome.record
}

/// Windows with how they ended, in the order tried; `None` is measured.
pub(crate) fn windows(record: &RunRecord) -> Vec<(u32, Option<WindowFailureKind>)> {
    let samples = record.stages.context.iter().flat_map(|stage| &stage.samples);
    samples
        .map(|sample| match &sample.outcome {
            WindowOutcome::Measured { .. } => (sample.context, None),
            WindowOutcome::Failed { kind, .. } => (sample.context, Some(*kind)),
        })
        .collect()
}

/// Keeps events; raises the flag at the n-th of them.
pub(crate) struct Recorder {
    pub(crate) events: Mutex<Vec<Event>>,
    pub(crate) cancel: CancelFlag,
    pub(crate) cancel_at: Option<usize>,
}

impl Recorder {
    pub(crate) fn new(cancel_at: Option<usize>) -> Arc<Self> {
        Arc::new(Self { events: Mutex::default(), cancel: CancelFlag::default(), cancel_at })
    }

    pub(crate) fn job(self: &Arc<Self>) -> Job {
        Job::new(self.clone(), self.cancel.clone(), Duration::from_secs(60))
    }

    pub(crate) fn run(self: &Arc<Self>, plan: &BenchPlan, engine: &dyn Engine) -> BenchOutcome {
        block_on(run_bench(plan, engine, &context(), &self.job()))
    }

    /// Every event so far.
    pub(crate) fn heard(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }
}

impl EventSink for Recorder {
    fn emit(&self, event: Event) {
        let mut events = self.events.lock().unwrap();
        events.push(event);
        if self.cancel_at.is_some_and(|at| events.len() > at) {
            self.cancel.cancel();
        }
    }
}
