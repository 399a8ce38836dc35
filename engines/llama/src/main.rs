//! The llama.cpp engine process.

use std::process::ExitCode;

use dyno_engine_llama::LlamaBackend;
use dyno_runtime::{EngineIdentity, serve};

fn main() -> ExitCode {
    serve(LlamaBackend::new, EngineIdentity::of_this_build(env!("CARGO_PKG_VERSION")))
}
