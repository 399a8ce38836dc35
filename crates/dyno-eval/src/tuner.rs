//! Search for sampling settings: successive halving over paired items, as a state machine that asks for generations and is
//! told what they gave.

mod candidates;

use std::collections::BTreeMap;

pub use candidates::{Preset, SamplingChoice, candidates, preset, presets};
use dyno_stats::{Interval, clustered_mean};
use serde::{Deserialize, Serialize};

use candidates::Shuffle;

/// Speed that counts as fully fast, tokens/s (seed 001).
pub const FULL_SPEED_TPS: f64 = 20.0;

/// Survivors of a round: one of this many, as Jamieson and Talwalkar 2016 and the Hyperband paper have it.
const KEPT_ONE_OF: usize = 3;

/// Part of the budget that is kept for the last comparison of winner and start, on items nobody was chosen by.
const CONFIRM_SHARE: f64 = 0.25;

/// Fewest items a candidate is judged by in any round.
const ITEMS_MIN: usize = 4;

/// What counts how much.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    /// Weight of quality, 0 or more.
    pub quality: f64,
    /// Weight of speed, 0 or more.
    pub speed: f64,
}

impl Default for Weights {
    /// 0.7 and 0.3, as in seed 001.
    fn default() -> Self {
        Self { quality: 0.7, speed: 0.3 }
    }
}

/// What a search is to do.
#[derive(Debug, Clone, PartialEq)]
pub struct TunerPlan {
    /// Settings to start from; they are compared with the winner in the end.
    pub start: SamplingChoice,
    /// Settings to try, with the start: 2 to 256.
    pub candidates: usize,
    /// Items there are.
    pub items: usize,
    /// Generations that may be asked for, all rounds together.
    pub budget: usize,
    /// What counts how much.
    pub weights: Weights,
    /// Seed of settings and of the order of items.
    pub seed: u64,
}

/// A plan that cannot be carried out, or results that do not belong to what was asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TunerError {
    /// Too few items to judge anybody by.
    #[error(
        "{items} item(s), but a search needs at least {needed}, so that some are left for the last comparison"
    )]
    TooFewItems {
        /// Items there are.
        items: usize,
        /// Items needed.
        needed: usize,
    },
    /// Number of candidates out of range.
    #[error("{candidates} candidates, but a search takes 2 to 256")]
    Candidates {
        /// The number given.
        candidates: usize,
    },
    /// Weights that weigh nothing.
    #[error("weights {quality} and {speed} must be 0 or more, and not both 0")]
    Weights {
        /// Weight of quality.
        quality: f64,
        /// Weight of speed.
        speed: f64,
    },
    /// Budget that does not reach.
    #[error("a budget of {budget} generations is too small: {candidates} candidates need at least {needed}")]
    Budget {
        /// The budget given.
        budget: usize,
        /// Candidates.
        candidates: usize,
        /// Smallest budget.
        needed: usize,
    },
    /// Results of something that was not asked, or twice, or not at all.
    #[error("results do not fit the round: {0}")]
    Results(String),
}

/// One item to be answered under one setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Draw {
    /// Index of the item.
    pub item: usize,
    /// How often the item was asked before; the same for all settings, so that seeds can be paired too.
    pub repeat: u32,
}

/// What one setting has to answer in a round.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Index among the candidates.
    pub candidate: usize,
    /// Its settings.
    pub choice: SamplingChoice,
    /// What to answer; the same for every candidate of a round.
    pub draws: Vec<Draw>,
}

/// What one answer gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DrawResult {
    /// Index among the candidates.
    pub candidate: usize,
    /// What was answered.
    pub draw: Draw,
    /// Quality 0 to 1; `None` where nothing could be asked or scored, which drops this draw for all candidates.
    pub quality: Option<f64>,
    /// Generated tokens.
    pub tokens: u64,
    /// Time they took, s.
    pub seconds: f64,
}

