//! One engine process per case: load, open, fill, look.

use std::path::{Path, PathBuf};

use dyno_advise::MatrixInstructions;
use dyno_engine::{Engine as _, ProcessEngine, ProcessEngineConfig, Session};
use dyno_types::{EngineMemory, EngineSettings, Job, MeasureRequest};

use super::Options;

/// Tokens decoded after a window was filled.
const DECODE_TOKENS: u32 = 4;

/// The engine executable: the one named, or the release build.
pub(super) fn engine(options: &Options) -> anyhow::Result<PathBuf> {
    options.engine.clone().map_or_else(crate::peers::engine, Ok)
}

/// All processors.
pub(super) fn threads() -> u32 {
    std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(1))
}

/// The file of a synthetic model, made in the user's cache when it is not there yet.
pub(super) fn model_file(reference: &str) -> anyhow::Result<PathBuf> {
    crate::peers::model_file(reference)
}

/// What this engine multiplies matrices with, as it says.
pub(super) async fn matrix_instructions(engine: &Path) -> anyhow::Result<MatrixInstructions> {
    let session =
        ProcessEngine::new(ProcessEngineConfig::new(engine.to_owned())).start(&Job::default()).await?;
    let instructions = MatrixInstructions::of_engine(&session.info().features);
    session.stop().await;
    Ok(instructions)
}

/// Loads the model in a new process, fills its window and reads the memory.
pub(super) async fn fill(
    engine: &Path,
    file: &Path,
    settings: &EngineSettings,
) -> anyhow::Result<EngineMemory> {
    let session =
        ProcessEngine::new(ProcessEngineConfig::new(engine.to_owned())).start(&Job::default()).await?;
    let outcome = fill_session(&*session, file, settings).await;
    session.stop().await;
    outcome
}

async fn fill_session(
    session: &dyn Session,
    file: &Path,
    settings: &EngineSettings,
) -> anyhow::Result<EngineMemory> {
    session.load(file, settings, &mut |_| true).await?;
    session.open_context(settings).await?;
    let request = MeasureRequest {
        depth: settings.context - DECODE_TOKENS,
        prefill_tokens: 0,
        decode_tokens: DECODE_TOKENS,
        repetitions: 1,
        threads: 0,
        threads_prefill: 0,
        seed: 1,
    };
    session.measure(&request).await?;
    Ok(session.memory().await?)
}
