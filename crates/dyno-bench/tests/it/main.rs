//! Whole runs against the fake engine, whose every time is known: what must come out follows by arithmetic.

#![allow(clippy::unwrap_used, reason = "a failing step of a test should stop it where it stands")]

mod bench;
mod calibrating;
mod cancelled;
mod disturbed;
mod exact;
mod faults;
mod recomputed;
mod settings;
mod turns;
mod watched;
