//! One benchmark run, kept for ever: raw samples with their full circumstances. Summaries derive from the samples.
//!
//! Adding a field: give it `#[serde(default)]` and keep old fixtures readable. Changing the meaning of one: raise
//! [`RUN_SCHEMA`] and teach the reader the old form.

use std::collections::BTreeMap;

use serde::de::value::StrDeserializer;
use serde::de::{Error as _, IntoDeserializer as _};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    Better, DiscardedProcess, EngineInfo, EngineMemory, EngineSettings, FinishReason, HardwareProfile,
    MachineState, MemoryBreakdown, ModelFacts, ProcessLoss, ProcessMemory, Sampling, Unit, Validity,
};

/// Schema of the records this version writes.
pub const RUN_SCHEMA: &str = "dyno.run/1";

/// One run of `dyno bench`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RunRecord {
    /// [`RUN_SCHEMA`].
    pub schema: String,
    /// Unique, sortable by start time, safe in file names.
    pub id: String,
    /// Wall clock at the start, Unix ms.
    pub started_unix_ms: i64,
    /// Wall clock at the end, Unix ms.
    pub ended_unix_ms: i64,
    /// The tool that measured.
    pub tool: ToolInfo,
    /// The machine.
    pub machine: HardwareProfile,
    /// Fingerprint of what decides this machine's speed; empty in old records.
    #[serde(default)]
    pub machine_fingerprint: String,
    /// State of the machine before and after.
    pub machine_state: [MachineState; 2],
    /// The model file.
    pub model: ModelFacts,
    /// The engine.
    pub engine: EngineInfo,
    /// What was asked for, every default resolved.
    pub settings: BenchSettings,
    /// Raw samples by stage; a stage that was not reached is absent.
    pub stages: Stages,
    /// What the samples say about growth with context.
    pub analysis: Option<ContextAnalysis>,
    /// Summaries by metric id. Those in units that only a newer dyno knows are left out: all follow from the samples.
    #[serde(deserialize_with = "known_metrics")]
    pub metrics: BTreeMap<String, MetricSummary>,
    /// How metrics varied over earlier runs like this one, by metric id; intervals in `metrics` rest on it, and on an assumption
    /// where it is absent.
    #[serde(default)]
    pub variation: BTreeMap<String, RunVariation>,
    /// What was predicted before the run, beside what the run then measured.
    #[serde(default)]
    pub predictions: Vec<Prediction>,
    /// What each measured process lost to other programs, to the host, and to want of memory; empty where the system does not say.
    #[serde(default)]
    pub losses: Vec<ProcessLoss>,
    /// Processes that lost too much and were repeated.
    #[serde(default)]
    pub discarded: Vec<DiscardedProcess>,
    /// Whether and why (not) to trust the record.
    pub validity: Validity,
    /// Remarks for people.
    pub notes: Vec<String>,
}

/// Summaries in the terms that this version knows.
fn known_metrics<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, MetricSummary>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Entry {
        Known(MetricSummary),
        Other { unit: String, better: String },
    }
    let mut known = BTreeMap::new();
    for (id, entry) in BTreeMap::<String, Entry>::deserialize(deserializer)? {
        match entry {
            Entry::Known(summary) => {
                known.insert(id, summary);
            }
            Entry::Other { unit, better } if is_word_of::<Unit>(&unit) && is_word_of::<Better>(&better) => {
                return Err(D::Error::custom(format!("the figures of {id} cannot be read")));
            }
            Entry::Other { .. } => {}
        }
    }
    Ok(known)
}

fn is_word_of<'de, T: Deserialize<'de>>(word: &'de str) -> bool {
    let word: StrDeserializer<'_, serde::de::value::Error> = word.into_deserializer();
    T::deserialize(word).is_ok()
}

/// One figure predicted before a run, and what the run measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Metric id: `rss_peak_bytes`, `prefill_tps` or `decode_tps`.
    pub metric: String,
    /// Under which circumstances, e.g. `480 tokens`.
    pub conditions: String,
    /// From the header and the machine's measured rates alone, before corrections.
    pub raw: f64,
    /// Corrected by what earlier runs taught.
    pub predicted: f64,
    /// 90 % interval of the prediction; absent for memory.
    pub interval: Option<[f64; 2]>,
    /// Measured.
    pub measured: f64,
}

impl Prediction {
    /// (predicted − measured)/measured: `mem_pred_error` and its likes.
    #[must_use]
    pub fn error(&self) -> f64 {
        (self.predicted - self.measured) / self.measured
    }
}

