//! A session with an engine process.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use dyno_types::{
    ChatMessage, ContextReport, EngineInfo, EngineMemory, EngineSettings, GenerateRequest, LoadReport,
    MeasureReport, MeasureRequest, PerplexityRequest, QuantizeReport, QuantizeRequest, ScoreRequest,
    TemplateFile, TokenId, UnloadReport,
};
use tokio::time::Instant;
use tonic::{Status, Streaming};

use crate::conversation::Conversation;
use crate::link::{Link, Task};
use crate::protocol::{ProtocolError, check_request, measure_report, progress_fraction, proto, sent_path};
use crate::session::ProgressSink;
use crate::{
    EngineError, ExitCause, Generate, GenerationStream, PerplexityStream, Quantize, Score, ScoreStream,
    Session, likelihood, quantization,
};

/// Longest wait for a sign of health; engines answer at once, whatever they compute.
const HEALTH_LIMIT: Duration = Duration::from_secs(5);

/// [`Session`] over the engine protocol.
#[derive(Debug)]
pub(crate) struct RemoteSession {
    link: Arc<Link>,
    info: EngineInfo,
    start_ms: f64,
    conversation: OnceLock<Conversation>,
}

impl RemoteSession {
    pub(crate) fn new(link: Link, info: EngineInfo, start_ms: f64) -> Self {
        Self { link: Arc::new(link), info, start_ms, conversation: OnceLock::new() }
    }
}

impl Drop for RemoteSession {
    /// Streams that outlive the session end as cancelled.
    fn drop(&mut self) {
        self.link.end(EngineError::Cancelled);
        self.link.process.kill();
    }
}

#[async_trait]
impl Session for RemoteSession {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    fn start_ms(&self) -> f64 {
        self.start_ms
    }

    async fn load(
        &self,
        path: &Path,
        settings: &EngineSettings,
        progress: ProgressSink<'_>,
    ) -> Result<LoadReport, EngineError> {
        let name = path.file_name().unwrap_or(path.as_os_str()).display();
        let task = self.link.task(format!("while loading {name}"));
        let path = sent_path(Some(path));
        let mut client = self.link.client();
        let call = client.load(proto::LoadRequest { path, settings: Some(settings.into()) });
        let begun = Instant::now();
        // An engine that gives up at once breaks the call, not the stream.
        let opened = self.link.bounded(&task, self.link.job.deadline, call).await;
        let events = opened.map_err(EngineError::of_a_load)?.into_inner();
        let loaded = follow(&self.link, &task, ("load", events), progress, heard_of_load).await;
        let report = loaded.map_err(EngineError::of_a_load)?;
        tracing::info!(load_ms = ms_since(begun), weights_ms = report.weights_ms, "model loaded");
        Ok(report)
    }

    async fn memory(&self) -> Result<EngineMemory, EngineError> {
        let task = self.link.task("while reading its memory");
        Ok(self.link.request(&task, self.link.client().memory(proto::Empty {})).await?.try_into()?)
    }

    async fn unload(&self) -> Result<UnloadReport, EngineError> {
        let task = self.link.task("while unloading the model");
        let begun = Instant::now();
        let report =
            self.link.request(&task, self.link.client().unload(proto::Empty {})).await?.try_into()?;
        tracing::info!(unload_ms = ms_since(begun), "model unloaded");
        Ok(report)
    }

    async fn healthy(&self) -> bool {
        let limit = self.link.job.deadline.min(HEALTH_LIMIT);
        let mut client = self.link.client();
        let asked = tokio::time::timeout(limit, client.health(proto::Empty {}));
        let answer = self.link.job.cancel.race(asked).await;
        self.link.process.exited().is_none() && matches!(answer, Some(Ok(Ok(_))))
    }

    fn log_tail(&self) -> Vec<String> {
        self.link.process.log().lines()
    }

    async fn stop(self: Box<Self>) -> ExitCause {
        let cause = self.link.stop().await;
        tracing::info!(pid = self.info.pid, %cause, "engine stopped");
        cause
    }

