//! `eval`: questions and texts are put to a model, answers are judged, and everything is kept: what was asked, what came, and how
//! sure the scores are.

pub(crate) mod answers;
pub(crate) mod ask;
mod assemble;
mod cache;
pub(crate) mod code;
pub(crate) mod digest;
mod draw;
mod drive;
pub(crate) mod exam;
pub(crate) mod held;
pub(crate) mod host;
mod job;
pub(crate) mod judging;
mod likelihood;
mod lines;
mod perplexity;
mod progress;
mod speed;
pub(crate) mod suites;
pub(crate) mod template;
pub(crate) mod verdicts;

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use dyno_eval::ScoreBy;
use dyno_types::{
    CancelFlag, DivergenceResult, EngineSettings, EvalRecord, Event, EventSink, PerplexityResult, Remedy,
    SuiteResult, TemplateFile, ThreadChoice, Wish,
};

pub use code::{CODE_LAUNCHER, launch_code};
pub use job::{EVAL_CONTEXT, EVAL_SEQUENCES, EvalJob, EvalResult, QuestionReading, TextJob};
pub use suites::{EvalCatalogue, StrategyRow, SuiteRow, eval_catalogue, question_template, score_by};

use crate::app::Model;
use crate::eval::ask::Manner;
use crate::eval::assemble::Circumstances;
use crate::eval::code::CodeRunner;
use crate::eval::exam::Exam;
use crate::eval::host::{Host, Loading};
use crate::eval::judging::Judge;
use crate::eval::perplexity::Measuring;
pub(crate) use crate::eval::perplexity::Passage;
use crate::eval::suites::Questions;
use crate::eval::template::Template;
use crate::generate::{Policy, PolicyWishes};
use crate::{AppError, Work};

/// What is asked, checked before anything slow.
#[derive(Debug, Default)]
pub(crate) struct EvalPlan {
    pub(crate) questions: Vec<Questions>,
    manners: Vec<Manner>,
    pub(crate) passage: Option<Passage>,
    /// Distributions over the text that several evaluations share.
    pub(crate) distributions: Option<Distributions>,
    /// Who judges open answers.
    pub(crate) judge: Option<Judge>,
    /// A chat template in place of the model's own.
    pub(crate) template: Option<TemplateFile>,
}

impl EvalPlan {
    /// Whether any question comes with a system text.
    fn has_system_text(&self) -> bool {
        let of_strategy = self.manners.iter().any(|manner| manner.strategy.system.is_some());
        !self.questions.is_empty() && (of_strategy || self.questions.iter().any(Questions::has_system_text))
    }
}

/// Distributions of a model over a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Distributions {
    /// The model evaluated is the reference of others: its own go into this file.
    Store(PathBuf),
    /// Compare with those of the reference of this name, in this file.
    Compare(String, PathBuf),
}

/// The model that is asked.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) model: Model,
    pub(crate) sha256: String,
    pub(crate) settings: EngineSettings,
    /// How its threads came about.
    pub(crate) thread_choice: ThreadChoice,
}

impl Subject {
    fn loading(&self) -> Loading {
        Loading::of(&self.model, self.settings.clone())
    }
}

/// What every suite is put to, and how.
#[derive(Clone, Copy)]
struct Asking<'a> {
    plan: &'a EvalPlan,
    subject: &'a Subject,
    template: &'a Template,
}

/// A text that is measured.
struct MeasuredText<'a> {
    job: &'a TextJob,
    passage: &'a Passage,
    /// What is stored of it, or compared with.
    distributions: Option<Distributions>,
}

/// What was found out, as far as it went.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) suites: Vec<SuiteResult>,
    pub(crate) perplexity: Option<PerplexityResult>,
    pub(crate) divergence: Option<DivergenceResult>,
    pub(crate) notes: Vec<String>,
    pub(crate) deaths: u32,
}

