//! By which evaluation models of one role are compared: the same questions, asked in the same way.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use dyno_types::{Evidence, QualityFigure, Role};

use crate::{Candidate, MeasuredScore, Variant};

/// Least number of items of an evaluation that decides anything.
pub const YARDSTICK_ITEMS_MIN: u64 = 10;

/// The strategy that adds nothing to a question.
const PLAIN_STRATEGY: &str = "direct";

/// Words in the name of a suite, and the role that its questions are about. A suite without any of them is about general use.
const SUITE_WORDS: [(&str, Role); 14] = [
    ("humaneval", Role::Coding),
    ("mbpp", Role::Coding),
    ("cod", Role::Coding),
    ("python", Role::Coding),
    ("program", Role::Coding),
    ("gsm", Role::Reasoning),
    ("math", Role::Reasoning),
    ("aime", Role::Reasoning),
    ("steps", Role::Reasoning),
    ("reason", Role::Reasoning),
    ("bbh", Role::Reasoning),
    ("logic", Role::Reasoning),
    ("embed", Role::Embedding),
    ("mteb", Role::Embedding),
];

/// The role that a suite's questions are about, by its name.
#[must_use]
pub fn suite_role(suite: &str) -> Role {
    let name = suite.to_lowercase();
    SUITE_WORDS.iter().find(|(word, _)| name.contains(word)).map_or(Role::General, |(_, role)| *role)
}

/// Questions and the way they are asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Yardstick {
    suite_sha256: String,
    strategy: String,
    few_shot: u32,
    metric: String,
    judge_sha256: Option<String>,
}

impl Yardstick {
    fn of(score: &MeasuredScore) -> Self {
        Self {
            suite_sha256: score.suite_sha256.clone(),
            strategy: score.strategy.clone(),
            few_shot: score.few_shot,
            metric: score.metric.clone(),
            judge_sha256: score.judge_sha256.clone(),
        }
    }

    /// What this yardstick says of the variant; the newest evaluation counts.
    pub(crate) fn measure(&self, variant: &Variant) -> Option<QualityFigure> {
        let score = variant.evaluated.iter().find(|score| counts(score) && Self::of(score) == *self)?;
        let percent = |share: f64| share * 100.0;
        Some(QualityFigure {
            metric: score.suite.clone(),
            label: match score.metric.as_str() {
                "accuracy" => score.suite.clone(),
                metric => format!("{} ({})", score.suite, dyno_types::metric_words(metric)),
            },
            value: percent(score.share),
            interval: score.ci95.map(|ends| ends.map(percent)),
            chance: percent(score.chance.unwrap_or_default()),
            evidence: Evidence::Measured,
            conditions: Some(format!("{} items, {}", score.items, score.strategy)),
            source: score.id.clone(),
            kept: 1.0,
        })
    }
}

fn counts(score: &MeasuredScore) -> bool {
    score.items >= YARDSTICK_ITEMS_MIN && score.share.is_finite() && (0.0..=1.0).contains(&score.share)
}

/// The evaluation about this role that most models have in common; of several, plain questions before other strategies, which
/// is how models are used; then the one with most items, then the first by its digest. `None` when none was evaluated about it.
pub(crate) fn yardstick(role: Role, candidates: &[Candidate]) -> Option<Yardstick> {
    let mut models: BTreeMap<Yardstick, (BTreeSet<&str>, u64)> = BTreeMap::new();
    for candidate in candidates {
        let scores = candidate.variants.iter().flat_map(|variant| &variant.evaluated);
        for score in scores.filter(|score| counts(score) && suite_role(&score.suite) == role) {
            let (names, items) = models.entry(Yardstick::of(score)).or_default();
            names.insert(&candidate.model.name);
            *items = score.items.max(*items);
        }
    }
    // The least yardstick of equal ones, so that the order of the candidates does not matter.
    let found = models.into_iter().min_by_key(|(yardstick, (names, items))| {
        (Reverse(names.len()), yardstick.strategy != PLAIN_STRATEGY, Reverse(*items))
    });
    found.map(|(yardstick, _)| yardstick)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_are_about_what_their_names_say() {
        let cases = [
            ("heldout-code", Role::Coding),
            ("HumanEval", Role::Coding),
            ("gsm8k-test", Role::Reasoning),
            ("heldout-steps", Role::Reasoning),
            ("heldout-single", Role::General),
            ("mmlu", Role::General),
            ("my-questions", Role::General),
        ];
        for (suite, role) in cases {
            assert_eq!(suite_role(suite), role, "{suite}");
        }
    }
}
