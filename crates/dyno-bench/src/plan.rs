//! What a benchmark will do, checked before anything starts. Pure: no clock, no engine.

use std::path::{Path, PathBuf};

use dyno_types::{EngineSettings, LONG_PROMPT_TOKENS, ModelFacts, Sampling, TemplateFile, Wish};

use crate::PlanError;
use crate::prompt::standard_prompts;

/// Largest window a plan accepts, tokens; the same as that of the `context` knob.
pub const WINDOW_TOKENS_MAX: u32 = 16_777_216;

/// Most runs, processes or generated tokens a plan accepts, so that a slip of the finger cannot fill the memory with samples.
const COUNT_MAX: u32 = 100_000;

/// Part of the free memory that a window may take; the rest stays for the system and for what was not predicted.
const MEMORY_SHARE: f64 = 0.9;

/// One benchmark as asked for, unchecked.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanRequest {
    /// Model file.
    pub path: PathBuf,
    /// What its header says.
    pub facts: ModelFacts,
    /// Engine knobs; zero threads are chosen by measuring.
    pub settings: EngineSettings,
    /// Sampling of the inference stage.
    pub sampling: Sampling,
    /// Runs of each prompt in each engine process.
    pub runs: u32,
    /// Independent engine processes.
    pub processes: u32,
    /// Tokens generated per prompt.
    pub max_tokens: u32,
    /// Context windows to fill, tokens, in any order.
    pub contexts: Vec<u32>,
    /// Tokens decoded at the end of each filled window.
    pub context_decode_tokens: u32,
}

/// A prompt of the inference stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BenchPrompt {
    /// Name in records.
    pub id: String,
    /// Text; every request puts a line of its own in front of it.
    pub text: String,
}

/// When a warm-up is over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WarmUp {
    /// How many of the latest requests are looked at.
    pub last: u32,
    /// Largest coefficient of variation of their decode rates that counts as steady.
    pub variation_max: f64,
    /// Most requests, steady or not.
    pub requests_max: u32,
}

impl Default for WarmUp {
    fn default() -> Self {
        Self { last: 3, variation_max: 0.05, requests_max: 6 }
    }
}

/// What is said of a model without a chat template.
pub const NO_TEMPLATE: &str = "the model has no chat template, so prompts are plain text";

/// What stands around the prompts of the inference stage.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Wording {
    /// The model's own chat template; plain text where it has none, or where it cannot be used.
    #[default]
    Own,
    /// A chat template of a file, which the engine renders.
    File(TemplateFile),
    /// Nothing.
    Plain,
    /// A known chat template.
    Known {
        /// Its name.
        name: String,
        /// Before the prompt; special tokens are spelled out.
        before: String,
        /// Behind it.
        after: String,
        /// Whether the tokenizer puts its own first token in front.
        add_special: bool,
    },
}

/// A checked plan.
#[derive(Debug, Clone, PartialEq)]
pub struct BenchPlan {
    request: PlanRequest,
    prompts: Vec<BenchPrompt>,
    warm_up: WarmUp,
    quiet_limit_ms: Option<f64>,
    wording: Wording,
}

impl BenchPlan {
    /// Checks a request and completes it with the three standard prompts. Windows are sorted and each kept once; when all
    /// lie beyond the training context, the training context itself joins them, so that something is measured.
    ///
    /// # Errors
    /// A [`PlanError`] whose sentence names the refused value and what to ask for instead.
    pub fn new(mut request: PlanRequest) -> Result<Self, PlanError> {
        check_counts(&request)?;
        check_settings(&request.settings)?;
        request.sampling.validate()?;
        check_context(&request)?;
        request.contexts.sort_unstable();
        request.contexts.dedup();
        check_windows(&request)?;
        add_training_window(&mut request);
        Ok(Self {
            request,
            prompts: standard_prompts(),
            warm_up: WarmUp::default(),
            quiet_limit_ms: None,
            wording: Wording::default(),
        })
    }

