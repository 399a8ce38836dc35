//! Speed and memory of the files: one stream each, in processes that take turns, so that drift of the machine falls on all alike.

use dyno_advise::OnMachine;
use dyno_bench::{TurnModel, TurnPlan, TurnWatch, Turns, WarmUp, measure_in_turn};
use dyno_types::{
    BenchSettings, EngineSettings, EvalRecord, Event, EventSink, Footprint, Rate, RunRecord, Validity,
    ValidityFlag,
};

use crate::eval::Subject;
use crate::loss_clock::LossClock;
use crate::predictions::compared;
use crate::watched::{WatchedEngine, changed};
use crate::{AppError, Work};

/// Tokens of a prompt, and of its answer, where the window has room.
const TOKENS: [u32; 2] = [256, 32];

/// Measured requests of a process: at least 2; more of a fast model, until they took this long together.
const REQUESTS: [u32; 2] = [2, 20];
/// See [`REQUESTS`].
const MEASURED_MS: f64 = 1000.0;

impl Work {
    /// Measures all files in turn and puts the figures into their records; why it ended early, if it did.
    pub(crate) async fn speeds(
        &self,
        subjects: &[&Subject],
        processes: u32,
        records: &mut [EvalRecord],
    ) -> Option<AppError> {
        let models: Vec<TurnModel> = subjects.iter().map(|subject| turn_model(subject)).collect();
        let plan = turn_plan(subjects, processes);
        let total = u64::from(processes) * models.len() as u64;
        self.job.emit(Event::PhaseStarted { phase: "measuring speed and memory in turn".to_owned(), total });
        let advance = |done: u32, detail: &str| {
            self.job.emit(Event::PhaseAdvanced { done: u64::from(done), detail: detail.to_owned() });
        };
        let machine = dyno_hardware::profile();
        let expected = self.predictor(&machine);
        let clock = LossClock::start();
        let meter = clock.meter(machine.cores_usable);
        let watch = TurnWatch { advance: &advance, process_cpu_s: &dyno_hardware::process_cpu_s, meter };
        let own_cpu_s = || dyno_hardware::process_cpu_s(std::process::id()).unwrap_or(0.0);
        let (before, front_s) = (dyno_hardware::state(), own_cpu_s());
        let identities = subjects.iter().map(|subject| subject.model.identity.clone()).collect();
        let engine = match self.engine() {
            Ok(engine) => engine,
            Err(error) => return Some(error),
        };
        let engine = WatchedEngine::new(&*engine, identities);
        let outcome = measure_in_turn(&engine, &models, &plan, &self.job, watch).await;
        let engines_s: f64 = outcome.models.iter().map(|turns| turns.cpu_s).sum();
        let own_s = engines_s + (own_cpu_s() - front_s).max(0.0);
        let machine_flags = dyno_hardware::judge(&before, &dyno_hardware::state(), own_s);
        self.job.emit(Event::PhaseEnded);
        for ((record, turns), subject) in records.iter_mut().zip(&outcome.models).zip(subjects) {
            let measured = Measured { turns, subject, machine_flags: &machine_flags };
            measured.enter(record, &expected);
            if outcome.error.is_some() {
                record.validity =
                    Validity { valid: false, ..record.validity.noting(&[ValidityFlag::Incomplete]) };
            }
        }
        let mut changed_first = None;
        for (record, subject) in records.iter_mut().zip(subjects) {
            if let Err(error) = subject.model.identity.check() {
                record.validity =
                    Validity { valid: false, ..record.validity.noting(&[ValidityFlag::ModelChanged]) };
                changed_first.get_or_insert(AppError::from(changed(error)));
            }
        }
        let ended = outcome.error.map(|error| match error {
            dyno_bench::BenchError::Cancelled => AppError::Cancelled,
            error => error.into(),
        });
        ended.or(changed_first)
    }
}

/// One stream, in the window that was chosen.
fn turn_model(subject: &Subject) -> TurnModel {
    TurnModel {
        file: subject.model.path.clone(),
        name: subject.model.facts.quantization.clone(),
        settings: EngineSettings { sequences: 1, ..subject.settings.clone() },
    }
}

/// The same for all: the smallest window decides.
fn turn_plan(subjects: &[&Subject], processes: u32) -> TurnPlan {
    let window = subjects.iter().map(|subject| subject.settings.context).min().unwrap_or(u32::MAX);
    TurnPlan {
        processes,
        prompt_tokens: TOKENS[0].min(window / 2).max(1),
        max_tokens: TOKENS[1].min(window / 4).max(2),
        requests: REQUESTS,
        measured_ms: MEASURED_MS,
        warm_up: WarmUp { last: 2, variation_max: 0.05, requests_max: 4 },
    }
}

/// Under which conditions speed and memory were measured, as a sentence.
pub(crate) fn conditions(subjects: &[&Subject], processes: u32) -> String {
    let plan = turn_plan(subjects, processes);
    let (settings, count) = match subjects.first() {
        Some(subject) => (&subject.settings, subjects.len()),
        None => return String::new(),
    };
    format!(
        "Speed and memory: {processes} engine processes of each of the {count} files in turn (A B B A); one stream, window of {} \
         tokens, threads: {}; prompts of {} tokens of prose, {} tokens generated after each; 95 % intervals over the processes of this session.",
        settings.context, settings.threads, plan.prompt_tokens, plan.max_tokens
    )
}

/// What was measured of one file.
struct Measured<'a> {
    turns: &'a Turns,
    subject: &'a Subject,
    /// What the state of the machine says.
    machine_flags: &'a [ValidityFlag],
}

impl Measured<'_> {
    /// Figures, doubts and remarks go into the record of the file.
    fn enter(&self, record: &mut EvalRecord, expected: &OnMachine) {
        let turns = self.turns;
        let run = self.as_run(record, expected);
        let rate = |id: &str| run.metrics.get(id).map(|found| Rate { tps: found.mean, ci95: found.ci95 });
        let Some(peak) = run.metrics.get("rss_peak_bytes") else { return };
        let breakdown = turns.memory.breakdown;
        record.footprint = Some(Footprint {
            rss_peak_bytes: Some(peak.max as u64),
            weights_bytes: Some(breakdown.weights_bytes),
            kv_bytes: Some(breakdown.kv_bytes),
            prefill_tps: rate("prefill_tps"),
            decode_tps: rate("decode_tps"),
        });
        let mut flags = dyno_bench::flags(&run);
        flags.extend_from_slice(self.machine_flags);
        flags.extend((!turns.warm).then_some(ValidityFlag::NotWarm));
        record.validity = record.validity.noting(&flags);
        record.notes.extend(turns.notes());
    }

    /// As a run of its own, so that it is doubted for the same reasons as one.
    fn as_run(&self, record: &EvalRecord, expected: &OnMachine) -> RunRecord {
        let mut run = RunRecord {
            tool: record.tool.clone(),
            machine: record.machine.clone(),
            model: self.subject.model.facts.clone(),
            engine: self.turns.engine.clone(),
            settings: BenchSettings { engine: self.subject.settings.clone(), ..BenchSettings::default() },
            losses: self.turns.losses.clone(),
            metrics: dyno_bench::summarize(&self.turns.stages, dyno_bench::Scope::Session),
            stages: self.turns.stages.clone(),
            ..RunRecord::default()
        };
        run.predictions = compared(expected, &run);
        run
    }
}

#[cfg(test)]
mod tests;
