//! Where things lie: flag, then environment (both through clap), then the configuration, then the platform's default.

use std::path::{Path, PathBuf};

use dyno_app::{AppError, HubSettings, Places, parse_bytes};

use crate::cli::Cli;
use crate::config::Config;

/// Resolves every place once.
///
/// # Errors
/// When neither a flag nor the home directory says where to keep things.
pub(crate) fn resolve(cli: &Cli) -> anyhow::Result<Places> {
    let data = cli.history.is_none().then(|| base("XDG_DATA_HOME", ".local/share")).flatten();
    let named = std::env::var_os("LLAMA_CACHE_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let cache_dir = match cli.cache_dir.clone().or(named) {
        Some(dir) => dir,
        None => base("XDG_CACHE_HOME", ".cache").map(|dir| dir.join("models")).ok_or_else(|| {
            anyhow::anyhow!("there is no home directory to keep models in; set DYNO_CACHE_DIR or --cache-dir")
        })?,
    };
    let history_file = match (&cli.history, data) {
        (Some(file), _) => file.clone(),
        (None, Some(dir)) => dir.join("history.sqlite"),
        (None, None) => {
            anyhow::bail!("there is no home directory to keep the history in; set DYNO_HISTORY or --history")
        }
    };
    let pages_dir = history_file.parent().unwrap_or(&cache_dir).join("reports");
    let executable = std::env::current_exe().ok();
    let beside = executable.as_deref().and_then(Path::parent).map(PathBuf::from);
    let hub = hub(cli, &cache_dir)?;
    let engine_dir = cli.engine_dir.clone();
    Ok(Places { cache_dir, history_file, pages_dir, engine_dir, beside, executable, hub })
}

/// The hub and the bounds of the cache.
fn hub(cli: &Cli, cache_dir: &Path) -> Result<HubSettings, AppError> {
    let mut hub = HubSettings::from_environment(cache_dir.to_owned(), |name| std::env::var_os(name))?;
    if let Some(size) = &cli.cache_max_size {
        hub.cache_max_bytes = parse_bytes("--cache-max-size", size)?;
    }
    let usual = base("XDG_CONFIG_HOME", ".config").map(|dir| dir.join("config.toml"));
    let home = absolute("HOME");
    hub.folders = Config::read(cli.config.as_deref(), usual.as_deref(), home.as_deref())?.models.folders;
    Ok(hub)
}

fn base(variable: &str, below_home: &str) -> Option<PathBuf> {
    absolute(variable)
        .or_else(|| absolute("HOME").map(|home| home.join(below_home)))
        .map(|dir| dir.join("dyno"))
}

/// A variable that holds an absolute path.
fn absolute(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}
