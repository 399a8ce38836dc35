//! The context stage as laws of growth: memory, TTFT and decode time against context, and the advice that follows. Pure.

use dyno_stats::{linear_fit, power_fit, sum};
use dyno_types::{ContextAnalysis, EngineMemory, LinearLaw, PowerLaw, RequestSample, Stages, WindowOutcome};

use crate::summary::tpot_ms;

/// On top of measured memory when advising how much to set aside.
const RESERVE: f64 = 1.1;

/// One measured window.
struct Point<'a> {
    window: u32,
    request: &'a RequestSample,
    memory: &'a EngineMemory,
}

/// What the context stage says; `None` when no window was measured.
///
/// Memory is the resident set right after a window's request, while everything it needs is still held: the process's
/// high-water mark would carry over from larger windows tried before. Decode time stands against the mean depth of the
/// decoded tokens, n_in + n_out/2 − 1 (the k-th token is computed with n_in + k − 2 tokens before it).
#[must_use]
pub fn analyze(stages: &Stages) -> Option<ContextAnalysis> {
    let points = measured(stages);
    let largest = points.iter().map(|point| point.window).max()?;
    let memory = memory_law(&points);
    let tpot = tpot_law(&points);
    let half_depth_tokens = tpot.as_ref().and_then(half_depth);
    let (base, per_1k) = memory.as_ref().and_then(buffer).unzip();
    Some(ContextAnalysis {
        memory,
        ttft: ttft_law(&points),
        tpot,
        half_depth_tokens,
        half_depth_extrapolated: half_depth_tokens.is_some_and(|tokens| tokens > f64::from(largest)),
        recommended_context: recommended(&points, zero_depth_tpot_ms(stages, tpot.as_ref())),
        buffer_base_bytes: base,
        buffer_per_1k_tokens_bytes: per_1k,
    })
}

fn measured(stages: &Stages) -> Vec<Point<'_>> {
    let samples = stages.context.iter().flat_map(|stage| &stage.samples);
    samples
        .filter_map(|sample| match &sample.outcome {
            WindowOutcome::Measured { request, memory, .. } => {
                Some(Point { window: sample.context, request, memory })
            }
            WindowOutcome::Failed { .. } => None,
        })
        .collect()
}

fn memory_law(points: &[Point<'_>]) -> Option<LinearLaw> {
    linear_law(
        points
            .iter()
            .filter(|point| point.memory.process.rss_bytes > 0)
            .map(|point| (f64::from(point.window), point.memory.process.rss_bytes as f64)),
    )
}

fn tpot_law(points: &[Point<'_>]) -> Option<LinearLaw> {
    linear_law(points.iter().filter_map(|point| {
        let depth = f64::from(point.request.n_in) + f64::from(point.request.n_out) / 2.0 - 1.0;
        Some((depth, tpot_ms(point.request)?))
    }))
}

fn ttft_law(points: &[Point<'_>]) -> Option<PowerLaw> {
    let times =
        points.iter().filter_map(|point| Some((f64::from(point.request.n_in), point.request.ttft_ms()?)));
    let (x, y): (Vec<f64>, Vec<f64>) = times.unzip();
    let fit = power_fit(&x, &y).ok()?;
    Some(PowerLaw {
        factor: fit.factor,
        exponent: fit.exponent,
        exponent_ci95: fit.exponent_interval,
        r2: fit.r2,
        n: count(fit.n),
    })
}

fn linear_law(points: impl Iterator<Item = (f64, f64)>) -> Option<LinearLaw> {
    let (x, y): (Vec<f64>, Vec<f64>) = points.unzip();
    let fit = linear_fit(&x, &y).ok()?;
    Some(LinearLaw {
        base: fit.intercept,
        slope: fit.slope,
        slope_ci95: fit.slope_interval,
        r2: fit.r2,
        n: count(fit.n),
    })
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// base + slope·depth = 2·base. Absent when decode does not slow down for certain: half-depth of a slope that may
/// as well be zero would be an invention.
fn half_depth(law: &LinearLaw) -> Option<f64> {
    (law.grows() && law.base > 0.0).then(|| law.base / law.slope)
}

/// Time per token with nothing before it: the law's base; without a law, that of the short prompts.
fn zero_depth_tpot_ms(stages: &Stages, law: Option<&LinearLaw>) -> Option<f64> {
    let base = law.map(|law| law.base).filter(|base| *base > 0.0);
    base.or_else(|| {
        let times: Vec<f64> =
            stages.inference.iter().flat_map(|stage| &stage.samples).filter_map(tpot_ms).collect();
        (!times.is_empty()).then(|| sum(times.iter().copied()) / times.len() as f64)
    })
}

/// The largest window whose mean decode time is at most twice that at zero depth. That it fits into memory was measured.
fn recommended(points: &[Point<'_>], zero_depth_ms: Option<f64>) -> Option<u32> {
    let limit_ms = 2.0 * zero_depth_ms?;
    let keeps_pace = |window: u32| {
        let times: Vec<f64> = points
            .iter()
            .filter(|point| point.window == window)
            .filter_map(|point| tpot_ms(point.request))
            .collect();
        !times.is_empty() && sum(times.iter().copied()) / times.len() as f64 <= limit_ms
    };
    points.iter().map(|point| point.window).filter(|window| keeps_pace(*window)).max()
}

/// Bytes at no tokens and per 1,000 tokens, with the reserve on top; what shrinks with context needs nothing. Absent where memory may
/// as well grow as not.
fn buffer(law: &LinearLaw) -> Option<(u64, u64)> {
    let bytes = |value: f64| (value.max(0.0) * RESERVE).round() as u64;
    (law.slope <= 0.0 || law.grows()).then(|| (bytes(law.base), bytes(law.slope * 1000.0)))
}

#[cfg(test)]
mod tests;
