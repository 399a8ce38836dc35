//! What an interpreter that is asked about itself sees of our environment.

use std::ffi::{OsStr, OsString};

/// Names that programs, and version managers behind the name `python3`, need.
const NAMES: [&str; 8] =
    ["PATH", "HOME", "USER", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "SYSTEMROOT"];

/// Beginnings of names by which version managers are set up.
const PREFIXES: [&str; 6] = ["LC_", "PYENV_", "ASDF_", "MISE_", "CONDA_", "UV_"];

/// Parts of names that say that the value is nobody else's business.
const SECRETS: [&str; 6] = ["TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL", "INDEX"];

/// The variables it may see.
pub(crate) fn of_version_managers(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> impl Iterator<Item = (OsString, OsString)> {
    variables.filter(|(name, _)| is_needed(name))
}

fn is_needed(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    let needed = NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    needed && !SECRETS.iter().any(|secret| name.contains(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_managers_work_and_secrets_stay() {
        for name in ["PATH", "HOME", "PYENV_ROOT", "ASDF_DATA_DIR", "CONDA_PREFIX", "LC_ALL"] {
            assert!(is_needed(OsStr::new(name)), "{name}");
        }
        // An index of packages may be an address with a password in it.
        for name in [
            "HF_TOKEN",
            "CONDA_TOKEN",
            "UV_INDEX_URL",
            "UV_PUBLISH_PASSWORD",
            "PYTHONSTARTUP",
            "LD_PRELOAD",
            "SSH_AUTH_SOCK",
        ] {
            assert!(!is_needed(OsStr::new(name)), "{name}");
        }
    }
}
