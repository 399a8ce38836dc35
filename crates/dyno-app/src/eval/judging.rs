//! Open answers before a judge: another model, which is loaded when the one that answered is gone, rates every turn from 1 to 10.

use std::sync::Arc;

use dyno_engine::Engine;
use dyno_eval::{Item, RATING_MAX, judging_chats, rating};
use dyno_types::{Event, EventSink as _, ItemOutcome, ItemResult, Job, JudgeUse, Rating, SuiteResult};

use crate::eval::answers::cut;
use crate::eval::assemble;
use crate::eval::host::is_death;
use crate::eval::suites::Questions;
use crate::eval::verdicts::VerdictPlace;
use crate::generate::{Answered, JudgeLoading, JudgeModel, VERDICT_TOKENS};
use crate::{AppError, Work};

/// Most deaths of the judge's process; something is wrong with more than single answers then.
const DEATHS_MAX: u32 = 3;

/// Characters of an unread verdict that are shown.
const SAID_CHARS_MAX: usize = 80;

/// The judge of an evaluation.
#[derive(Debug)]
pub(crate) struct Judge {
    pub(crate) used: JudgeUse,
    pub(crate) loading: JudgeLoading,
    /// Where its verdicts are kept.
    pub(crate) verdicts: Option<VerdictPlace>,
}

impl Judge {
    /// The judge, to be started with its first question.
    pub(crate) fn model(&self, engine: Arc<dyn Engine>, job: &Job) -> JudgeModel {
        JudgeModel::new(engine, Some(self.loading.clone()), job).remembering(self.verdicts.clone())
    }
}

/// A judge at work.
pub(crate) struct Judging {
    /// Name of the judge.
    name: String,
    model: JudgeModel,
    deaths: u32,
    job: Job,
}

impl Work {
    /// The model that judges open answers.
    pub(crate) fn judge(&self, reference: &str, keep: bool) -> Result<Judge, AppError> {
        let loading = self.judge_loading(reference)?;
        let sha256 = self.model_sha256(&loading.loading.identity)?;
        let place = |folder| VerdictPlace { folder, judge_sha256: sha256.clone() };
        let verdicts = self.answers_folder(keep).map(place);
        Ok(Judge { used: JudgeUse { model: reference.to_owned(), sha256 }, loading, verdicts })
    }

    /// Has all open answers judged; scores follow. What was judged before an error stands, the rest counts as not judged.
    pub(crate) async fn judge_open_answers(
        &self,
        judge: &Judge,
        questions: &[Questions],
        suites: &mut [SuiteResult],
    ) -> Result<(), AppError> {
        let mut judging = Judging::new(self.engine()?, judge, &self.job);
        let mut outcome = Ok(());
        for result in suites {
            let Some(asked) = questions.iter().find(|asked| asked.id == result.suite) else { continue };
            if outcome.is_ok() {
                outcome = judging.suite(asked, result).await;
            }
            result.judge = Some(judge.used.clone());
            let open = |item: &&mut ItemResult| item.outcome == ItemOutcome::Open;
            for item in result.items.iter_mut().filter(open) {
                item.outcome = ItemOutcome::Failed { reason: "the judge did not come to it".to_owned() };
            }
            assemble::score(result, &asked.suite);
        }
        judging.close().await;
        outcome
    }
}

/// Says how many verdicts cost nothing.
pub(crate) fn note_remembered(model: &JudgeModel, name: &str, job: &Job) {
    let count = model.remembered();
    if count > 0 {
        let verdicts = if count == 1 { "verdict" } else { "verdicts" };
        let note = format!("{count} {verdicts} of {name} come from the cache");
        job.emit(Event::Note(note));
    }
}

impl Judging {
    /// A judge that is started with its first question.
    pub(crate) fn new(engine: Arc<dyn Engine>, judge: &Judge, job: &Job) -> Self {
        Self { name: judge.used.model.clone(), model: judge.model(engine, job), deaths: 0, job: job.clone() }
    }

    /// Ends its process.
    pub(crate) async fn close(self) {
        note_remembered(&self.model, &self.name, &self.job);
        self.model.close().await;
    }

    /// Rates the open answers of a suite.
    pub(crate) async fn suite(
        &mut self,
        asked: &Questions,
        result: &mut SuiteResult,
    ) -> Result<(), AppError> {
        let open = |item: &&mut ItemResult| item.outcome == ItemOutcome::Open;
        let total = result.items.iter().filter(|item| item.outcome == ItemOutcome::Open).count() as u64;
        if total == 0 {
            return Ok(());
        }
        let phase = format!("{}, {}: judging", result.suite.name, result.strategy);
        self.job.emit(Event::PhaseStarted { phase, total });
        let mut outcome = Ok(());
        for (done, answered) in (1..).zip(result.items.iter_mut().filter(open)) {
            let Some(item) = asked.suite.items.iter().find(|item| item.id == answered.id) else { continue };
            outcome = self.item(item, answered).await;
            if outcome.is_err() {
                break;
            }
            let detail = format!("{done} of {total}");
            self.job.emit(Event::PhaseAdvanced { done, detail });
        }
        self.job.emit(Event::PhaseEnded);
        outcome
    }

    /// Rates every turn of an answer; the grade is their mean. An answer of which one turn has no rating is not judged.
    async fn item(&mut self, item: &Item, answered: &mut ItemResult) -> Result<(), AppError> {
        let whole = [answered.answer.clone()];
        let turns = if answered.turns.is_empty() { &whole[..] } else { &answered.turns[..] };
        let mut ratings = Vec::new();
        let mut failed = None;
        for chat in judging_chats(item, turns) {
            let written = match self.model.ask(chat).await {
                Ok(Answered::Written(written)) => written,
                Ok(Answered::NotAsked(reason)) => {
                    failed.get_or_insert(format!("the judge could not be asked: {reason}"));
                    continue;
                }
                Err(AppError::Engine(error)) if is_death(&error) && self.deaths < DEATHS_MAX => {
                    self.deaths += 1;
                    failed.get_or_insert(format!("the judge's engine died: {error}"));
                    continue;
                }
                Err(error) => return Err(error),
            };
            let rating = rating(&written.text);
            if rating.is_none() {
                let said: String = written.text.trim().chars().take(SAID_CHARS_MAX).collect();
                let cut_at = if written.cut {
                    format!(" and was cut at {VERDICT_TOKENS} tokens")
                } else {
                    String::new()
                };
                failed.get_or_insert(format!(
                    "the judge gave no rating from 1 to 10 that can be read; it wrote {said:?}{cut_at}"
                ));
            }
            ratings.push(Rating { rating, written: cut(&written.text) });
        }
        let given: Vec<f64> = ratings.iter().filter_map(|rating| rating.rating).collect();
        answered.ratings = ratings;
        answered.outcome = match failed {
            Some(reason) => ItemOutcome::Failed { reason },
            None => ItemOutcome::Graded {
                grade: given.iter().sum::<f64>() / given.len().max(1) as f64 / RATING_MAX,
            },
        };
        Ok(())
    }
}
