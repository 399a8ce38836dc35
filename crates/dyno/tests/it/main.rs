//! The dyno command as a person uses it: text in, text, files and exit codes out.
//!
//! Tests in `engine_*` need the built engine; they look for it in DYNO_ENGINE_DIR and beside the test binary's target
//! directory, and say loudly when they skip.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a failing step of a test should stop it where it stands"
)]

mod dyno;
mod engine_bench;
mod engine_faults;
mod engine_generate;
mod engine_reference_models;
mod eval;
mod input;
mod interrupted;
mod models;
mod ollama;
mod places;
mod policy;
mod quant_impact;
mod quantize;
mod recommend;
mod records;
mod terminal;
mod tune;
