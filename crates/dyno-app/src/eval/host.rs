//! The engine that answers: started with the model loaded and a context open, and started anew when it dies.

use std::path::PathBuf;
use std::sync::Arc;

use dyno_engine::{Engine, EngineError, Session};
use dyno_models::ModelIdentity;
use dyno_types::{
    CancelFlag, EngineInfo, EngineSettings, Event, EventSink, Job, LoadReport, Remedy, TemplateFile, Wish,
};

use crate::AppError;
use crate::app::Model;
use crate::watched::{WatchedEngine, changed};

/// Most deaths of the engine in one evaluation; something is wrong with more than single questions then.
const DEATHS_MAX: u32 = 8;

/// What an engine process is to load.
#[derive(Debug, Clone)]
pub(crate) struct Loading {
    /// First (or only) file of the model.
    pub(crate) path: PathBuf,
    /// The files it was when it was looked at.
    pub(crate) identity: ModelIdentity,
    /// Knobs, threads and window chosen.
    pub(crate) settings: EngineSettings,
    /// A chat template in place of the model's own.
    pub(crate) template: Option<TemplateFile>,
}

impl Loading {
    /// This model with these settings.
    pub(crate) fn of(model: &Model, settings: EngineSettings) -> Self {
        Self { path: model.path.clone(), identity: model.identity.clone(), settings, template: None }
    }

    /// The same with this chat template in place of the model's own.
    pub(crate) fn with_template(self, template: Option<TemplateFile>) -> Self {
        Self { template, ..self }
    }
}

/// A model that can be asked.
pub(crate) struct Host {
    engine: Arc<dyn Engine>,
    loading: Loading,
    job: Job,
    session: Box<dyn Session>,
    loaded: LoadReport,
    deaths: u32,
}

impl Host {
    /// Starts a process, loads the model, opens the context.
    pub(crate) async fn open(engine: Arc<dyn Engine>, loading: Loading, job: &Job) -> Result<Self, AppError> {
        let mut host = Self::load(engine, loading, job).await?;
        match host.reopen(host.loading.settings.clone()).await {
            Ok(()) => Ok(host),
            Err(error) => {
                host.close().await;
                Err(if job.is_cancelled() { AppError::Cancelled } else { error })
            }
        }
    }

    /// Starts a process and loads the model; [`Self::reopen`] opens the context when it is known how large it must be.
    pub(crate) async fn load(engine: Arc<dyn Engine>, loading: Loading, job: &Job) -> Result<Self, AppError> {
        let (session, loaded) = load(&*engine, &loading, job).await?;
        Ok(Self { engine, loading, job: job.clone(), session, loaded, deaths: 0 })
    }

    /// The process.
    pub(crate) fn session(&self) -> &dyn Session {
        &*self.session
    }

    /// Who it is.
    pub(crate) fn info(&self) -> &EngineInfo {
        self.session.info()
    }

    /// The file of the chat template in use, where it is not the model's own.
    pub(crate) fn template_file(&self) -> Option<&TemplateFile> {
        self.loading.template.as_ref()
    }

    /// What loading reported.
    pub(crate) fn loaded(&self) -> &LoadReport {
        &self.loaded
    }

    /// Knobs in use.
    pub(crate) fn settings(&self) -> &EngineSettings {
        &self.loading.settings
    }

    /// Refuses when the model's files are no longer those that answer.
    pub(crate) fn check_model(&self) -> Result<(), AppError> {
        self.loading.identity.check_stamps().map_err(|error| changed(error).into())
    }

    /// The files that answer.
    pub(crate) fn identity(&self) -> &ModelIdentity {
        &self.loading.identity
    }

    /// How often the process died.
    pub(crate) fn deaths(&self) -> u32 {
        self.deaths
    }

    /// The job that it answers for.
    pub(crate) fn job(&self) -> &Job {
        &self.job
    }

    /// Raised when somebody wants this to end.
    pub(crate) fn cancel(&self) -> &CancelFlag {
        &self.job.cancel
    }

    /// A new process in place of one that died of `cause`.
    ///
    /// # Errors
    /// `cause` itself when processes die too often; whatever starting anew fails with.
    pub(crate) async fn revive(
        &mut self,
        cause: &EngineError,
        events: &dyn EventSink,
    ) -> Result<(), AppError> {
        self.deaths += 1;
        if self.deaths > DEATHS_MAX {
            return Err(cause.clone().into());
        }
        events.emit(Event::Warning(format!("the engine is restarted: {cause}")));
        let born = Self::open(Arc::clone(&self.engine), self.loading.clone(), &self.job).await?;
        let deaths = self.deaths;
        let dead = std::mem::replace(self, Self { deaths, ..born });
        dead.close().await;
        Ok(())
    }

    /// Opens the context, or another one with other knobs, in the same process.
    pub(crate) async fn reopen(&mut self, settings: EngineSettings) -> Result<(), AppError> {
        self.session.open_context(&settings).await?;
        self.loading.settings = settings;
        Ok(())
    }

    /// Ends the process.
    pub(crate) async fn close(self) {
        self.session.stop().await;
    }
}

/// Whether the process is gone, so that another one may do better.
pub(crate) fn is_death(error: &EngineError) -> bool {
    matches!(error, EngineError::Died { .. } | EngineError::Deadline { .. })
}

/// Whether only what was asked failed, and the process goes on.
pub(crate) fn is_refusal(error: &EngineError) -> bool {
    matches!(
        error,
        EngineError::BadRequest(_)
            | EngineError::OutOfMemory { .. }
            | EngineError::NoTemplate
            | EngineError::Internal(_)
    )
}

async fn load(
    engine: &dyn Engine,
    loading: &Loading,
    job: &Job,
) -> Result<(Box<dyn Session>, LoadReport), AppError> {
    let session = WatchedEngine::new(engine, vec![loading.identity.clone()]).start(job).await?;
    let name = loading.path.file_name().unwrap_or(loading.path.as_os_str()).display();
    job.emit(Event::PhaseStarted { phase: format!("loading {name}"), total: 100 });
    let mut show = |fraction: f32| {
        job.emit(Event::PhaseAdvanced { done: (fraction * 100.0) as u64, detail: String::new() });
        !job.is_cancelled()
    };
    let loaded = session.load(&loading.path, &loading.settings, &mut show).await;
    job.emit(Event::PhaseEnded);
    let ready = match loaded {
        Ok(loaded) => with_template(&*session, loaded, loading.template.as_ref()).await,
        Err(error) => Err(error.into()),
    };
    match ready {
        Ok(loaded) => Ok((session, loaded)),
        Err(error) => {
            session.stop().await;
            Err(if job.is_cancelled() { AppError::Cancelled } else { error })
        }
    }
}

/// Has the engine take the template of a file; what is wrong with that is the request's fault, not the model's.
async fn with_template(
    session: &dyn Session,
    mut loaded: LoadReport,
    template: Option<&TemplateFile>,
) -> Result<LoadReport, AppError> {
    let Some(template) = template else { return Ok(loaded) };
    match session.use_template(template).await {
        Ok(system_in_user) => {
            (loaded.has_chat_template, loaded.system_in_user) = (true, system_in_user);
            Ok(loaded)
        }
        Err(EngineError::Template(what)) => Err(AppError::refused(what, Remedy::Change(Wish::Template))),
        Err(error) => Err(error.into()),
    }
}