impl Work {
    /// Evaluates a model. What was answered before an error is in the result beside the error.
    ///
    /// # Errors
    /// Before anything is asked: [`AppError::Input`], [`AppError::Model`], [`AppError::History`], [`AppError::Engine`],
    /// [`AppError::Cancelled`].
    pub async fn eval(&self, job: &EvalJob) -> Result<EvalResult, AppError> {
        job.sampling.validate().map_err(|error| AppError::Input(error.to_string()))?;
        let history = if job.save { self.history_to_keep()? } else { None };
        let asked = job.clone();
        let (plan, subject) = self
            .aside(move |work| {
                let planned = (work.eval_plan(&asked)?, work.eval_subject(&asked)?);
                if asked.save {
                    work.note_file(&planned.1.model);
                }
                Ok(planned)
            })
            .await?;
        let watch = dyno_hardware::Watch::begin();
        let mut result = self.evaluate(job, &plan, &subject).await?;
        // A record of nothing says nothing: why there is nothing is all there is to tell.
        if let Some(error) = result.error.take_if(|_| result.record.is_empty()) {
            return Err(error);
        }
        result.error = result.error.or_else(|| nothing_judged(std::slice::from_ref(&result.record)));
        // Answers do not suffer, but their speeds do.
        result.record.validity = result.record.validity.noting(&watch.flags());
        if let Some(history) = &history
            && let Err(error) = history.append_eval(&result.record)
        {
            self.job.emit(Event::Warning(format!("the record could not be kept: {error}")));
            result.error.get_or_insert(error.into());
        }
        Ok(result)
    }

    /// Reads suites, strategies and text.
    pub(crate) fn eval_plan(&self, job: &EvalJob) -> Result<EvalPlan, AppError> {
        let passage =
            job.text.as_ref().map(|text| Passage::read(&text.file, &self.job.cancel)).transpose()?;
        let questions = suites::questions(job, &self.job.cancel, &self.job)?;
        let strategies = suites::picked_strategies(&job.strategies)?;
        let policy = held_to(job, &self.job.cancel)?;
        let judge = self.judge_of(job, &questions)?;
        let manner = |strategy| Manner {
            strategy,
            few_shot: job.few_shot,
            sampling: job.sampling.clone(),
            max_tokens: job.max_tokens,
            policy: None,
        };
        let with_policy = |manner: Manner| {
            let held = manner.held_to(policy.as_ref());
            [Some(manner), held]
        };
        // The plain manner goes first: what the policy gains is measured by it.
        let manners = strategies.into_iter().map(manner).flat_map(with_policy).flatten().collect();
        template::known(job.template.as_deref())?;
        let template = template::file(job.template.as_deref(), &self.job.cancel)?;
        Ok(EvalPlan { questions, manners, passage, distributions: None, judge, template })
    }

    /// The judge of a job, where one was named; refused where it would have nothing to do, or none where there is only that to do.
    fn judge_of(&self, job: &EvalJob, questions: &[Questions]) -> Result<Option<Judge>, AppError> {
        let open = questions.iter().any(Questions::has_open);
        match (&job.policy.judge, open) {
            (Some(reference), true) => self.judge(reference, job.cache).map(Some),
            (Some(_), false) => Err(nothing_to_rate()),
            (None, _) if job.reading.score == Some(ScoreBy::Judge) => Err(AppError::refused(
                "answers are to be rated, and no model is named that rates them",
                Remedy::Give(Wish::Judge),
            )),
            (None, _) => Ok(None),
        }
    }

    /// Finds the model and what identifies it.
    pub(crate) fn eval_subject(&self, job: &EvalJob) -> Result<Subject, AppError> {
        let model = self.resolve(&job.model)?;
        let mut settings = job.settings.clone();
        self.fit_context(&mut settings, &model.facts, job.context_given)?;
        self.choose_threads(&mut settings);
        let sha256 = self.model_sha256(&model.identity)?;
        let thread_choice = crate::app::thread_choice(&job.settings, job.thread_choice);
        Ok(Subject { model, sha256, settings, thread_choice })
    }

