//! `tune`: which sampling suits a model, task by task. Settings are tried on the same questions, most of them dropped soon, and
//! the winner is compared with the start on questions nobody was chosen by; what holds up is kept as the model's preset.

mod pool;
mod rounds;
mod search;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use dyno_eval::{SamplingChoice, Standing, Strategy, TunerError, TunerPlan, Weights};
use dyno_types::{
    CancelFlag, EngineSettings, Event, EventSink, JudgeUse, Remedy, Sampling, ThreadChoice, Wish,
    enough_judged,
};
use serde::Serialize;

pub use rounds::{PlannedRound, TriedRound, TriedSetting};

use crate::eval::code::CodeRunner;
use crate::eval::exam::Exam;
use crate::eval::host::{Host, Loading};
use crate::eval::judging::{Judge, Judging};
use crate::eval::suites::{Questions, picked_strategies};
use crate::eval::template::{self, Template};
use crate::eval::{EvalJob, Subject};
use crate::generate::start_of;
use crate::presets::TunedPreset;
use crate::{AppError, PolicyWishes, QuestionReading, Work};
use pool::Pool;
use search::{Found, Search, WithoutPhases};

/// Generations per task where nobody says: with [`CANDIDATES_USUAL`] settings enough for twelve answers each in the first
/// round and for about forty in the last comparison.
pub const TUNE_BUDGET: usize = 300;

/// Settings per task where nobody says: two rounds leave one of them.
pub const CANDIDATES_USUAL: usize = 9;

/// One search, as asked for.
#[derive(Debug, Clone)]
pub struct TuneJob {
    /// Model reference.
    pub model: String,
    /// Tasks by name or alias, or `all`; all when empty.
    pub tasks: Vec<String>,
    /// Suites: built-in names or files; the built-in ones that fit the task when empty.
    pub suites: Vec<String>,
    /// Prompt strategy; `direct` without.
    pub strategy: Option<String>,
    /// Most generations per task.
    pub budget: usize,
    /// Settings to try per task, with the start.
    pub candidates: usize,
    /// What counts how much.
    pub weights: Weights,
    /// Seed of settings, questions and draws.
    pub seed: u64,
    /// Most tokens of an answer, where the item does not say.
    pub max_tokens: u32,
    /// Chat template by name; the model's own, or none, without.
    pub template: Option<String>,
    /// Model that rates answers to open questions; without one these are left out.
    pub judge: Option<String>,
    /// Run code of the model also where it cannot be isolated.
    pub unsafe_code: bool,
    /// Use and keep answers.
    pub cache: bool,
    /// Keep what was found as the model's preset.
    pub save: bool,
    /// Engine knobs.
    pub settings: EngineSettings,
    /// Whether the context window was asked for explicitly.
    pub context_given: bool,
}

/// What a search for one task would do.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedTask {
    /// Task.
    pub task: String,
    /// Suites the questions are from.
    pub suites: Vec<String>,
    /// Questions there are.
    pub items: usize,
    /// Settings, the start first.
    pub candidates: Vec<SamplingChoice>,
    /// Rounds, if the start does not win; the last one compares it with the winner.
    pub rounds: Vec<PlannedRound>,
}

/// What was found for one task.
#[derive(Debug, Clone, Serialize)]
pub struct TaskTuning {
    /// Task.
    pub task: String,
    /// Suites the questions are from.
    pub suites: Vec<String>,
    /// Questions there are.
    pub items: usize,
    /// Where the search started.
    pub start: SamplingChoice,
    /// Setting to use: the winner where it held up, else the start.
    pub recommended: SamplingChoice,
    /// Setting that won the search, with its figures.
    pub winner: Standing,
    /// The last comparison, on fresh questions; absent when the start itself won.
    pub comparison: Option<StartComparison>,
    /// What was tried, round by round.
    pub rounds: Vec<TriedRound>,
    /// Whether some of its answers were rated by the judge.
    pub rated: bool,
    /// Generations it took.
    pub generations: usize,
    /// What there is to say.
    pub sentence: String,
    /// Remarks, e.g. why questions could not be scored.
    pub notes: Vec<String>,
    /// File the preset was kept in.
    pub kept_in: Option<PathBuf>,
}

/// Winner against start on fresh questions.
#[derive(Debug, Clone, Serialize)]
pub struct StartComparison {
    /// The start.
    pub start: Standing,
    /// The winner.
    pub winner: Standing,
    /// Difference of quality, winner − start, 0 to 1.
    pub quality_difference: f64,
    /// Its 95 % interval, paired by question and draw, clustered by question.
    pub quality_difference_ci95: [f64; 2],
}