/// What is known of one candidate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Standing {
    /// Index among the candidates.
    pub candidate: usize,
    /// Its settings.
    pub choice: SamplingChoice,
    /// Rounds it took part in, the last comparison not counted.
    pub rounds: u32,
    /// Answers it is judged by.
    pub answers: usize,
    /// Mean quality, 0 to 1.
    pub quality: f64,
    /// Tokens/s, Σtokens/Σtime; 0 where nothing was generated.
    pub decode_tps: f64,
    /// Weighted mean of quality and speed (tokens/s over 20, at most 1).
    pub objective: f64,
}

/// What the search found.
#[derive(Debug, Clone, PartialEq)]
pub struct TunerOutcome {
    /// The setting to use: the winner when it holds up against the start on fresh items, else the start.
    pub recommended: SamplingChoice,
    /// Best standing of the search; those who stayed longer first, then by objective.
    pub standings: Vec<Standing>,
    /// Candidate that won the search.
    pub winner: usize,
    /// Difference of quality, winner − start, on fresh items with its 95 % interval; `None` when the start itself won.
    pub confirmed: Option<Interval>,
    /// Start and winner on the fresh items.
    pub confirm_standings: Option<[Standing; 2]>,
    /// Generations asked for.
    pub spent: usize,
    /// What to say about it.
    pub sentence: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Search { round: u32 },
    Confirm,
    Done,
}

/// The search. Ask [`Tuner::next_round`], answer with [`Tuner::report`], until no round is left; then [`Tuner::outcome`].
#[derive(Debug)]
pub struct Tuner {
    plan: TunerPlan,
    choices: Vec<SamplingChoice>,
    /// Order in which items are used; search takes from the front, the last comparison from the back.
    order: Vec<usize>,
    search_items: usize,
    rounds: u32,
    alive: Vec<usize>,
    stage: Stage,
    used: usize,
    spent: usize,
    survived: Vec<u32>,
    results: BTreeMap<(usize, Draw), DrawResult>,
    confirm_results: BTreeMap<(usize, Draw), DrawResult>,
}

/// Rounds until one of `candidates` is left.
fn rounds_for(candidates: usize) -> u32 {
    let (mut left, mut rounds) = (candidates, 0);
    while left > 1 {
        left = left.div_ceil(KEPT_ONE_OF);
        rounds += 1;
    }
    rounds
}

impl Tuner {
    /// Begins a search.
    ///
    /// # Errors
    /// For too few items or candidates, weights that weigh nothing, and a budget under the least a search can do with.
    pub fn new(plan: TunerPlan) -> Result<Self, TunerError> {
        if !(2..=256).contains(&plan.candidates) {
            return Err(TunerError::Candidates { candidates: plan.candidates });
        }
        let Weights { quality, speed } = plan.weights;
        if !(quality >= 0.0 && speed >= 0.0 && quality + speed > 0.0 && (quality + speed).is_finite()) {
            return Err(TunerError::Weights { quality, speed });
        }
        if plan.items < 2 * ITEMS_MIN {
            return Err(TunerError::TooFewItems { items: plan.items, needed: 2 * ITEMS_MIN });
        }
        let choices = candidates(plan.start, plan.candidates, plan.seed);
        let (count, rounds) = (choices.len(), rounds_for(choices.len()));
        let needed = least_budget(count);
        if plan.budget < needed {
            return Err(TunerError::Budget { budget: plan.budget, candidates: count, needed });
        }
        let mut order: Vec<usize> = (0..plan.items).collect();
        Shuffle::new(plan.seed ^ 0x6974_656d).shuffle(&mut order);
        let kept = ((plan.items as f64 * CONFIRM_SHARE) as usize).clamp(ITEMS_MIN, plan.items - ITEMS_MIN);
        Ok(Self {
            search_items: plan.items - kept,
            alive: (0..count).collect(),
            survived: vec![0; count],
            stage: Stage::Search { round: 0 },
            results: BTreeMap::new(),
            confirm_results: BTreeMap::new(),
            plan,
            choices,
            order,
            rounds,
            used: 0,
            spent: 0,
        })
    }

