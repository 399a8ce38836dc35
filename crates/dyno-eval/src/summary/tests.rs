//! Scores from tables of outcomes.

use dyno_types::ItemOutcome::{Correct, Failed, Graded, Open, Tied, Unparsed, Wrong};
use proptest::prelude::*;

use super::*;
use crate::{Heuristic, Item, ItemKind, Suite, SuiteHeader};

/// A result with nothing but what the statistics look at.
pub(crate) fn result(id: usize, task: &str, outcome: ItemOutcome, options: u32) -> ItemResult {
    ItemResult {
        id: id.to_string(),
        task: task.to_owned(),
        cluster: None,
        outcome,
        outcome_norm: None,
        outcome_per_char: None,
        choices: vec![],
        options,
        answer: String::new(),
        turns: vec![],
        form: None,
        ratings: vec![],
        extracted: None,
        tokens_in: 0,
        tokens_out: 0,
        prefill_ms: 0.0,
        decode_ms: 0.0,
        ttft_ms: None,
        time_ms: None,
        cached: false,
        position: None,
        length: None,
    }
}

/// Names of a suite of several ways.
const PLAIN: Measures = Measures { right: ACCURACY, grade: JUDGE_METRIC };

fn failed() -> ItemOutcome {
    Failed { reason: "engine gone".to_owned() }
}

#[test]
fn tied_and_failed_items_are_left_out_and_unparsed_ones_count_as_wrong() {
    let outcomes = [Correct, Wrong, Unparsed, Tied, failed(), Correct];
    let items: Vec<ItemResult> =
        outcomes.into_iter().enumerate().map(|(id, outcome)| result(id, "t", outcome, 4)).collect();
    let found = scores(&items, PLAIN);
    assert_eq!(found.len(), 1);
    let score = &found[0];
    assert_eq!(
        (score.metric.as_str(), score.group.as_str(), score.n, score.clusters),
        (ACCURACY, "all", 4, 4)
    );
    assert_eq!((score.value, score.unparsed, score.tied, score.failed), (0.5, 0.25, 1, 1));
    assert_eq!(score.chance, Some(0.25));
    // Four items are too few for an interval.
    assert_eq!(score.ci95, None);
    assert!(refusals(&items)[0].contains("1 of 6 items left out"));
}

#[test]
fn a_model_whose_choices_always_tie_gets_no_score() {
    let items: Vec<ItemResult> = (0..10).map(|id| result(id, "t", Tied, 4)).collect();
    assert!(scores(&items, PLAIN).is_empty());
    let reason = &unscored(&items)[0].reason;
    assert!(reason.contains("tied in all 10 items") && refusals(&items).is_empty(), "{reason}");
}

#[test]
fn what_could_not_be_judged_is_not_wrong_and_too_much_of_it_voids_the_score() {
    // Right answers, failures, whether there is a score, and what is said where there is none.
    let table = [
        (10, 0, true, ""),
        (8, 2, true, ""),
        (7, 2, false, "only 7 of 9 items could be asked and judged, under 80 %: engine gone"),
        (1, 9, false, "only 1 of 10 items"),
        (0, 3, false, "none of 3 items could be asked or judged: engine gone"),
        (0, 0, false, ""),
    ];
    for grades in [false, true] {
        for (right, gone, scored, said) in table {
            let outcome = |id| match (id < right, grades) {
                (false, _) => failed(),
                (true, false) => Correct,
                (true, true) => Graded { grade: 1.0 },
            };
            let items: Vec<ItemResult> =
                (0..right + gone).map(|id| result(id, "t", outcome(id), 0)).collect();
            let found = scores(&items, PLAIN);
            // A failure never lowers a mean.
            assert_eq!(found.first().map(|score| score.value), scored.then_some(1.0), "{right} {gone}");
            assert_eq!(found.first().map(|score| score.failed), scored.then_some(gone as u64));
            let void = unscored(&items);
            assert!(void.is_empty() == said.is_empty(), "{right} {gone}: {void:?}");
            assert!(
                void.iter().all(|void| void.reason.starts_with(said) && void.judged == right as u64),
                "{void:?}"
            );
        }
    }
}