    async fn kill(self: Box<Self>) -> ExitCause {
        self.link.kill().await
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
impl Generate for RemoteSession {
    async fn use_template(&self, template: &TemplateFile) -> Result<bool, EngineError> {
        let task = self.link.task(format!("while reading the chat template {}", template.name));
        let TemplateFile { name, source } = template.clone();
        let call = proto::TemplateFile { name, source };
        Ok(self.link.request(&task, self.link.client().use_template(call)).await?.system_in_user)
    }

    async fn open_context(&self, settings: &EngineSettings) -> Result<ContextReport, EngineError> {
        let task = self.link.task(format!("while opening a context of {} tokens", settings.context));
        let reply = self
            .link
            .request(&task, self.link.client().open_context(proto::Settings::from(settings)))
            .await?;
        let report: ContextReport = reply.try_into()?;
        let (tokens, sequences) = (report.context, settings.sequences);
        tracing::info!(
            context_ms = report.context_ms,
            tokens,
            sequences,
            threads = settings.threads,
            "context opened"
        );
        Ok(report)
    }

    async fn tokenize(
        &self,
        text: &str,
        add_special: bool,
        parse_special: bool,
    ) -> Result<Vec<TokenId>, EngineError> {
        let task = self.link.task(format!("while tokenizing {} bytes", text.len()));
        let request = proto::TokenizeRequest { text: text.to_owned(), add_special, parse_special };
        let begun = Instant::now();
        let tokens = self.link.request(&task, self.link.client().tokenize(request)).await?.tokens;
        tracing::debug!(
            tokenize_ms = ms_since(begun),
            bytes = text.len(),
            tokens = tokens.len(),
            "tokenized"
        );
        Ok(tokens)
    }

    async fn tokenize_chat(&self, messages: &[ChatMessage]) -> Result<Vec<TokenId>, EngineError> {
        let task = self.link.task(format!("while tokenizing a chat of {} messages", messages.len()));
        let chat = proto::Chat::from(messages.to_vec());
        let begun = Instant::now();
        let tokens = self.link.request(&task, self.link.client().tokenize_chat(chat)).await?.tokens;
        tracing::debug!(tokenize_ms = ms_since(begun), tokens = tokens.len(), "chat tokenized");
        Ok(tokens)
    }

    async fn generate(&self, request: GenerateRequest) -> Result<GenerationStream, EngineError> {
        check_request(&request).map_err(refused)?;
        self.conversation.get_or_init(|| Conversation::open(Arc::clone(&self.link))).generate(request)
    }

    async fn measure(&self, request: &MeasureRequest) -> Result<MeasureReport, EngineError> {
        let (prefill, decode, depth) = (request.prefill_tokens, request.decode_tokens, request.depth);
        let task = self
            .link
            .task(format!("while measuring {prefill} prompt and {decode} decode tokens at depth {depth}"));
        let reply = self
            .link
            .request(&task, self.link.client().measure(proto::MeasureRequest::from(request)))
            .await?;
        Ok(measure_report(reply, request)?)
    }

    async fn clear_context(&self) -> Result<(), EngineError> {
        let task = self.link.task("while clearing the context");
        self.link.request(&task, self.link.client().clear_context(proto::Empty {})).await?;
        Ok(())
    }
}

#[async_trait]
impl Score for RemoteSession {
    async fn score(&self, request: ScoreRequest) -> Result<ScoreStream, EngineError> {
        likelihood::score(Arc::clone(&self.link), request).await
    }

    async fn perplexity(&self, request: PerplexityRequest) -> Result<PerplexityStream, EngineError> {
        likelihood::perplexity(Arc::clone(&self.link), request).await
    }
}

#[async_trait]
impl Quantize for RemoteSession {
    async fn quantize(
        &self,
        request: &QuantizeRequest,
        progress: ProgressSink<'_>,
    ) -> Result<QuantizeReport, EngineError> {
        quantization::quantize(&self.link, request, progress).await
    }
}

fn ms_since(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3
}

/// A request of our own caller that is out of bounds.
pub(crate) fn refused(error: ProtocolError) -> EngineError {
    EngineError::BadRequest(error.refusal())
}

/// One message of a long call.
pub(crate) enum Heard<T> {
    /// How far it is, 0..=1, as sent.
    Progress(f32),
    /// Its report.
    Report(T),
    /// Nothing that is known here.
    Nothing,
}

/// Follows a long call to its report. Only progress that advances counts as a sign of life.
pub(crate) async fn follow<M, T>(
    link: &Link,
    task: &Task,
    (what, mut events): (&str, Streaming<M>),
    progress: ProgressSink<'_>,
    read: impl Fn(M) -> Result<Heard<T>, ProtocolError>,
) -> Result<T, EngineError> {
    let limit = link.job.deadline;
    let (mut reached, mut expires) = (f32::NEG_INFINITY, Instant::now() + limit);
    loop {
        let left = expires.saturating_duration_since(Instant::now());
        let next = tokio::time::timeout(left, events.message());
        let message = match link.job.cancel.race(next).await.ok_or(EngineError::Cancelled)? {
            Err(_elapsed) => return Err(link.hung(task, limit).await),
            Ok(Err(status)) => return Err(link.explain(task, &status).await),
            Ok(Ok(None)) => {
                let early = Status::unavailable(format!("it ended the {what} without a report"));
                return Err(link.explain(task, &early).await);
            }
            Ok(Ok(Some(message))) => message,
        };
        match read(message)? {
            Heard::Nothing => {}
            Heard::Report(report) => return Ok(report),
            Heard::Progress(value) => {
                let value = progress_fraction(value)?;
                // Leaving drops the call, by which the engine learns that it shall abort.
                if !progress(value) {
                    return Err(EngineError::Cancelled);
                }
                if value > reached {
                    (reached, expires) = (value, Instant::now() + limit);
                }
            }
        }
    }
}

fn heard_of_load(message: proto::LoadEvent) -> Result<Heard<LoadReport>, ProtocolError> {
    use proto::load_event::Event;
    Ok(match message.event {
        None => Heard::Nothing,
        Some(Event::Loaded(loaded)) => Heard::Report(loaded.try_into()?),
        Some(Event::Progress(value)) => Heard::Progress(value),
    })
}
