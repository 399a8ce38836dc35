//! An engine none of whose answers is waited for once somebody wants the work to end.
//!
//! Every call of every session races the cancel flag here, in one place, so that no use case can forget it.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use dyno_engine::{
    Engine, EngineError, ExitCause, GenerationStream, PerplexityStream, ProgressSink, ScoreStream, Session,
};
use dyno_types::{
    CancelFlag, ChatMessage, ContextReport, EngineInfo, EngineMemory, EngineSettings, GenerateRequest,
    LoadReport, MeasureReport, MeasureRequest, PerplexityRequest, QuantizeReport, QuantizeRequest,
    ScoreRequest, TokenId, UnloadReport,
};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};

/// Starts sessions that end with the flag.
#[derive(Clone)]
pub(crate) struct Interruptible {
    engine: Arc<dyn Engine>,
    cancel: CancelFlag,
}

impl Interruptible {
    pub(crate) fn new(engine: Arc<dyn Engine>, cancel: CancelFlag) -> Self {
        Self { engine, cancel }
    }
}

#[async_trait]
impl Engine for Interruptible {
    async fn start(&self) -> Result<Box<dyn Session>, EngineError> {
        let inner = race(&self.cancel, self.engine.start()).await?;
        Ok(Box::new(InterruptibleSession { inner, cancel: self.cancel.clone() }))
    }
}

struct InterruptibleSession {
    inner: Box<dyn Session>,
    cancel: CancelFlag,
}

/// The answer, or [`EngineError::Cancelled`] when the flag is raised first.
async fn race<T>(
    cancel: &CancelFlag,
    answer: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, EngineError> {
    cancel.race(answer).await.unwrap_or(Err(EngineError::Cancelled))
}

/// The same for every item of a stream.
fn race_each<T: Send + 'static>(
    cancel: &CancelFlag,
    items: BoxStream<'static, Result<T, EngineError>>,
) -> BoxStream<'static, Result<T, EngineError>> {
    let left = Some((items, cancel.clone()));
    stream::unfold(left, async |left| {
        let (mut items, cancel) = left?;
        match cancel.race(items.next()).await {
            None => Some((Err(EngineError::Cancelled), None)),
            Some(item) => item.map(|item| (item, Some((items, cancel)))),
        }
    })
    .boxed()
}

#[async_trait]
impl Session for InterruptibleSession {
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
        race(&self.cancel, self.inner.load(path, settings, progress)).await
    }

    async fn open_context(&self, settings: &EngineSettings) -> Result<ContextReport, EngineError> {
        race(&self.cancel, self.inner.open_context(settings)).await
    }

    async fn tokenize(
        &self,
        text: &str,
        add_special: bool,
        parse_special: bool,
    ) -> Result<Vec<TokenId>, EngineError> {
        race(&self.cancel, self.inner.tokenize(text, add_special, parse_special)).await
    }

    async fn tokenize_chat(&self, messages: &[ChatMessage]) -> Result<Vec<TokenId>, EngineError> {
        race(&self.cancel, self.inner.tokenize_chat(messages)).await
    }

    async fn generate(&self, request: GenerateRequest) -> Result<GenerationStream, EngineError> {
        let events = race(&self.cancel, self.inner.generate(request)).await?;
        Ok(race_each(&self.cancel, events))
    }

    async fn measure(&self, request: &MeasureRequest) -> Result<MeasureReport, EngineError> {
        race(&self.cancel, self.inner.measure(request)).await
    }

    async fn score(&self, request: ScoreRequest) -> Result<ScoreStream, EngineError> {
        let items = race(&self.cancel, self.inner.score(request)).await?;
        Ok(race_each(&self.cancel, items))
    }

    async fn perplexity(&self, request: PerplexityRequest) -> Result<PerplexityStream, EngineError> {
        let chunks = race(&self.cancel, self.inner.perplexity(request)).await?;
        Ok(race_each(&self.cancel, chunks))
    }

    async fn quantize(
        &self,
        request: &QuantizeRequest,
        progress: ProgressSink<'_>,
    ) -> Result<QuantizeReport, EngineError> {
        race(&self.cancel, self.inner.quantize(request, progress)).await
    }

    async fn clear_context(&self) -> Result<(), EngineError> {
        race(&self.cancel, self.inner.clear_context()).await
    }

    async fn memory(&self) -> Result<EngineMemory, EngineError> {
        race(&self.cancel, self.inner.memory()).await
    }

    async fn unload(&self) -> Result<UnloadReport, EngineError> {
        race(&self.cancel, self.inner.unload()).await
    }

    async fn healthy(&self) -> bool {
        self.cancel.race(self.inner.healthy()).await.unwrap_or(false)
    }

    fn log_tail(&self) -> Vec<String> {
        self.inner.log_tail()
    }

    /// A process that may be in the middle of anything is not asked, it is ended.
    async fn stop(self: Box<Self>) -> ExitCause {
        if self.cancel.is_cancelled() { self.inner.kill().await } else { self.inner.stop().await }
    }

    async fn kill(self: Box<Self>) -> ExitCause {
        self.inner.kill().await
    }
}

#[cfg(test)]
mod tests {
    use dyno_engine::{FakeEngine, FakeScript};
    use dyno_types::{Prompt, Sampling};
    use futures::future::{join, pending};