#[test]
fn a_task_that_was_judged_keeps_its_score_beside_one_that_was_not() {
    let outcomes = [("a", Correct), ("a", Wrong), ("b", failed()), ("b", failed())];
    let items: Vec<ItemResult> =
        (0..).zip(outcomes).map(|(id, (task, outcome))| result(id, task, outcome, 0)).collect();
    let found = scores(&items, PLAIN);
    let groups: Vec<(&str, f64)> = found.iter().map(|score| (score.group.as_str(), score.value)).collect();
    let void = unscored(&items);
    let void: Vec<&str> = void.iter().map(|void| void.group.as_str()).collect();
    assert_eq!((groups, void), (vec![("a", 0.5)], vec!["all", "b"]));
}

#[test]
fn tasks_follow_the_whole_and_norms_and_grades_stand_apart() {
    let mut items = vec![
        result(0, "a", Correct, 2),
        result(1, "a", Wrong, 2),
        result(2, "b", Graded { grade: 0.7 }, 0),
        result(3, "b", Graded { grade: 0.9 }, 0),
    ];
    items[0].outcome_norm = Some(Wrong);
    items[1].outcome_norm = Some(Wrong);
    let found = scores(&items, PLAIN);
    let names: Vec<(&str, &str, u64)> =
        found.iter().map(|score| (score.metric.as_str(), score.group.as_str(), score.n)).collect();
    assert_eq!(
        names,
        [
            ("accuracy", "all", 2),
            ("accuracy_norm", "all", 2),
            ("judge", "all", 2),
            ("accuracy", "a", 2),
            ("accuracy_norm", "a", 2),
            ("judge", "b", 2)
        ]
    );
    assert!((found[2].value - 0.8).abs() < 1e-12, "{:?}", found[2]);
    assert_eq!(found[1].value, 0.0);
}

#[test]
fn clusters_widen_intervals_and_one_cluster_decides_nothing() {
    let items = |cluster: fn(usize) -> Option<String>| -> Vec<ItemResult> {
        (0..100)
            .map(|id| {
                let outcome = if (id / 10) % 2 == 0 { Correct } else { Wrong };
                ItemResult { cluster: cluster(id), ..result(id, "t", outcome, 0) }
            })
            .collect()
    };
    let width = |items: &[ItemResult]| {
        let score = scores(items, PLAIN).remove(0);
        (score.ci95.map(|[low, high]| high - low), score.clusters)
    };
    let (alone, n) = width(&items(|_| None));
    let (tens, ten) = width(&items(|id| Some((id / 10).to_string())));
    let (all, one) = width(&items(|_| Some("x".to_owned())));
    assert_eq!((n, ten, one), (100, 10, 1));
    assert!(tens.unwrap() > 2.5 * alone.unwrap() && all.is_none(), "{alone:?} {tens:?} {all:?}");
}

#[test]
fn chance_is_the_mean_over_choices() {
    assert_eq!(chance_level(&[4, 4, 2, 2]), Some(0.375));
    assert_eq!(chance_level(&[4, 0]), Some(0.125));
    assert_eq!(chance_level(&[0, 0]), None);
    assert_eq!(chance_level(&[]), None);
}

#[test]
fn the_report_of_the_seeds_grades_every_answer() {
    let mut right = Item::new("0", "t", ItemKind::Numeric, "q");
    right.category = Some("reasoning".to_owned());
    let mut open = Item::new("1", "t", ItemKind::Heuristic, "q");
    open.category = Some("knowledge".to_owned());
    let header = SuiteHeader::default();
    let items = vec![right, open];
    let suite = Suite {
        header,
        format: "x",
        remarks: vec![],
        items,
        examples: vec![],
        refused: vec![],
        refused_total: 0,
    };
    let mut results = vec![result(0, "t", Correct, 0), result(1, "t", Open, 0)];
    results[0].answer = "It's 1096.".to_owned();
    results[1].answer = "It is Canberra indeed.".to_owned();
    let report = heuristic_report(&suite, &results, Heuristic::Seed001Suite);
    let found: Vec<(&str, f64)> = report.iter().map(|score| (score.group.as_str(), score.value)).collect();
    assert_eq!(found, [("all", 0.8), ("reasoning", 0.7), ("knowledge", 0.9)]);
}

