//! Rounds of a search, as they are planned and as they went.

use dyno_eval::{DrawResult, SamplingChoice, Trial, Tuner, TunerError, TunerPlan, Weights, objective};
use serde::Serialize;

/// A round to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PlannedRound {
    /// Settings that are asked.
    pub settings: usize,
    /// Answers of each.
    pub answers_each: usize,
}

/// A round that was.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TriedRound {
    /// Whether it is the last comparison, on fresh questions.
    pub fresh: bool,
    /// Answers of each setting.
    pub answers_each: usize,
    /// Settings, best first.
    pub settings: Vec<TriedSetting>,
}

/// How one setting did in one round, by this round's answers alone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TriedSetting {
    /// Index among the candidates; 0 is the start.
    pub candidate: usize,
    /// The setting.
    pub choice: SamplingChoice,
    /// Answers that could be scored.
    pub scored: usize,
    /// Their mean quality, 0 to 1.
    pub quality: f64,
    /// Tokens/s; 0 where nothing was generated.
    pub decode_tps: f64,
    /// Both, weighted.
    pub objective: f64,
}

impl TriedRound {
    /// A round from what was asked and what came.
    pub(super) fn new(trials: &[Trial], results: &[DrawResult], weights: Weights) -> Self {
        let tried = |trial: &Trial| {
            let own = || results.iter().filter(|result| result.candidate == trial.candidate);
            let qualities: Vec<f64> = own().filter_map(|result| result.quality).collect();
            let quality = qualities.iter().sum::<f64>() / qualities.len().max(1) as f64;
            let tokens: u64 = own().map(|result| result.tokens).sum();
            let seconds: f64 = own().map(|result| result.seconds).sum();
            let decode_tps = if seconds > 0.0 { tokens as f64 / seconds } else { 0.0 };
            TriedSetting {
                candidate: trial.candidate,
                choice: trial.choice,
                scored: qualities.len(),
                quality,
                decode_tps,
                objective: objective(weights, quality, decode_tps),
            }
        };
        let mut settings: Vec<TriedSetting> = trials.iter().map(tried).collect();
        settings.sort_by(|a, b| b.objective.total_cmp(&a.objective).then(a.candidate.cmp(&b.candidate)));
        Self { fresh: false, answers_each: trials.first().map_or(0, |trial| trial.draws.len()), settings }
    }
}

/// Settings and rounds of a plan: the search itself, answered so that the start loses every round, which makes it longest.
///
/// # Errors
/// As [`Tuner::new`].
pub(super) fn rehearsed(plan: &TunerPlan) -> Result<(Vec<SamplingChoice>, Vec<PlannedRound>), TunerError> {
    let mut tuner = Tuner::new(plan.clone())?;
    let mut rounds = Vec::new();
    while let Some(trials) = tuner.next_round() {
        rounds.push(PlannedRound { settings: trials.len(), answers_each: trials[0].draws.len() });
        let answer = |trial: &Trial| {
            let candidate = trial.candidate;
            let quality = Some(f64::from(u8::from(candidate > 0)));
            let result = move |draw| DrawResult { candidate, draw, quality, tokens: 0, seconds: 0.0 };
            trial.draws.iter().copied().map(result).collect::<Vec<_>>()
        };
        tuner.report(&trials.iter().flat_map(answer).collect::<Vec<_>>())?;
    }
    Ok((tuner.choices().to_vec(), rounds))
}
