//! The crate from outside: files on disk, references, real files, and inputs meant to break it.

// Helpers of tests may unwrap and print, as tests do.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod block_fits;
mod files;
mod hostile;
mod properties;
mod real;
mod references;
mod replaced;
mod seventy_billion;
mod splits;
// What the fuzzer tries; one definition for both.
#[path = "../../fuzz/src/trial.rs"]
#[allow(unreachable_pub)]
mod trial;
