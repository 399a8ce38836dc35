//! The search of one task: the tuner says what to ask, the exam asks it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dyno_eval::{
    Draw, DrawResult, SamplingChoice, Strategy, Trial, Tuner, TunerOutcome, TunerPlan, judged_draws, points,
};
use dyno_types::{Event, EventSink, ItemOutcome, ItemResult, JUDGED_SHARE_MIN, Sampling, enough_judged};

use super::pool::Pool;
use super::rounds::TriedRound;
use crate::AppError;
use crate::eval::ask::Manner;
use crate::eval::exam::Exam;
use crate::eval::host::Host;
use crate::eval::judging::Judging;

/// What a search works with.
pub(super) struct Search<'a> {
    pub(super) exam: Exam<'a>,
    pub(super) pool: Pool,
    pub(super) strategy: &'a Strategy,
    /// Who rates answers to open questions.
    pub(super) judging: Option<&'a mut Judging>,
    /// Most tokens of an answer, where the item does not say.
    pub(super) max_tokens: u32,
    /// Remarks on the way, each once.
    pub(super) notes: Vec<String>,
}

/// What a search found.
pub(super) struct Found {
    pub(super) outcome: TunerOutcome,
    pub(super) choices: Vec<SamplingChoice>,
    pub(super) rounds: Vec<TriedRound>,
}

/// Why a search found nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// Too few answers could be judged; why.
    Unscored(String),
    /// Anything else.
    App(AppError),
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        Self::App(error)
    }
}

