//! One fake process: its state, its failures, and the answers that are plain arithmetic.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use dyno_types::{
    CancelFlag, ChatMessage, ContextReport, EngineInfo, EngineMemory, EngineSettings, GenerateRequest,
    LoadReport, MeasureReport, MeasureRequest, MemoryBreakdown, PerplexityRequest, ProcessMemory, Prompt,
    QuantizeReport, QuantizeRequest, ScoreRequest, TemplateFile, TokenId, UnloadReport,
};
use futures::StreamExt as _;

use super::arithmetic::Pace;
use super::generation::{Generation, length};
use super::likelihood::{Chunks, Scoring, copy_file};
use super::{FakeFailure, FakePoint, FakeScript};
use crate::protocol::{PROTOCOL_VERSION, check_perplexity, check_quantize, check_request, check_score};
use crate::remote::refused;
use crate::session::ProgressSink;
use crate::{
    EngineError, ExitCause, Generate, GenerationStream, PerplexityStream, Quantize, Score, ScoreStream,
    Session,
};

/// The seconds a scripted hang claims to have waited.
const HANG_SECONDS: u64 = 1;

/// Token of the beginning of a sequence; the ids below are bytes.
pub(super) const BOS: TokenId = 256;

/// What generations share with their session.
#[derive(Debug)]
pub(super) struct State {
    pub(super) script: Arc<FakeScript>,
    pub(super) pace: Pace,
    process: u32,
    cancel: CancelFlag,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// Why the process is gone.
    ended: Option<EngineError>,
    /// Settings of the loaded model.
    loaded: Option<EngineSettings>,
    /// Settings of the open context.
    context: Option<EngineSettings>,
    /// What the last generation left in the context.
    cached: Vec<TokenId>,
    /// Whether a template of a file is in use.
    template: bool,
    /// Whether anything was ever loaded.
    used: bool,
    rss_peak_bytes: u64,
}

/// A session in virtual time.
#[derive(Debug)]
pub(super) struct FakeSession {
    state: Arc<State>,
    info: EngineInfo,
}

impl State {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn alive(&self) -> Result<(), EngineError> {
        if self.cancel.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        self.held().ended.clone().map_or(Ok(()), Err)
    }

    /// Does what the script injects at this point, as the supervisor of a real process would report it.
    pub(super) fn fail_at(&self, during: &str, at: impl Fn(FakePoint) -> bool) -> Result<(), EngineError> {
        self.alive()?;
        let Some(failure) = self.script.failure(self.process, at) else { return Ok(()) };
        let during = during.to_owned();
        let log = vec!["scripted failure".to_owned()];
        let (error, fatal) = match failure {
            FakeFailure::Die(cause) => (EngineError::Died { during, cause: cause.clone(), log }, true),
            FakeFailure::Hang => (EngineError::Deadline { during, seconds: HANG_SECONDS, log }, true),
            FakeFailure::OutOfMemory => (
                EngineError::OutOfMemory { during, reason: "scripted: failed to allocate".to_owned() },
                false,
            ),
            FakeFailure::Refuse(reason) if during.starts_with("while loading") => {
                (EngineError::Model { reason: reason.clone(), log }, false)
            }
            FakeFailure::Refuse(reason) => (EngineError::BadRequest(reason.clone()), false),
        };
        if fatal {
            self.held().ended = Some(error.clone());
        }
        Err(error)
    }

    /// Tokens of this prompt that are in the context already; the last one is always computed, for its logits.
    pub(super) fn cached_prefix(&self, prompt: &[TokenId]) -> u32 {
        if !self.script.reuses_prefix {
            return 0;
        }
        let held = self.held();
        let same = held.cached.iter().zip(prompt).take_while(|(old, new)| old == new).count();
        length(&prompt[..same.min(prompt.len().saturating_sub(1))])
    }

    pub(super) fn remember(&self, tokens: Vec<TokenId>) {
        self.held().cached = tokens;
    }

    fn loaded(&self) -> Result<EngineSettings, EngineError> {
        self.alive()?;
        self.held().loaded.clone().ok_or_else(|| EngineError::BadRequest("no model is loaded".to_owned()))
    }

