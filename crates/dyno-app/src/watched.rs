//! An engine that loads no file but those that were looked at: between the look at a model and the last of many loads another
//! file can take its place, and figures of two models would become one record.

use std::path::Path;

use async_trait::async_trait;
use dyno_engine::{Engine, EngineError, ExitCause, Generate, ProgressSink, Quantize, Score, Session};
use dyno_models::{ModelError, ModelIdentity};
use dyno_types::{
    EngineInfo, EngineMemory, EngineSettings, Job, LoadReport, QuantizeReport, QuantizeRequest, UnloadReport,
};

/// Starts processes of another engine and watches what they load.
pub(crate) struct WatchedEngine<'a> {
    engine: &'a dyn Engine,
    models: Vec<ModelIdentity>,
}

impl<'a> WatchedEngine<'a> {
    /// Watches these models; what is loaded beside them is not watched.
    pub(crate) fn new(engine: &'a dyn Engine, models: Vec<ModelIdentity>) -> Self {
        Self { engine, models }
    }
}

#[async_trait]
impl Engine for WatchedEngine<'_> {
    async fn start(&self, job: &Job) -> Result<Box<dyn Session>, EngineError> {
        let session = self.engine.start(job).await?;
        Ok(Box::new(WatchedSession { session, models: self.models.clone() }))
    }
}

struct WatchedSession {
    session: Box<dyn Session>,
    models: Vec<ModelIdentity>,
}

impl WatchedSession {
    fn identity(&self, path: &Path) -> ModelIdentity {
        self.models.iter().find(|model| model.holds(path)).cloned().unwrap_or_default()
    }
}

/// The refusal, as an engine would say it.
pub(crate) fn changed(error: ModelError) -> EngineError {
    EngineError::ModelChanged(error.to_string())
}

#[async_trait]
impl Session for WatchedSession {
    fn info(&self) -> &EngineInfo {
        self.session.info()
    }

    fn start_ms(&self) -> f64 {
        self.session.start_ms()
    }

    /// Before the load only stamps are compared, so that a cold load stays cold; what was loaded is known by the look after it.
    async fn load(
        &self,
        path: &Path,
        settings: &EngineSettings,
        progress: ProgressSink<'_>,
    ) -> Result<LoadReport, EngineError> {
        let identity = self.identity(path);
        identity.check_stamps().map_err(changed)?;
        let loaded = self.session.load(path, settings, progress).await;
        // A load that failed because the file was replaced under it failed of that.
        identity.check().map_err(changed)?;
        loaded
    }

    async fn memory(&self) -> Result<EngineMemory, EngineError> {
        self.session.memory().await
    }

    async fn unload(&self) -> Result<UnloadReport, EngineError> {
        self.session.unload().await
    }

    async fn healthy(&self) -> bool {
        self.session.healthy().await
    }

    fn log_tail(&self) -> Vec<String> {
        self.session.log_tail()
    }

    async fn stop(self: Box<Self>) -> ExitCause {
        self.session.stop().await
    }

    async fn kill(self: Box<Self>) -> ExitCause {
        self.session.kill().await
    }

    fn generator(&self) -> Option<&dyn Generate> {
        self.session.generator()
    }

    fn scorer(&self) -> Option<&dyn Score> {
        self.session.scorer()
    }

    fn quantizer(&self) -> Option<&dyn Quantize> {
        self.session.quantizer().map(|_| self as &dyn Quantize)
    }
}

#[async_trait]
impl Quantize for WatchedSession {
    async fn quantize(
        &self,
        request: &QuantizeRequest,
        progress: ProgressSink<'_>,
    ) -> Result<QuantizeReport, EngineError> {
        let identity = self.identity(&request.source);
        identity.check_stamps().map_err(changed)?;
        let made = self.session.quantize(request, progress).await;
        identity.check().map_err(changed)?;
        made
    }
}