/// The measuring tool.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ToolInfo {
    /// `dyno`.
    pub name: String,
    /// Version.
    pub version: String,
    /// `release` or `debug`.
    pub profile: String,
}

/// How a thread count came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThreadChoice {
    /// Given by the user with a flag.
    #[default]
    Fixed,
    /// Chosen by the measured sweep in `thread_sweep`.
    Measured,
    /// Given by the environment variable DYNO_THREADS.
    DynoThreads,
    /// Given by the environment variable OMP_NUM_THREADS.
    OmpNumThreads,
    /// Nobody said: every usable processor.
    Usable,
    /// In a way that only a newer dyno knows.
    #[serde(other)]
    Unknown,
}

impl ThreadChoice {
    /// Where the count comes from, in a word or two that follow it.
    #[must_use]
    pub fn source(self) -> &'static str {
        match self {
            Self::Fixed => "given by the user",
            Self::Measured => "measured",
            Self::DynoThreads => "from DYNO_THREADS",
            Self::OmpNumThreads => "from OMP_NUM_THREADS",
            Self::Usable => "every usable core",
            Self::Unknown => "chosen in a way unknown to this dyno",
        }
    }
}

/// Everything that was asked of the run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct BenchSettings {
    /// Engine knobs, threads resolved.
    pub engine: EngineSettings,
    /// Sampling of the inference stage.
    pub sampling: Sampling,
    /// How the thread counts came about.
    pub thread_choice: ThreadChoice,
    /// Measurements behind the thread counts; empty when they were given.
    pub thread_sweep: Vec<ThreadSample>,
    /// Runs of each prompt in each engine process.
    pub runs: u32,
    /// Independent engine processes.
    pub processes: u32,
    /// Tokens generated per inference request.
    pub max_tokens: u32,
    /// Tokens decoded at each context window.
    pub context_decode_tokens: u32,
    /// Windows of the context stage, tokens.
    pub contexts: Vec<u32>,
}

/// One point of the thread sweep.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ThreadSample {
    /// Threads used for both phases.
    pub threads: u32,
    /// Prefill rate, tokens/s.
    pub prefill_tps: f64,
    /// Decode rate, tokens/s.
    pub decode_tps: f64,
}

/// Raw samples by stage.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Stages {
    /// Header only.
    pub metadata: Option<MetadataStage>,
    /// Loading.
    pub load: Option<LoadStage>,
    /// Short prompts.
    pub inference: Option<InferenceStage>,
    /// Filled windows.
    pub context: Option<ContextStage>,
    /// Unloading.
    pub cleanup: Option<CleanupStage>,
}

/// Stage 1: the header. The facts themselves are the record's `model`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct MetadataStage {
    /// Time to read and check the header, ms.
    pub read_ms: f64,
}

/// State of the page cache before a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageCache {
    /// The file was dropped from the page cache, and that was checked.
    Dropped,
    /// Dropping was tried, but part of the file stayed cached.
    NotDropped,
    /// The file had been read just before.
    Warm,
    /// A state that only a newer dyno knows.
    #[serde(other)]
    Unknown,
}

/// One load of the model in a fresh engine process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadSample {
    /// Engine process, counted from 0 over the run.
    pub process: u32,
    /// Page cache before.
    pub page_cache: PageCache,
    /// Weights, ms (inside the engine).
    pub weights_ms: f64,
    /// Context, ms (inside the engine).
    pub context_ms: f64,
    /// Process start to handshake, ms (seen from the front; not part of `load_ms`).
    pub start_ms: f64,
    /// Process memory before loading.
    pub before: ProcessMemory,
    /// Process memory after loading; its peak covers the load.
    pub after: ProcessMemory,
    /// Memory by purpose.
    pub breakdown: MemoryBreakdown,
    /// Progress while loading: (ms since the load was asked for, fraction 0..=1).
    pub timeline: Vec<(f64, f32)>,
}

impl LoadSample {
    /// `load_ms`: weights and context.
    #[must_use]
    pub fn load_ms(&self) -> f64 {
        self.weights_ms + self.context_ms
    }
}

/// Stage 2.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LoadStage {
    /// Every load of the run.
    pub samples: Vec<LoadSample>,
}

