//! One engine process of dyno: the bare backend first, then the whole path.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use dyno_engine::{Engine, ProcessEngine, ProcessEngineConfig, Session};
use dyno_types::{
    EngineSettings, GenerateRequest, GenerationEvent, GenerationReport, Job, MeasureRequest, Prompt,
    Sampling, TokenId,
};
use futures::StreamExt as _;

use super::{DECODE_TOKENS, PREFILL_TOKENS, REPETITIONS, Rates, StepParts};

/// Measures the bare backend and the whole path in one new process.
pub(crate) async fn measure(
    executable: &Path,
    file: &Path,
    threads: u32,
) -> anyhow::Result<(Rates, Rates, StepParts)> {
    let session =
        ProcessEngine::new(ProcessEngineConfig::new(executable.to_owned())).start(&Job::default()).await?;
    let outcome = measure_session(&*session, file, threads).await;
    session.stop().await;
    outcome
}

async fn measure_session(
    session: &dyn Session,
    file: &Path,
    threads: u32,
) -> anyhow::Result<(Rates, Rates, StepParts)> {
    let settings = EngineSettings {
        context: PREFILL_TOKENS + DECODE_TOKENS + 1,
        threads,
        threads_prefill: threads,
        ..EngineSettings::default()
    };
    let model = session.load(file, &settings, &mut |_| true).await?;
    session.open_context(&settings).await?;
    let bare = bare(session).await?;
    session.clear_context().await?;
    let (path, parts) = whole_path(session, model.vocabulary).await?;
    Ok((bare, path, parts))
}

async fn bare(session: &dyn Session) -> anyhow::Result<Rates> {
    let request = MeasureRequest {
        depth: 0,
        prefill_tokens: PREFILL_TOKENS,
        decode_tokens: DECODE_TOKENS,
        repetitions: REPETITIONS,
        threads: 0,
        threads_prefill: 0,
        seed: 1,
    };
    let report = session.measure(&request).await?;
    let time = |ns: u64| Duration::from_nanos(ns);
    let prefills = report.prefill_ns.iter().copied().map(time);
    let decodes = report.decode_ns.iter().map(|steps| time(steps.iter().sum()));
    rates(prefills.min(), decodes.min())
}

/// Rates of the fastest repetitions.
fn rates(prefill: Option<Duration>, decode: Option<Duration>) -> anyhow::Result<Rates> {
    let (prefill, decode) = prefill.zip(decode).context("the engine reported no repetition")?;
    Ok(Rates {
        prefill_tps: f64::from(PREFILL_TOKENS) / prefill.as_secs_f64(),
        decode_tps: f64::from(DECODE_TOKENS) / decode.as_secs_f64(),
    })
}

/// Prompts of the measured length for prefill, and generations from an empty context for decode, each from its own start.
async fn whole_path(session: &dyn Session, vocabulary: u32) -> anyhow::Result<(Rates, StepParts)> {
    let (mut prefills, mut decodes) = (Vec::new(), Vec::new());
    let (mut backend, mut sampling) = (Duration::ZERO, Duration::ZERO);
    // The first of each kind warms up.
    for repetition in 0..=REPETITIONS {
        let one = generate(session, u64::from(repetition), tokens(PREFILL_TOKENS, vocabulary, repetition), 1)
            .await?;
        session.clear_context().await?;
        let start = tokens(1, vocabulary, repetition);
        let many = generate(session, u64::from(repetition), start, DECODE_TOKENS + 1).await?;
        session.clear_context().await?;
        if repetition > 0 {
            let pass_ns = one.report.prefill_end_ns.saturating_sub(one.report.prefill_start_ns);
            prefills.push(Duration::from_nanos(pass_ns));
            decodes.push(many.last - many.first);
            backend += Duration::from_nanos(many.report.decode_backend_ns);
            sampling += Duration::from_nanos(many.report.sampling_ns);
        }
    }
    let steps = f64::from(DECODE_TOKENS * REPETITIONS);
    let decode: Duration = decodes.iter().sum();
    let step_us = |time: Duration| time.as_secs_f64() * 1e6 / steps;
    let rest = decode.saturating_sub(backend).saturating_sub(sampling);
    Ok((
        rates(prefills.into_iter().min(), decodes.into_iter().min())?,
        StepParts { backend_us: step_us(backend), sampling_us: step_us(sampling), rest_us: step_us(rest) },
    ))
}

/// Tokens spread over the vocabulary, other ones for every start.
fn tokens(count: u32, vocabulary: u32, start: u32) -> Vec<TokenId> {
    let mut state = u64::from(start) + 1;
    let mut next = || {
        // Knuth's MMIX generator; only a spread is needed, not quality.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((state >> 33) % u64::from(vocabulary.max(1))).unwrap_or(0)
    };
    (0..count).map(|_| next()).collect()
}

/// One finished generation and when its tokens arrived here.
struct Generation {
    first: Instant,
    last: Instant,
    report: GenerationReport,
}

async fn generate(
    session: &dyn Session,
    id: u64,
    prompt: Vec<TokenId>,
    count: u32,
) -> anyhow::Result<Generation> {
    let request = GenerateRequest {
        id,
        prompt: Prompt::Tokens(prompt),
        sampling: Sampling::greedy(),
        max_tokens: count,
        stop: Vec::new(),
        ignore_eos: true,
        logprobs: 0,
    };
    let mut events = session.generate(request).await?;
    let mut arrivals = Vec::new();
    let mut report = None;
    while let Some(event) = events.next().await {
        match event? {
            GenerationEvent::Token(_) => arrivals.push(Instant::now()),
            GenerationEvent::Finished(finished) => report = Some(finished),
        }
    }
    let report = report.context("a generation ended without its report")?;
    if arrivals.len() != count as usize || report.cached_tokens > 0 {
        bail!(
            "{} of {count} tokens came, {} of the prompt from the cache",
            arrivals.len(),
            report.cached_tokens
        );
    }
    Ok(Generation { first: arrivals[0], last: arrivals[arrivals.len() - 1], report })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_differ_by_start_and_stay_in_the_vocabulary() {
        let (a, b) = (tokens(64, 100, 0), tokens(64, 100, 1));
        assert!(a != b && a.iter().chain(&b).all(|token| *token < 100));
        assert_eq!(tokens(64, 100, 0), a);
    }
}
