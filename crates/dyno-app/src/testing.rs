//! What tests of use cases share: an app in a folder of its own, jobs, and the plainest evaluation.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dyno_engine::{Engine, EngineError};
use dyno_hub::HubSettings;
use dyno_types::{CancelFlag, EngineSettings, EventSink, Job, Sampling, Silent, ThreadChoice};

use crate::eval::EvalJob;
use crate::generate::PolicyWishes;
use crate::{App, Backend, Engines, Location, Places, ProcessEngines, Work};

/// Engines that are one and the same, whatever is asked for.
struct OneEngine(Arc<dyn Engine>);

impl Engines for OneEngine {
    fn engine(&self, _backend: Backend) -> Result<Arc<dyn Engine>, EngineError> {
        Ok(Arc::clone(&self.0))
    }

    fn identity(&self, _backend: Backend) -> Result<String, EngineError> {
        Ok("an engine of a test".to_owned())
    }

    fn memory_limit_bytes(&self) -> Option<u64> {
        None
    }
}

/// An app that keeps everything below `folder`, with this engine.
pub(crate) fn app_with(folder: &Path, engine: impl Engine + 'static) -> App {
    App::new(places(folder), Arc::new(OneEngine(Arc::new(engine))))
}

/// An app that keeps everything below `folder` and has no engine.
pub(crate) fn app(folder: &Path) -> App {
    App::new(places(folder), Arc::new(ProcessEngines::default()))
}

/// A job that nobody watches or stops, in an app without an engine that keeps everything below `folder`.
pub(crate) fn work(folder: &Path) -> Work {
    app(folder).work(job())
}

/// The same with this engine.
pub(crate) fn work_with(folder: &Path, engine: impl Engine + 'static) -> Work {
    app_with(folder, engine).work(job())
}

fn places(folder: &Path) -> Places {
    Places {
        cache: Location::Named(folder.join("models")),
        history: Location::Named(folder.join("history/history.sqlite")),
        executable: None,
        hub: HubSettings::new(Some(folder.join("models"))),
    }
}

/// A job that nobody watches or stops.
pub(crate) fn job() -> Job {
    job_heard_by(Arc::new(Silent))
}

/// A job that reports to `events`.
pub(crate) fn job_heard_by(events: Arc<dyn EventSink>) -> Job {
    Job::new(events, CancelFlag::default(), Duration::from_secs(60))
}

/// Greedy, eight tokens an answer, four sequences, nothing kept in the history.
pub(crate) fn eval_job() -> EvalJob {
    EvalJob {
        model: "x.gguf".to_owned(),
        suites: Vec::new(),
        strategies: Vec::new(),
        few_shot: 0,
        limit: None,
        sampling: Sampling::greedy(),
        max_tokens: 8,
        policy: PolicyWishes::default(),
        template: None,
        suite_format: None,
        reading: crate::QuestionReading::default(),
        strict: false,
        unsafe_code: false,
        text: None,
        cache: true,
        save: false,
        settings: EngineSettings { sequences: 4, ..EngineSettings::default() },
        thread_choice: ThreadChoice::Fixed,
        context_given: false,
    }
}
