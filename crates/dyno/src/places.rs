//! Where things lie: flag, then environment (both through clap), then the configuration, then the platform's default.

use std::path::{Path, PathBuf};

use dyno_app::{AppError, HubSettings, Location, Places, parse_bytes};

use crate::cli::Cli;
use crate::config::Config;

/// Resolves every place once. One that nobody names and no home directory gives is missed by whoever needs it.
///
/// # Errors
/// [`AppError::Input`] and [`AppError::Hub`] for settings that make no sense.
pub(crate) fn resolve(cli: &Cli) -> anyhow::Result<Places> {
    let named = std::env::var_os("LLAMA_CACHE_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let cache = location(
        cli.cache_dir.clone().or(named),
        base("XDG_CACHE_HOME", ".cache").map(|dir| dir.join("models")),
        "there is no home directory to keep models in; set DYNO_CACHE_DIR or --cache-dir",
    );
    let history = location(
        cli.history.clone(),
        base("XDG_DATA_HOME", ".local/share").map(|dir| dir.join("history.sqlite")),
        "there is no home directory to keep the history in; set DYNO_HISTORY or --history",
    );
    let hub = hub(cli, &cache)?;
    Ok(Places { cache, history, executable: std::env::current_exe().ok(), hub })
}

/// Folder of the running executable.
pub(crate) fn own_folder() -> Option<PathBuf> {
    std::env::current_exe().ok()?.parent().map(PathBuf::from)
}

fn location(named: Option<PathBuf>, usual: Option<PathBuf>, otherwise: &str) -> Location {
    match (named.filter(|path| !path.as_os_str().is_empty()), usual) {
        (Some(path), _) => Location::Named(path),
        (None, Some(path)) => Location::Usual(path),
        (None, None) => Location::Nowhere(otherwise.to_owned()),
    }
}

/// The hub and the bounds of the cache.
fn hub(cli: &Cli, cache: &Location) -> Result<HubSettings, AppError> {
    let cache_dir = cache.path().ok().map(Path::to_owned);
    let mut hub = HubSettings::from_environment(cache_dir, |name| std::env::var_os(name))?;
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
