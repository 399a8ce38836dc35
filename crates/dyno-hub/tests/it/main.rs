//! The crate from outside, against a stand-in hub with real sockets: fetching, keeping, several processes.

// Helpers of tests may unwrap and print, as tests do.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod fetching;
mod hostile;
mod keeping;
mod processes;
mod remote;
mod stand_in;
mod world;
