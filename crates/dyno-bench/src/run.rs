//! One run from plan to record: what all stages share, their order, and the record that is there however it ends.

use dyno_engine::{Engine, EngineError, ExitCause};
use dyno_types::{
    BenchSettings, CancelFlag, Event, EventSink, Job, MachineState, MetadataStage, PageCache, RUN_SCHEMA,
    RunRecord, ThreadChoice, Validity, ValidityFlag, WindowFailureKind, WindowOutcome, WindowSample,
};

use crate::process::Process;
use crate::prompt::Nonces;
use crate::{BenchContext, BenchError, BenchPlan, Scope, Wording, analyze, flags, summarize, threads};

/// What a benchmark left. The record holds everything measured, also when it ended early (it is flagged incomplete then).
#[derive(Debug)]
pub struct BenchOutcome {
    /// The record.
    pub record: RunRecord,
    /// Why the run ended before its plan did.
    pub error: Option<BenchError>,
}

/// A run under way.
pub(crate) struct Run<'a> {
    pub(crate) plan: &'a BenchPlan,
    pub(crate) context: &'a BenchContext,
    pub(crate) record: RunRecord,
    pub(crate) nonces: Nonces,
    /// Whether prompts are put into the model's chat template.
    pub(crate) chat: bool,
    /// Windows that killed an engine process; they are not tried again.
    pub(crate) deadly: Vec<u32>,
    /// The corpus, once it was tokenized.
    pub(crate) corpus: Vec<dyno_types::TokenId>,
    /// Generations so far, which gives the next one its id.
    pub(crate) generations: u64,
    engine: &'a dyn Engine,
    job: &'a Job,
    noticed: Vec<ValidityFlag>,
    processes_started: u32,
    /// Processor time of ended engine processes, s.
    ended_cpu_s: f64,
    steps_done: u64,
    /// Whether the machine did not become quiet once; it is not waited for again.
    pub(crate) gave_up_waiting: bool,
}

/// Carries out a plan. Always gives a record: an error, a dying engine or the end of the job ends the run, never what it has
/// measured. its events tell of every step between, never inside, timed regions.
pub async fn run_bench(
    plan: &BenchPlan,
    engine: &dyn Engine,
    context: &BenchContext,
    job: &Job,
) -> BenchOutcome {
    let own = std::process::id();
    let front_cpu_s = || (context.process_cpu_s)(own).unwrap_or(0.0);
    let before = (context.machine_state)();
    let front_before_s = front_cpu_s();
    let mut run = Run {
        plan,
        context,
        record: empty_record(plan, context, before),
        nonces: Nonces::new(&context.id),
        chat: matches!(plan.wording(), Wording::Own | Wording::File(_)),
        deadly: Vec::new(),
        corpus: Vec::new(),
        generations: 0,
        engine,
        job,
        noticed: Vec::new(),
        processes_started: 0,
        ended_cpu_s: 0.0,
        steps_done: 0,
        gave_up_waiting: false,
    };
    let sweep_steps = if plan.wants_thread_sweep() { threads::steps(&context.machine) } else { 0 };
    job.emit(Event::PhaseStarted {
        phase: format!("measuring {}", plan.facts().file_name),
        total: plan.steps(sweep_steps),
    });
    let error = run.stages().await.err();
    job.emit(Event::PhaseEnded);
    let own_cpu_s = run.ended_cpu_s + (front_cpu_s() - front_before_s).max(0.0);
    BenchOutcome { record: run.finish(error.as_ref(), own_cpu_s), error }
}

fn empty_record(plan: &BenchPlan, context: &BenchContext, before: MachineState) -> RunRecord {
    let mut record = RunRecord {
        schema: RUN_SCHEMA.to_owned(),
        id: context.id.clone(),
        started_unix_ms: (context.unix_ms)(),
        tool: context.tool.clone(),
        machine: context.machine.clone(),
        machine_state: [before, before],
        model: plan.facts().clone(),
        settings: BenchSettings {
            engine: plan.settings().clone(),
            sampling: plan.sampling().clone(),
            thread_choice: ThreadChoice::Fixed,
            thread_sweep: Vec::new(),
            runs: plan.runs(),
            processes: plan.processes(),
            max_tokens: plan.max_tokens(),
            context_decode_tokens: plan.context_decode_tokens(),
            contexts: plan.contexts().to_vec(),
        },
        ..RunRecord::default()
    };
    record.stages.metadata = Some(MetadataStage { read_ms: context.metadata_read_ms });
    record
}

