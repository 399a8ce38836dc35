//! The history as its users meet it: one file, several processes, and everything that may be wrong with the file.

// A failed step of a test is a failed test.
#![allow(clippy::unwrap_used)]

mod crash;
mod evals;
mod files;
mod records;
mod sample;
