//! Perplexity, and divergence from a reference, with errors that know that tokens of one chunk are not independent.

use dyno_stats::{
    Interval, StatsError, clustered_ratio, order_statistic_interval_95, percentile, t_quantile,
};

/// One chunk of a text, scored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChunkLikelihood {
    /// Sum of −ln p over its scored tokens, nats.
    pub negative_log_likelihood: f64,
    /// Scored tokens.
    pub tokens: u64,
}

/// Perplexity of a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Perplexity {
    /// exp of the mean negative log-likelihood per token.
    pub ppl: f64,
    /// Its standard error, clustered by chunk (delta method: ppl · SE of the mean); `None` for one chunk.
    pub standard_error: Option<f64>,
    /// 95 % interval, through the logarithm, so that it stays positive; `None` for one chunk.
    pub interval: Option<Interval>,
    /// Scored tokens.
    pub tokens: u64,
    /// Chunks.
    pub chunks: u64,
}

/// Perplexity from chunks: exp(Σ nll / Σ tokens). Chunks without a scored token are passed over.
///
/// # Errors
/// For no scored token, and for likelihoods that are not finite.
pub fn perplexity(chunks: &[ChunkLikelihood]) -> Result<Perplexity, StatsError> {
    let scored: Vec<&ChunkLikelihood> = chunks.iter().filter(|chunk| chunk.tokens > 0).collect();
    let nll: Vec<f64> = scored.iter().map(|chunk| chunk.negative_log_likelihood).collect();
    let tokens: Vec<f64> = scored.iter().map(|chunk| chunk.tokens as f64).collect();
    if let Some(index) = nll.iter().position(|value| !value.is_finite()) {
        return Err(StatsError::NotFinite { index, value: nll[index] });
    }
    if scored.is_empty() {
        return Err(StatsError::TooFew { needed: 1, got: 0 });
    }
    let total: u64 = scored.iter().map(|chunk| chunk.tokens).sum();
    let mean = dyno_stats::sum(nll.iter().copied()) / total as f64;
    let ppl = mean.exp();
    let error = clustered_ratio(&nll, &tokens).ok();
    let interval = error.map(|error| {
        let half = t_quantile(0.975, error.clusters - 1) * error.standard_error;
        Interval { estimate: ppl, low: (mean - half).exp(), high: (mean + half).exp() }
    });
    let standard_error = error.map(|error| ppl * error.standard_error);
    Ok(Perplexity { ppl, standard_error, interval, tokens: total, chunks: scored.len() as u64 })
}

/// One chunk of a text, compared with a reference.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChunkDivergence {
    /// Kullback-Leibler divergence KL(reference ‖ model) at each compared position, nats.
    pub divergences: Vec<f32>,
    /// Positions at which both like the same token best.
    pub same_top: u64,
}

/// Divergence from a reference over a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Divergence {
    /// Compared positions.
    pub tokens: u64,
    /// Mean divergence, nats per token.
    pub kld_mean: f64,
    /// Its standard error, clustered by chunk; `None` for one chunk.
    pub kld_standard_error: Option<f64>,
    /// 99.9th percentile (type 7) where its interval exists (3688 positions), else `None`.
    pub kld_p999: Option<f64>,
    /// Largest divergence.
    pub kld_max: f64,
    /// Share of positions where both like the same token best.
    pub top1_agree: f64,
    /// Its standard error, clustered by chunk; `None` for one chunk.
    pub top1_standard_error: Option<f64>,
    /// 95 % interval of the share, kept in 0 to 1; `None` for one chunk.
    pub top1_interval: Option<Interval>,
}

/// Rounding may push a divergence of nearly equal distributions this far below zero.
const ROUNDING_BELOW_ZERO: f32 = -1e-3;

