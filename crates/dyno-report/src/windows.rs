//! The context stage by window: what every try of one window says together.

use std::collections::BTreeMap;

use dyno_stats::{ratio_of_sums, sum};
use dyno_types::{EngineMemory, ProcessMemory, RequestSample, RunRecord, WindowFailureKind, WindowOutcome};

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
    /// Where the resident set is; absent where the system does not say what of it is anonymous.
    pub(crate) resident: Option<Resident>,
}

/// The resident set of an engine process by purpose, and what its buffers only reserve, bytes (means over tries).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Resident {
    /// Weights: pages of the model file, and copies of them.
    pub(crate) weights_bytes: f64,
    /// KV cache, which is written whole when it is opened.
    pub(crate) kv_bytes: f64,
    /// Scratch buffers, as far as they were touched.
    pub(crate) compute_bytes: f64,
    /// Everything else: program, tokenizer, tables.
    pub(crate) process_bytes: f64,
    /// What the backend accounts for beyond that: address space that was never touched.
    pub(crate) reserved_bytes: f64,
}

impl Resident {
    /// Attributes what a process holds since it was started (`before` loading): pages of files are weights; of the anonymous
    /// rest first the KV cache, then weights that are no pages of the file, then scratch buffers, each at most as large as the
    /// backend accounts for it.
    fn of(memory: &EngineMemory, before: ProcessMemory) -> Option<Self> {
        let (process, accounted) = (memory.process, memory.breakdown);
        if process.rss_bytes == 0 || process.anonymous_bytes == 0 {
            return None;
        }
        let mapped = process.file_bytes.saturating_sub(before.file_bytes).min(accounted.weights_bytes);
        let mut anonymous = process.anonymous_bytes.saturating_sub(before.anonymous_bytes);
        let mut take = |most: u64| {
            let taken = most.min(anonymous);
            anonymous -= taken;
            taken
        };
        let kv = take(accounted.kv_bytes);
        let weights = mapped + take(accounted.weights_bytes - mapped);
        let compute = take(accounted.compute_bytes);
        let held = weights.saturating_add(kv).saturating_add(compute);
        let all = [accounted.weights_bytes, accounted.kv_bytes, accounted.compute_bytes];
        let all = all.into_iter().fold(0, u64::saturating_add);
        Some(Self {
            weights_bytes: weights as f64,
            kv_bytes: kv as f64,
            compute_bytes: compute as f64,
            process_bytes: process.rss_bytes.saturating_sub(held) as f64,
            reserved_bytes: all.saturating_sub(held) as f64,
        })
    }

    /// The mean of several; `None` where one is missing.
    fn mean(tries: impl Iterator<Item = Option<Self>>) -> Option<Self> {
        let tries = tries.collect::<Option<Vec<Self>>>()?;
        let mean = |part: fn(&Self) -> f64| mean(tries.iter().map(part));
        Some(Self {
            weights_bytes: mean(|one| one.weights_bytes)?,
            kv_bytes: mean(|one| one.kv_bytes)?,
            compute_bytes: mean(|one| one.compute_bytes)?,
            process_bytes: mean(|one| one.process_bytes)?,
            reserved_bytes: mean(|one| one.reserved_bytes)?,
        })
    }
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
    let loads = || record.stages.load.iter().flat_map(|stage| &stage.samples);
    let before = |process: u32| {
        loads().find(|load| load.process == process).map_or_else(ProcessMemory::default, |load| load.before)
    };
    let mut tries: BTreeMap<u32, Vec<Try<'_>>> = BTreeMap::new();
    for sample in record.stages.context.iter().flat_map(|stage| &stage.samples) {
        if let WindowOutcome::Measured { request, memory, .. } = &sample.outcome {
            let before = before(sample.process);
            tries.entry(sample.context).or_default().push(Try { request, memory, before });
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

/// One measured try of a window.
struct Try<'a> {
    request: &'a RequestSample,
    memory: &'a EngineMemory,
    /// Memory of its process before the model was loaded.
    before: ProcessMemory,
}

fn window(context: u32, tries: &[Try<'_>]) -> Window {
    let requests = || tries.iter().map(|one| one.request);
    let prefill = requests()
        .map(|request| (f64::from(request.n_in.saturating_sub(request.n_in_cached)), request.prefill_ms));
    let mean_bytes =
        |part: fn(&EngineMemory) -> u64| positive(mean(tries.iter().map(|one| part(one.memory) as f64)));
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
        resident: Resident::mean(tries.iter().map(|one| Resident::of(one.memory, one.before))),
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
        WindowFailureKind::Unknown => "unknown to this dyno",
    }
}

#[cfg(test)]
mod tests {
    use dyno_types::MemoryBreakdown;

    use super::*;

    fn memory([rss, anonymous, file]: [u64; 3], [weights, kv, compute]: [u64; 3]) -> EngineMemory {
        let process = ProcessMemory {
            rss_bytes: rss,
            rss_peak_bytes: rss,
            anonymous_bytes: anonymous,
            file_bytes: file,
        };
        let breakdown = MemoryBreakdown { weights_bytes: weights, kv_bytes: kv, compute_bytes: compute };
        EngineMemory { process, breakdown }
    }

    /// Weights, KV cache, compute buffers, process, only reserved.
    fn parts(memory: &EngineMemory) -> Option<[f64; 5]> {
        let before = ProcessMemory { rss_bytes: 12, rss_peak_bytes: 12, anonymous_bytes: 2, file_bytes: 10 };
        let found = Resident::of(memory, before)?;
        let [weights, kv, compute] = [found.weights_bytes, found.kv_bytes, found.compute_bytes];
        Some([weights, kv, compute, found.process_bytes, found.reserved_bytes])
    }

    #[test]
    fn what_was_never_touched_is_not_resident() {
        // Mapped weights, a compute buffer of 800 of which 26 were touched.
        let mapped = memory([376, 66, 310], [300, 38, 800]);
        assert_eq!(parts(&mapped), Some([300.0, 38.0, 26.0, 12.0, 774.0]));
        // Read weights are anonymous.
        let read = memory([376, 366, 10], [300, 38, 26]);
        assert_eq!(parts(&read), Some([300.0, 38.0, 26.0, 12.0, 0.0]));
        // More than is accounted for belongs to the process.
        let more = memory([500, 190, 310], [300, 38, 20]);
        assert_eq!(parts(&more), Some([300.0, 38.0, 20.0, 142.0, 0.0]));
        assert_eq!(parts(&memory([376, 0, 0], [300, 38, 26])), None, "nobody knows");
    }

    #[test]
    fn the_parts_are_the_resident_set() {
        for rss in [12, 13, 50, 1000] {
            for anonymous in [1, 12, rss / 2, rss] {
                let memory = memory([rss, anonymous, rss - anonymous.min(rss)], [40, 30, 20]);
                let Some([weights, kv, compute, process, reserved]) = parts(&memory) else { continue };
                assert_eq!(weights + kv + compute + process, (rss as f64).max(weights + kv + compute));
                assert!((0.0..=90.0).contains(&reserved), "{memory:?}");
            }
        }
    }
}