    fn context(&self) -> Result<EngineSettings, EngineError> {
        self.loaded()?;
        self.held().context.clone().ok_or_else(|| EngineError::BadRequest("no context is open".to_owned()))
    }

    /// Memory now; raises the peak, to which `extra_bytes` are added.
    fn memory(&self, extra_bytes: u64) -> EngineMemory {
        let model = self.script.memory;
        let mut held = self.held();
        let mut breakdown = MemoryBreakdown::default();
        let (mut anonymous_bytes, mut file_bytes) = (model.base_bytes, 0);
        match &held.loaded {
            Some(settings) => {
                breakdown.weights_bytes = model.weights_bytes;
                let weights = if settings.mmap { &mut file_bytes } else { &mut anonymous_bytes };
                *weights += model.weights_bytes;
            }
            None if held.used => anonymous_bytes += model.residual_bytes,
            None => {}
        }
        if let Some(settings) = &held.context {
            let tokens = u64::from(settings.context) * u64::from(settings.sequences);
            breakdown.kv_bytes = model.kv_bytes_per_token * tokens;
            breakdown.compute_bytes = model.compute_bytes;
            anonymous_bytes += breakdown.kv_bytes + breakdown.compute_bytes;
        }
        let rss_bytes = anonymous_bytes + file_bytes;
        held.rss_peak_bytes = held.rss_peak_bytes.max(rss_bytes + extra_bytes);
        let rss_peak_bytes = held.rss_peak_bytes;
        EngineMemory {
            process: ProcessMemory { rss_bytes, rss_peak_bytes, anonymous_bytes, file_bytes },
            breakdown,
        }
    }

    fn tokenize(&self, text: &str, add_special: bool) -> Vec<TokenId> {
        let bos = (add_special && self.script.adds_bos).then_some(BOS);
        bos.into_iter().chain(text.bytes().map(TokenId::from)).collect()
    }

    fn prompt_tokens(&self, prompt: &Prompt) -> Result<Vec<TokenId>, EngineError> {
        match prompt {
            Prompt::Text(text) => Ok(self.tokenize(text, true)),
            Prompt::Tokens(tokens) => Ok(tokens.clone()),
            Prompt::Chat(_) if !self.script.has_chat_template && !self.held().template => {
                Err(EngineError::NoTemplate)
            }
            Prompt::Chat(messages) => {
                // As engines do, a last message of the assistant's is left open.
                let line = |message: &ChatMessage| match message.role.as_str() {
                    "assistant" => message.content.clone(),
                    role => format!("{role}: {}\n", message.content),
                };
                Ok(self.tokenize(&messages.iter().map(line).collect::<String>(), true))
            }
        }
    }
}

impl FakeSession {
    pub(super) fn start(
        script: Arc<FakeScript>,
        process: u32,
        pace: Pace,
        cancel: CancelFlag,
    ) -> Result<Self, EngineError> {
        let state = Arc::new(State { script, pace, process, cancel, held: Mutex::default() });
        state.fail_at("while starting", |point| point == FakePoint::Start)?;
        let info = EngineInfo {
            name: "fake".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            backend: "script".to_owned(),
            compiler: "none".to_owned(),
            features: Vec::new(),
            profile: "release".to_owned(),
            protocol: PROTOCOL_VERSION,
            pid: 0,
        };
        Ok(Self { state, info })
    }

    fn start_generation(&self, request: GenerateRequest) -> Result<Generation, EngineError> {
        let settings = self.state.context()?;
        let prompt = self.state.prompt_tokens(&request.prompt)?;
        let (tokens, window) = (length(&prompt), settings.context);
        if tokens == 0 {
            return Err(EngineError::BadRequest("the prompt is empty".to_owned()));
        }
        if tokens > window {
            return Err(EngineError::BadRequest(format!(
                "the prompt has {tokens} tokens, the context holds {window}"
            )));
        }
        self.state.fail_at(
            "while generating",
            |point| matches!(point, FakePoint::PromptOver(most) if tokens > most),
        )?;
        Ok(Generation::new(Arc::clone(&self.state), settings, prompt, request))
    }

