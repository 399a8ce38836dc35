//! The engines there are: one for each backend, as something that starts sessions.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use dyno_engine::{Engine, EngineError, ProcessEngine, ProcessEngineConfig, find_engine};
use dyno_types::HardwareProfile;

/// What computes models, by the files it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Backend {
    /// llama.cpp: language models in GGUF files.
    Llama,
}

impl Backend {
    /// Name of the engine executable.
    #[must_use]
    pub fn executable(self) -> &'static str {
        match self {
            Self::Llama => "dyno-engine-llama",
        }
    }
}

/// Finds engines; what is found is not started yet.
pub trait Engines: Send + Sync {
    /// The engine of this backend.
    ///
    /// # Errors
    /// [`EngineError::NotFound`].
    fn engine(&self, backend: Backend) -> Result<Arc<dyn Engine>, EngineError>;

    /// Tells this build of the engine from every other: what is kept about one does not hold for another.
    ///
    /// # Errors
    /// [`EngineError::NotFound`].
    fn identity(&self, backend: Backend) -> Result<String, EngineError>;

    /// Most memory an engine process may have, bytes, where somebody set a limit.
    fn memory_limit_bytes(&self) -> Option<u64>;
}

/// Engines that are executables, each started as a process of its own.
#[derive(Debug, Clone, Default)]
pub struct ProcessEngines {
    /// Folder of the executables, when one was named; they are looked for nowhere else then.
    pub named: Option<PathBuf>,
    /// Folder of the running executable.
    pub beside: Option<PathBuf>,
    /// Address space of an engine process, bytes.
    pub memory_limit_bytes: Option<u64>,
}

impl ProcessEngines {
    fn find(&self, backend: Backend) -> Result<PathBuf, EngineError> {
        find_engine(backend.executable(), self.named.as_deref(), self.beside.as_deref())
    }
}

impl Engines for ProcessEngines {
    fn engine(&self, backend: Backend) -> Result<Arc<dyn Engine>, EngineError> {
        let config = ProcessEngineConfig {
            memory_limit_bytes: self.memory_limit_bytes,
            data_limit_bytes: all_memory(&dyno_hardware::profile_without_drivers()),
            ..ProcessEngineConfig::new(self.find(backend)?)
        };
        Ok(Arc::new(ProcessEngine::new(config)))
    }

    /// Size and age of the executable.
    fn identity(&self, backend: Backend) -> Result<String, EngineError> {
        let about = std::fs::metadata(self.find(backend)?).ok();
        let bytes = about.as_ref().map_or(0, std::fs::Metadata::len);
        let modified_s = about
            .and_then(|about| about.modified().ok())
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
            .map_or(0, |since| since.as_secs());
        Ok(format!("{} of {bytes} bytes, built at {modified_s}", backend.executable()))
    }

    fn memory_limit_bytes(&self) -> Option<u64> {
        self.memory_limit_bytes
    }
}

/// Bytes that everything allocated here together can have: memory as far as it may be used, and swap. `None` where that is unknown.
fn all_memory(machine: &HardwareProfile) -> Option<u64> {
    (machine.ram_limit_bytes > 0).then(|| machine.ram_limit_bytes.saturating_add(machine.swap_bytes))
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
}