/// A task that was left out.
#[derive(Debug, Clone, Serialize)]
pub struct SkippedTask {
    /// Task.
    pub task: String,
    /// Why.
    pub reason: String,
}

/// What a search left; also when it ended early.
#[derive(Debug, Serialize)]
pub struct TuneResult {
    /// Model reference.
    pub model: String,
    /// SHA-256 of its weights.
    pub model_sha256: String,
    /// Prompt strategy.
    pub strategy: String,
    /// What counted how much.
    pub weights: Weights,
    /// Most generations per task.
    pub budget: usize,
    /// Seed.
    pub seed: u64,
    /// Answers that were written side by side; speeds are those of each.
    pub sequences: u32,
    /// The model that rated answers to open questions.
    pub judge: Option<JudgeUse>,
    /// Tasks, in their order.
    pub tasks: Vec<TaskTuning>,
    /// Tasks left out.
    pub skipped: Vec<SkippedTask>,
    /// Those of them that were asked and could not be judged, with the reason.
    #[serde(skip)]
    unjudged: Vec<String>,
    /// Why it ended early, or what could not be done.
    #[serde(skip)]
    pub error: Option<AppError>,
}

impl TuneResult {
    /// Leaves out a task whose answers cannot be judged.
    fn leave_unjudged(&mut self, task: String, reason: String) {
        self.unjudged.push(format!("{task}: {reason}"));
        self.skipped.push(SkippedTask { task, reason });
    }
}

/// Everything checked before anything slow.
struct Plan {
    strategy: Strategy,
    tasks: Vec<(Pool, TunerPlan)>,
    skipped: Vec<SkippedTask>,
    /// Who rates answers to open questions; looked for when the search begins.
    judge: Option<Judge>,
}

/// One task to search settings for.
struct Task<'a> {
    pool: Pool,
    tuner: TunerPlan,
    strategy: &'a Strategy,
    template: &'a Template,
    /// Who rates answers to open questions.
    judging: Option<&'a mut Judging>,
}

impl Work {
    /// What [`Self::tune`] would ask, without any model.
    ///
    /// # Errors
    /// [`AppError::Input`].
    pub fn tune_plan(&self, job: &TuneJob) -> Result<Vec<PlannedTask>, AppError> {
        let plan = plan(job, &self.job.cancel, &self.job)?;
        let planned = |(pool, plan): &(Pool, TunerPlan)| {
            let (candidates, rounds) = rounds::rehearsed(plan).map_err(refused)?;
            Ok(PlannedTask {
                task: pool.task.clone(),
                suites: pool.suites.clone(),
                items: pool.items(),
                candidates,
                rounds,
            })
        };
        plan.tasks.iter().map(planned).collect()
    }

    /// Searches task by task; what was found before an error is in the result beside the error, and kept.
    ///
    /// # Errors
    /// Before anything is asked: [`AppError::Input`], [`AppError::Model`], [`AppError::Engine`], [`AppError::Cancelled`].
    pub async fn tune(&self, job: &TuneJob) -> Result<TuneResult, AppError> {
        let asked = job.clone();
        let (plan, job, subject) = self
            .aside(move |work| {
                let mut plan = plan(&asked, &work.job.cancel, &work.job)?;
                let judge = asked.judge.as_deref().map(|judge| work.judge(judge, asked.cache));
                plan.judge = judge.transpose()?;
                let job = TuneJob { save: asked.save && work.has_place_for_presets(), ..asked };
                let subject = work.eval_subject(&eval_job(&job, &[]))?;
                Ok((plan, job, subject))
            })
            .await?;
        self.search(&job, plan, &subject).await
    }