/// Divergence from chunks. Divergences a little under 0 (rounding) count as 0.
///
/// # Errors
/// For no position, values that are not finite or clearly negative, and more agreements than positions.
pub fn divergence(chunks: &[ChunkDivergence]) -> Result<Divergence, StatsError> {
    let compared: Vec<&ChunkDivergence> =
        chunks.iter().filter(|chunk| !chunk.divergences.is_empty()).collect();
    if compared.is_empty() {
        return Err(StatsError::TooFew { needed: 1, got: 0 });
    }
    let mut all: Vec<f64> = Vec::new();
    for value in compared.iter().flat_map(|chunk| &chunk.divergences) {
        let index = all.len();
        if !value.is_finite() {
            return Err(StatsError::NotFinite { index, value: f64::from(*value) });
        }
        if *value < ROUNDING_BELOW_ZERO {
            return Err(StatsError::NotPositive { index, value: f64::from(*value) });
        }
        all.push(f64::from(value.max(0.0)));
    }
    let tokens: Vec<f64> = compared.iter().map(|chunk| chunk.divergences.len() as f64).collect();
    let sums: Vec<f64> = compared
        .iter()
        .map(|chunk| dyno_stats::sum(chunk.divergences.iter().map(|value| f64::from(value.max(0.0)))))
        .collect();
    let same: Vec<f64> = compared.iter().map(|chunk| chunk.same_top as f64).collect();
    if same.iter().zip(&tokens).any(|(same, tokens)| same > tokens) {
        let value = same.iter().copied().fold(0.0, f64::max);
        return Err(StatsError::OutOfRange {
            name: "same_top",
            value,
            range: "0 to the positions of the chunk",
        });
    }
    let n = all.len() as f64;
    let kld_mean = dyno_stats::sum(sums.iter().copied()) / n;
    let top1_agree = dyno_stats::sum(same.iter().copied()) / n;
    all.sort_unstable_by(f64::total_cmp);
    let stated = order_statistic_interval_95(&all, 99.9).is_some();
    let top1 = clustered_ratio(&same, &tokens).ok();
    let top1_interval = top1.map(|share| {
        let interval = share.interval_95();
        Interval { low: interval.low.clamp(0.0, 1.0), high: interval.high.clamp(0.0, 1.0), ..interval }
    });
    Ok(Divergence {
        tokens: all.len() as u64,
        kld_mean,
        kld_standard_error: clustered_ratio(&sums, &tokens).ok().map(|mean| mean.standard_error),
        kld_p999: if stated { percentile(&all, 99.9) } else { None },
        kld_max: all.last().copied().unwrap_or_default(),
        top1_agree,
        top1_standard_error: top1.map(|share| share.standard_error),
        top1_interval,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(nll: f64, tokens: u64) -> ChunkLikelihood {
        ChunkLikelihood { negative_log_likelihood: nll, tokens }
    }

    #[test]
    fn perplexity_by_hand() {
        // 30 nats over 10 tokens: e³; the residuals are −1 and 1: SE of the mean √(2·2)/10 = 0.2.
        let found = perplexity(&[chunk(2.0, 1), chunk(28.0, 9), chunk(0.0, 0)]).unwrap();
        let e3 = 3.0_f64.exp();
        assert!((found.ppl - e3).abs() < 1e-12 && (found.standard_error.unwrap() - 0.2 * e3).abs() < 1e-12);
        assert_eq!((found.tokens, found.chunks), (10, 2));
        let interval = found.interval.unwrap();
        assert!(0.0 < interval.low && interval.low < e3 && e3 < interval.high);
        let one = perplexity(&[chunk(3.0, 3)]).unwrap();
        assert!((one.ppl - std::f64::consts::E).abs() < 1e-12 && one.standard_error.is_none());
        assert!(perplexity(&[]).is_err() && perplexity(&[chunk(f64::NAN, 1)]).is_err());
    }

    #[test]
    fn a_model_compared_with_itself_diverges_nowhere() {
        let same = ChunkDivergence { divergences: vec![0.0, -1e-7, 0.0], same_top: 3 };
        let found = divergence(&[same.clone(), same]).unwrap();
        assert_eq!((found.kld_mean, found.kld_max, found.top1_agree, found.kld_p999), (0.0, 0.0, 1.0, None));
        assert_eq!((found.kld_standard_error, found.tokens), (Some(0.0), 6));
    }

    #[test]
    fn the_tail_is_stated_only_where_it_is_known() {
        let chunks = |positions: usize| -> Vec<ChunkDivergence> {
            let divergences: Vec<f32> = (0..positions).map(|i| i as f32 / 1000.0).collect();
            divergences
                .chunks(461)
                .map(|part| ChunkDivergence {
                    divergences: part.to_vec(),
                    same_top: 400.min(part.len() as u64),
                })
                .collect()
        };
        assert_eq!(divergence(&chunks(3687)).unwrap().kld_p999, None);
        let found = divergence(&chunks(3688)).unwrap();
        assert!((found.kld_p999.unwrap() - 3.683).abs() < 1e-3, "{found:?}");
        assert!((found.top1_agree - 3200.0 / 3688.0).abs() < 1e-12);
        assert!((found.kld_mean - 3687.0 / 2000.0).abs() < 1e-6);
    }

    #[test]
    fn impossible_figures_are_refused() {
        let one = |divergences: Vec<f32>, same_top| divergence(&[ChunkDivergence { divergences, same_top }]);
        assert!(matches!(one(vec![], 0), Err(StatsError::TooFew { .. })));
        assert!(matches!(one(vec![f32::NAN], 0), Err(StatsError::NotFinite { .. })));
        assert!(matches!(one(vec![-0.5], 0), Err(StatsError::NotPositive { .. })));
        assert!(matches!(one(vec![0.5], 2), Err(StatsError::OutOfRange { .. })));
    }
}
