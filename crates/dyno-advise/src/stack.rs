//! One model per role for one memory: each in turn, or all side by side.

use dyno_types::{Choice, Loading, MemoryBudget, Role, Stack, Standing};

use crate::recommend::{better_first, first_of};

/// The fitting ways to run each model of a role (see [`crate::fitting_ways`]).
#[derive(Debug, Clone, PartialEq)]
pub struct RoleWays {
    /// Role.
    pub role: Role,
    /// Ways, in any order.
    pub ways: Vec<Choice>,
    /// Models that go first among those that score about alike.
    pub preferred: Vec<String>,
}

/// A choice of ways for the first roles, all loaded together.
#[derive(Clone)]
struct Partial<'a> {
    bytes: u64,
    filled: usize,
    score: f64,
    picks: Vec<Option<&'a Choice>>,
}

/// Chooses one way per role. Ways whose memory is not known are passed over, because nothing can be promised about their sum.
///
/// One at a time: the best way of each role, as if it were alone. Together: of all combinations whose memories add up to no
/// more than the budget, the one that fills most roles; of those, the one with the highest sum of worths (a model that is here
/// before one that has to be fetched, then by score); then the smallest.
#[must_use]
pub fn stack(ways: &[RoleWays], budget: MemoryBudget, loading: Loading) -> Stack {
    let picks = match loading {
        Loading::OneAtATime => ways.iter().map(|of_role| alone(of_role, budget)).collect(),
        Loading::Together => together(ways, budget),
    };
    let mut stack = Stack { budget, loading, choices: Vec::new(), unfilled: Vec::new(), peak_bytes: 0 };
    for (of_role, pick) in ways.iter().zip(picks) {
        let Some(choice) = pick else {
            stack.unfilled.push(of_role.role);
            continue;
        };
        let bytes = needs(choice).unwrap_or_default();
        stack.peak_bytes = match loading {
            Loading::OneAtATime => stack.peak_bytes.max(bytes),
            Loading::Together => stack.peak_bytes + bytes,
        };
        stack.choices.push((of_role.role, choice.clone()));
    }
    stack
}

fn needs(choice: &Choice) -> Option<u64> {
    choice.memory.as_ref().map(|need| need.total_bytes)
}

fn alone(of_role: &RoleWays, budget: MemoryBudget) -> Option<&Choice> {
    let fits = |way: &&Choice| needs(way).is_some_and(|bytes| bytes <= budget.usable_bytes);
    let mut fitting: Vec<&Choice> = of_role.ways.iter().filter(fits).collect();
    fitting.sort_by(|one, other| better_first(one, other));
    first_of(&fitting, &of_role.preferred).map(|at| fitting[at])
}

fn together(ways: &[RoleWays], budget: MemoryBudget) -> Vec<Option<&Choice>> {
    let mut partials = vec![Partial { bytes: 0, filled: 0, score: 0.0, picks: Vec::new() }];
    for of_role in ways {
        let options = worthwhile(&of_role.ways);
        let extended = partials.iter().flat_map(|partial| {
            let with = options.iter().map(|option| extend(partial, Some(option)));
            with.chain([extend(partial, None)]).collect::<Vec<_>>()
        });
        partials = prune(extended.filter(|partial| partial.bytes <= budget.usable_bytes).collect());
    }
    // Nothing chosen always fits, so there is a best one.
    let best = partials.into_iter().min_by(|one, other| {
        let filled = other.filled.cmp(&one.filled);
        filled.then_with(|| other.score.total_cmp(&one.score)).then_with(|| one.bytes.cmp(&other.bytes))
    });
    best.map(|partial| partial.picks).unwrap_or_default()
}

fn extend<'a>(partial: &Partial<'a>, option: Option<&'a Choice>) -> Partial<'a> {
    let mut next = partial.clone();
    next.picks.push(option);
    if let Some(choice) = option {
        next.bytes = next.bytes.saturating_add(needs(choice).unwrap_or(u64::MAX));
        next.filled += 1;
        next.score += worth(choice);
    }
    next
}

/// What a choice adds to a combination: its score, after what decides before any score.
fn worth(choice: &Choice) -> f64 {
    let standing = match choice.standing {
        Standing::Elsewhere => 0.0,
        Standing::Builtin => 1.0,
        Standing::Here => 2.0,
        Standing::Measured => 3.0,
    };
    standing + choice.score
}

/// Ways that nothing smaller is worth more than.
fn worthwhile(ways: &[Choice]) -> Vec<&Choice> {
    let mut known: Vec<&Choice> = ways.iter().filter(|way| way.memory.is_some()).collect();
    known.sort_by(|one, other| needs(one).cmp(&needs(other)).then_with(|| better_first(one, other)));
    let mut best = f64::NEG_INFINITY;
    known.retain(|way| {
        let better = worth(way) > best;
        best = best.max(worth(way));
        better
    });
    known
}

/// Drops every combination that another one with as many roles beats in memory and score.
fn prune(mut partials: Vec<Partial<'_>>) -> Vec<Partial<'_>> {
    partials.sort_by(|one, other| {
        let filled = other.filled.cmp(&one.filled);
        filled.then_with(|| one.bytes.cmp(&other.bytes)).then_with(|| other.score.total_cmp(&one.score))
    });
    let (mut filled, mut best) = (usize::MAX, f64::NEG_INFINITY);
    partials.retain(|partial| {
        if partial.filled != filled {
            (filled, best) = (partial.filled, f64::NEG_INFINITY);
        }
        let better = partial.score > best;
        best = best.max(partial.score);
        better
    });
    partials
}
