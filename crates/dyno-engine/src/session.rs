//! The narrow waist between everything that measures or serves and everything that computes.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use dyno_types::{
    ChatMessage, ChunkScore, ContextReport, EngineInfo, EngineMemory, EngineSettings, GenerateRequest,
    GenerationEvent, Job, LoadReport, MeasureReport, MeasureRequest, PerplexityRequest, QuantizeReport,
    QuantizeRequest, ScoreRequest, ScoredItem, TemplateFile, TokenId, UnloadReport,
};
use futures::stream::BoxStream;

use crate::{EngineError, ExitCause};

/// Takes progress, 0..=1; returns whether to go on (false aborts).
pub type ProgressSink<'a> = &'a mut (dyn FnMut(f32) -> bool + Send);

/// Tokens of one generation, ending in `Finished` or an error. Dropping it cancels the generation.
pub type GenerationStream = BoxStream<'static, Result<GenerationEvent, EngineError>>;

/// Scored items in the order of the request, as they are done; an error ends it. Dropping it cancels what is left.
pub type ScoreStream = BoxStream<'static, Result<ScoredItem, EngineError>>;

/// Chunks of a text in order, as they are done; an error ends it. Dropping it cancels what is left.
pub type PerplexityStream = BoxStream<'static, Result<ChunkScore, EngineError>>;

/// Something that starts engine processes (or a fake, or a remote server).
#[async_trait]
pub trait Engine: Send + Sync {
    /// Starts one engine process for this job and shakes hands. Once the job is cancelled nothing of the process is waited for any
    /// more: what was going on ends with [`EngineError::Cancelled`], and it is killed instead of asked to stop.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::Start`], [`EngineError::Protocol`], [`EngineError::Cancelled`].
    async fn start(&self, job: &Job) -> Result<Box<dyn Session>, EngineError>;
}

#[async_trait]
impl<E: Engine + ?Sized> Engine for Arc<E> {
    async fn start(&self, job: &Job) -> Result<Box<dyn Session>, EngineError> {
        (**self).start(job).await
    }
}

/// One engine process with at most one model. Every call is bounded by the deadline of the job. What it can do with a model is
/// said by what it hands out ([`Session::generator`] and its like), so that an engine implements what it offers and nothing else.
#[async_trait]
pub trait Session: Send + Sync {
    /// Who it is, from the handshake.
    fn info(&self) -> &EngineInfo;

    /// Process start to handshake, ms.
    fn start_ms(&self) -> f64;

    /// Loads weights. The file must have passed the bounded header reader first.
    async fn load(
        &self,
        path: &Path,
        settings: &EngineSettings,
        progress: ProgressSink<'_>,
    ) -> Result<LoadReport, EngineError>;

    /// Memory now.
    async fn memory(&self) -> Result<EngineMemory, EngineError>;

    /// Frees context and weights; the process stays.
    async fn unload(&self) -> Result<UnloadReport, EngineError>;

    /// Whether the process lives and answers.
    async fn healthy(&self) -> bool;

    /// Last log lines of the process.
    fn log_tail(&self) -> Vec<String>;

    /// Ends the process: asks, waits, then kills. Returns how it ended.
    async fn stop(self: Box<Self>) -> ExitCause;

    /// Ends the process at once, whatever it is doing. Returns how it ended.
    async fn kill(self: Box<Self>) -> ExitCause;

    /// Writes text, if this engine does.
    fn generator(&self) -> Option<&dyn Generate> {
        None
    }

    /// Computes likelihoods, if this engine does.
    fn scorer(&self) -> Option<&dyn Score> {
        None
    }

    /// Writes model files with other tensor types, if this engine does.
    fn quantizer(&self) -> Option<&dyn Quantize> {
        None
    }
}

/// A model that continues text, in one context.
#[async_trait]
pub trait Generate: Send + Sync {
    /// Renders chats of the loaded model by this template from now on; gives whether it takes no system message.
    async fn use_template(&self, template: &TemplateFile) -> Result<bool, EngineError>;

    /// Opens the context for the loaded model, replacing an open one. Weights stay loaded.
    async fn open_context(&self, settings: &EngineSettings) -> Result<ContextReport, EngineError>;

    /// Text → token ids. `add_special` puts BOS first where the tokenizer says so, and never EOS behind it; `parse_special` reads control
    /// tokens in the text.
    async fn tokenize(
        &self,
        text: &str,
        add_special: bool,
        parse_special: bool,
    ) -> Result<Vec<TokenId>, EngineError>;

    /// A chat as the model's template renders it, as tokens: what a generation of this [`dyno_types::Prompt::Chat`] would begin with.
    async fn tokenize_chat(&self, messages: &[ChatMessage]) -> Result<Vec<TokenId>, EngineError>;

