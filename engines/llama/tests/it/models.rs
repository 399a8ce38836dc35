//! Where the models of these tests come from.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use dyno_models::SynthSpec;

/// The small shape of every family that continues text.
pub(crate) const DECODERS: [&str; 12] = [
    "tiny-llama",
    "tiny-moe",
    "tiny-qwen2",
    "tiny-qwen2vl",
    "tiny-qwen3",
    "tiny-gemma3",
    "tiny-phi3",
    "tiny-deepseek2",
    "tiny-starcoder",
    "tiny-mamba",
    "tiny-lfm2",
    "tiny-granite-h",
];

/// A real file that nobody here wrote.
fn real(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/dyno-models/tests/fixtures").join(name)
}

/// The small trained model.
pub(crate) fn stories() -> PathBuf {
    real("stories260K-f16.gguf")
}

/// A vocabulary without weights.
pub(crate) fn vocabulary() -> PathBuf {
    real("ggml-vocab-phi-3.gguf")
}

/// A synthetic model, made on the first run and kept with the build.
pub(crate) fn synthetic(name: &str) -> PathBuf {
    // Two tests may want the same one at the same time.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("models");
    std::fs::create_dir_all(&folder).unwrap();
    dyno_models::synthesize(&SynthSpec::parse(name, 0).unwrap(), &folder, &mut |_, _| true).unwrap()
}
