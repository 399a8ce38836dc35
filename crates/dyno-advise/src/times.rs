//! The law of time: a time is a sum of amounts of work, each at its cost. Predictions and the solution for rates use the same sums.

use dyno_types::{AttentionRate, CacheRate, EngineRates, KvType, WeightRate};

use crate::work::Work;

/// How fast a cache loses its hold on weights beyond its size. Weights are read in the same order for every token, so what was read
/// least recently is needed next, and a cache a little too small holds almost nothing.
const CACHE_FALL: i32 = 4;

/// What time goes into.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Term {
    /// Weights of a type: bytes read in decode, multiplications and additions in prefill.
    Weights(String),
    /// Multiplications and additions of experts with weights of a type, in prefill.
    Experts(String),
    /// Operations of the compute graph.
    Operations,
    /// Elements of the residual stream.
    Elements,
    /// Multiplications and additions of attention over a cache of a type.
    Attention(KvType),
}

/// So much of a term.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Amount {
    pub(crate) term: Term,
    pub(crate) amount: f64,
}

fn amount(term: Term, amount: f64) -> Amount {
    Amount { term, amount }
}

/// What one decoded token takes with so many tokens before it.
pub(crate) fn decode_amounts(
    work: &Work,
    depth: f64,
    kv_type: KvType,
    cache: Option<&CacheRate>,
) -> Vec<Amount> {
    let share = cache.map_or(1.0, |cache| time_share(cache, work.working_set_bytes()));
    let weights =
        work.decode_bytes.iter().map(|(kind, bytes)| amount(Term::Weights(kind.clone()), bytes * share));
    let fixed =
        [amount(Term::Operations, work.ops), amount(Term::Attention(kv_type), work.attention_flops(depth))];
    weights.chain(fixed).collect()
}

/// What a prompt of so many tokens takes after so many others.
pub(crate) fn prefill_amounts(work: &Work, depth: f64, tokens: f64, kv_type: KvType) -> Vec<Amount> {
    let dense =
        work.prefill_flops.iter().map(|(kind, flops)| amount(Term::Weights(kind.clone()), flops * tokens));
    let experts =
        work.expert_flops.iter().map(|(kind, flops)| amount(Term::Experts(kind.clone()), flops * tokens));
    let fixed = [
        amount(Term::Elements, work.elements * tokens),
        amount(Term::Attention(kv_type), work.attention_of_prompt(depth, tokens)),
    ];
    dense.chain(experts).chain(fixed).collect()
}

/// Time that reading weights takes, as a share of the time from memory, when a token reads so many bytes.
fn time_share(cache: &CacheRate, working_set_bytes: f64) -> f64 {
    let held = (cache.bytes / working_set_bytes).min(1.0).powi(CACHE_FALL);
    1.0 - (1.0 - cache.time_share) * held
}

/// A time, and how much of it rests on rates of other types.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Time {
    pub(crate) seconds: f64,
    /// Seconds of weights whose type was never measured.
    pub(crate) borrowed_s: f64,
}

/// Times of a model from rates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Times<'a> {
    pub(crate) rates: &'a EngineRates,
    pub(crate) work: &'a Work,
    pub(crate) kv_type: KvType,
}

impl Times<'_> {
    /// Time of one decoded token with so many tokens in the context.
    pub(crate) fn decode(&self, depth: f64) -> Time {
        self.sum(&decode_amounts(self.work, depth, self.kv_type, self.rates.cache.as_ref()), Phase::Decode)
    }

    /// Time of a prompt of so many tokens after so many others.
    pub(crate) fn prefill(&self, depth: f64, tokens: f64) -> Time {
        self.sum(&prefill_amounts(self.work, depth, tokens, self.kv_type), Phase::Prefill)
    }

    fn sum(&self, amounts: &[Amount], phase: Phase) -> Time {
        let mut time = Time::default();
        for Amount { term, amount } in amounts {
            let seconds = amount * self.cost(term, phase);
            time.seconds += seconds;
            if let Term::Weights(kind) | Term::Experts(kind) = term
                && !self.rates.weights.iter().any(|rate| rate.kind == *kind)
            {
                time.borrowed_s += seconds;
            }
        }
        time
    }

    fn cost(&self, term: &Term, phase: Phase) -> f64 {
        let weights = &self.rates.weights;
        match term {
            Term::Weights(kind) => cost_of_kind(weights, kind, |rate| Some(phase.weights(rate).recip())),
            Term::Experts(kind) => {
                let dense = cost_of_kind(weights, kind, |rate| Some(phase.weights(rate).recip()));
                dense / expert_share(weights, kind)
            }
            Term::Operations => self.rates.op_s,
            Term::Elements => self.rates.element_s,
            Term::Attention(_) => self.attention().map_or(0.0, |rate| phase.attention(rate).recip()),
        }
    }

    fn attention(&self) -> Option<&AttentionRate> {
        let rates = &self.rates.attention;
        let exact = rates.iter().find(|rate| rate.kv_type == self.kv_type);
        // Types in blocks cost alike, and so do floats.
        let in_blocks = |kind: KvType| kind.block_elements() > 1;
        exact.or_else(|| rates.iter().find(|rate| in_blocks(rate.kv_type) == in_blocks(self.kv_type)))
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    Prefill,
    Decode,
}

