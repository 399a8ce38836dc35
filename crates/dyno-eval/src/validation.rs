//! Whether an answer is accepted, and what to do when it is not: checks, votes, a judge and retries as one policy.
//!
//! A policy is data. [`Validator`] carries it out without doing anything itself: it looks at the attempts so far and says what
//! to do next, so that `generate`, an evaluation and a server follow the same rules. Each attempt knows its tokens; [`Spent`] sets
//! what a policy cost beside what one answer would have cost.

mod check;
mod judge;
mod language;
mod schema;
mod spec;

use dyno_types::Sampling;
use serde::{Deserialize, Serialize};

use crate::{Extractor, Normaliser, extract, normalise};
use check::Prepared;
pub use check::{Check, PolicyError, Problem};
pub use judge::{Judge, Verdict, judge_prompt, judge_verdict};
pub use language::Language;
pub use spec::CHECK_SPECS;

/// Most attempts a policy may ask for.
pub const ATTEMPTS_MAX: u32 = 32;
/// Hottest sampling that a retry reaches.
const TEMPERATURE_MAX: f32 = 2.0;

/// What makes an answer acceptable, and how often another one may be asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryPolicy {
    /// What every accepted answer fulfils.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// Self-consistency: the answer that most attempts agree on.
    #[serde(default)]
    pub vote: Option<Vote>,
    /// Another model that must agree.
    #[serde(default)]
    pub judge: Option<Judge>,
    /// Most attempts, 1..=32.
    pub attempts: u32,
    /// Added to the temperature with each retry: a greedy model would give the same answer again. Never above 2.
    #[serde(default)]
    pub temperature_step: f32,
    /// Whether a retry is told what was wrong with the attempt before it.
    #[serde(default)]
    pub feedback: bool,
}

/// Self-consistency (Wang et al. 2022): several attempts, and the answer that most of them give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vote {
    /// Attempts that vote, fewer when the majority is certain before; 2..=32.
    pub voters: u32,
    /// Names of the ways to find the answer in an attempt, the first that finds one counts; `whole` where empty.
    #[serde(default)]
    pub ways: Vec<String>,
}

/// One answer, and what is known about it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attempt {
    /// The answer.
    pub text: String,
    /// Whether the model ended it, rather than a limit of its length.
    pub complete: bool,
    /// Tokens read and written for it.
    pub tokens: u64,
    /// What the judge wrote about it.
    pub judged: Option<String>,
    /// Tokens read and written by the judge.
    pub judge_tokens: u64,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// This attempt is the answer.
    Accept(usize),
    /// Ask again; [`Validator::sampling`] says with which settings.
    Retry {
        /// Goes behind the question, after the attempt that it is about; `None`: the question alone, again.
        feedback: Option<String>,
    },
    /// Ask the judge about this attempt, with [`judge_prompt`], and come back with what it wrote.
    Ask(usize),
    /// No more attempts are allowed.
    GiveUp {
        /// The attempt with the fewest problems, the earliest of several; `None` without any attempt.
        best: Option<usize>,
        /// What is wrong with it.
        problems: Vec<Problem>,
    },
}

/// What a policy cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Spent {
    /// Attempts.
    pub attempts: u32,
    /// Tokens of all attempts and of the judge.
    pub tokens: u64,
    /// Tokens of the first attempt alone: what no policy would have cost.
    pub tokens_of_first: u64,
}

/// What attempts cost.
#[must_use]
pub fn spent(attempts: &[Attempt]) -> Spent {
    Spent {
        attempts: u32::try_from(attempts.len()).unwrap_or(u32::MAX),
        tokens: attempts.iter().map(|attempt| attempt.tokens.saturating_add(attempt.judge_tokens)).sum(),
        tokens_of_first: attempts.first().map_or(0, |attempt| attempt.tokens),
    }
}

/// A policy that was checked and is ready for use.
#[derive(Debug, Clone)]
pub struct Validator {
    policy: RetryPolicy,
    checks: Vec<Prepared>,
    ways: Vec<Extractor>,
}

impl Validator {
    /// Prepares a policy.
    ///
    /// # Errors
    /// Names the field that makes no sense, its value, and what it should be.
    pub fn new(policy: RetryPolicy) -> Result<Self, PolicyError> {
        let within = |field, value: u32, least| {
            let ok = (least..=ATTEMPTS_MAX).contains(&value);
            let reason = format!("choose {least} to {ATTEMPTS_MAX}");
            if ok { Ok(()) } else { Err(PolicyError::new(field, value, reason)) }
        };
        within("attempts", policy.attempts, 1)?;
        if !(0.0..=TEMPERATURE_MAX).contains(&policy.temperature_step) {
            return Err(PolicyError::new("temperature_step", policy.temperature_step, "choose 0 to 2"));
        }
        let mut ways = Vec::new();
        if let Some(vote) = &policy.vote {
            within("vote.voters", vote.voters, 2)?;
            if vote.voters > policy.attempts {
                let reason = format!("only {} attempts are allowed; raise them", policy.attempts);
                return Err(PolicyError::new("vote.voters", vote.voters, reason));
            }
            ways = vote.ways.iter().map(|name| way(name)).collect::<Result<_, _>>()?;
        }
        if let Some(judge) = &policy.judge {
            judge.check()?;
        }
        let checks = policy.checks.iter().map(Check::prepare).collect::<Result<_, _>>()?;
        if ways.is_empty() {
            ways.push(Extractor::Whole);
        }
        Ok(Self { policy, checks, ways })
    }

