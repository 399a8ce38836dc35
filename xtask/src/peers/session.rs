//! An engine process with a model and a context, for the comparisons of quality.

use std::path::Path;

use dyno_engine::{Engine as _, ProcessEngine, ProcessEngineConfig, Session};
use dyno_types::{EngineSettings, Job};

/// Starts an engine process and opens a context.
pub(crate) async fn open(
    engine: &Path,
    model: &Path,
    settings: &EngineSettings,
) -> anyhow::Result<Box<dyn Session>> {
    let session =
        ProcessEngine::new(ProcessEngineConfig::new(engine.to_owned())).start(&Job::default()).await?;
    session.load(model, settings, &mut |_| true).await?;
    session.open_context(settings).await?;
    Ok(session)
}

/// One thread per processor, which is what the peers take, too.
pub(crate) fn threads() -> u32 {
    std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(1))
}

/// The options after a command's name as (name, value) pairs; nothing when help was asked for.
pub(crate) fn options<'a>(
    arguments: &'a [String],
    usage: &str,
) -> anyhow::Result<Option<Vec<(&'a str, &'a str)>>> {
    let mut pairs = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(name) = arguments.next() {
        if name == "--help" {
            return Ok(None);
        }
        let value = arguments.next().ok_or_else(|| anyhow::anyhow!("{name} needs a value\n{usage}"))?;
        pairs.push((name.as_str(), value.as_str()));
    }
    Ok(Some(pairs))
}