    /// The same plan with other prompts.
    ///
    /// # Errors
    /// [`PlanError::NoPrompts`] for none, or for an empty text.
    pub fn with_prompts(self, prompts: Vec<BenchPrompt>) -> Result<Self, PlanError> {
        if prompts.is_empty() || prompts.iter().any(|prompt| prompt.text.trim().is_empty()) {
            return Err(PlanError::NoPrompts);
        }
        Ok(Self { prompts, ..self })
    }

    /// The same plan with other limits of the warm-up.
    #[must_use]
    pub fn with_warm_up(self, warm_up: WarmUp) -> Self {
        Self { warm_up, ..self }
    }

    /// The same plan, but each process is measured only when others leave the processors alone, or after this time, ms.
    #[must_use]
    pub fn with_quiet(self, limit_ms: f64) -> Self {
        Self { quiet_limit_ms: Some(limit_ms), ..self }
    }

    /// Longest wait for a quiet machine before each process, ms; absent when it is not to be waited for.
    #[must_use]
    pub fn quiet_limit_ms(&self) -> Option<f64> {
        self.quiet_limit_ms
    }

    /// The same plan with something else around its prompts.
    #[must_use]
    pub fn with_wording(self, wording: Wording) -> Self {
        Self { wording, ..self }
    }

    /// What stands around its prompts.
    #[must_use]
    pub fn wording(&self) -> &Wording {
        &self.wording
    }

    /// Model file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.request.path
    }

    /// What the model's header says.
    #[must_use]
    pub fn facts(&self) -> &ModelFacts {
        &self.request.facts
    }

    /// Engine knobs; zero threads are chosen by measuring.
    #[must_use]
    pub fn settings(&self) -> &EngineSettings {
        &self.request.settings
    }

    /// Sampling of the inference stage.
    #[must_use]
    pub fn sampling(&self) -> &Sampling {
        &self.request.sampling
    }

    /// Runs of each prompt in each engine process.
    #[must_use]
    pub fn runs(&self) -> u32 {
        self.request.runs
    }

    /// Independent engine processes.
    #[must_use]
    pub fn processes(&self) -> u32 {
        self.request.processes
    }

    /// Tokens generated per prompt.
    #[must_use]
    pub fn max_tokens(&self) -> u32 {
        self.request.max_tokens
    }

    /// Windows, ascending, each once.
    #[must_use]
    pub fn contexts(&self) -> &[u32] {
        &self.request.contexts
    }

    /// Tokens decoded at the end of each filled window.
    #[must_use]
    pub fn context_decode_tokens(&self) -> u32 {
        self.request.context_decode_tokens
    }

    /// Prompts of the inference stage.
    #[must_use]
    pub fn prompts(&self) -> &[BenchPrompt] {
        &self.prompts
    }

    /// When a warm-up is over.
    #[must_use]
    pub fn warm_up(&self) -> WarmUp {
        self.warm_up
    }

    /// Part of the free memory that a window may take, 0..=1.
    #[must_use]
    pub fn memory_share(&self) -> f64 {
        MEMORY_SHARE
    }

    /// Whether thread counts are to be measured.
    #[must_use]
    pub fn wants_thread_sweep(&self) -> bool {
        self.settings().threads == 0 || self.settings().threads_prefill == 0
    }

    /// Whether a window lies beyond the training context (never, when the header does not state it).
    #[must_use]
    pub fn is_beyond_training(&self, window: u32) -> bool {
        self.facts().context_train.is_some_and(|train| u64::from(window) > train)
    }

    /// Windows to try in one measured engine process, counted from 0: upwards in even ones, downwards in odd ones, so that
    /// drift (heat) does not pass for growth with context. A single process goes both ways, for two repetitions.
    #[must_use]
    pub fn window_order(&self, repetition: u32) -> Vec<u32> {
        let upwards = self.contexts().iter().copied().filter(|window| !self.is_beyond_training(*window));
        let downwards = upwards.clone().rev();
        match (self.processes(), repetition % 2) {
            (1, _) => upwards.chain(downwards).collect(),
            (_, 0) => upwards.collect(),
            _ => downwards.collect(),
        }
    }

    /// Prompts of one run, by index: every run starts with another one, so that no prompt always follows the same one.
    #[must_use]
    pub fn prompt_order(&self, process: u32, run: u32) -> Vec<usize> {
        let count = self.prompts.len();
        let first = (process as usize + run as usize) % count;
        (0..count).map(|step| (first + step) % count).collect()
    }

    /// Tokens of the long prompt of each run of the inference stage; absent where the window has no room for it and one token.
    #[must_use]
    pub fn long_prompt_tokens(&self) -> Option<u32> {
        (self.settings().context > LONG_PROMPT_TOKENS).then_some(LONG_PROMPT_TOKENS)
    }

    /// Steps of the whole run as progress counts them; `sweep_steps` are those of the thread sweep.
    #[must_use]
    pub fn steps(&self, sweep_steps: u64) -> u64 {
        let per_process = |process: u32| {
            // Load, warm-up and cleanup count one step each.
            let prompts = self.prompts.len() as u64 + u64::from(self.long_prompt_tokens().is_some());
            3 + prompts * u64::from(self.runs()) + self.window_order(process).len() as u64
        };
        let first_load = 1;
        first_load + sweep_steps + (0..self.processes()).map(per_process).sum::<u64>()
    }
}

