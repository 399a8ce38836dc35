//! The crate from outside: files on disk, references, real files.

// Helpers of tests may unwrap and print, as tests do.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod files;
mod real;
mod references;
mod splits;