    /// Settings that are tried, the start first.
    #[must_use]
    pub fn choices(&self) -> &[SamplingChoice] {
        &self.choices
    }

    /// What has to be answered next: every candidate the same draws. `None` when the search is over. Asking again without
    /// reporting gives the same.
    #[must_use]
    pub fn next_round(&self) -> Option<Vec<Trial>> {
        let (members, draws) = match self.stage {
            Stage::Done => return None,
            Stage::Search { .. } => (self.members(), self.search_draws()),
            Stage::Confirm => (vec![0, self.leader()], self.confirm_draws()),
        };
        let trial =
            |candidate: usize| Trial { candidate, choice: self.choices[candidate], draws: draws.clone() };
        Some(members.into_iter().map(trial).collect())
    }

    /// Those who are asked in a search round: the survivors, and the start, so that it can always be compared.
    fn members(&self) -> Vec<usize> {
        let mut members = self.alive.clone();
        if !members.contains(&0) {
            members.insert(0, 0);
        }
        members
    }

    fn search_budget(&self) -> usize {
        (self.plan.budget as f64 * (1.0 - CONFIRM_SHARE)) as usize
    }

    fn search_draws(&self) -> Vec<Draw> {
        let per_round = self.search_budget() / self.rounds.max(1) as usize;
        let count = (per_round / self.members().len()).max(ITEMS_MIN);
        let draw = |position: usize| Draw {
            item: self.order[position % self.search_items],
            repeat: u32::try_from(position / self.search_items).unwrap_or(u32::MAX),
        };
        (self.used..self.used + count).map(draw).collect()
    }

    fn confirm_draws(&self) -> Vec<Draw> {
        let fresh = &self.order[self.search_items..];
        let count = (self.plan.budget.saturating_sub(self.spent) / 2).clamp(ITEMS_MIN, 4 * fresh.len());
        let draw = |position: usize| Draw {
            item: fresh[position % fresh.len()],
            repeat: u32::try_from(position / fresh.len()).unwrap_or(u32::MAX),
        };
        (0..count).map(draw).collect()
    }

    /// Takes the results of the round that was asked for, in any order, and decides who stays.
    ///
    /// # Errors
    /// When a result was not asked for or comes twice, when one is missing, and for a quality outside 0 to 1 or a time that is
    /// not finite. Nothing changes then.
    pub fn report(&mut self, results: &[DrawResult]) -> Result<(), TunerError> {
        let Some(trials) = self.next_round() else {
            return Err(TunerError::Results("the search is over".to_owned()));
        };
        let round = checked(&trials, results)?;
        self.spent += round.len();
        match self.stage {
            Stage::Search { round: number } => {
                self.used += trials[0].draws.len();
                self.results.extend(round);
                self.halve(number);
            }
            Stage::Confirm => {
                self.confirm_results = round;
                self.stage = Stage::Done;
            }
            Stage::Done => {}
        }
        Ok(())
    }

    fn halve(&mut self, round: u32) {
        for candidate in &self.alive {
            self.survived[*candidate] = round + 1;
        }
        let members = self.members();
        let shared = shared_draws(&self.results, &members);
        let standing = |candidate: &usize| self.standing(*candidate, &self.results, &shared);
        let mut ranked: Vec<Standing> = self.alive.iter().map(standing).collect();
        rank(&mut ranked);
        ranked.truncate(self.alive.len().div_ceil(KEPT_ONE_OF));
        self.alive = ranked.iter().map(|standing| standing.candidate).collect();
        let leader = self.leader();
        self.stage = match (self.alive.len(), leader) {
            (1, 0) => Stage::Done,
            (1, _) => Stage::Confirm,
            _ => Stage::Search { round: round + 1 },
        };
    }

    /// The best of those left.
    fn leader(&self) -> usize {
        self.alive.first().copied().unwrap_or(0)
    }

