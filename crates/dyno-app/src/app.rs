//! The use cases, and a job at work in them: finding a model, the engine, and defaults that depend on both.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use dyno_engine::Engine;
use dyno_models::{ModelError, ModelIdentity, Reference};
use dyno_types::{
    EngineSettings, Event, EventSink as _, Job, ModelFacts, Remedy, ThreadChoice, ToolInfo, Wish,
};

use crate::AppError;
use crate::engines::{Backend, Engines};
use crate::places::Places;

/// What all jobs share: where things are, and the engines.
#[derive(Clone)]
pub struct App {
    pub(crate) places: Arc<Places>,
    pub(crate) engines: Arc<dyn Engines>,
    /// Files that no cache holds.
    pub(crate) passing: Arc<Mutex<Option<tempfile::TempDir>>>,
}

impl App {
    /// Use cases over these places and engines.
    #[must_use]
    pub fn new(places: Places, engines: Arc<dyn Engines>) -> Self {
        Self { places: Arc::new(places), engines, passing: Arc::default() }
    }

    /// The use cases for one job.
    #[must_use]
    pub fn work(&self, job: Job) -> Work {
        Work { app: self.clone(), job }
    }
}

/// One job at work: every use case is a method of it. Clones are the same job.
#[derive(Clone)]
pub struct Work {
    pub(crate) app: App,
    pub(crate) job: Job,
}

/// A model that is there.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    /// First (or only) file.
    pub(crate) path: PathBuf,
    /// What its header says.
    pub(crate) facts: ModelFacts,
    /// The files that the header was read from.
    pub(crate) identity: ModelIdentity,
    /// Time to read and check the header, ms.
    pub(crate) read_ms: f64,
}

/// The phase of making a model.
struct Making<'a> {
    job: &'a Job,
    name: String,
    started: bool,
}

impl Making<'_> {
    fn advance(&mut self, done: u64, total: u64) {
        if !self.started {
            self.started = true;
            self.job.emit(Event::PhaseStarted { phase: std::mem::take(&mut self.name), total });
        }
        self.job.emit(Event::PhaseAdvanced { done, detail: String::new() });
    }
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        if self.started {
            self.job.emit(Event::PhaseEnded);
        }
    }
}

impl Work {
    /// The job at work.
    #[must_use]
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// An error when somebody wants the work to end.
    pub(crate) fn go_on(&self) -> Result<(), AppError> {
        if self.job.is_cancelled() { Err(AppError::Cancelled) } else { Ok(()) }
    }

    /// The engine, found but not started.
    pub(crate) fn engine(&self) -> Result<Arc<dyn Engine>, AppError> {
        Ok(self.app.engines.engine(Backend::Llama)?)
    }

    /// Tells the build of the engine from every other.
    pub(crate) fn engine_identity(&self) -> Result<String, AppError> {
        Ok(self.app.engines.identity(Backend::Llama)?)
    }

