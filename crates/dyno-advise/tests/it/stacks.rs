//! One model per role.

use dyno_advise::{RoleWays, budget, fitting_ways, stack};
use dyno_types::{Choice, Loading, Priority, Role};
use proptest::prelude::*;

use crate::world::{GIB, Laws, family, request};

/// Ways of the same family for three roles.
fn ways(gib: f64) -> Vec<RoleWays> {
    let ways = fitting_ways(&request(Priority::Quality, (gib * GIB as f64) as u64), &family(), &Laws);
    let of = |role| RoleWays { role, ways: ways.clone(), preferred: Vec::new() };
    [Role::General, Role::Coding, Role::Reasoning].map(of).to_vec()
}

fn usable(gib: f64) -> dyno_types::MemoryBudget {
    budget((gib * GIB as f64) as u64, 0.25)
}

#[test]
fn one_at_a_time_each_takes_what_it_wants_and_together_they_share() {
    let alone = stack(&ways(16.0), usable(16.0), Loading::OneAtATime);
    assert_eq!(alone.choices.iter().filter(|(_, choice)| choice.model == "14b").count(), 3);
    assert_eq!(alone.peak_bytes, alone.choices[0].1.memory.as_ref().unwrap().total_bytes);
    let together = stack(&ways(16.0), usable(16.0), Loading::Together);
    assert_eq!((together.choices.len(), together.unfilled.len()), (3, 0));
    assert!(together.choices.iter().all(|(_, choice)| choice.model != "14b"));
    let tiny = stack(&ways(1.3), usable(1.3), Loading::Together);
    assert_eq!((tiny.choices.len(), tiny.unfilled.len()), (1, 2), "two do not fit");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn together_never_takes_more_than_there_is_and_more_memory_is_never_worse(
        gib in 0.1..40.0_f64, more in 0.0..40.0_f64
    ) {
        let merit = |gib: f64| {
            let stack = stack(&ways(gib), usable(gib), Loading::Together);
            let score: f64 = stack.choices.iter().map(|(_, choice)| choice.score).sum();
            (stack.choices.len(), score, stack.peak_bytes)
        };
        let (filled, score, peak) = merit(gib);
        prop_assert!(peak <= usable(gib).usable_bytes);
        let (more_filled, more_score, _) = merit(gib + more);
        prop_assert!(more_filled > filled || (more_filled == filled && more_score >= score - 1e-12));
    }
}

#[test]
fn the_combination_is_the_best_of_all() {
    let ways: Vec<RoleWays> = ways(6.0).into_iter().take(2).collect();
    let budget = usable(6.0);
    let chosen = stack(&ways, budget, Loading::Together);
    let score: f64 = chosen.choices.iter().map(|(_, choice)| choice.score).sum();
    let bytes = |choice: &Choice| choice.memory.as_ref().unwrap().total_bytes;
    let pairs = ways[0].ways.iter().flat_map(|one| ways[1].ways.iter().map(move |other| (one, other)));
    let best = pairs
        .filter(|(one, other)| bytes(one) + bytes(other) <= budget.usable_bytes)
        .map(|(one, other)| one.score + other.score)
        .fold(0.0, f64::max);
    assert!((score - best).abs() < 1e-12, "{score} instead of {best}");
}
