//! A fake engine under observation: what it was asked, whether its processes were ended, and, when wanted, silence.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use dyno_engine::{
    Engine, EngineError, ExitCause, FakeEngine, FakeScript, Generate, GenerationStream, ProgressSink, Session,
};
use dyno_types::{
    ChatMessage, ContextReport, EngineInfo, EngineMemory, EngineSettings, GenerateRequest, Job, LoadReport,
    MeasureReport, MeasureRequest, Prompt, TemplateFile, TokenId, UnloadReport,
};
use futures::StreamExt as _;

/// What was seen.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) requests: Mutex<Vec<GenerateRequest>>,
    pub(crate) contexts: Mutex<Vec<EngineSettings>>,
    pub(crate) started: AtomicU32,
    pub(crate) stopped: AtomicU32,
    pub(crate) generating: AtomicU32,
}

/// A fake engine under observation.
pub(crate) struct Watched {
    inner: FakeEngine,
    pub(crate) seen: Arc<Seen>,
    /// Generations from this one on (counted from 1) never give a token.
    silent_from: Option<usize>,
    /// The model's chat template cannot be rendered.
    breaks_template: bool,
}

impl Watched {
    pub(crate) fn new(script: FakeScript) -> Self {
        Self {
            inner: FakeEngine::new(script),
            seen: Arc::default(),
            silent_from: None,
            breaks_template: false,
        }
    }

    pub(crate) fn silent_from(self, generation: usize) -> Self {
        Self { silent_from: Some(generation), ..self }
    }

    pub(crate) fn with_broken_template(self) -> Self {
        Self { breaks_template: true, ..self }
    }

    /// Processes started and not stopped.
    pub(crate) fn orphans(&self) -> u32 {
        self.seen.started.load(Ordering::SeqCst) - self.seen.stopped.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Engine for Watched {
    async fn start(&self, job: &Job) -> Result<Box<dyn Session>, EngineError> {
        let inner = self.inner.start(job).await?;
        self.seen.started.fetch_add(1, Ordering::SeqCst);
        let (seen, silent_from, breaks_template) =
            (Arc::clone(&self.seen), self.silent_from, self.breaks_template);
        Ok(Box::new(WatchedSession { inner, seen, silent_from, breaks_template }))
    }
}

struct WatchedSession {
    inner: Box<dyn Session>,
    seen: Arc<Seen>,
    silent_from: Option<usize>,
    breaks_template: bool,
}

/// Counts a running generation until its stream is dropped.
struct Generating(Arc<Seen>);

impl Drop for Generating {
    fn drop(&mut self) {
        self.0.generating.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Session for WatchedSession {
    fn info(&self) -> &EngineInfo {
        self.inner.info()
    }

    fn start_ms(&self) -> f64 {
        self.inner.start_ms()
    }

    async fn load(
        &self,
        path: &Path,
        settings: &EngineSettings,
        progress: ProgressSink<'_>,
    ) -> Result<LoadReport, EngineError> {
        self.inner.load(path, settings, progress).await
    }

    async fn memory(&self) -> Result<EngineMemory, EngineError> {
        self.inner.memory().await
    }

    async fn unload(&self) -> Result<UnloadReport, EngineError> {
        self.inner.unload().await
    }

    async fn healthy(&self) -> bool {
        self.inner.healthy().await
    }

    fn log_tail(&self) -> Vec<String> {
        self.inner.log_tail()
    }

    async fn stop(self: Box<Self>) -> ExitCause {
        self.seen.stopped.fetch_add(1, Ordering::SeqCst);
        self.inner.stop().await
    }

    async fn kill(self: Box<Self>) -> ExitCause {
        self.seen.stopped.fetch_add(1, Ordering::SeqCst);
        self.inner.kill().await
    }

    fn generator(&self) -> Option<&dyn Generate> {
        Some(self)
    }
}

#[async_trait]
impl Generate for WatchedSession {
    async fn use_template(&self, template: &TemplateFile) -> Result<bool, EngineError> {
        self.inner.use_template(template).await
    }

    async fn open_context(&self, settings: &EngineSettings) -> Result<ContextReport, EngineError> {
        self.seen.contexts.lock().unwrap().push(settings.clone());
        self.inner.open_context(settings).await
    }

    async fn tokenize(
        &self,
        text: &str,
        add_special: bool,
        parse_special: bool,
    ) -> Result<Vec<TokenId>, EngineError> {
        self.inner.tokenize(text, add_special, parse_special).await
    }

    async fn tokenize_chat(&self, messages: &[ChatMessage]) -> Result<Vec<TokenId>, EngineError> {
        self.inner.tokenize_chat(messages).await
    }

    async fn generate(&self, request: GenerateRequest) -> Result<GenerationStream, EngineError> {
        let count = {
            let mut requests = self.seen.requests.lock().unwrap();
            requests.push(request.clone());
            requests.len()
        };
        if self.silent_from.is_some_and(|from| count >= from) {
            return Ok(futures::stream::pending().boxed());
        }
        if self.breaks_template && matches!(request.prompt, Prompt::Chat(_)) {
            return Err(EngineError::Template("the chat template calls an unknown function".to_owned()));
        }
        self.seen.generating.fetch_add(1, Ordering::SeqCst);
        let running = Generating(Arc::clone(&self.seen));
        Ok(self
            .inner
            .generate(request)
            .await?
            .inspect(move |_| {
                let _ = &running;
            })
            .boxed())
    }

    async fn measure(&self, request: &MeasureRequest) -> Result<MeasureReport, EngineError> {
        self.inner.measure(request).await
    }

    async fn clear_context(&self) -> Result<(), EngineError> {
        self.inner.clear_context().await
    }
}
