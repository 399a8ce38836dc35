//! Attempts until one is accepted: what to do next is decided by the policy's validator, here it is done.

use dyno_eval::{Attempt, Decision, Problem, Spent, Verdict, judge_verdict, spent};
use dyno_types::{Event, EventSink, FinishReason, Sampling};
use serde::Serialize;

use super::answer::{Answer, answer};
use super::judge::JudgeModel;
use super::{Asked, Generated, Policy};
use crate::AppError;
use crate::eval::held::told;

/// One attempt, as results state it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttemptReport {
    /// Its text.
    pub text: String,
    /// Why it is not accepted; empty where it is sound.
    pub problems: Vec<Problem>,
    /// Temperature it was drawn at.
    pub temperature: f32,
    /// Seed of its draw.
    pub seed: u64,
    /// Why it ended.
    pub finish_reason: FinishReason,
    /// Tokens read and written for it.
    pub tokens: u64,
    /// The judge's grade, 1 to 10, where one could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grade: Option<u32>,
    /// What the judge wrote about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judged: Option<String>,
    /// Tokens read and written by the judge.
    pub judge_tokens: u64,
}

/// What a policy made of a generation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PolicyReport {
    /// Index of the accepted attempt, from 0.
    pub accepted: Option<usize>,
    /// What is wrong with the best attempt, where none was accepted.
    pub problems: Vec<Problem>,
    /// What it cost.
    pub spent: Spent,
    /// All attempts, in their order.
    pub attempts: Vec<AttemptReport>,
}

/// Attempts so far: as the validator sees them, and as they came.
#[derive(Debug, Default)]
struct Made {
    attempts: Vec<Attempt>,
    answers: Vec<(Answer, Sampling)>,
}

impl Asked<'_> {
    /// Asks until an attempt is accepted, or no more are allowed.
    pub(super) async fn attempts(
        &self,
        policy: &Policy,
        judge: &mut JudgeModel,
    ) -> Result<Generated, AppError> {
        let mut made = Made::default();
        loop {
            match policy.validator.next(&made.attempts) {
                Decision::Retry { feedback } => {
                    self.attempt(policy, feedback, &mut made).await?;
                    made.tell(policy, made.attempts.len() - 1, self.host.job());
                }
                Decision::Ask(index) => {
                    let question = &self.job.prompt;
                    let text = made.attempts[index].text.clone();
                    let written = judge.verdict(question, &text).await?;
                    made.attempts[index].judge_tokens = written.tokens;
                    made.attempts[index].judged = Some(written.text);
                    made.tell(policy, index, self.host.job());
                }
                Decision::Accept(index) => {
                    return Ok(self.outcome(policy, made, Some(index), Vec::new()));
                }
                Decision::GiveUp { best, problems } => {
                    // A vote that nobody won has no problems of its own.
                    let problems = if problems.is_empty() {
                        vec![Problem("no answer was found that could be voted for".to_owned())]
                    } else {
                        problems
                    };
                    let mut generated = self.outcome(policy, made, best, problems);
                    if let Some(report) = &mut generated.policy {
                        report.accepted = None;
                    }
                    return Ok(generated);
                }
            }
        }
    }

    /// One more attempt, told what was wrong with the one before it where the policy wants that.
    async fn attempt(
        &self,
        policy: &Policy,
        feedback: Option<String>,
        made: &mut Made,
    ) -> Result<(), AppError> {
        let number = u32::try_from(made.attempts.len()).unwrap_or(u32::MAX);
        let sampling = policy.validator.sampling(self.sampling, number);
        let prompt = told(self.prompt(), feedback, made.attempts.last());
        let request = self.request(prompt, sampling.clone()).await?;
        let answer = answer(self.host.session(), request, self.host.cancel(), &mut |_| {}).await?;
        made.attempts.push(Attempt {
            text: answer.marked_text(),
            complete: answer.is_complete(),
            tokens: answer.all_tokens(),
            ..Attempt::default()
        });
        made.answers.push((answer, sampling));
        Ok(())
    }

    /// The result, with the text of the chosen attempt.
    fn outcome(
        &self,
        policy: &Policy,
        made: Made,
        chosen: Option<usize>,
        problems: Vec<Problem>,
    ) -> Generated {
        let report = PolicyReport {
            accepted: chosen,
            problems,
            spent: spent(&made.attempts),
            attempts: made.reports(policy),
        };
        let (answer, sampling) = made
            .answers
            .into_iter()
            .nth(chosen.unwrap_or(0))
            .expect("a policy allows at least one attempt, and that was made");
        self.generated(answer, sampling, Some(report))
    }
}

/// The grade that a judge gave.
fn grade(attempt: &Attempt) -> Option<u32> {
    match judge_verdict(attempt.judged.as_ref()?) {
        Verdict::Grade { grade, .. } => Some(grade),
        Verdict::Unparsed => None,
    }
}

impl Made {
    /// Says what became of an attempt: while answers come, nothing else is seen of them.
    fn tell(&self, policy: &Policy, index: usize, events: &dyn EventSink) {
        let attempt = &self.attempts[index];
        let problems: Vec<String> =
            policy.validator.problems(attempt).iter().map(ToString::to_string).collect();
        let (number, most) = (index + 1, policy.policy.attempts);
        if !problems.is_empty() {
            let problems = problems.join("; ");
            events.emit(Event::Note(format!("attempt {number} of {most} is not accepted: {problems}")));
        } else if let Some(grade) = grade(attempt) {
            events
                .emit(Event::Note(format!("attempt {number} of {most}: the judge's grade is {grade} of 10")));
        } else if policy.policy.vote.is_some() {
            events.emit(Event::Note(format!("attempt {number} of {most} votes")));
        }
    }

    fn reports(&self, policy: &Policy) -> Vec<AttemptReport> {
        let report = |(attempt, (answer, sampling)): (&Attempt, &(Answer, Sampling))| AttemptReport {
            text: attempt.text.clone(),
            problems: policy.validator.problems(attempt),
            temperature: sampling.temperature,
            seed: sampling.seed,
            finish_reason: answer.report.finish_reason,
            tokens: attempt.tokens,
            grade: grade(attempt),
            judged: attempt.judged.clone(),
            judge_tokens: attempt.judge_tokens,
        };
        self.attempts.iter().zip(&self.answers).map(report).collect()
    }
}