/// One measured request. Times count from the submission and were taken inside the engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestSample {
    /// Engine process.
    pub process: u32,
    /// Repetition within the process, from 0.
    pub run: u32,
    /// Prompt id.
    pub prompt: String,
    /// Prompt tokens.
    pub n_in: u32,
    /// Prompt tokens taken from a cache.
    pub n_in_cached: u32,
    /// Generated tokens.
    pub n_out: u32,
    /// Tokens the plan asked for.
    pub n_out_asked: u32,
    /// Prompt pass, ms.
    pub prefill_ms: f64,
    /// Waiting before the prompt pass (tokenizing, template, queue), ms.
    pub queue_ms: f64,
    /// Choosing tokens, ms in total.
    pub sampling_ms: f64,
    /// Time inside the backend's decode calls after the prompt pass, ms in total.
    pub decode_backend_ms: f64,
    /// When each token was there, ms since the submission.
    pub token_ms: Vec<f64>,
    /// Why it ended.
    pub finish_reason: FinishReason,
    /// Memory after the request.
    pub memory: ProcessMemory,
}

impl RequestSample {
    /// `ttft_ms`: first token since the submission; absent when no token came.
    #[must_use]
    pub fn ttft_ms(&self) -> Option<f64> {
        self.token_ms.first().copied()
    }

    /// Time between the first and the last token, ms; absent for fewer than two tokens.
    #[must_use]
    pub fn decode_ms(&self) -> Option<f64> {
        match self.token_ms.as_slice() {
            [first, .., last] => Some(last - first),
            _ => None,
        }
    }

    /// Gaps between consecutive tokens, ms.
    pub fn gaps_ms(&self) -> impl Iterator<Item = f64> + '_ {
        self.token_ms.windows(2).map(|pair| pair[1] - pair[0])
    }
}

/// Id of the long prompt of the inference stage: [`LONG_PROMPT_TOKENS`] of prose in an empty context, after which one token is generated.
pub const LONG_PROMPT: &str = "prose_512";

/// Length of that prompt, tokens: what llama-bench calls pp512.
pub const LONG_PROMPT_TOKENS: u32 = 512;

/// Stage 3.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct InferenceStage {
    /// Requests run and discarded as warm-up, per process.
    pub warmup_discarded: Vec<u32>,
    /// Measured requests, the long prompt's among them.
    pub samples: Vec<RequestSample>,
}

impl InferenceStage {
    /// Requests of the standard prompts, which are answered at length.
    pub fn answers(&self) -> impl Iterator<Item = &RequestSample> {
        self.samples.iter().filter(|sample| sample.prompt != LONG_PROMPT)
    }

    /// Requests of the long prompt.
    pub fn long_prompts(&self) -> impl Iterator<Item = &RequestSample> {
        self.samples.iter().filter(|sample| sample.prompt == LONG_PROMPT)
    }
}

/// Why a window could not be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowFailureKind {
    /// Larger than the context the model was trained for.
    BeyondTraining,
    /// It would not have fitted into memory; not tried.
    BeyondMemory,
    /// The engine refused it.
    Refused,
    /// The engine process died.
    EngineDied,
    /// The run was stopped before.
    NotReached,
    /// For a reason that only a newer dyno knows.
    #[serde(other)]
    Unknown,
}

/// What one window gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case", from = "StoredWindowOutcome")]
pub enum WindowOutcome {
    /// Measured.
    Measured {
        /// The request: a prompt that fills the window up to the tokens to decode.
        request: RequestSample,
        /// Time to open the context, ms.
        context_ms: f64,
        /// Memory after the request.
        memory: EngineMemory,
    },
    /// Not measured.
    Failed {
        /// Kind.
        kind: WindowFailureKind,
        /// The reason, as a sentence.
        reason: String,
    },
}

/// What one window gave, as records hold it.
#[derive(Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum StoredWindowOutcome {
    Measured {
        request: RequestSample,
        context_ms: f64,
        memory: EngineMemory,
    },
    Failed {
        kind: WindowFailureKind,
        reason: String,
    },
    #[serde(other)]
    Unknown,
}

impl From<StoredWindowOutcome> for WindowOutcome {
    fn from(stored: StoredWindowOutcome) -> Self {
        match stored {
            StoredWindowOutcome::Measured { request, context_ms, memory } => {
                Self::Measured { request, context_ms, memory }
            }
            StoredWindowOutcome::Failed { kind, reason } => Self::Failed { kind, reason },
            StoredWindowOutcome::Unknown => {
                Self::Failed { kind: WindowFailureKind::Unknown, reason: UNKNOWN_OUTCOME.to_owned() }
            }
        }
    }
}

/// What is said of an outcome that only a newer dyno knows.
pub(crate) const UNKNOWN_OUTCOME: &str = "a newer dyno noted an outcome that this one does not know";