    /// Carries out a plan.
    async fn search(&self, job: &TuneJob, plan: Plan, subject: &Subject) -> Result<TuneResult, AppError> {
        let file = template::file(job.template.as_deref(), &self.job.cancel)?;
        let loading = Loading::of(&subject.model, subject.settings.clone()).with_template(file);
        let mut host = Host::open(self.engine()?, loading, &self.job).await?;
        let (template, remark) = Template::choose(job.template.as_deref(), &host).await?;
        if let Some(remark) = remark {
            self.job.emit(Event::Note(remark));
        }
        let mut result = TuneResult {
            model: job.model.clone(),
            model_sha256: subject.sha256.clone(),
            strategy: plan.strategy.name.clone(),
            weights: job.weights,
            budget: job.budget,
            seed: job.seed,
            sequences: subject.settings.sequences,
            judge: plan.judge.as_ref().map(|judge| judge.used.clone()),
            tasks: Vec::new(),
            skipped: plan.skipped.clone(),
            unjudged: Vec::new(),
            error: None,
        };
        let mut quiet = self.job.clone();
        quiet.events = Arc::new(WithoutPhases(Arc::clone(&self.job.events)));
        let judging = plan.judge.as_ref();
        let judging = judging.map(|judge| Ok::<_, AppError>(Judging::new(self.engine()?, judge, &quiet)));
        let mut judging = judging.transpose()?;
        for (pool, tuner) in plan.tasks {
            let judging = judging.as_mut();
            let task = Task { pool, tuner, strategy: &plan.strategy, template: &template, judging };
            if let Err(error) = self.tune_task(&mut host, job, task, &mut result).await {
                result.error = Some(error);
                break;
            }
        }
        if let Some(judging) = judging {
            judging.close().await;
        }
        host.close().await;
        if !result.unjudged.is_empty() && result.error.is_none() {
            result.error = Some(AppError::NothingJudged(result.unjudged.join("; ")));
        }
        Ok(result)
    }

    /// Searches for one task and keeps what was found. Of a task whose answers cannot be judged nothing is kept.
    async fn tune_task(
        &self,
        host: &mut Host,
        job: &TuneJob,
        Task { pool, tuner, strategy, template, judging }: Task<'_>,
        result: &mut TuneResult,
    ) -> Result<(), AppError> {
        let needs_code = pool.questions.needs_code();
        let code = if needs_code { Some(self.code_runner(job.unsafe_code).await?) } else { None };
        if let Some(reason) = code.as_ref().and_then(CodeRunner::refusal)
            && !enough_judged(pool.without_programs() as u64, pool.items() as u64)
        {
            result.leave_unjudged(pool.task, reason.to_owned());
            return Ok(());
        }
        let exam = Exam {
            model_sha256: &result.model_sha256,
            template,
            code: code.as_ref(),
            answers: self.answers_folder(job.cache),
            events: &self.job,
        };
        let (max_tokens, notes) = (job.max_tokens, Vec::new());
        let mut search = Search { exam, pool, strategy, judging, max_tokens, notes };
        let found = match search.run(host, tuner).await {
            Ok(found) => found,
            Err(search::Failure::Unscored(reason)) => {
                result.leave_unjudged(search.pool.task, reason);
                return Ok(());
            }
            Err(search::Failure::App(error)) => return Err(error),
        };
        let remark = template
            .system_remark(host.loaded())
            .filter(|_| strategy.system.is_some() || search.pool.has_system_text());
        let mut tuning = tuning(search, found);
        tuning.notes.extend(remark);
        if job.save {
            let preset = preset(&tuning, job, &result.strategy);
            match self.keep_preset(&job.model, &result.model_sha256, &tuning.task, preset) {
                Ok(file) => tuning.kept_in = Some(file),
                Err(error) => {
                    result.tasks.push(tuning);
                    return Err(error);
                }
            }
        }
        result.tasks.push(tuning);
        Ok(())
    }
}

/// Checks what was asked for, and gathers the questions of every task.
fn plan(job: &TuneJob, cancel: &CancelFlag, events: &dyn EventSink) -> Result<Plan, AppError> {
    let names: Vec<String> = job.strategy.iter().cloned().collect();
    let strategy = match picked_strategies(&names)?.as_slice() {
        [one] => one.clone(),
        _ => {
            let what = "settings are searched with one strategy at a time";
            return Err(AppError::refused(what, Remedy::OnlyOne(Wish::Strategy)));
        }
    };
    template::known(job.template.as_deref())?;
    let mut plan = Plan { strategy, tasks: Vec::new(), skipped: Vec::new(), judge: None };
    for task in tasks(&job.tasks)? {
        let start = start_of(&task)?.choice();
        let pool = pool::pool(job, &task, &plan.strategy, cancel, events)?;
        let tuner = TunerPlan {
            start,
            candidates: job.candidates,
            items: pool.items(),
            budget: job.budget,
            weights: job.weights,
            seed: job.seed,
        };
        match rounds::rehearsed(&tuner) {
            Ok(_) => plan.tasks.push((pool, tuner)),
            // The other tasks may have more.
            Err(error @ TunerError::TooFewItems { .. }) => {
                plan.skipped.push(SkippedTask {
                    task,
                    reason: format!("{}: {error}", pool.describe(job.judge.is_some())),
                });
            }
            Err(error) => return Err(refused(error)),
        }
    }
    if plan.tasks.is_empty() {
        return Err(AppError::Input(reasons(&plan.skipped)));
    }
    if job.judge.is_some() && !plan.tasks.iter().any(|(pool, _)| pool.questions.has_open()) {
        return Err(crate::eval::nothing_to_rate());
    }
    Ok(plan)
}

