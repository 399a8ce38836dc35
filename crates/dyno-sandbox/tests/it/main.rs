//! The crate from outside, with a real interpreter: honest programs, hostile ones, what remains without a mechanism.

// Helpers of tests may unwrap and print, as tests do.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod deaths;
mod honest;
mod hostile;
mod refusals;
mod world;