    /// Times of one repetition: prompt pass, and each decode step.
    fn measure_once(&self, settings: &EngineSettings, request: &MeasureRequest) -> (u64, Vec<u64>) {
        let (script, pace) = (&self.state.script, self.state.pace);
        let chosen = |asked, usual| if asked == 0 { usual } else { asked };
        let (threads, threads_prefill) = (
            chosen(request.threads, settings.threads),
            chosen(request.threads_prefill, settings.threads_prefill),
        );
        let prompt_end = request.depth + request.prefill_tokens;
        let prefill =
            pace.computing_ns(script, threads_prefill, script.prefill.sum(request.depth, prompt_end));
        let depths = prompt_end..prompt_end + request.decode_tokens;
        (prefill, depths.map(|depth| pace.computing_ns(script, threads, script.decode.at(depth))).collect())
    }
}

#[async_trait]
impl Session for FakeSession {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    fn start_ms(&self) -> f64 {
        self.state.pace.ms(self.state.script.start_ms)
    }

    async fn load(
        &self,
        path: &Path,
        settings: &EngineSettings,
        progress: ProgressSink<'_>,
    ) -> Result<LoadReport, EngineError> {
        self.state.alive()?;
        let script = &self.state.script;
        let during = format!("while loading {}", path.file_name().unwrap_or(path.as_os_str()).display());
        let steps = script.load_steps;
        for step in 0..=steps {
            if step * 2 >= steps {
                self.state.fail_at(&during, |point| point == FakePoint::Load)?;
            }
            if !progress(if steps == 0 { 1.0 } else { step as f32 / steps as f32 }) {
                return Err(EngineError::Cancelled);
            }
        }
        {
            let mut held = self.state.held();
            (held.loaded, held.context, held.used) = (Some(settings.clone()), None, true);
            held.template = false;
            held.cached.clear();
        }
        self.state.memory(script.memory.load_extra_bytes);
        Ok(LoadReport {
            weights_ms: self.state.pace.ms(script.load_ms),
            layers: script.layers,
            vocabulary: script.vocabulary,
            context_train: script.context_train,
            adds_bos: script.adds_bos,
            has_chat_template: script.has_chat_template,
            system_in_user: script.system_in_user,
        })
    }

    async fn memory(&self) -> Result<EngineMemory, EngineError> {
        self.state.alive()?;
        Ok(self.state.memory(0))
    }

    async fn unload(&self) -> Result<UnloadReport, EngineError> {
        self.state.alive()?;
        {
            let mut held = self.state.held();
            (held.loaded, held.context) = (None, None);
            held.cached.clear();
        }
        let unload_ms = self.state.pace.ms(self.state.script.unload_ms);
        Ok(UnloadReport { unload_ms, process: self.state.memory(0).process })
    }

    async fn healthy(&self) -> bool {
        self.state.alive().is_ok()
    }

    fn log_tail(&self) -> Vec<String> {
        Vec::new()
    }

    async fn stop(self: Box<Self>) -> ExitCause {
        if self.state.cancel.is_cancelled() {
            return ExitCause::Signal(9);
        }
        let mut held = self.state.held();
        match held.ended.replace(EngineError::Cancelled) {
            Some(EngineError::Died { cause, .. }) => cause,
            Some(EngineError::Deadline { .. }) => ExitCause::Signal(9),
            _ => ExitCause::Code(0),
        }
    }

    async fn kill(self: Box<Self>) -> ExitCause {
        match self.stop().await {
            ExitCause::Code(_) => ExitCause::Signal(9),
            died => died,
        }
    }

    fn generator(&self) -> Option<&dyn Generate> {
        Some(self)
    }

    fn scorer(&self) -> Option<&dyn Score> {
        Some(self)
    }

    fn quantizer(&self) -> Option<&dyn Quantize> {
        Some(self)
    }
}

#[async_trait]
impl Generate for FakeSession {
    async fn use_template(&self, template: &TemplateFile) -> Result<bool, EngineError> {
        self.state.loaded()?;
        if template.source.contains("{% broken") {
            return Err(EngineError::Template(format!("the chat template {} cannot be read", template.name)));
        }
        self.state.held().template = true;
        Ok(self.state.script.system_in_user)
    }

