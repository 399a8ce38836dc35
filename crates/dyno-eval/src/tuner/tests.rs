//! The search against response surfaces whose best point is known.

use proptest::prelude::*;

use super::*;

fn plan(candidates: usize, items: usize, budget: usize) -> TunerPlan {
    let start = preset("reasoning").unwrap().choice();
    TunerPlan { start, candidates, items, budget, weights: Weights::default(), seed: 9 }
}

/// A number in 0..1 that depends on its inputs alone.
fn noise(a: usize, b: usize, c: u32) -> f64 {
    let mixed =
        (a as u64).wrapping_mul(0x9e37_79b9) ^ (b as u64).wrapping_mul(0x85eb_ca6b) ^ u64::from(c) << 17;
    let mixed = mixed.wrapping_mul(0xff51_afd7_ed55_8ccd);
    ((mixed ^ (mixed >> 29)) % 10_000) as f64 / 10_000.0
}

/// Runs a search to its end; `quality` gives the chance to be right.
fn run(mut tuner: Tuner, quality: impl Fn(&SamplingChoice, Draw) -> Option<f64>) -> TunerOutcome {
    let mut rounds = 0;
    while let Some(trials) = tuner.next_round() {
        let answers: Vec<DrawResult> = trials
            .iter()
            .flat_map(|trial| {
                trial.draws.iter().map(|draw| DrawResult {
                    candidate: trial.candidate,
                    draw: *draw,
                    quality: quality(&trial.choice, *draw),
                    tokens: 50,
                    seconds: 5.0,
                })
            })
            .collect();
        tuner.report(&answers).unwrap();
        rounds += 1;
        assert!(rounds < 50, "the search must end");
    }
    tuner.outcome().unwrap()
}

/// Best at temperature 0.5 and min-p 0.05, whatever the rest.
fn surface(choice: &SamplingChoice, draw: Draw) -> Option<f64> {
    let chance = 0.95
        - 1.2 * f64::from((choice.temperature - 0.5).abs())
        - 4.0 * f64::from((choice.min_p - 0.05).abs());
    // The item's difficulty is shared by all candidates: pairing must cancel it.
    Some(f64::from(noise(draw.item, 7, draw.repeat) < chance))
}

#[test]
fn a_known_best_point_is_found_and_holds_up() {
    let outcome = run(Tuner::new(plan(27, 200, 3000)).unwrap(), surface);
    let best = outcome.recommended;
    assert!((best.temperature - 0.5).abs() < 0.01 && (best.min_p - 0.05).abs() < 0.01, "{outcome:?}");
    let gain = outcome.confirmed.unwrap();
    assert!(gain.low > 0.0 && outcome.sentence.starts_with("quality improves by"), "{}", outcome.sentence);
    assert!(outcome.spent <= 3000, "{}", outcome.spent);
    assert_eq!(outcome.standings[0].candidate, outcome.winner);
    let [start, winner] = outcome.confirm_standings.unwrap();
    assert!(winner.quality > start.quality && start.choice == plan(2, 8, 1).start);
    assert!((winner.objective - (0.7 * winner.quality + 0.3 * 0.5)).abs() < 1e-12);
}

#[test]
fn answers_that_nobody_could_judge_lower_no_quality() {
    // Every fifth question fails for everybody; whatever is judged is right.
    let quality = |_: &SamplingChoice, draw: Draw| (!draw.item.is_multiple_of(5)).then_some(1.0);
    let outcome = run(Tuner::new(plan(9, 60, 600)).unwrap(), quality);
    assert!(outcome.standings.iter().all(|standing| standing.quality == 1.0), "{:?}", outcome.standings);
    let trial = |candidate, items: &[usize]| Trial {
        candidate,
        choice: SamplingChoice::GREEDY,
        draws: items.iter().map(|item| Draw { item: *item, repeat: 0 }).collect(),
    };
    let result = |candidate, item, quality| DrawResult {
        candidate,
        draw: Draw { item, repeat: 0 },
        quality,
        tokens: 1,
        seconds: 1.0,
    };
    let trials = [trial(0, &[1, 2, 3]), trial(4, &[1, 2, 3])];
    let results = [
        (0, 1, Some(0.0)),
        (0, 2, None),
        (0, 3, Some(1.0)),
        (4, 1, Some(1.0)),
        (4, 2, Some(1.0)),
        (4, 3, None),
    ];
    let results = results.map(|(candidate, item, quality)| result(candidate, item, quality));
    assert_eq!(judged_draws(&trials, &results), [1, 3]);
    assert_eq!(judged_draws(&[], &[]), [0, 0]);
}

#[test]
fn where_nothing_matters_nothing_is_claimed() {
    let flat = |_: &SamplingChoice, draw: Draw| Some(f64::from(noise(draw.item, 1, draw.repeat) < 0.5));
    let outcome = run(Tuner::new(plan(9, 60, 600)).unwrap(), flat);
    // Every candidate gives the same, so the first of the list, the start, is kept.
    assert_eq!((outcome.winner, outcome.recommended), (0, plan(2, 8, 1).start));
    assert_eq!(outcome.sentence, "no setting did better than the one to start from");
}