/// One try of one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowSample {
    /// Window, tokens.
    pub context: u32,
    /// Engine process.
    pub process: u32,
    /// What it gave.
    pub outcome: WindowOutcome,
}

/// Stage 4.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ContextStage {
    /// Every try, in the order made.
    pub samples: Vec<WindowSample>,
}

/// Unloading in one engine process.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct CleanupSample {
    /// Engine process.
    pub process: u32,
    /// Memory before the load.
    pub before_load: ProcessMemory,
    /// Memory before unloading.
    pub loaded: ProcessMemory,
    /// Memory after unloading, process still alive.
    pub unloaded: ProcessMemory,
    /// Time to unload, ms.
    pub unload_ms: f64,
    /// Stop request to end of the process, ms.
    pub exit_ms: f64,
}

/// Stage 5.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CleanupStage {
    /// One per engine process.
    pub samples: Vec<CleanupSample>,
}

/// Summary of one metric over a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricSummary {
    /// Unit.
    pub unit: Unit,
    /// Direction of improvement.
    pub better: Better,
    /// Raw values behind the figures.
    pub n: u64,
    /// Mean; for rates Σtokens/Σtime.
    pub mean: f64,
    /// Sample standard deviation; absent for n < 2.
    pub sd: Option<f64>,
    /// Median (type 7).
    pub median: f64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
    /// Percentiles whose order-statistic interval exists, by name (`p90`); for rates the low tail (`p10`).
    pub percentiles: BTreeMap<String, f64>,
    /// 95 % interval by ratio around `mean`: what a repetition of the run on this machine, later, would give; absent with fewer than two
    /// independent engine processes.
    pub ci95: Option<[f64; 2]>,
}

/// How the figure of one metric varied over earlier runs on the same machine, of the same model, at the same settings; on the natural
/// logarithm's scale.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct RunVariation {
    /// Earlier runs.
    pub runs: u32,
    /// Mean logarithm; 0 without runs.
    pub log_mean: f64,
    /// Variance from run to run; 0 for fewer than two runs.
    pub log_variance: f64,
    /// Variance from process to process within a run, pooled over the runs.
    pub within_log_variance: f64,
    /// Its degrees of freedom.
    pub within_freedom: u32,
}

/// A fitted law of growth with context: value = base + slope × tokens.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LinearLaw {
    /// Value at zero tokens.
    pub base: f64,
    /// Growth per token.
    pub slope: f64,
    /// 95 % interval of the slope; absent with fewer than three points.
    pub slope_ci95: Option<[f64; 2]>,
    /// Coefficient of determination.
    pub r2: f64,
    /// Points fitted.
    pub n: u32,
}

impl LinearLaw {
    /// Whether it grows for certain, as far as its interval tells.
    #[must_use]
    pub fn grows(&self) -> bool {
        self.slope > 0.0 && self.slope_ci95.is_none_or(|[low, _]| low > 0.0)
    }
}

/// value = factor × tokens^exponent; growth per doubling is 2^exponent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PowerLaw {
    /// Value at one token.
    pub factor: f64,
    /// Exponent.
    pub exponent: f64,
    /// 95 % interval of the exponent; absent with fewer than three points.
    pub exponent_ci95: Option<[f64; 2]>,
    /// Coefficient of determination in log space.
    pub r2: f64,
    /// Points fitted.
    pub n: u32,
}

impl PowerLaw {
    /// Factor by which the value grows when the context doubles.
    #[must_use]
    pub fn per_doubling(&self) -> f64 {
        self.exponent.exp2()
    }
}

/// What the context stage says.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ContextAnalysis {
    /// Resident memory in bytes, right after a window was filled, against window.
    pub memory: Option<LinearLaw>,
    /// TTFT in ms against filled tokens.
    pub ttft: Option<PowerLaw>,
    /// Time per decoded token in ms against depth (decode slows down as 1/(base + slope × depth)).
    pub tpot: Option<LinearLaw>,
    /// Context at which decode falls to half of its rate at zero depth, tokens; absent when decode does not slow down.
    pub half_depth_tokens: Option<f64>,
    /// Whether `half_depth_tokens` lies beyond the largest measured window.
    pub half_depth_extrapolated: bool,
    /// Largest measured window that keeps at least half the decode rate and fits in memory.
    pub recommended_context: Option<u32>,
    /// Memory to set aside: base and bytes per 1,000 tokens, with a tenth on top.
    pub buffer_base_bytes: Option<u64>,
    /// Bytes per 1,000 tokens.
    pub buffer_per_1k_tokens_bytes: Option<u64>,
}