fn check_counts(request: &PlanRequest) -> Result<(), PlanError> {
    let counts = [
        (Wish::Runs, request.runs),
        (Wish::Processes, request.processes),
        (Wish::MaxTokens, request.max_tokens),
        (Wish::ContextDecodeTokens, request.context_decode_tokens),
    ];
    match counts.into_iter().find(|(_, value)| !(1..=COUNT_MAX).contains(value)) {
        Some((wish, value)) => Err(PlanError::Count { wish, value, max: COUNT_MAX }),
        None => Ok(()),
    }
}

/// Knobs that contradict each other. Single values were checked when they were set.
pub(crate) fn check_settings(settings: &EngineSettings) -> Result<(), PlanError> {
    let (batch, ubatch) = (settings.batch, settings.ubatch);
    if ubatch > batch { Err(PlanError::Batch { batch, ubatch }) } else { Ok(()) }
}

fn check_context(request: &PlanRequest) -> Result<(), PlanError> {
    let (context, max_tokens) = (request.settings.context, request.max_tokens);
    if let Some(train) = request.facts.context_train
        && u64::from(context) > train
    {
        return Err(PlanError::BeyondTraining { context, train });
    }
    if max_tokens >= context { Err(PlanError::ContextTooSmall { context, max_tokens }) } else { Ok(()) }
}

/// Expects the windows in ascending order.
fn check_windows(request: &PlanRequest) -> Result<(), PlanError> {
    let (Some(smallest), Some(largest)) = (request.contexts.first(), request.contexts.last()) else {
        return Err(PlanError::NoWindows);
    };
    let (decode, max) = (request.context_decode_tokens, WINDOW_TOKENS_MAX);
    if *smallest <= decode {
        return Err(PlanError::WindowTooSmall { window: *smallest, decode });
    }
    if *largest > max { Err(PlanError::WindowTooLarge { window: *largest, max }) } else { Ok(()) }
}

/// Expects the windows in ascending order and keeps them so.
fn add_training_window(request: &mut PlanRequest) {
    let Some(train) = request.facts.context_train.and_then(|train| u32::try_from(train).ok()) else { return };
    if request.contexts.first().is_some_and(|smallest| *smallest > train)
        && train > request.context_decode_tokens
    {
        request.contexts.insert(0, train);
    }
}

#[cfg(test)]
mod tests;
