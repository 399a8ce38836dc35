//! What an engine process inherits of our environment: what it needs, by name, and never a secret.

use std::ffi::{OsStr, OsString};

/// Names that programs need to run, find libraries and folders, and write text.
const NAMES: [&str; 13] = [
    "PATH",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    "TEMP",
    "TMP",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "DYLD_FALLBACK_LIBRARY_PATH",
    "SYSTEMROOT",
    "RUST_LOG",
    "RUST_BACKTRACE",
];

/// Beginnings of names by which native code, its threads and its accelerators are set up, and coverage is measured.
const PREFIXES: [&str; 20] = [
    "LC_",
    "OMP_",
    "GOMP_",
    "KMP_",
    "MKL_",
    "OPENBLAS_",
    "GGML_",
    "CUDA_",
    "NVIDIA_",
    "HIP_",
    "ROCR_",
    "ROCM_",
    "HSA_",
    "VK_",
    "MESA_",
    "MTL_",
    "ONEAPI_",
    "SYCL_",
    "ZE_",
    "LLVM_PROFILE_",
];

/// Parts of names that say that the value is nobody else's business, whatever the beginning.
const SECRETS: [&str; 5] = ["TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL"];

/// The variables that an engine process may see.
pub(crate) fn inherited(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> impl Iterator<Item = (OsString, OsString)> {
    variables.filter(|(name, _)| is_inherited(name))
}

fn is_inherited(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    let upper = name.to_ascii_uppercase();
    let needed = NAMES.contains(&upper.as_str()) || PREFIXES.iter().any(|prefix| upper.starts_with(prefix));
    needed && !SECRETS.iter().any(|secret| upper.contains(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_get_what_they_need_and_no_secrets() {
        for (name, inherited) in [
            ("PATH", true),
            ("LC_ALL", true),
            ("OMP_NUM_THREADS", true),
            ("CUDA_VISIBLE_DEVICES", true),
            ("RUST_LOG", true),
            ("SystemRoot", true),
            ("HF_TOKEN", false),
            ("HUGGING_FACE_HUB_TOKEN", false),
            ("AWS_SECRET_ACCESS_KEY", false),
            ("SSH_AUTH_SOCK", false),
            ("GGML_TOKEN", false),
            ("LD_PRELOAD", false),
            ("HOME", false),
            ("MYPATH", false),
        ] {
            assert_eq!(is_inherited(OsStr::new(name)), inherited, "{name}");
        }
    }
}