    /// What to do after these attempts, given in the order in which they were made.
    #[must_use]
    pub fn next(&self, attempts: &[Attempt]) -> Decision {
        let problems: Vec<Vec<Problem>> = attempts.iter().map(|attempt| self.problems(attempt)).collect();
        let sound = |index: &usize| problems[*index].is_empty();
        if self.policy.judge.is_some()
            && let Some(unasked) =
                (0..attempts.len()).filter(sound).find(|index| attempts[*index].judged.is_none())
        {
            return Decision::Ask(unasked);
        }
        let sound: Vec<usize> = (0..attempts.len()).filter(sound).collect();
        let more = attempts.len() < self.policy.attempts as usize;
        let accepted = match &self.policy.vote {
            None => sound.first().copied(),
            Some(vote) => self.elected(attempts, &sound, vote.voters as usize, more),
        };
        match accepted {
            Some(index) => Decision::Accept(index),
            None if more => Decision::Retry { feedback: self.feedback(attempts.last()) },
            None => {
                let best = (0..attempts.len()).min_by_key(|index| problems[*index].len());
                Decision::GiveUp { problems: best.map_or(Vec::new(), |best| problems[best].clone()), best }
            }
        }
    }

    /// Settings of the attempt with this index: those of the first one, hotter with each retry, each with a seed of its own.
    #[must_use]
    pub fn sampling(&self, base: &Sampling, attempt: u32) -> Sampling {
        let hotter = base.temperature + self.policy.temperature_step * attempt as f32;
        // A base that is hotter already stays as it is.
        let temperature = hotter.min(TEMPERATURE_MAX.max(base.temperature));
        Sampling { temperature, seed: base.seed.wrapping_add(u64::from(attempt)), ..base.clone() }
    }

    /// What is wrong with an attempt, as far as the checks and what the judge wrote tell.
    #[must_use]
    pub fn problems(&self, attempt: &Attempt) -> Vec<Problem> {
        let mut problems: Vec<Problem> =
            self.checks.iter().filter_map(|check| check.problem(attempt)).collect();
        if let (Some(judge), Some(written)) = (&self.policy.judge, &attempt.judged) {
            problems.extend(judge.problem(written));
        }
        problems
    }

    /// The first attempt with the answer that won, when no vote still to come can change that.
    fn elected(&self, attempts: &[Attempt], sound: &[usize], voters: usize, more: bool) -> Option<usize> {
        let mut ballots: Vec<(String, usize, usize)> = Vec::new();
        let answers = sound.iter().filter_map(|index| Some((self.answer(&attempts[*index].text)?, *index)));
        let mut cast = 0;
        for (answer, index) in answers.take(voters) {
            cast += 1;
            match ballots.iter_mut().find(|(known, ..)| *known == answer) {
                Some((_, _, votes)) => *votes += 1,
                None => ballots.push((answer, index, 1)),
            }
        }
        // Of answers with as many votes the one that came first wins: sorting keeps the order of equals.
        ballots.sort_by_key(|(_, _, votes)| std::cmp::Reverse(*votes));
        let (_, winner, votes) = ballots.first()?;
        let second = ballots.get(1).map_or(0, |(_, _, votes)| *votes);
        let to_come = if more { voters - cast } else { 0 };
        // With votes to come, even all of them for the second must not reach the first.
        (to_come == 0 || *votes > second + to_come).then_some(*winner)
    }

    /// What an attempt votes for.
    fn answer(&self, text: &str) -> Option<String> {
        let found = extract(text, &self.ways)?;
        let steps: &[Normaliser] = &[];
        Some(normalise(&found.text, steps)).filter(|answer| !answer.is_empty())
    }

    /// What the model is told about its last attempt; what a judge failed to say is not its fault.
    fn feedback(&self, last: Option<&Attempt>) -> Option<String> {
        let last = last.filter(|_| self.policy.feedback)?;
        let unread =
            last.judged.as_deref().is_some_and(|written| judge_verdict(written) == Verdict::Unparsed);
        let problems = if unread { Vec::new() } else { self.problems(last) };
        if problems.is_empty() {
            return None;
        }
        let list: Vec<String> = problems.iter().map(|problem| format!("- {problem}")).collect();
        Some(format!(
            "That answer cannot be used:\n{}\nAnswer the question again, without these faults.",
            list.join("\n")
        ))
    }
}

fn way(name: &str) -> Result<Extractor, PolicyError> {
    let known = || Extractor::ALL.map(|(name, _)| name).join(", ");
    let found = Extractor::ALL.iter().find(|(known, _)| *known == name).map(|(_, way)| *way);
    found.ok_or_else(|| PolicyError::new("vote.ways", name, format!("choose from {}", known())))
}

#[cfg(test)]
mod tests;
