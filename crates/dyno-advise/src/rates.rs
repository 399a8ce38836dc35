//! Rates of the engine from timings of small synthetic models.
//!
//! Each time is a sum of amounts of work at costs that are not known ([`crate::times`]); the costs that miss the times least, relative
//! to each, are the rates' reciprocals. Every type of weights has a wide model of its own. Models of many narrow layers tell what an
//! operation costs, a ladder of sizes tells the cache, depth tells attention.

use dyno_stats::nonnegative_least_squares;
use dyno_types::{AttentionRate, CacheRate, EngineRates, KvType, RateTiming, WeightRate};

use crate::times::{Amount, Term, decode_amounts, prefill_amounts};
use crate::work::Work;

/// Models whose timings determine the rates: shape and quantization as `dyno synth` takes them.
pub const RATE_MODELS: &[&str] = &[
    "calibration-narrow-8@q8_0",
    "calibration-tiny@q8_0",
    "calibration-narrow-14@q8_0",
    "calibration-narrow-24@q8_0",
    "calibration-narrow-24@q4_k_s",
    "calibration-narrow-24@bf16",
    "calibration-narrow-8@f32",
    "calibration@q8_0",
    "calibration@q6_k",
    "calibration@q5_k_s",
    "calibration@q5_1",
    "calibration@q5_0",
    "calibration-6@q4_k_s",
    "calibration-6@q4_1",
    "calibration-6@q4_0",
    "calibration-6@q3_k_s",
    "calibration-6@q2_k",
    "calibration@f16",
    "calibration-experts@q8_0",
    "calibration-experts@q4_k_s",
];

/// Depth at which attention is timed, tokens.
const RATE_DEPTH_TOKENS: u32 = 2048;
/// Prompt that is timed, tokens.
pub const RATE_PROMPT_TOKENS: u32 = 256;

/// Sizes of caches that are tried, MiB.
const CACHE_MIB: &[f64] = &[4.0, 8.0, 16.0, 24.0, 32.0, 48.0, 64.0, 96.0, 128.0, 192.0];
/// Times from a cache that are tried, as shares of the time from memory.
const CACHE_TIME_SHARES: &[f64] = &[0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
/// A cache is believed in when it takes this part away from the sum of squared relative errors …
const CACHE_GAIN: f64 = 0.2;
/// … and there is something to explain: a root mean square of this relative error.
const CACHE_ERROR: f64 = 0.01;
/// Attention of this rate, multiplications and additions per second, costs nothing that could be timed.
const FREE_FLOPS: f64 = 1e15;

/// Depths at which the model with this index in [`RATE_MODELS`] is timed, each with its type of keys and values: the first one
/// also tells the cost of attention.
#[must_use]
pub fn rate_depths(index: usize) -> Vec<(u32, KvType)> {
    match index {
        0 => vec![(0, KvType::F16), (RATE_DEPTH_TOKENS, KvType::F16), (RATE_DEPTH_TOKENS, KvType::Q8_0)],
        _ => vec![(0, KvType::F16)],
    }
}

/// Rates from timings, which may be of several calibrations. `None` when none has depth, a header does not determine the work, or a
/// time is not positive.
#[must_use]
pub fn solve_rates(timings: &[RateTiming], threads: u32) -> Option<EngineRates> {
    let sound = |timing: &RateTiming| timing.prefill_s > 0.0 && timing.decode_s > 0.0;
    if !timings.iter().all(sound) || !timings.iter().any(|timing| timing.depth > 0) {
        return None;
    }
    let timed: Option<Vec<Timed>> =
        timings.iter().map(|timing| Some(Timed { timing, work: Work::of(&timing.facts)? })).collect();
    let timed = timed?;
    let (cache, decode) = solve_decode(&timed)?;
    let prefill = solve(timed.iter().map(Timed::prefill).collect())?;
    let rates = EngineRates {
        threads,
        weights: weight_rates(&decode, &prefill),
        attention: attention_rates(&timed, &decode, &prefill),
        cache,
        op_s: decode.of(&Term::Operations),
        element_s: prefill.of(&Term::Elements),
        ..EngineRates::default()
    };
    (!rates.weights.is_empty()).then_some(rates)
}

/// A timing and what was done in it.
struct Timed<'a> {
    timing: &'a RateTiming,
    work: Work,
}