    /// Starts a generation; the first event follows when the first token is there.
    async fn generate(&self, request: GenerateRequest) -> Result<GenerationStream, EngineError>;

    /// Times the bare backend.
    async fn measure(&self, request: &MeasureRequest) -> Result<MeasureReport, EngineError>;

    /// Forgets everything the context holds (all sequences).
    async fn clear_context(&self) -> Result<(), EngineError>;
}

/// A model that says how likely texts are. It works in the open context, and while no generation runs there.
#[async_trait]
pub trait Score: Send + Sync {
    /// Log-likelihoods of continuations, batched: what items share is computed once, many continuations go into one batch.
    /// The memory of all the context's sequences serves as one; a larger one makes it faster; its content is forgotten. An
    /// item that cannot be scored has its own refusal in the stream, and the others go on.
    ///
    /// One such request at a time.
    async fn score(&self, request: ScoreRequest) -> Result<ScoreStream, EngineError>;

    /// Perplexity of a text chunk by chunk, with the divergence from a reference where one is given. The context's
    /// content is forgotten.
    ///
    /// One such request at a time.
    async fn perplexity(&self, request: PerplexityRequest) -> Result<PerplexityStream, EngineError>;
}

/// An engine that writes model files with other tensor types; it needs no loaded model for that.
#[async_trait]
pub trait Quantize: Send + Sync {
    /// Writes the file. The source must have passed the bounded header reader. The target appears whole, or (after a failure, a
    /// death or when this future is dropped) not at all.
    ///
    /// Native code cannot be interrupted: when `progress` returns false or the future is dropped, the process is killed.
    async fn quantize(
        &self,
        request: &QuantizeRequest,
        progress: ProgressSink<'_>,
    ) -> Result<QuantizeReport, EngineError>;
}

/// What a session can, called on the session itself; an engine that cannot says so.
///
/// # Errors
/// [`EngineError::Unable`] beside those of the calls.
#[allow(clippy::missing_errors_doc, reason = "all of them, above")]
impl dyn Session + '_ {
    fn able<'a, C: ?Sized>(
        &'a self,
        offered: Option<&'a C>,
        what: &'static str,
    ) -> Result<&'a C, EngineError> {
        offered.ok_or_else(|| EngineError::Unable { engine: self.info().name.clone(), what })
    }

    fn generating(&self) -> Result<&dyn Generate, EngineError> {
        self.able(self.generator(), "generate text")
    }

    fn scoring(&self) -> Result<&dyn Score, EngineError> {
        self.able(self.scorer(), "compute likelihoods")
    }

    /// See [`Generate::use_template`].
    ///
    /// # Errors
    /// As there, and where the engine generates no text.
    pub async fn use_template(&self, template: &TemplateFile) -> Result<bool, EngineError> {
        self.generating()?.use_template(template).await
    }

    /// [`Generate::open_context`].
    pub async fn open_context(&self, settings: &EngineSettings) -> Result<ContextReport, EngineError> {
        self.generating()?.open_context(settings).await
    }

    /// [`Generate::tokenize`].
    pub async fn tokenize(
        &self,
        text: &str,
        add_special: bool,
        parse_special: bool,
    ) -> Result<Vec<TokenId>, EngineError> {
        self.generating()?.tokenize(text, add_special, parse_special).await
    }

    /// [`Generate::tokenize_chat`].
    pub async fn tokenize_chat(&self, messages: &[ChatMessage]) -> Result<Vec<TokenId>, EngineError> {
        self.generating()?.tokenize_chat(messages).await
    }

    /// [`Generate::generate`].
    pub async fn generate(&self, request: GenerateRequest) -> Result<GenerationStream, EngineError> {
        self.generating()?.generate(request).await
    }

    /// [`Generate::measure`].
    pub async fn measure(&self, request: &MeasureRequest) -> Result<MeasureReport, EngineError> {
        self.generating()?.measure(request).await
    }

    /// [`Generate::clear_context`].
    pub async fn clear_context(&self) -> Result<(), EngineError> {
        self.generating()?.clear_context().await
    }

    /// [`Score::score`].
    pub async fn score(&self, request: ScoreRequest) -> Result<ScoreStream, EngineError> {
        self.scoring()?.score(request).await
    }

    /// [`Score::perplexity`].
    pub async fn perplexity(&self, request: PerplexityRequest) -> Result<PerplexityStream, EngineError> {
        self.scoring()?.perplexity(request).await
    }

    /// [`Quantize::quantize`].
    pub async fn quantize(
        &self,
        request: &QuantizeRequest,
        progress: ProgressSink<'_>,
    ) -> Result<QuantizeReport, EngineError> {
        self.able(self.quantizer(), "quantize models")?.quantize(request, progress).await
    }
}