    async fn open_context(&self, settings: &EngineSettings) -> Result<ContextReport, EngineError> {
        self.state.loaded()?;
        let window = settings.context;
        let during = format!("while opening a context of {window} tokens");
        self.state
            .fail_at(&during, |point| matches!(point, FakePoint::ContextOver(most) if window > most))?;
        {
            let mut held = self.state.held();
            held.context = Some(settings.clone());
            held.cached.clear();
        }
        let script = &self.state.script;
        let tokens = f64::from(window) * f64::from(settings.sequences);
        let context_ms = self.state.pace.ms(script.context_base_ms + script.context_per_token_ms * tokens);
        Ok(ContextReport { context_ms, context: window, memory: self.state.memory(0).breakdown })
    }

    async fn tokenize(
        &self,
        text: &str,
        add_special: bool,
        _parse_special: bool,
    ) -> Result<Vec<TokenId>, EngineError> {
        self.state.loaded()?;
        Ok(self.state.tokenize(text, add_special))
    }

    async fn tokenize_chat(&self, messages: &[ChatMessage]) -> Result<Vec<TokenId>, EngineError> {
        self.state.loaded()?;
        self.state.prompt_tokens(&Prompt::Chat(messages.to_vec()))
    }

    /// As with a real engine, what is wrong with a prompt arrives through the stream.
    async fn generate(&self, request: GenerateRequest) -> Result<GenerationStream, EngineError> {
        self.state.alive()?;
        check_request(&request).map_err(refused)?;
        Ok(match self.start_generation(request) {
            Ok(generation) => {
                futures::stream::unfold(generation, |running| std::future::ready(running.step())).boxed()
            }
            Err(error) => futures::stream::iter([Err(error)]).boxed(),
        })
    }

    async fn measure(&self, request: &MeasureRequest) -> Result<MeasureReport, EngineError> {
        let settings = self.state.context()?;
        self.state.fail_at("while measuring", |point| point == FakePoint::Measure)?;
        let tokens =
            u64::from(request.depth) + u64::from(request.prefill_tokens) + u64::from(request.decode_tokens);
        if tokens > u64::from(settings.context) {
            let window = settings.context;
            return Err(EngineError::BadRequest(format!(
                "the measurement needs {tokens} tokens, the context holds {window}"
            )));
        }
        self.state.held().cached.clear();
        let mut report = MeasureReport::default();
        for _ in 0..request.repetitions {
            let (prefill_ns, decode_ns) = self.measure_once(&settings, request);
            if request.prefill_tokens > 0 {
                report.prefill_ns.push(prefill_ns);
            }
            if request.decode_tokens > 0 {
                report.decode_ns.push(decode_ns);
            }
        }
        Ok(report)
    }

    async fn clear_context(&self) -> Result<(), EngineError> {
        self.state.context()?;
        self.state.held().cached.clear();
        Ok(())
    }
}

#[async_trait]
impl Score for FakeSession {
    async fn score(&self, request: ScoreRequest) -> Result<ScoreStream, EngineError> {
        let window = self.state.context()?.context;
        check_score(&request).map_err(refused)?;
        self.state.held().cached.clear();
        let scoring = Scoring::new(Arc::clone(&self.state), request, window);
        Ok(futures::stream::iter(scoring).boxed())
    }

    async fn perplexity(&self, request: PerplexityRequest) -> Result<PerplexityStream, EngineError> {
        let window = self.state.context()?.context;
        check_perplexity(&request).map_err(refused)?;
        self.state.held().cached.clear();
        let tokens = self.state.tokenize(&request.text, true);
        Ok(match Chunks::new(Arc::clone(&self.state), request, window, tokens) {
            Ok(chunks) => futures::stream::iter(chunks).boxed(),
            Err(error) => futures::stream::iter([Err(error)]).boxed(),
        })
    }
}

#[async_trait]
impl Quantize for FakeSession {
    async fn quantize(
        &self,
        request: &QuantizeRequest,
        progress: ProgressSink<'_>,
    ) -> Result<QuantizeReport, EngineError> {
        self.state.alive()?;
        check_quantize(request).map_err(refused)?;
        self.state.fail_at("while quantizing", |point| point == FakePoint::Quantize)?;
        if !progress(0.5) {
            self.state.held().ended = Some(EngineError::Cancelled);
            return Err(EngineError::Cancelled);
        }
        copy_file(request)
    }
}