impl Timed<'_> {
    fn decode(&self, cache: Option<&CacheRate>) -> Sum {
        let depth = f64::from(self.timing.depth);
        let amounts = decode_amounts(&self.work, depth, self.timing.kv_type, cache);
        Sum { amounts, seconds: self.timing.decode_s }
    }

    fn prefill(&self) -> Sum {
        let (depth, tokens) = (f64::from(self.timing.depth), f64::from(self.timing.prefill_tokens));
        let amounts = prefill_amounts(&self.work, depth, tokens, self.timing.kv_type);
        Sum { amounts, seconds: self.timing.prefill_s }
    }
}

/// Amounts of work that took so many seconds together.
struct Sum {
    amounts: Vec<Amount>,
    seconds: f64,
}

/// What each term costs.
struct Costs {
    terms: Vec<Term>,
    costs: Vec<f64>,
    /// Sum of squared relative errors.
    error: f64,
}

impl Costs {
    /// 0 for a term that costs nothing or was never seen.
    fn of(&self, term: &Term) -> f64 {
        self.terms.iter().position(|known| known == term).map_or(0.0, |index| self.costs[index])
    }

    /// The rate of a term: its reciprocal, where it costs anything.
    fn rate(&self, term: &Term) -> Option<f64> {
        let cost = self.of(term);
        (cost > 0.0).then(|| cost.recip())
    }
}

/// The costs that miss the times least, each relative to its own.
fn solve(sums: Vec<Sum>) -> Option<Costs> {
    let mut terms: Vec<Term> = Vec::new();
    for Amount { term, amount } in sums.iter().flat_map(|sum| &sum.amounts) {
        if *amount > 0.0 && !terms.contains(term) {
            terms.push(term.clone());
        }
    }
    let share_of_time = |sum: &Sum, term: &Term| {
        let of_term = sum.amounts.iter().filter(|amount| amount.term == *term);
        of_term.map(|amount| amount.amount).sum::<f64>() / sum.seconds
    };
    let rows: Vec<Vec<f64>> =
        sums.iter().map(|sum| terms.iter().map(|term| share_of_time(sum, term)).collect()).collect();
    let costs = nonnegative_least_squares(&rows, &vec![1.0; rows.len()])?;
    let predicted = |row: &Vec<f64>| row.iter().zip(&costs).map(|(amount, cost)| amount * cost).sum::<f64>();
    let error = rows.iter().map(|row| (predicted(row) - 1.0).powi(2)).sum();
    Some(Costs { terms, costs, error })
}

/// Costs in decode, with the cache that explains the times best, if one does.
fn solve_decode(timed: &[Timed<'_>]) -> Option<(Option<CacheRate>, Costs)> {
    let with = |cache: Option<CacheRate>| {
        solve(timed.iter().map(|timed| timed.decode(cache.as_ref())).collect()).map(|costs| (cache, costs))
    };
    let without = with(None)?;
    let error = without.1.error;
    if error < CACHE_ERROR.powi(2) * timed.len() as f64 {
        return Some(without);
    }
    let caches = CACHE_MIB.iter().flat_map(|mib| {
        let bytes = mib * 1024.0 * 1024.0;
        CACHE_TIME_SHARES.iter().map(move |time_share| CacheRate { bytes, time_share: *time_share })
    });
    let best = caches
        .filter_map(|cache| with(Some(cache)))
        .min_by(|(_, one), (_, other)| one.error.total_cmp(&other.error))?;
    Some(if best.1.error < error * (1.0 - CACHE_GAIN) { best } else { without })
}

/// Types of which both rates are known.
fn weight_rates(decode: &Costs, prefill: &Costs) -> Vec<WeightRate> {
    let rate = |term: &Term| {
        let Term::Weights(kind) = term else { return None };
        Some(WeightRate {
            kind: kind.clone(),
            prefill_flops: prefill.rate(term)?,
            expert_flops: prefill.rate(&Term::Experts(kind.clone())),
            decode_bytes_per_s: decode.rate(term)?,
        })
    };
    decode.terms.iter().filter_map(rate).collect()
}

/// Types of the cache that were timed at a depth.
fn attention_rates(timed: &[Timed<'_>], decode: &Costs, prefill: &Costs) -> Vec<AttentionRate> {
    let mut rates: Vec<AttentionRate> = Vec::new();
    for kv_type in timed.iter().filter(|timed| timed.timing.depth > 0).map(|timed| timed.timing.kv_type) {
        let term = Term::Attention(kv_type);
        let flops = |costs: &Costs| costs.rate(&term).unwrap_or(FREE_FLOPS).min(FREE_FLOPS);
        if !rates.iter().any(|known| known.kv_type == kv_type) {
            let (prefill_flops, decode_flops) = (flops(prefill), flops(decode));
            rates.push(AttentionRate { kv_type, prefill_flops, decode_flops });
        }
    }
    rates
}

#[cfg(test)]
mod tests;
