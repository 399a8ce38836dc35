//! An engine process around the deterministic test backend.

use std::process::ExitCode;
use std::time::Duration;

use dyno_runtime::testing::{Behaviour, TestBackend};
use dyno_runtime::{EngineIdentity, serve};

fn main() -> ExitCode {
    // Real time per batch, so that tests can do things meanwhile.
    let batch_ms = std::env::var("DYNO_TEST_BATCH_MS").ok().and_then(|value| value.parse().ok()).unwrap_or(0);
    let behaviour = Behaviour { batch_takes: Duration::from_millis(batch_ms), ..Behaviour::default() };
    let backend = move || TestBackend::new(behaviour);
    serve(backend, EngineIdentity::of_this_build(env!("CARGO_PKG_VERSION")))
}
