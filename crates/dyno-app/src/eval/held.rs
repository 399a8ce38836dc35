//! Answers held to a policy: as many attempts as it takes, all of them counted, beside the plain answers they are compared with.

use dyno_engine::{EngineError, Session};
use dyno_eval::{Attempt, Contrast, Decision, Item, compare, follow_up, verdict_sentence};
use dyno_types::{FinishReason, GenerationReport, PairedComparison, Prompt, SuiteResult};

use crate::eval::answers::{Reply, Writing, prefill_ns};
use crate::generate::Policy;

/// Behind the name of a strategy whose answers are held to a policy.
pub(crate) const HELD: &str = "+policy";

impl Writing<'_> {
    /// The answer that the policy accepts, or the best one; what all attempts cost is counted to it.
    pub(super) async fn held(
        &self,
        session: &dyn Session,
        item: &Item,
        prompt: Prompt,
        policy: &Policy,
    ) -> Result<Reply, EngineError> {
        let base = self.sampling(item);
        let (mut attempts, mut replies) = (Vec::<Attempt>::new(), Vec::<Reply>::new());
        let chosen = loop {
            match policy.validator.next(&attempts) {
                Decision::Accept(chosen) => break chosen,
                Decision::GiveUp { best, .. } => break best.unwrap_or(0),
                // A plan refuses judges; without a word from one, nothing is held against an answer.
                Decision::Ask(index) => attempts[index].judged = Some(String::new()),
                Decision::Retry { feedback } => {
                    let number = u32::try_from(attempts.len()).unwrap_or(u32::MAX);
                    let sampling = policy.validator.sampling(&base, number);
                    let prompt = told(prompt.clone(), feedback, attempts.last());
                    let reply = self.reply(session, item, prompt, sampling).await?;
                    attempts.push(Attempt {
                        text: reply.text.clone(),
                        complete: matches!(
                            reply.report.finish_reason,
                            FinishReason::Eos | FinishReason::Stop
                        ),
                        tokens: u64::from(reply.report.prompt_tokens)
                            + u64::from(reply.report.generated_tokens),
                        ..Attempt::default()
                    });
                    replies.push(reply);
                }
            }
        };
        Ok(together(&replies, chosen))
    }
}

/// The question, and behind it what was wrong with the last attempt. A text that is merely continued cannot be told anything.
pub(crate) fn told(prompt: Prompt, feedback: Option<String>, last: Option<&Attempt>) -> Prompt {
    match (prompt, feedback, last) {
        (Prompt::Chat(messages), Some(feedback), Some(last)) => {
            Prompt::Chat(follow_up(messages, &last.text, &feedback))
        }
        (prompt, ..) => prompt,
    }
}

/// The chosen reply with the tokens and times of all.
fn together(replies: &[Reply], chosen: usize) -> Reply {
    let reply = &replies[chosen];
    let sum = |part: fn(&GenerationReport) -> u32| replies.iter().map(|reply| part(&reply.report)).sum();
    let report = GenerationReport {
        prompt_tokens: sum(|report| report.prompt_tokens),
        generated_tokens: sum(|report| report.generated_tokens),
        prefill_start_ns: 0,
        prefill_end_ns: replies.iter().map(|reply| prefill_ns(&reply.report)).sum(),
        end_ns: replies
            .iter()
            .map(|reply| reply.report.end_ns.saturating_sub(reply.report.prefill_start_ns))
            .sum(),
        ..reply.report.clone()
    };
    Reply {
        text: reply.text.clone(),
        report,
        ttft_ms: replies[0].ttft_ms,
        decode_ms: replies.iter().map(|reply| reply.decode_ms).sum(),
    }
}

/// The name of the plain strategy, for a result whose answers were held to a policy.
pub(crate) fn plain_name(result: &SuiteResult) -> Option<&str> {
    result.strategy.strip_suffix(HELD)
}

/// Every result that was held to a policy with the plain one of the same suite.
fn couples(suites: &[SuiteResult]) -> impl Iterator<Item = (&SuiteResult, &SuiteResult)> {
    suites.iter().filter_map(|held| {
        let name = plain_name(held)?;
        let plain = suites.iter().find(|plain| {
            plain.strategy == name && plain.suite == held.suite && plain.few_shot == held.few_shot
        })?;
        Some((plain, held))
    })
}

/// What each policy gained, on the same items.
pub(crate) fn comparisons(suites: &[SuiteResult]) -> Vec<PairedComparison> {
    let contrast = |(plain, held): (&SuiteResult, &SuiteResult)| {
        let contrast = Contrast {
            kind: "policy",
            suite: &plain.suite.name,
            baseline: &plain.strategy,
            candidate: &held.strategy,
        };
        compare(contrast, &plain.items, &held.items)
    };
    couples(suites).flat_map(contrast).collect()
}

/// What each policy gained against what it cost, as sentences.
pub(crate) fn remarks(suites: &[SuiteResult]) -> Vec<String> {
    // An evaluation that was stopped has answers that only one of both has.
    let tokens = |result: &SuiteResult, other: &SuiteResult| -> u64 {
        let shared = result.items.iter().filter(|item| other.items.iter().any(|theirs| theirs.id == item.id));
        shared.map(|item| u64::from(item.tokens_in) + u64::from(item.tokens_out)).sum()
    };
    let remark = |(plain, held): (&SuiteResult, &SuiteResult)| {
        let gained = comparisons(&[plain.clone(), held.clone()]).into_iter().next();
        let gained =
            gained.map_or("nothing to compare".to_owned(), |comparison| verdict_sentence(&comparison));
        let (before, after) = (tokens(plain, held), tokens(held, plain));
        let times = after as f64 / before.max(1) as f64;
        let (suite, name) = (&plain.suite.name, &held.strategy);
        format!("{suite}, {name}: {gained}, for {after} tokens instead of {before} ({times:.2} times)")
    };
    couples(suites).map(remark).collect()
}