#[test]
fn a_lucky_winner_is_sent_home_by_fresh_items() {
    let start = plan(2, 8, 1).start;
    let probe = Tuner::new(plan(9, 40, 400)).unwrap();
    let fresh: Vec<usize> = probe.order[probe.search_items..].to_vec();
    let favoured = probe.choices[4];
    // One candidate shines on the items of the search and fails on all others.
    let outcome = run(probe, |choice, draw| {
        let lucky = *choice == favoured;
        Some(if fresh.contains(&draw.item) { f64::from(!lucky) } else { f64::from(lucky) })
    });
    assert_eq!((outcome.winner, outcome.recommended), (4, start));
    assert!(outcome.sentence.contains("did not hold up"), "{}", outcome.sentence);
}

#[test]
fn every_round_is_paired_and_takes_fresh_items_first() {
    let mut tuner = Tuner::new(plan(9, 100, 600)).unwrap();
    let mut seen: Vec<Draw> = Vec::new();
    while let Some(trials) = tuner.next_round() {
        assert_eq!(tuner.next_round().as_ref(), Some(&trials), "asking twice changes nothing");
        assert!(trials.iter().all(|trial| trial.draws == trials[0].draws));
        assert!(trials[0].draws.iter().all(|draw| !seen.contains(draw)));
        seen.extend(&trials[0].draws);
        let answers: Vec<DrawResult> = trials
            .iter()
            .flat_map(|trial| trial.draws.iter().map(|draw| (trial.candidate, *draw)))
            .map(|(candidate, draw)| DrawResult {
                candidate,
                draw,
                quality: Some(noise(candidate, draw.item, 0)),
                tokens: 1,
                seconds: 0.1,
            })
            .collect();
        tuner.report(&answers).unwrap();
    }
    assert!(seen.len() > 20);
    let first_item: Vec<usize> = seen.iter().take(10).map(|draw| draw.item).collect();
    assert_ne!(
        first_item,
        (0..10).collect::<Vec<_>>(),
        "items come in shuffled order, not the first of the list"
    );
}

#[test]
fn items_that_failed_count_for_nobody() {
    let outcome = run(Tuner::new(plan(5, 40, 400)).unwrap(), |choice, draw| {
        (draw.item % 2 == 0).then(|| f64::from(choice.min_p > 0.07))
    });
    assert!(outcome.recommended.min_p > 0.07, "{outcome:?}");
    let nothing = run(Tuner::new(plan(5, 40, 400)).unwrap(), |_, _| None);
    assert_eq!(nothing.recommended, plan(2, 8, 1).start);
}

#[test]
fn weights_decide_what_counts() {
    let only_speed = Weights { quality: 0.0, speed: 1.0 };
    let near = |left: f64, right: f64| (left - right).abs() < 1e-12;
    assert!(near(objective(only_speed, 1.0, 5.0), 0.25));
    assert!(near(objective(Weights::default(), 0.5, 40.0), 0.65));
    assert!(near(objective(Weights { quality: 7.0, speed: 3.0 }, 0.5, 40.0), 0.65));
}

#[test]
fn impossible_plans_and_foreign_results_are_refused() {
    let refused = |plan: TunerPlan| Tuner::new(plan).unwrap_err().to_string();
    assert!(refused(plan(1, 100, 1000)).contains("2 to 256"));
    assert!(refused(plan(9, 7, 1000)).contains("at least 8"));
    assert!(refused(plan(27, 100, 100)).contains("need at least"));
    let weights = Weights { quality: 0.0, speed: 0.0 };
    assert!(refused(TunerPlan { weights, ..plan(9, 100, 1000) }).contains("not both 0"));
    let weights = Weights { quality: f64::NAN, speed: 1.0 };
    assert!(Tuner::new(TunerPlan { weights, ..plan(9, 100, 1000) }).is_err());

    let mut tuner = Tuner::new(plan(9, 20, 200)).unwrap();
    let trials = tuner.next_round().unwrap();
    let good: Vec<DrawResult> = trials
        .iter()
        .flat_map(|trial| trial.draws.iter().map(|draw| (trial.candidate, *draw)))
        .map(|(candidate, draw)| DrawResult { candidate, draw, quality: Some(0.5), tokens: 1, seconds: 1.0 })
        .collect();
    let mut broken = good.clone();
    broken[0].candidate = 77;
    assert!(tuner.report(&broken).unwrap_err().to_string().contains("candidate 77 was not asked"));
    broken = good.clone();
    broken[0] = broken[1];
    assert!(tuner.report(&broken).unwrap_err().to_string().contains("comes twice"));
    assert!(tuner.report(&good[1..]).unwrap_err().to_string().contains("were asked"));
    broken = good.clone();
    broken[0].quality = Some(1.5);
    assert!(tuner.report(&broken).is_err());
    broken[0] = DrawResult { seconds: f64::NAN, ..good[0] };
    assert!(tuner.report(&broken).is_err());
    assert!(tuner.report(&good).is_ok() && tuner.outcome().is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn every_possible_plan_ends_within_its_budget(
        candidates in 2_usize..40,
        items in 8_usize..80,
        extra in 0_usize..800,
        seed in any::<u64>(),
    ) {
        let budget = least_budget(candidates) + extra;
        let start = preset("creative").unwrap().choice();
        let plan = TunerPlan { start, candidates, items, budget, weights: Weights::default(), seed };
        let tuner = Tuner::new(plan).unwrap();
        let outcome = run(tuner, |choice, draw| Some(noise(draw.item, (choice.top_p * 100.0) as usize, draw.repeat)));
        prop_assert!(outcome.spent <= budget, "{} of {budget}", outcome.spent);
        prop_assert_eq!(outcome.standings.len(), candidates);
    }
}
