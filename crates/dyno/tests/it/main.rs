//! The dyno command as a person uses it: text in, text, files and exit codes out.
//!
//! Tests in `engine_*` need the built engine; they look for it in DYNO_ENGINE_DIR and beside the test binary's target
//! directory, and say loudly when they skip.

mod dyno;
mod engine_bench;
mod engine_faults;
mod engine_generate;
mod input;
mod records;
