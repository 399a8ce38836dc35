//! Where models are kept.

use std::ffi::OsString;
use std::path::PathBuf;

/// The user's folder for models: `$XDG_CACHE_HOME/dyno/models`, else `$HOME/.cache/dyno/models`. `lookup` reads an
/// environment variable. Relative paths are ignored, as the XDG specification demands; `None` without a home.
pub fn default_cache_dir(lookup: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name: &str| lookup(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))?;
    Some(base.join("dyno").join("models"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_follows_xdg_and_then_home() {
        let dir = |xdg: Option<&str>, home: Option<&str>| {
            default_cache_dir(|name| match name {
                "XDG_CACHE_HOME" => xdg.map(OsString::from),
                "HOME" => home.map(OsString::from),
                other => panic!("{other} is not to be read"),
            })
        };
        assert_eq!(dir(Some("/c"), Some("/h")), Some(PathBuf::from("/c/dyno/models")));
        assert_eq!(dir(None, Some("/h")), Some(PathBuf::from("/h/.cache/dyno/models")));
        assert_eq!(dir(Some("relative"), Some("/h")), Some(PathBuf::from("/h/.cache/dyno/models")));
        assert_eq!(dir(None, None), None);
    }
}