    use super::*;

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }

    /// An engine that starts and then never answers.
    struct Silent;

    struct SilentSession(EngineInfo);

    #[async_trait]
    impl Engine for Silent {
        async fn start(&self) -> Result<Box<dyn Session>, EngineError> {
            let session = FakeEngine::new(FakeScript::default()).start().await?;
            Ok(Box::new(SilentSession(session.info().clone())))
        }
    }

    #[async_trait]
    impl Session for SilentSession {
        fn info(&self) -> &EngineInfo {
            &self.0
        }
        fn start_ms(&self) -> f64 {
            0.0
        }
        async fn load(
            &self,
            _: &Path,
            _: &EngineSettings,
            _: ProgressSink<'_>,
        ) -> Result<LoadReport, EngineError> {
            pending().await
        }
        async fn open_context(&self, _: &EngineSettings) -> Result<ContextReport, EngineError> {
            pending().await
        }
        async fn tokenize(&self, _: &str, _: bool, _: bool) -> Result<Vec<TokenId>, EngineError> {
            pending().await
        }
        async fn tokenize_chat(&self, _: &[ChatMessage]) -> Result<Vec<TokenId>, EngineError> {
            pending().await
        }
        async fn generate(&self, _: GenerateRequest) -> Result<GenerationStream, EngineError> {
            Ok(stream::pending().boxed())
        }
        async fn measure(&self, _: &MeasureRequest) -> Result<MeasureReport, EngineError> {
            pending().await
        }
        async fn score(&self, _: ScoreRequest) -> Result<ScoreStream, EngineError> {
            Ok(stream::pending().boxed())
        }
        async fn perplexity(&self, _: PerplexityRequest) -> Result<PerplexityStream, EngineError> {
            Ok(stream::pending().boxed())
        }
        async fn quantize(
            &self,
            _: &QuantizeRequest,
            _: ProgressSink<'_>,
        ) -> Result<QuantizeReport, EngineError> {
            pending().await
        }
        async fn clear_context(&self) -> Result<(), EngineError> {
            pending().await
        }
        async fn memory(&self) -> Result<EngineMemory, EngineError> {
            pending().await
        }
        async fn unload(&self) -> Result<UnloadReport, EngineError> {
            pending().await
        }
        async fn healthy(&self) -> bool {
            pending().await
        }
        fn log_tail(&self) -> Vec<String> {
            Vec::new()
        }
        async fn stop(self: Box<Self>) -> ExitCause {
            pending().await
        }
        async fn kill(self: Box<Self>) -> ExitCause {
            ExitCause::Signal(9)
        }
    }

    /// The first thing that a stream says.
    async fn first<T>(
        items: Result<BoxStream<'static, Result<T, EngineError>>, EngineError>,
    ) -> Result<(), EngineError> {
        items?.next().await.expect("a stream that is cut says why").map(|_| ())
    }

    fn generate_request() -> GenerateRequest {
        GenerateRequest {
            id: 1,
            prompt: Prompt::Text("x".to_owned()),
            sampling: Sampling::greedy(),
            max_tokens: 1,
            stop: Vec::new(),
            ignore_eos: false,
            logprobs: 0,
        }
    }

    fn measure_request() -> MeasureRequest {
        MeasureRequest {
            depth: 0,
            prefill_tokens: 1,
            decode_tokens: 1,
            repetitions: 1,
            threads: 0,
            threads_prefill: 0,
            seed: 0,
        }
    }

    #[test]
    fn no_answer_is_waited_for_once_the_flag_is_raised() {
        let calls = 13;
        for call in 0..calls {
            let cancel = CancelFlag::default();
            let engine = Interruptible::new(Arc::new(Silent), cancel.clone());
            let session = block_on(engine.start()).unwrap();
            let asked = async {
                let (path, settings) = (Path::new("x"), EngineSettings::default());
                let mut go_on = |_| true;
                match call {
                    0 => session.load(path, &settings, &mut go_on).await.map(|_| ()),
                    1 => session.open_context(&settings).await.map(|_| ()),
                    2 => session.tokenize("x", true, false).await.map(|_| ()),
                    3 => session.tokenize_chat(&[]).await.map(|_| ()),
                    4 => first(session.generate(generate_request()).await).await,
                    5 => session.measure(&measure_request()).await.map(|_| ()),
                    6 => first(session.score(ScoreRequest::default()).await).await,
                    7 => first(session.perplexity(PerplexityRequest::default()).await).await,
                    8 => session.quantize(&QuantizeRequest::default(), &mut go_on).await.map(|_| ()),
                    9 => session.clear_context().await,
                    10 => session.memory().await.map(|_| ()),
                    11 => session.unload().await.map(|_| ()),
                    _ => {
                        assert!(!session.healthy().await);
                        Err(EngineError::Cancelled)
                    }
                }
            };
            let (answer, ()) = block_on(join(asked, async { cancel.cancel() }));
            assert_eq!(answer, Err(EngineError::Cancelled), "call {call}");
            assert_eq!(block_on(session.stop()), ExitCause::Signal(9), "it is not asked to stop");
        }
    }

    #[test]
    fn nothing_starts_after_the_flag_was_raised() {
        let cancel = CancelFlag::default();
        cancel.cancel();
        let engine = Interruptible::new(Arc::new(Silent), cancel);
        assert_eq!(block_on(engine.start()).err(), Some(EngineError::Cancelled));
    }

    #[test]
    fn answers_arrive_whole_while_nobody_wants_an_end() {
        let engine =
            Interruptible::new(Arc::new(FakeEngine::new(FakeScript::default())), CancelFlag::default());
        let session = block_on(engine.start()).unwrap();
        block_on(session.load(Path::new("x.gguf"), &EngineSettings::default(), &mut |_| true)).unwrap();
        block_on(session.open_context(&EngineSettings::default())).unwrap();
        let request = GenerateRequest { max_tokens: 5, ..generate_request() };
        let events: Vec<_> = block_on(async { session.generate(request).await.unwrap().collect().await });
        assert!(events.len() >= 2 && events.iter().all(Result::is_ok), "{events:?}");
        assert_eq!(block_on(session.stop()), ExitCause::Code(0));
    }
}