    /// Does work that may block for long (disk, network, digests) where it keeps nobody waiting.
    pub(crate) async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, AppError> + Send + 'static,
    ) -> Result<T, AppError> {
        let own = self.clone();
        match tokio::task::spawn_blocking(move || work(&own)).await {
            Ok(done) => done,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The runtime ends, and with it everything.
            Err(_) => Err(AppError::Cancelled),
        }
    }

    /// Finds (or makes) a model that can be run, and reads its header.
    pub(crate) fn resolve(&self, reference: &str) -> Result<Model, AppError> {
        let model = self.find(reference)?;
        dyno_models::check_runnable(&model.facts)?;
        Ok(model)
    }

    /// The same for whoever must not block.
    pub(crate) async fn resolve_aside(&self, reference: &str) -> Result<Model, AppError> {
        let reference = reference.to_owned();
        self.aside(move |work| work.resolve(&reference)).await
    }

    /// Finds (or fetches, or makes) the model and reads its header.
    pub(crate) fn find(&self, reference: &str) -> Result<Model, AppError> {
        let path = match Reference::parse(reference)? {
            Reference::Hub(hub) => {
                let found = self.with_library(|library, job| library.find(&hub, job))?;
                self.keep(found)
            }
            Reference::Synthetic(spec) => {
                let mut progress = self.making(reference);
                let made = self
                    .with_library(|library, job| library.synthesize(reference, &spec, &mut progress, job))?;
                self.keep(made)
            }
            Reference::Ollama(ollama) => self.checked_ollama(&ollama)?,
            Reference::Builtin(builtin) => self.place_builtin(builtin)?,
            Reference::File(path) => dyno_models::find_file(path, reference)?,
            Reference::Url(_) => {
                return Err(ModelError::Elsewhere { reference: reference.to_owned() }.into());
            }
        };
        let begun = Instant::now();
        let (facts, identity) = dyno_models::read_identified(&path, reference)?;
        let read_ms = begun.elapsed().as_secs_f64() * 1e3;
        Ok(Model { path, facts, identity, read_ms })
    }

    /// Progress of making a model; the phase ends with it.
    pub(crate) fn making<'a>(&'a self, reference: &str) -> impl FnMut(u64, u64) -> bool + use<'a> {
        let mut phase = Making { job: &self.job, name: format!("making {reference}"), started: false };
        move |done, total| {
            phase.advance(done, total);
            !self.job.is_cancelled()
        }
    }

    /// Keeps the model in the cache while the job lives; gives the file to load.
    pub(crate) fn keep(&self, found: dyno_hub::Found) -> PathBuf {
        self.job.hold(found.lease);
        found.files.into_iter().next().unwrap_or_default()
    }

    /// Shrinks the default window to the training context; refuses a window asked for beyond it.
    pub(crate) fn fit_context(
        &self,
        settings: &mut EngineSettings,
        facts: &ModelFacts,
        given: bool,
    ) -> Result<(), AppError> {
        let train = facts.context_train.map_or(u32::MAX, |train| u32::try_from(train).unwrap_or(u32::MAX));
        if settings.context > train && given {
            let (asked, name) = (settings.context, &facts.file_name);
            return Err(AppError::refused(
                format!("a window of {asked} tokens is beyond the {train} that {name} was trained for"),
                Remedy::AtMost(Wish::Knob("context"), train.into()),
            ));
        }
        settings.context = settings.context.min(train);
        Ok(())
    }

    /// Threads left to us: every usable processor. `bench` measures instead. More than there are processors are warned of.
    pub(crate) fn choose_threads(&self, settings: &mut EngineSettings) {
        let cores = dyno_hardware::profile_without_drivers().cores_usable.max(1);
        for threads in [&mut settings.threads, &mut settings.threads_prefill] {
            if *threads == 0 {
                *threads = cores;
            }
        }
        if let Some(text) = crowd_warning(settings, cores) {
            self.job.emit(Event::Warning(text));
        }
    }
}

/// This build of dyno, as records state it.
pub(crate) fn tool() -> ToolInfo {
    ToolInfo {
        name: "dyno".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        profile: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
    }
}

/// How the count that [`Work::choose_threads`] leaves came about, when one that was asked for was given like this.
pub(crate) fn thread_choice(asked: &EngineSettings, given: ThreadChoice) -> ThreadChoice {
    if asked.threads == 0 { ThreadChoice::Usable } else { given }
}

/// What to know about threads that outnumber the processors; nothing otherwise.
fn crowd_warning(settings: &EngineSettings, cores: u32) -> Option<String> {
    let threads = settings.threads.max(settings.threads_prefill);
    let processors = if cores == 1 { "processor that may" } else { "processors that may" };
    (threads > cores).then(|| {
        format!(
            "{threads} threads are more than the {cores} {processors} be used: they wait for each other at every layer, which makes it \
             many times slower; ask for at most {cores}"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_threads_than_processors_are_warned_of() {
        let warning = |threads, threads_prefill, cores| {
            crowd_warning(&EngineSettings { threads, threads_prefill, ..EngineSettings::default() }, cores)
        };
        assert_eq!((warning(2, 2, 2), warning(1, 2, 2)), (None, None));
        for (threads, threads_prefill) in [(3, 2), (2, 3), (3, 1)] {
            let text = warning(threads, threads_prefill, 2).unwrap();
            assert!(text.starts_with("3 threads are more than the 2 processors"), "{text}");
        }
        assert!(warning(2, 2, 1).unwrap().contains("the 1 processor that"));
    }
}