impl Phase {
    fn weights(self, rate: &WeightRate) -> f64 {
        match self {
            Self::Prefill => rate.prefill_flops,
            Self::Decode => rate.decode_bytes_per_s,
        }
    }

    fn attention(self, rate: &AttentionRate) -> f64 {
        match self {
            Self::Prefill => rate.prefill_flops,
            Self::Decode => rate.decode_flops,
        }
    }
}

/// Rate of experts over the rate of other matrices, of this type or the most similar one it was measured of; 1 where it never was.
pub(crate) fn expert_share(rates: &[WeightRate], kind: &str) -> f64 {
    let share = |rate: &WeightRate| Some(rate.prefill_flops / rate.expert_flops?);
    match cost_of_kind(rates, kind, share) {
        0.0 => 1.0,
        slower => slower.recip(),
    }
}

/// The cost of this type, or of the measured ones with the most similar number of bits: the dearest of these, because the types that
/// nobody made fast are the ones that nobody measures. 0 where there is none.
fn cost_of_kind(rates: &[WeightRate], kind: &str, cost: impl Fn(&WeightRate) -> Option<f64>) -> f64 {
    let known: Vec<(&WeightRate, f64)> = rates.iter().filter_map(|rate| Some((rate, cost(rate)?))).collect();
    if let Some((_, cost)) = known.iter().find(|(rate, _)| rate.kind == kind) {
        return *cost;
    }
    let Some(wanted) = bits(kind) else { return 0.0 };
    let distance =
        |rate: &WeightRate| bits(&rate.kind).map_or(f64::INFINITY, |bits| (bits / wanted).ln().abs());
    let nearest = known.iter().map(|(rate, _)| distance(rate)).fold(f64::INFINITY, f64::min);
    let alike = known.iter().filter(|(rate, _)| distance(rate) <= nearest);
    alike.map(|(_, cost)| *cost).fold(0.0, f64::max)
}

/// Bits per weight that the name of a type states, e.g. 4 for `q4_k`, 16 for `bf16`.
fn bits(kind: &str) -> Option<f64> {
    let digits: String =
        kind.chars().skip_while(|letter| !letter.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().ok().filter(|bits| *bits > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(kind: &str, prefill_flops: f64, expert_flops: Option<f64>) -> WeightRate {
        WeightRate { kind: kind.to_owned(), prefill_flops, expert_flops, decode_bytes_per_s: 1e9 }
    }

    #[test]
    fn types_never_measured_cost_what_the_dearest_of_the_nearest_costs() {
        let rates = [
            weight("q8_0", 8.0, None),
            weight("q6_k", 6.0, None),
            weight("q4_k", 4.0, None),
            weight("q4_1", 1.0, None),
        ];
        let flops = |kind: &str| cost_of_kind(&rates, kind, |rate| Some(rate.prefill_flops.recip())).recip();
        assert_eq!(flops("q4_k"), 4.0);
        assert_eq!(flops("q5_0"), 6.0);
        assert_eq!(flops("iq4_xs"), 1.0);
        assert_eq!(flops("iq3_xxs"), 1.0);
        assert_eq!(flops("bf16"), 8.0);
        assert_eq!(flops("strange"), f64::INFINITY);
    }

    #[test]
    fn experts_cost_more_than_other_matrices_by_what_was_measured() {
        let rates = [weight("q8_0", 8.0, Some(4.0)), weight("q4_k", 4.0, None)];
        assert_eq!(expert_share(&rates, "q8_0"), 0.5);
        assert_eq!(expert_share(&rates, "q4_k"), 0.5, "borrowed");
        assert_eq!(expert_share(&rates[1..], "q4_k"), 1.0, "never measured");
    }

    #[test]
    fn a_cache_holds_what_fits_and_soon_nothing() {
        let cache = CacheRate { bytes: 64e6, time_share: 0.5 };
        assert_eq!(time_share(&cache, 10e6), 0.5);
        assert_eq!(time_share(&cache, 64e6), 0.5);
        assert!((time_share(&cache, 128e6) - (1.0 - 0.5 / 16.0)).abs() < 1e-12);
        assert!(time_share(&cache, 1e9) > 0.9999);
    }
}