proptest! {
    #[test]
    fn scores_are_always_sane(outcomes in proptest::collection::vec(0_u8..5, 0..60), clusters in 1_usize..10) {
        let items: Vec<ItemResult> = outcomes
            .iter()
            .enumerate()
            .map(|(id, kind)| {
                let outcome = match kind {
                    0 => Correct,
                    1 => Wrong,
                    2 => Unparsed,
                    3 => Tied,
                    _ => Graded { grade: 0.5 },
                };
                let cluster = (id % 2 == 0).then(|| (id % clusters).to_string());
                ItemResult { cluster, ..result(id, "t", outcome, 4) }
            })
            .collect();
        for score in scores(&items, PLAIN) {
            prop_assert_eq!(score.ci95.is_some(), score.clusters >= INTERVAL_ITEMS_MIN);
            let [low, high] = score.ci95.unwrap_or([score.value; 2]);
            prop_assert!(0.0 <= low && low <= score.value + 1e-12);
            prop_assert!(score.value <= high + 1e-12 && high <= 1.0);
            prop_assert!(score.standard_error.is_finite() && score.clusters <= score.n);
        }
    }
}

#[test]
fn an_interval_needs_five_independent_items() {
    for (n, clusters, has_one) in [(1, 1, false), (4, 4, false), (5, 5, true), (40, 4, false), (40, 5, true)]
    {
        for outcome in [Correct, Graded { grade: 1.0 }] {
            let item = |id: usize| ItemResult {
                cluster: Some((id % clusters).to_string()),
                ..result(id, "t", outcome.clone(), 0)
            };
            let items: Vec<ItemResult> = (0..n).map(item).collect();
            let found = scores(&items, PLAIN);
            assert_eq!((found[0].ci95.is_some(), found[0].value), (has_one, 1.0), "{n} {clusters}");
        }
    }
}

#[test]
fn open_answers_have_no_score_and_their_form_is_none() {
    let open = |id| ItemResult { form: Some(0.9), ..result(id, "t", Open, 0) };
    let items: Vec<ItemResult> = (0..8).map(open).collect();
    assert!(scores(&items, PLAIN).is_empty());
    let void = &unscored(&items)[0];
    // Nobody was to judge them, so that nothing failed.
    assert_eq!((void.items, void.judged), (0, 0));
    assert!(void.reason.contains("none was named"), "{void:?}");
    let checks = form_checks(&items, Heuristic::Seed001Suite);
    assert_eq!((checks.len(), checks[0].n, checks[0].check.as_str()), (1, 8, "seed001_suite"));
    assert!((checks[0].value - 0.9).abs() < 1e-12);
    // Beside questions that have right answers they are left out.
    let mixed: Vec<ItemResult> =
        items.into_iter().chain((10..16).map(|id| result(id, "u", Correct, 0))).collect();
    let found = scores(&mixed, PLAIN);
    assert_eq!((found[0].group.as_str(), found[0].n, found[0].value), ("all", 6, 1.0));
}

#[test]
fn a_way_to_score_that_all_items_share_names_the_score() {
    let items = |kinds: &[ItemKind]| -> Vec<Item> {
        kinds.iter().map(|kind| Item::new("1", "t", *kind, "q")).collect()
    };
    let cases = [
        (&[ItemKind::Exact, ItemKind::Exact][..], "exact_match", "judge"),
        (&[ItemKind::Contains], "contains", "judge"),
        (&[ItemKind::Regex], "regex", "judge"),
        (&[ItemKind::F1], "accuracy", "f1"),
        (&[ItemKind::Open], "accuracy", "judge"),
        (&[ItemKind::Exact, ItemKind::Numeric], "accuracy", "judge"),
        (&[], "accuracy", "judge"),
    ];
    for (kinds, right, grade) in cases {
        assert_eq!(Measures::of(&items(kinds)), Measures { right, grade }, "{kinds:?}");
    }
}