    /// Carries out a plan.
    pub(crate) async fn evaluate(
        &self,
        job: &EvalJob,
        plan: &EvalPlan,
        subject: &Subject,
    ) -> Result<EvalResult, AppError> {
        let started_unix_ms = unix_ms();
        // The reference goes first and is gone again before the model is loaded: both may not fit together.
        let reference = self.reference_distributions(job, plan).await?;
        let loading = subject.loading().with_template(plan.template.clone());
        let mut host = Host::open(self.engine()?, loading, &self.job).await?;
        let (template, remark) = Template::choose(job.template.as_deref(), &host).await?;
        // A text alone is put into no template.
        if let Some(remark) = remark.filter(|_| !plan.questions.is_empty()) {
            self.job.emit(Event::Note(remark));
        }
        let mut findings = Findings::default();
        findings.notes.extend(template.system_remark(host.loaded()).filter(|_| plan.has_system_text()));
        let mut error = self
            .ask_everything(&mut host, job, Asking { plan, subject, template: &template }, &mut findings)
            .await
            .err();
        if let (None, Some(passage), Some(text)) = (&error, &plan.passage, &job.text) {
            let own = reference.as_ref().map(|(name, folder)| {
                Distributions::Compare(name.clone(), folder.path().join(DISTRIBUTIONS_FILE))
            });
            let distributions = own.or_else(|| plan.distributions.clone());
            let measured = MeasuredText { job: text, passage, distributions };
            error = self.measure_text(&mut host, measured, &mut findings).await.err();
        }
        let changed = host.check_model().err();
        let model_changed = changed.is_some();
        error = error.or(changed);
        findings.deaths = host.deaths();
        let mut circumstances = Circumstances {
            started_unix_ms,
            ended_unix_ms: unix_ms(),
            engine: host.info().clone(),
            settings: subject.settings.clone(),
            template: template.used(host.loaded()),
            memory: host.session().memory().await.ok(),
            complete: error.is_none(),
            model_changed,
        };
        host.close().await;
        if let (None, Some(judge)) = (&error, &plan.judge) {
            error = self.judge_open_answers(judge, &plan.questions, &mut findings.suites).await.err();
            circumstances.complete = error.is_none();
            circumstances.ended_unix_ms = unix_ms();
        }
        let record = assemble::record(subject, circumstances, findings);
        Ok(EvalResult { record, error })
    }

