//! Evaluations of before, by today's rules: scores are computed from the items again, and what only looked at the form of answers
//! is a form check.

use dyno_types::{EvalRecord, ItemOutcome, SuiteResult};

use crate::summary::{ACCURACY, ACCURACY_NORM, ACCURACY_PER_CHAR, JUDGE_METRIC, Measures};
use crate::{F1_METRIC, Heuristic, form_checks, scores, unscored};

/// Names that right answers were counted under.
const RIGHT: [&str; 4] = [ACCURACY, "exact_match", "contains", "regex"];

/// Name of grades of suites that named no heuristic, in records of before.
const NO_HEURISTIC: &str = "heuristic";

/// The record with its scores computed again from what every item gave. Results without items stay as they are, and so does what
/// says nothing of quality.
#[must_use]
pub fn of_today(mut record: EvalRecord) -> EvalRecord {
    let mut forms: Vec<String> = Vec::new();
    for result in &mut record.suites {
        if let Some(check) = check_taken_for_a_score(result) {
            as_form_check(result, check);
            if result.scores.is_empty() {
                forms.push(result.suite.name.clone());
            }
        } else if !result.items.is_empty() {
            score(result);
        }
    }
    // What was compared there were forms.
    record.comparisons.retain(|comparison| !forms.contains(&comparison.suite));
    record
}

/// The heuristic whose grades stand among the scores.
fn check_taken_for_a_score(result: &SuiteResult) -> Option<Heuristic> {
    let named = |name: &str| Heuristic::ALL.iter().find(|(known, _)| *known == name).map(|(_, check)| *check);
    result.scores.iter().find_map(|score| match score.metric.as_str() {
        NO_HEURISTIC => Some(Heuristic::Seed001Suite),
        name => named(name),
    })
}

fn as_form_check(result: &mut SuiteResult, check: Heuristic) {
    for item in &mut result.items {
        if let ItemOutcome::Graded { grade } = item.outcome {
            (item.form, item.outcome) = (Some(grade), ItemOutcome::Open);
        }
    }
    score(result);
    result.form_checks = form_checks(&result.items, check);
}

fn score(result: &mut SuiteResult) {
    let has = |name: &str| result.scores.iter().any(|score| score.metric == name);
    let right = RIGHT.into_iter().find(|name| has(name)).unwrap_or(ACCURACY);
    let grade = if has(F1_METRIC) { F1_METRIC } else { JUDGE_METRIC };
    let mut computed = scores(&result.items, Measures { right, grade });
    // Scores that were not made then are not made up now: old records say less about each item.
    let likelihoods = [ACCURACY_PER_CHAR, ACCURACY_NORM];
    computed.retain(|score| !likelihoods.contains(&score.metric.as_str()) || has(&score.metric));
    result.unscored = unscored(&result.items);
    result.scores = computed;
}

#[cfg(test)]
mod tests {
    use dyno_types::ItemOutcome::{Correct, Failed, Graded, Wrong};
    use dyno_types::{PairedComparison, Score};

    use super::*;
    use crate::summary::tests::result;

    fn old_score(metric: &str) -> Score {
        let text = format!(
            r#"{{"metric": "{metric}", "group": "all", "n": 1, "clusters": 1, "value": 0.9, "standard_error": 0.5,
                "ci95": [0.0, 1.0], "chance": null, "unparsed": 0.0, "tied": 0, "failed": 0}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    fn old_result(metric: &str, outcomes: Vec<ItemOutcome>) -> SuiteResult {
        let items = (0..).zip(outcomes).map(|(id, outcome)| result(id, "t", outcome, 0)).collect();
        SuiteResult { items, scores: vec![old_score(metric)], ..SuiteResult::default() }
    }

    fn failed() -> ItemOutcome {
        Failed { reason: "gone".to_owned() }
    }

    #[test]
    fn forms_that_were_printed_as_scores_are_none_and_intervals_of_one_item_are_gone() {
        let mut open = old_result("seed001_suite", vec![Graded { grade: 0.9 }, Graded { grade: 0.7 }]);
        open.suite.name = "open".to_owned();
        let compared = |suite: &str| {
            PairedComparison {
            suite: suite.to_owned(),
            ..serde_json::from_str(
                r#"{"kind": "strategy", "suite": "", "group": "all", "baseline": "a", "candidate": "b", "n": 2, "gained": 0, "lost": 0,
                    "difference": 0.0, "ci95": [0.0, 0.0], "p_value": 1.0, "p_adjusted": 1.0}"#,
            )
            .unwrap()
        }
        };
        let record = EvalRecord {
            suites: vec![
                open,
                old_result("accuracy", vec![Correct]),
                old_result("accuracy", vec![Correct, failed()]),
                old_result("f1", vec![Graded { grade: 0.5 }]),
                old_result("contains", vec![Correct, Wrong]),
            ],
            comparisons: vec![compared("open"), compared("other")],
            ..EvalRecord::default()
        };
        let today = of_today(record);
        let [open, one, void, f1, contains] = &today.suites[..] else { panic!() };
        assert!(open.scores.is_empty() && open.main_score().is_none());
        assert_eq!((open.form_checks[0].check.as_str(), open.form_checks[0].value), ("seed001_suite", 0.8));
        assert_eq!((one.scores[0].value, one.scores[0].ci95), (1.0, None));
        assert!(void.scores.is_empty() && void.unscored[0].judged == 1, "{void:?}");
        assert_eq!((f1.scores[0].metric.as_str(), f1.scores[0].value), ("f1", 0.5));
        assert_eq!((contains.scores[0].metric.as_str(), contains.scores[0].value), ("contains", 0.5));
        let left: Vec<&str> = today.comparisons.iter().map(|one| one.suite.as_str()).collect();
        assert_eq!(left, ["other"]);
        assert_eq!(of_today(today.clone()), today);
    }

    #[test]
    fn a_result_without_items_keeps_what_it_says() {
        let result = old_result("accuracy", Vec::new());
        let record = EvalRecord { suites: vec![result.clone()], ..EvalRecord::default() };
        assert_eq!(of_today(record).suites, [result]);
    }
}