impl Search<'_> {
    /// Asks round by round until one setting is left and compared with the start.
    pub(super) async fn run(&mut self, host: &mut Host, plan: TunerPlan) -> Result<Found, Failure> {
        let (seed, weights) = (plan.seed, plan.weights);
        let mut tuner = Tuner::new(plan).map_err(super::refused)?;
        let (choices, mut rounds) = (tuner.choices().to_vec(), Vec::<TriedRound>::new());
        while let Some(trials) = tuner.next_round() {
            let results = self.round(host, &trials, rounds.len() + 1, seed).await?;
            let [judged, draws] = judged_draws(&trials, &results);
            if !enough_judged(judged as u64, draws as u64) {
                let why = self.notes.first().map_or_else(String::new, |why| format!(": {why}"));
                return Err(Failure::Unscored(format!(
                    "only {judged} of {draws} questions of a round could be judged under every setting, under {:.0} %{why}",
                    JUDGED_SHARE_MIN * 100.0
                )));
            }
            rounds.push(TriedRound::new(&trials, &results, weights));
            // What was asked is what is reported; anything else is a fault of this loop.
            tuner.report(&results).map_err(super::refused)?;
        }
        let outcome = tuner.outcome().expect("a search without rounds left has an outcome");
        if let (Some(_), Some(last)) = (&outcome.confirm_standings, rounds.last_mut()) {
            last.fresh = true;
        }
        Ok(Found { outcome, choices, rounds })
    }

    /// Has every setting of a round answer its questions.
    async fn round(
        &mut self,
        host: &mut Host,
        trials: &[Trial],
        number: usize,
        seed: u64,
    ) -> Result<Vec<DrawResult>, AppError> {
        let each = trials.first().map_or(0, |trial| trial.draws.len());
        let task = &self.pool.task;
        let phase = format!("{task}, round {number}: {} settings, {each} answers each", trials.len());
        let outer = self.exam.events;
        outer.emit(Event::PhaseStarted { phase, total: (trials.len() * each) as u64 });
        let mut results = Vec::new();
        let mut failed = None;
        for (index, trial) in trials.iter().enumerate() {
            let setting = format!("setting {} of {}", index + 1, trials.len());
            let inner = Inner { outer, done: AtomicU64::new(results.len() as u64), setting };
            match self.trial(host, trial, seed, inner).await {
                Ok(answers) => results.extend(answers),
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        outer.emit(Event::PhaseEnded);
        failed.map_or(Ok(results), Err)
    }

    /// Has one setting answer its questions; those asked again are asked with another seed, the same for all settings.
    async fn trial(
        &mut self,
        host: &mut Host,
        trial: &Trial,
        seed: u64,
        inner: Inner<'_>,
    ) -> Result<Vec<DrawResult>, AppError> {
        let mut by_repeat: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for draw in &trial.draws {
            by_repeat.entry(draw.repeat).or_default().push(draw.item);
        }
        let mut found = Vec::new();
        for (repeat, mut items) in by_repeat {
            items.sort_unstable();
            let count = items.len() as u64;
            self.pool.questions.chosen = items;
            let manner = Manner {
                strategy: self.strategy.clone(),
                few_shot: 0,
                sampling: trial.choice.apply(&Sampling::default(), seed.wrapping_add(u64::from(repeat))),
                max_tokens: self.max_tokens,
                policy: None,
            };
            let exam = Exam {
                model_sha256: self.exam.model_sha256,
                template: self.exam.template,
                code: self.exam.code,
                answers: self.exam.answers.clone(),
                events: &inner,
            };
            let mut asked = exam.sit(host, &self.pool.questions, &manner).await?;
            if let Some(error) = asked.error {
                return Err(error);
            }
            if let Some(judging) = &mut self.judging {
                judging.suite(&self.pool.questions, &mut asked.result).await?;
            }
            inner.done.fetch_add(count, Ordering::Relaxed);
            let answers = &asked.result.items;
            for item in &self.pool.questions.chosen {
                let draw = Draw { item: *item, repeat };
                let id = &self.pool.questions.suite.items[*item].id;
                let answer = answers.iter().find(|answer| answer.id == *id);
                found.push(draw_result(trial.candidate, draw, answer));
            }
            note_failures(&mut self.notes, answers);
        }
        Ok(found)
    }
}

/// What an answer means to the tuner.
fn draw_result(candidate: usize, draw: Draw, answer: Option<&ItemResult>) -> DrawResult {
    let quality = answer.and_then(|answer| match answer.outcome {
        ItemOutcome::Graded { grade } => Some(grade.clamp(0.0, 1.0)),
        _ => points(&answer.outcome),
    });
    // The first token comes with the prompt pass; decoding makes the others.
    let steps = |answer: &ItemResult| u64::from(answer.tokens_out.saturating_sub(1));
    DrawResult {
        candidate,
        draw,
        quality,
        tokens: answer.map_or(0, steps),
        seconds: answer.map_or(0.0, |answer| answer.decode_ms.max(0.0) / 1e3),
    }
}

fn note_failures(notes: &mut Vec<String>, answers: &[ItemResult]) {
    for answer in answers {
        if let ItemOutcome::Failed { reason } = &answer.outcome
            && !notes.contains(reason)
        {
            notes.push(reason.clone());
        }
    }
}

/// Everything that is said but progress.
pub(super) struct WithoutPhases(pub(super) Arc<dyn EventSink>);

impl EventSink for WithoutPhases {
    fn emit(&self, event: Event) {
        match event {
            Event::PhaseStarted { .. } | Event::PhaseAdvanced { .. } | Event::PhaseEnded => {}
            event => self.0.emit(event),
        }
    }
}

/// Progress of one setting as part of that of its round. The exam's own phases are not shown.
struct Inner<'a> {
    outer: &'a dyn EventSink,
    /// Answers of the round before this exam.
    done: AtomicU64,
    setting: String,
}

impl EventSink for Inner<'_> {
    fn emit(&self, event: Event) {
        match event {
            Event::PhaseStarted { .. } | Event::PhaseEnded => {}
            Event::PhaseAdvanced { done, detail } => {
                let done = self.done.load(Ordering::Relaxed) + done;
                self.outer.emit(Event::PhaseAdvanced { done, detail: format!("{}: {detail}", self.setting) });
            }
            event => self.outer.emit(event),
        }
    }
}