    /// Puts every suite in every manner to the model; each result is in the findings, also a partial one.
    async fn ask_everything(
        &self,
        host: &mut Host,
        job: &EvalJob,
        Asking { plan, subject, template }: Asking<'_>,
        findings: &mut Findings,
    ) -> Result<(), AppError> {
        let needs_code = plan.questions.iter().any(Questions::needs_code);
        let code = if needs_code { Some(self.code_runner(job.unsafe_code).await?) } else { None };
        let refusal = code.as_ref().and_then(CodeRunner::refusal);
        findings.notes.extend(
            code.as_ref()
                .filter(|_| refusal.is_none())
                .map(|code| format!("written programs: {}", code.describe())),
        );
        let exam = Exam {
            model_sha256: &subject.sha256,
            template,
            code: code.as_ref(),
            answers: self.answers_folder(job.cache),
            events: &self.job,
        };
        for questions in &plan.questions {
            if let Some(note) = left_out(questions, refusal) {
                self.job.emit(Event::Note(note.clone()));
                findings.notes.push(note);
                continue;
            }
            for manner in plan.manners.iter().filter(|manner| manner.concerns(questions)) {
                let asked = exam.sit(host, questions, manner).await?;
                findings.suites.push(asked.result);
                // Which items were drawn is the same for every strategy.
                let new: Vec<String> =
                    asked.notes.into_iter().filter(|note| !findings.notes.contains(note)).collect();
                findings.notes.extend(new);
                if let Some(error) = asked.error {
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Measures the text; stores the distributions, or compares them.
    async fn measure_text(
        &self,
        host: &mut Host,
        MeasuredText { job: text, passage, distributions }: MeasuredText<'_>,
        findings: &mut Findings,
    ) -> Result<(), AppError> {
        let (name, store, reference) = match distributions {
            None => (None, None, None),
            Some(Distributions::Store(file)) => (None, Some(file), None),
            Some(Distributions::Compare(name, file)) => (Some(name), None, Some(file)),
        };
        let measuring = Measuring { chunk: text.chunk, chunks_max: text.chunks_max, store, reference };
        let beyond = perplexity::beyond_training("the model", text.chunk, host.loaded());
        findings.notes.extend(beyond);
        let chunks = perplexity::measure(host, passage, &measuring, &self.job).await?;
        findings.perplexity = perplexity::perplexity(passage, text.chunk, &chunks);
        if let Some(name) = name {
            findings.divergence = perplexity::divergence(passage, &name, &chunks);
        }
        Ok(())
    }

    /// The reference model's name, and its distributions over the text in a folder that lives as long as they are needed.
    async fn reference_distributions(
        &self,
        job: &EvalJob,
        plan: &EvalPlan,
    ) -> Result<Option<(String, tempfile::TempDir)>, AppError> {
        let (Some(text), Some(passage)) = (&job.text, &plan.passage) else { return Ok(None) };
        let Some(reference) = &text.reference else { return Ok(None) };
        let model = self.resolve_aside(reference).await?;
        let mut settings = EngineSettings { context: text.chunk, ..job.settings.clone() };
        self.choose_threads(&mut settings);
        let folder = self.distributions_folder()?;
        let mut host = Host::open(self.engine()?, Loading::of(&model, settings), &self.job).await?;
        let measuring = Measuring {
            chunk: text.chunk,
            chunks_max: text.chunks_max,
            store: Some(folder.path().join(DISTRIBUTIONS_FILE)),
            reference: None,
        };
        if let Some(remark) = perplexity::beyond_training(reference, text.chunk, host.loaded()) {
            self.job.emit(Event::Warning(remark));
        }
        let measured = perplexity::measure(&mut host, passage, &measuring, &self.job).await;
        host.close().await;
        measured.map(|_| Some((reference.clone(), folder)))
    }

    /// A folder for [`DISTRIBUTIONS_FILE`], gone when dropped.
    pub(crate) fn distributions_folder(&self) -> Result<tempfile::TempDir, AppError> {
        let place = self.app.places.scratch();
        let made = tempfile::Builder::new().prefix("reference-").tempdir_in(&place);
        made.map_err(|source| AppError::Write { path: place, source })
    }

    /// The folder of answers given before, where they are to be kept and there is a place.
    pub(crate) fn answers_folder(&self, keep: bool) -> Option<PathBuf> {
        self.app.places.beside_history("answers").filter(|_| keep)
    }
}

/// Why a suite is not asked, where it is not: nobody named it, and nothing here can judge its answers. One that was named is asked all the
/// same, and that nothing of it was judged is a failure.
fn left_out(questions: &Questions, refusal: Option<&str>) -> Option<String> {
    let reason = refusal.filter(|_| questions.by_default && questions.needs_code())?;
    Some(format!("{} was left out, because programs cannot be run here: {reason}", questions.id.name))
}

/// Name of a reference's distributions in their folder.
pub(crate) const DISTRIBUTIONS_FILE: &str = "distributions";

/// A judge without anything to do.
pub(crate) fn nothing_to_rate() -> AppError {
    let what = "a judge rates answers to open questions, and no question here is open";
    AppError::refused(what, Remedy::RateOwnQuestions)
}

/// The policy that answers are held to. A judge rates open answers and accepts none.
fn held_to(job: &EvalJob, cancel: &CancelFlag) -> Result<Option<Policy>, AppError> {
    if job.policy.least_grade.is_some() {
        let what =
            "the judge of an evaluation rates answers and refuses none, so a minimum grade means nothing";
        return Err(AppError::refused(what, Remedy::Omit(vec![Wish::LeastGrade])));
    }
    let wishes = PolicyWishes { judge: None, ..job.policy.clone() };
    let Some(policy) = wishes.policy(cancel)? else { return Ok(None) };
    policy.check_sampling(&job.sampling)?;
    Ok(Some(policy))
}

/// The failure that suites are of which nothing could be judged.
pub(crate) fn nothing_judged(records: &[EvalRecord]) -> Option<AppError> {
    let reason = |result: &SuiteResult| {
        let unscored = result.nothing_judged()?;
        Some(format!("{}, {}: {}", result.suite.name, result.strategy, unscored.reason))
    };
    let mut reasons: Vec<String> =
        records.iter().flat_map(|record| &record.suites).filter_map(reason).collect();
    reasons.dedup();
    (!reasons.is_empty()).then(|| AppError::NothingJudged(reasons.join("; ")))
}

fn unix_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
