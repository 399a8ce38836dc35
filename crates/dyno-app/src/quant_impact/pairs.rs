//! Open answers of every quantization beside those of the original: a judge prefers one, in both orders.

use dyno_eval::{Item, Preference, in_both_orders, pairing_chats, preference};
use dyno_types::{EvalRecord, Event, EventSink as _, ItemResult, Job, JudgedPairs, SuiteResult};

use crate::eval::judging::{Judge, note_remembered};
use crate::eval::suites::Questions;
use crate::generate::{Answered, JudgeModel};
use crate::{AppError, Work};

/// A judge that compares.
struct Comparing {
    model: JudgeModel,
    job: Job,
}

impl Work {
    /// Has the judge compare the answers of every record with those of the first.
    pub(super) async fn judge_pairs(
        &self,
        judge: &Judge,
        questions: &[Questions],
        records: &mut [EvalRecord],
    ) -> Result<(), AppError> {
        let Some((original, others)) = records.split_first_mut() else { return Ok(()) };
        let model = judge.model(self.engine()?, &self.job);
        let mut comparing = Comparing { model, job: self.job.clone() };
        let mut outcome = Ok(());
        'records: for record in others {
            let (baseline, candidate) = (&original.model.quantization, &record.model.quantization);
            for asked in questions.iter().filter(|asked| asked.has_open()) {
                let of = |result: &&SuiteResult| result.suite == asked.id;
                let found = original.suites.iter().find(of).zip(record.suites.iter().find(of));
                let Some((before, after)) = found else { continue };
                let mut judged = JudgedPairs {
                    suite: asked.id.name.clone(),
                    baseline: baseline.clone(),
                    candidate: candidate.clone(),
                    judge: judge.used.clone(),
                    ..JudgedPairs::default()
                };
                outcome = comparing.suite(asked, before, after, &mut judged).await;
                record.judged_pairs.push(judged);
                if outcome.is_err() {
                    break 'records;
                }
            }
        }
        note_remembered(&comparing.model, &judge.used.model, &self.job);
        comparing.model.close().await;
        outcome
    }
}

/// The turns of an answer.
fn turns(answered: &ItemResult) -> Vec<String> {
    match answered.turns.is_empty() {
        true => vec![answered.answer.clone()],
        false => answered.turns.clone(),
    }
}

impl Comparing {
    async fn suite(
        &mut self,
        asked: &Questions,
        before: &SuiteResult,
        after: &SuiteResult,
        judged: &mut JudgedPairs,
    ) -> Result<(), AppError> {
        let open: Vec<&Item> = asked.suite.items.iter().filter(|item| item.kind.is_open()).collect();
        let phase = format!("{}: judging {} beside {}", judged.suite, judged.candidate, judged.baseline);
        self.job.emit(Event::PhaseStarted { phase, total: open.len() as u64 });
        let mut outcome = Ok(());
        for (done, item) in (1..).zip(open) {
            let of = |answered: &&ItemResult| answered.id == item.id && !answered.answer.is_empty();
            let both = before.items.iter().find(of).zip(after.items.iter().find(of));
            if let Some((before, after)) = both {
                outcome = self.item(item, &turns(before), &turns(after), judged).await;
            }
            if outcome.is_err() {
                break;
            }
            self.job.emit(Event::PhaseAdvanced { done, detail: String::new() });
        }
        self.job.emit(Event::PhaseEnded);
        outcome
    }

    /// Every turn in both orders.
    async fn item(
        &mut self,
        item: &Item,
        before: &[String],
        after: &[String],
        judged: &mut JudgedPairs,
    ) -> Result<(), AppError> {
        let orders = pairing_chats(item, before, after).into_iter().zip(pairing_chats(item, after, before));
        for (first, second) in orders {
            let mut said = [None, None];
            for (said, chat) in said.iter_mut().zip([first, second]) {
                if let Answered::Written(written) = self.model.ask(chat).await? {
                    *said = preference(&written.text);
                }
            }
            let [Some(first), Some(second)] = said else {
                judged.unread += 1;
                continue;
            };
            judged.pairs += 1;
            judged.agreed += u64::from(first == second.swapped());
            match in_both_orders(first, second) {
                Preference::A => judged.lost += 1,
                Preference::B => judged.won += 1,
                Preference::Tie => {}
            }
        }
        Ok(())
    }
}
