//! What the engine multiplies matrices with here: it says so itself, once for each build of it.

use dyno_advise::MatrixInstructions;
use dyno_engine::{Engine as _, EngineError};
use dyno_types::HardwareProfile;
use serde::{Deserialize, Serialize};

use crate::blocking::unless_cancelled;
use crate::{AppError, Work, kept};

/// Schema of the kept file.
const SCHEMA: &str = "dyno.engine/1";

/// What an engine said of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KeptFeatures {
    /// Size and age of the executable.
    engine: String,
    /// As its handshake states them.
    features: Vec<String>,
}

impl Work {
    /// The engine's instructions on this machine. The build decides as much as the processor: an engine whose compiler knew no AMX has none
    /// on any processor. Without an engine that answers, what the processor has stands in.
    pub(crate) fn matrix_instructions(&self, machine: &HardwareProfile) -> MatrixInstructions {
        match self.engine_features(machine) {
            Ok(features) => MatrixInstructions::of_engine(&features),
            Err(_) => MatrixInstructions::of_processor(&machine.cpu_features),
        }
    }

    /// Features that the engine states: as kept for this executable, else by asking it.
    fn engine_features(&self, machine: &HardwareProfile) -> Result<Vec<String>, AppError> {
        let engine = self.engine_identity()?;
        let file =
            self.app.places.beside_history(format!("engine-{}.json", dyno_hardware::fingerprint(machine)));
        let kept = file.as_ref().and_then(|file| kept::read::<KeptFeatures>(file, SCHEMA).ok().flatten());
        if let Some(kept) = kept.filter(|kept| kept.engine == engine) {
            return Ok(kept.features);
        }
        let features = self.ask_features()?;
        if let Some(file) = file {
            // Asked again next time where nothing can be kept.
            let _ = kept::write(&file, SCHEMA, &KeptFeatures { engine, features: features.clone() });
        }
        Ok(features)
    }

    /// Starts the engine for its handshake alone.
    fn ask_features(&self) -> Result<Vec<String>, AppError> {
        let (engine, job) = (self.engine()?, self.job.clone());
        unless_cancelled(&self.job.cancel, move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime =
                runtime.map_err(|error| EngineError::Start { reason: error.to_string(), log: Vec::new() })?;
            runtime.block_on(async {
                let session = engine.start(&job).await?;
                let features = session.info().features.clone();
                session.stop().await;
                Ok(features)
            })
        })?
    }
}