/// Tasks by their own names, each once.
fn tasks(names: &[String]) -> Result<Vec<String>, AppError> {
    let all = || dyno_eval::presets().into_iter().map(|preset| preset.task);
    if names.is_empty() || names.iter().any(|name| name == "all") {
        return Ok(all().collect());
    }
    let mut found: Vec<String> = Vec::new();
    for name in names {
        let task = start_of(name)?.task;
        if !found.contains(&task) {
            found.push(task);
        }
    }
    Ok(found)
}

/// The evaluation that asks questions of these suites for a search.
fn eval_job(job: &TuneJob, suites: &[String]) -> EvalJob {
    EvalJob {
        model: job.model.clone(),
        suites: suites.to_vec(),
        strategies: Vec::new(),
        few_shot: 0,
        limit: None,
        sampling: Sampling { seed: job.seed, ..Sampling::default() },
        max_tokens: job.max_tokens,
        policy: PolicyWishes::default(),
        template: job.template.clone(),
        suite_format: None,
        reading: QuestionReading::default(),
        strict: false,
        unsafe_code: job.unsafe_code,
        text: None,
        cache: job.cache,
        save: false,
        settings: job.settings.clone(),
        // A search keeps no record of its evaluations that could say where the threads come from.
        thread_choice: ThreadChoice::Fixed,
        context_given: job.context_given,
    }
}

fn refused(error: TunerError) -> AppError {
    let what = error.to_string();
    match error {
        TunerError::Budget { needed, .. } => {
            let more = Remedy::AtLeast(Wish::Budget, needed as u64);
            AppError::refused(what, Remedy::Either(vec![more, Remedy::Lower(Wish::Candidates)]))
        }
        TunerError::Candidates { .. } => AppError::refused(what, Remedy::Change(Wish::Candidates)),
        TunerError::Weights { .. } => AppError::refused(what, Remedy::Change(Wish::Weights)),
        _ => AppError::Input(what),
    }
}

fn reasons(skipped: &[SkippedTask]) -> String {
    let reasons: Vec<String> =
        skipped.iter().map(|skipped| format!("{}: {}", skipped.task, skipped.reason)).collect();
    format!("there is nothing to tune by: {}", reasons.join("; "))
}

fn tuning(search: Search<'_>, found: Found) -> TaskTuning {
    let Search { pool, notes, .. } = search;
    let Found { outcome, choices, rounds } = found;
    let comparison = match (outcome.confirmed, outcome.confirm_standings) {
        (Some(interval), Some([start, winner])) => Some(StartComparison {
            start,
            winner,
            quality_difference: interval.estimate,
            quality_difference_ci95: interval.bounds(),
        }),
        _ => None,
    };
    let winner = outcome.standings.into_iter().find(|standing| standing.candidate == outcome.winner);
    TaskTuning {
        items: pool.items(),
        rated: pool.questions.has_open(),
        task: pool.task,
        suites: pool.suites,
        start: choices[0],
        recommended: outcome.recommended,
        winner: winner.expect("every candidate has a standing, and the winner is one of them"),
        comparison,
        rounds,
        generations: outcome.spent,
        sentence: outcome.sentence,
        notes,
        kept_in: None,
    }
}

/// What is kept: the recommended setting, with its figures from where it was judged last.
fn preset(tuning: &TaskTuning, job: &TuneJob, strategy: &str) -> TunedPreset {
    let judged = match &tuning.comparison {
        Some(comparison) if tuning.recommended == comparison.winner.choice => &comparison.winner,
        Some(comparison) => &comparison.start,
        None => &tuning.winner,
    };
    TunedPreset {
        choice: tuning.recommended,
        quality: judged.quality,
        decode_tps: judged.decode_tps,
        objective: judged.objective,
        weights: job.weights,
        strategy: strategy.to_owned(),
        suites: tuning.suites.clone(),
        judge: job.judge.clone().filter(|_| tuning.rated),
        seed: job.seed,
        generations: tuning.generations,
        sentence: tuning.sentence.clone(),
        dyno: env!("CARGO_PKG_VERSION").to_owned(),
        found_unix_ms: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
    }
}

#[cfg(test)]
mod tests;