    fn standing(
        &self,
        candidate: usize,
        results: &BTreeMap<(usize, Draw), DrawResult>,
        draws: &[Draw],
    ) -> Standing {
        // What could not be judged is neither good nor bad.
        let judged = |result: &&DrawResult| result.quality.is_some();
        let answers: Vec<&DrawResult> =
            draws.iter().filter_map(|draw| results.get(&(candidate, *draw))).filter(judged).collect();
        let quality_sum = dyno_stats::sum(answers.iter().filter_map(|answer| answer.quality));
        let quality = quality_sum / answers.len().max(1) as f64;
        let tokens: u64 = answers.iter().map(|answer| answer.tokens).sum();
        let seconds = dyno_stats::sum(answers.iter().map(|answer| answer.seconds));
        let decode_tps = if seconds > 0.0 { tokens as f64 / seconds } else { 0.0 };
        Standing {
            candidate,
            choice: self.choices[candidate],
            rounds: self.survived[candidate],
            answers: answers.len(),
            quality,
            decode_tps,
            objective: objective(self.plan.weights, quality, decode_tps),
        }
    }

    /// What the search found; `None` while rounds are left.
    #[must_use]
    pub fn outcome(&self) -> Option<TunerOutcome> {
        if self.stage != Stage::Done {
            return None;
        }
        let own = |candidate: usize| {
            let draws: Vec<Draw> =
                self.results.keys().filter(|(of, _)| *of == candidate).map(|(_, draw)| *draw).collect();
            self.standing(candidate, &self.results, &draws)
        };
        let mut standings: Vec<Standing> = (0..self.choices.len()).map(own).collect();
        let winner = self.leader();
        standings.sort_by(|a, b| {
            let first = |standing: &Standing| standing.candidate == winner;
            (first(b).cmp(&first(a))).then(b.rounds.cmp(&a.rounds)).then(b.objective.total_cmp(&a.objective))
        });
        let (confirmed, confirm_standings) = self.confirmation(winner);
        let holds = match (&confirmed, &confirm_standings) {
            (Some(_), Some([start, best])) => best.objective >= start.objective,
            _ => false,
        };
        let recommended = if holds { self.choices[winner] } else { self.plan.start };
        let sentence = sentence(winner, holds, confirmed.as_ref());
        Some(TunerOutcome {
            recommended,
            standings,
            winner,
            confirmed,
            confirm_standings,
            spent: self.spent,
            sentence,
        })
    }

    /// Winner against start on the fresh items: paired by draw, clustered by item.
    fn confirmation(&self, winner: usize) -> (Option<Interval>, Option<[Standing; 2]>) {
        if winner == 0 || self.confirm_results.is_empty() {
            return (None, None);
        }
        let shared = shared_draws(&self.confirm_results, &[0, winner]);
        let quality =
            |candidate: usize, draw: &Draw| self.confirm_results[&(candidate, *draw)].quality.unwrap_or(0.0);
        let differences: Vec<f64> =
            shared.iter().map(|draw| quality(winner, draw) - quality(0, draw)).collect();
        let items: Vec<usize> = shared.iter().map(|draw| draw.item).collect();
        let interval = clustered_mean(&differences, &items).ok().map(|mean| mean.interval_95());
        let standing = |candidate| self.standing(candidate, &self.confirm_results, &shared);
        (interval, Some([standing(0), standing(winner)]))
    }
}

/// Smallest budget with which every round gives every candidate enough items to compare it.
#[must_use]
pub fn least_budget(candidates: usize) -> usize {
    // The first round is the widest; one more for the start, which is always asked.
    let widest = (candidates + 1) * ITEMS_MIN * rounds_for(candidates) as usize;
    (widest as f64 / (1.0 - CONFIRM_SHARE)).ceil() as usize
}

