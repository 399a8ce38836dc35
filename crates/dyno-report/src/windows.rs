//! The context stage by window: what every try of one window says together.

use std::collections::BTreeMap;

use dyno_stats::{ratio_of_sums, sum};
use dyno_types::{EngineMemory, RequestSample, RunRecord, WindowFailureKind, WindowOutcome};

/// One measured window, over all engine processes that measured it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Window {
    /// Window, tokens.
    pub(crate) context: u32,
    /// Mean number of prompt tokens that filled it: the depth at which decode was measured.
    pub(crate) filled: f64,
    /// Tries that were measured.
    pub(crate) tries: usize,
    /// Σ uncached prompt tokens / Σ prompt pass, tokens/s.
    pub(crate) prefill_tps: Option<f64>,
    /// Σ(n_out − 1) / Σ decode time, tokens/s.
    pub(crate) decode_tps: Option<f64>,
    /// Mean time to first token, ms.
    pub(crate) ttft_ms: Option<f64>,
    /// Mean resident set of the engine process right after the window's request, while everything it needed is still
    /// held, bytes. (The process's high-water mark would carry over from larger windows tried before.)
    pub(crate) rss_bytes: Option<f64>,
    /// Mean KV cache, bytes.
    pub(crate) kv_bytes: Option<f64>,
    /// Mean weights, bytes.
    pub(crate) weights_bytes: Option<f64>,
    /// Mean scratch buffers of the compute graph, bytes.
    pub(crate) compute_bytes: Option<f64>,
}

/// One way in which windows could not be measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WindowFailure {
    /// Window, tokens.
    pub(crate) context: u32,
    /// What happened, in a few words.
    pub(crate) kind: &'static str,
    /// The recorded reason.
    pub(crate) reason: String,
    /// How many tries ended so.
    pub(crate) tries: usize,
}

/// The measured windows, smallest first.
pub(crate) fn measured(record: &RunRecord) -> Vec<Window> {
    let mut tries: BTreeMap<u32, Vec<(&RequestSample, &EngineMemory)>> = BTreeMap::new();
    for sample in record.stages.context.iter().flat_map(|stage| &stage.samples) {
        if let WindowOutcome::Measured { request, memory, .. } = &sample.outcome {
            tries.entry(sample.context).or_default().push((request, memory));
        }
    }
    tries.into_iter().map(|(context, tries)| window(context, &tries)).collect()
}

/// The windows that failed, smallest first; the same reason once, with its number of tries.
pub(crate) fn failed(record: &RunRecord) -> Vec<WindowFailure> {
    let mut reasons: BTreeMap<(u32, &'static str, &str), usize> = BTreeMap::new();
    for sample in record.stages.context.iter().flat_map(|stage| &stage.samples) {
        if let WindowOutcome::Failed { kind, reason } = &sample.outcome {
            *reasons.entry((sample.context, kind_text(*kind), reason)).or_default() += 1;
        }
    }
    let failure = |((context, kind, reason), tries): ((u32, _, &str), _)| WindowFailure {
        context,
        kind,
        reason: reason.to_owned(),
        tries,
    };
    reasons.into_iter().map(failure).collect()
}

/// Decode rate of one request, tokens/s; absent for fewer than two tokens or no elapsed time.
pub(crate) fn decode_tps(request: &RequestSample) -> Option<f64> {
    decode_rate([request].into_iter())
}

/// Decode rate of several requests together: Σ(n_out − 1)/Σtime.
pub(crate) fn decode_rate<'a>(requests: impl Iterator<Item = &'a RequestSample>) -> Option<f64> {
    let parts =
        requests.filter_map(|request| Some((f64::from(request.n_out.checked_sub(1)?), request.decode_ms()?)));
    rate(parts)
}

fn window(context: u32, tries: &[(&RequestSample, &EngineMemory)]) -> Window {
    let requests = || tries.iter().map(|(request, _)| *request);
    let prefill = requests()
        .map(|request| (f64::from(request.n_in.saturating_sub(request.n_in_cached)), request.prefill_ms));
    let mean_bytes =
        |part: fn(&EngineMemory) -> u64| positive(mean(tries.iter().map(|(_, memory)| part(memory) as f64)));
    Window {
        context,
        filled: mean(requests().map(|request| f64::from(request.n_in))).unwrap_or(f64::from(context)),
        tries: tries.len(),
        prefill_tps: rate(prefill),
        decode_tps: decode_rate(requests()),
        ttft_ms: mean(requests().filter_map(RequestSample::ttft_ms)),
        rss_bytes: mean_bytes(|memory| memory.process.rss_bytes),
        kv_bytes: mean_bytes(|memory| memory.breakdown.kv_bytes),
        weights_bytes: mean_bytes(|memory| memory.breakdown.weights_bytes),
        compute_bytes: mean_bytes(|memory| memory.breakdown.compute_bytes),
    }
}

/// Σtokens/Σtime over usable (tokens, ms) pairs, tokens/s.
fn rate(parts: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let usable = parts.filter(|(tokens, ms)| *tokens > 0.0 && *ms > 0.0 && ms.is_finite());
    let (tokens, seconds): (Vec<f64>, Vec<f64>) = usable.map(|(tokens, ms)| (tokens, ms / 1000.0)).unzip();
    ratio_of_sums(&tokens, &seconds).ok()
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let finite: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    (!finite.is_empty()).then(|| sum(finite.iter().copied()) / finite.len() as f64)
}

/// Memory counts of 0 mean that the system or backend did not say.
fn positive(value: Option<f64>) -> Option<f64> {
    value.filter(|value| *value > 0.0)
}

fn kind_text(kind: WindowFailureKind) -> &'static str {
    match kind {
        WindowFailureKind::BeyondTraining => "beyond the training context",
        WindowFailureKind::BeyondMemory => "would not fit into memory",
        WindowFailureKind::Refused => "refused by the engine",
        WindowFailureKind::EngineDied => "the engine died",
        WindowFailureKind::NotReached => "not reached",
    }
}
