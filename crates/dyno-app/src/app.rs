//! What every use case shares: limits, the engine, resolving a model, and defaults that depend on both.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dyno_bench::CancelFlag;
use dyno_engine::{Deadlines, ProcessEngine, ProcessEngineConfig, find_engine};
use dyno_hub::Lease;
use dyno_models::{ModelError, ModelIdentity, Reference};
use dyno_types::{EngineSettings, Event, EventSink, HardwareProfile, ModelFacts, ThreadChoice, ToolInfo};

use crate::AppError;
use crate::interruptible::Interruptible;
use crate::places::Places;

/// Name of the engine executable.
pub(crate) const ENGINE: &str = "dyno-engine-llama";

/// Bounds on engine processes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest wait for any single answer.
    pub deadline: Duration,
    /// Address space of an engine process, bytes.
    pub memory_limit_bytes: Option<u64>,
}

/// The use cases, with what they share.
#[derive(Debug, Clone)]
pub struct App {
    pub(crate) places: Places,
    pub(crate) limits: Limits,
    pub(crate) cancel: CancelFlag,
    /// Models in use: they stay in the cache as long as this process lives.
    leases: Arc<Mutex<Vec<Lease>>>,
    /// Files that no cache holds.
    pub(crate) passing: Arc<Mutex<Option<tempfile::TempDir>>>,
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
    events: &'a dyn EventSink,
    name: String,
    started: bool,
}

impl Making<'_> {
    fn advance(&mut self, done: u64, total: u64) {
        if !self.started {
            self.started = true;
            self.events.emit(Event::PhaseStarted { phase: std::mem::take(&mut self.name), total });
        }
        self.events.emit(Event::PhaseAdvanced { done, detail: String::new() });
    }
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        if self.started {
            self.events.emit(Event::PhaseEnded);
        }
    }
}

impl App {
    /// Use cases over these places and limits; `cancel` ends whatever runs.
    #[must_use]
    pub fn new(places: Places, limits: Limits, cancel: CancelFlag) -> Self {
        Self { places, limits, cancel, leases: Arc::default(), passing: Arc::default() }
    }

    /// An error when somebody wants the work to end.
    pub(crate) fn go_on(&self) -> Result<(), AppError> {
        if self.cancel.is_cancelled() { Err(AppError::Cancelled) } else { Ok(()) }
    }

    /// This build of dyno, as records state it.
    pub(crate) fn tool() -> ToolInfo {
        ToolInfo {
            name: "dyno".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            profile: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
        }
    }

    /// The engine, found but not started. Nothing of it is waited for once the cancel flag is raised.
    pub(crate) fn engine(&self) -> Result<Interruptible<ProcessEngine>, AppError> {
        let executable =
            find_engine(ENGINE, self.places.engine_dir.as_deref(), self.places.beside.as_deref())?;
        let deadline = self.limits.deadline;
        let deadlines = Deadlines { load: deadline, request: deadline, ..Deadlines::default() };
        let config = ProcessEngineConfig {
            deadlines,
            memory_limit_bytes: self.limits.memory_limit_bytes,
            data_limit_bytes: all_memory(&dyno_hardware::profile_without_drivers()),
            ..ProcessEngineConfig::new(executable)
        };
        Ok(Interruptible::new(ProcessEngine::new(config), self.cancel.clone()))
    }

    /// Finds (or makes) a model that can be run, and reads its header.
    pub(crate) fn resolve(&self, reference: &str, events: &dyn EventSink) -> Result<Model, AppError> {
        let model = self.find(reference, events)?;
        dyno_models::check_runnable(&model.facts)?;
        Ok(model)
    }

    /// Finds (or fetches, or makes) the model and reads its header.
    pub(crate) fn find(&self, reference: &str, events: &dyn EventSink) -> Result<Model, AppError> {
        let path = match Reference::parse(reference)? {
            Reference::Hub(hub) => {
                let found = self.with_job(events, |library, job| library.find(&hub, job))?;
                self.keep(found)
            }
            Reference::Synthetic(spec) => {
                let mut progress = self.making(reference, events);
                let made = self.with_job(events, |library, job| {
                    library.synthesize(reference, &spec, &mut progress, job)
                })?;
                self.keep(made)
            }
            Reference::Ollama(ollama) => self.checked_ollama(&ollama, events)?,
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
    pub(crate) fn making<'a>(
        &'a self,
        reference: &str,
        events: &'a dyn EventSink,
    ) -> impl FnMut(u64, u64) -> bool + use<'a> {
        let mut phase = Making { events, name: format!("making {reference}"), started: false };
        move |done, total| {
            phase.advance(done, total);
            !self.cancel.is_cancelled()
        }
    }

    /// Keeps the model in the cache while this process lives; gives the file to load.
    pub(crate) fn keep(&self, found: dyno_hub::Found) -> PathBuf {
        self.hold(found.lease);
        found.files.into_iter().next().unwrap_or_default()
    }

    /// Holds a lease while this process lives.
    pub(crate) fn hold(&self, lease: Lease) {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner).push(lease);
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
            return Err(AppError::Input(format!(
                "--context {asked} is beyond the {train} tokens {name} was trained for; ask for at most {train}"
            )));
        }
        settings.context = settings.context.min(train);
        Ok(())
    }

    /// Threads left to us: every usable processor. `bench` measures instead. More than there are processors are warned of.
    pub(crate) fn choose_threads(&self, settings: &mut EngineSettings, events: &dyn EventSink) {
        let cores = dyno_hardware::profile_without_drivers().cores_usable.max(1);
        for threads in [&mut settings.threads, &mut settings.threads_prefill] {
            if *threads == 0 {
                *threads = cores;
            }
        }
        if let Some(text) = crowd_warning(settings, cores) {
            events.emit(Event::Warning(text));
        }
    }

    /// How the count that [`Self::choose_threads`] leaves came about, when one that was asked for was given like this.
    pub(crate) fn thread_choice(asked: &EngineSettings, given: ThreadChoice) -> ThreadChoice {
        if asked.threads == 0 { ThreadChoice::Usable } else { given }
    }
}

/// Bytes that everything allocated here together can have: memory as far as it may be used, and swap. `None` where that is unknown.
fn all_memory(machine: &HardwareProfile) -> Option<u64> {
    (machine.ram_limit_bytes > 0).then(|| machine.ram_limit_bytes.saturating_add(machine.swap_bytes))
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
    fn an_engine_gets_no_more_memory_than_there_is() {
        let machine = |ram_limit_bytes, swap_bytes| {
            all_memory(&HardwareProfile {
                ram_bytes: 99,
                ram_limit_bytes,
                swap_bytes,
                ..HardwareProfile::default()
            })
        };
        assert_eq!((machine(16, 4), machine(16, 0), machine(0, 4)), (Some(20), Some(16), None));
        assert_eq!(machine(u64::MAX, 1), Some(u64::MAX));
    }

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