/// Weighted mean of quality and speed, 0 to 1.
#[must_use]
pub fn objective(weights: Weights, quality: f64, decode_tps: f64) -> f64 {
    let speed = (decode_tps / FULL_SPEED_TPS).clamp(0.0, 1.0);
    (weights.quality * quality + weights.speed * speed) / (weights.quality + weights.speed)
}

/// Best first; of equals, the one nearer to the start of the list.
fn rank(standings: &mut [Standing]) {
    standings.sort_by(|a, b| b.objective.total_cmp(&a.objective).then(a.candidate.cmp(&b.candidate)));
}

/// Of the draws of one round those that were judged under every setting, and all of them: comparisons rest on the former alone.
#[must_use]
pub fn judged_draws(trials: &[Trial], results: &[DrawResult]) -> [usize; 2] {
    let members: Vec<usize> = trials.iter().map(|trial| trial.candidate).collect();
    let by_draw = results.iter().map(|result| ((result.candidate, result.draw), *result)).collect();
    [shared_draws(&by_draw, &members).len(), trials.first().map_or(0, |trial| trial.draws.len())]
}

/// Draws that every one of some candidates answered and that could be scored for all of them.
fn shared_draws(results: &BTreeMap<(usize, Draw), DrawResult>, members: &[usize]) -> Vec<Draw> {
    let Some(first) = members.first() else { return Vec::new() };
    let scored = |candidate: usize, draw: Draw| {
        results.get(&(candidate, draw)).is_some_and(|result| result.quality.is_some())
    };
    let of_first = results.keys().filter(|(candidate, _)| candidate == first).map(|(_, draw)| *draw);
    of_first.filter(|draw| members.iter().all(|member| scored(*member, *draw))).collect()
}

fn checked(
    trials: &[Trial],
    results: &[DrawResult],
) -> Result<BTreeMap<(usize, Draw), DrawResult>, TunerError> {
    let wrong = |what: String| Err(TunerError::Results(what));
    let mut found = BTreeMap::new();
    for result in results {
        let DrawResult { candidate, draw, quality, seconds, .. } = *result;
        let asked = trials.iter().any(|trial| trial.candidate == candidate && trial.draws.contains(&draw));
        if !asked {
            return wrong(format!(
                "candidate {candidate} was not asked item {} (repeat {})",
                draw.item, draw.repeat
            ));
        }
        if quality.is_some_and(|quality| !(0.0..=1.0).contains(&quality)) {
            return wrong(format!("quality {quality:?} of candidate {candidate} is not in 0 to 1"));
        }
        if !(seconds >= 0.0 && seconds.is_finite()) {
            return wrong(format!("time {seconds} s of candidate {candidate} is no time"));
        }
        if found.insert((candidate, draw), *result).is_some() {
            return wrong(format!("item {} of candidate {candidate} comes twice", draw.item));
        }
    }
    let expected: usize = trials.iter().map(|trial| trial.draws.len()).sum();
    if found.len() == expected {
        Ok(found)
    } else {
        wrong(format!("{} came, but {expected} were asked", found.len()))
    }
}

fn sentence(winner: usize, holds: bool, confirmed: Option<&Interval>) -> String {
    let Some(interval) = confirmed else {
        return if winner == 0 {
            "no setting did better than the one to start from".to_owned()
        } else {
            "the winner could not be compared with the start, so the start is kept".to_owned()
        };
    };
    let point = |share: f64| format!("{:.1}", (share * 1000.0).round() / 10.0 + 0.0);
    let range = format!("[{}, {}]", point(interval.low), point(interval.high));
    let difference = point(interval.estimate);
    if !holds {
        return format!(
            "the winner of the search did not hold up on fresh items (quality {difference} points {range}); the start is kept"
        );
    }
    if interval.low > 0.0 {
        format!("quality improves by {difference} points {range} on fresh items")
    } else {
        format!(
            "no difference in quality is visible on fresh items ({difference} points {range}); the winner's objective is not lower"
        )
    }
}

#[cfg(test)]
mod tests;
