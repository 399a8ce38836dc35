//! The set-up script, run in a made-up machine.

// A failed step of a test is a failed test.
#![allow(clippy::unwrap_used)]

mod setup;