impl Run<'_> {
    /// A first process takes the cold load and the thread sweep; then come the measured ones.
    async fn stages(&mut self) -> Result<(), BenchError> {
        self.wait_for_calm().await?;
        let page_cache = (self.context.drop_page_cache)();
        let mut first = self.launch(page_cache).await?;
        tracing::info!("stage: thread counts");
        let chosen = self.choose_threads(&mut first).await;
        self.end(first).await;
        chosen?;
        self.repetitions().await
    }

    pub(crate) async fn measure(&mut self, process: &mut Process, repetition: u32) -> Result<(), BenchError> {
        tracing::info!(repetition, "stage: inference");
        self.infer(process, repetition).await?;
        tracing::info!(repetition, "stage: context windows");
        self.fill_windows(process, repetition).await
    }

    /// Starts a process, loads the model and opens the planned context.
    pub(crate) async fn launch(&mut self, page_cache: PageCache) -> Result<Process, BenchError> {
        tracing::info!(process = self.processes_started, "stage: load");
        let session = self.ask("starting the engine", self.engine.start(self.job)).await?;
        let mut process = Process::new(session, self.processes_started);
        self.processes_started += 1;
        if self.record.engine.name.is_empty() {
            self.record.engine = process.session.info().clone();
        }
        match self.load(&mut process, page_cache).await {
            Ok(()) => Ok(process),
            Err(error) => {
                self.end(process).await;
                Err(error)
            }
        }
    }

    /// Ends a process, dead or alive, and says how it ended.
    pub(crate) async fn end(&mut self, mut process: Process) -> ExitCause {
        process.note_cpu(self.context);
        self.ended_cpu_s += process.cpu_s;
        process.session.stop().await
    }

    /// Awaits an engine's answer, or the raised flag.
    pub(crate) async fn ask<T>(
        &self,
        doing: &str,
        work: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, BenchError> {
        match self.job.cancel.race(work).await {
            None => Err(BenchError::Cancelled),
            Some(Err(EngineError::Cancelled)) if self.is_cancelled() => Err(BenchError::Cancelled),
            Some(Err(source)) => Err(BenchError::Engine { doing: doing.to_owned(), source }),
            Some(Ok(answer)) => Ok(answer),
        }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.job.is_cancelled()
    }

    /// The flag itself, for what runs while `self` is borrowed.
    pub(crate) fn cancel_flag(&self) -> CancelFlag {
        self.job.cancel.clone()
    }

    pub(crate) fn notice(&mut self, flag: ValidityFlag) {
        self.noticed.push(flag);
    }

    /// Keeps a remark in the record, once, and shows it.
    pub(crate) fn note(&mut self, text: String) {
        if !self.record.notes.contains(&text) {
            self.job.emit(Event::Note(text.clone()));
            self.record.notes.push(text);
        }
    }

    /// Shows a trouble that does not end the run.
    pub(crate) fn warn(&self, text: String) {
        self.job.emit(Event::Warning(text));
    }

    /// Tells what is done next.
    pub(crate) fn announce(&self, detail: String) {
        self.job.emit(Event::PhaseAdvanced { done: self.steps_done, detail });
    }

    /// Counts a finished step.
    pub(crate) fn step_done(&mut self) {
        self.steps_done += 1;
        self.announce(String::new());
    }

    /// Number that the next process gets.
    pub(crate) fn next_process(&self) -> u32 {
        self.processes_started
    }

    pub(crate) fn steps_done(&self) -> u64 {
        self.steps_done
    }

    /// Steps that are done again no longer count.
    pub(crate) fn steps_back_to(&mut self, steps: u64) {
        self.steps_done = steps;
    }

    fn finish(mut self, error: Option<&BenchError>, own_cpu_s: f64) -> RunRecord {
        let after = (self.context.machine_state)();
        let [before, _] = self.record.machine_state;
        self.noticed.extend((self.context.judge)(&before, &after, own_cpu_s));
        if let Some(error) = error {
            self.noticed.push(ValidityFlag::Incomplete);
            self.record.notes.push(error.to_string());
            self.mark_windows_not_reached();
        }
        let mut record = self.record;
        record.machine_state[1] = after;
        record.ended_unix_ms = (self.context.unix_ms)();
        record.metrics = summarize(&record.stages, Scope::Repetition(&record.variation));
        record.analysis = analyze(&record.stages);
        self.noticed.extend(flags(&record));
        record.validity = Validity::from_flags(self.noticed);
        record
    }

    /// Windows that the plan names and nobody came to, once the stage was reached.
    fn mark_windows_not_reached(&mut self) {
        let Some(stage) = &mut self.record.stages.context else { return };
        let process = self.processes_started.saturating_sub(1);
        for window in self.plan.contexts() {
            if stage.samples.iter().all(|sample| sample.context != *window) {
                let outcome = WindowOutcome::Failed {
                    kind: WindowFailureKind::NotReached,
                    reason: "the run ended before this window was tried".to_owned(),
                };
                stage.samples.push(WindowSample { context: *window, process, outcome });
            }
        }
    }
}
