//! Advice over a catalogue and a machine made of simple laws: what must hold whatever the predictions are.

#![allow(clippy::unwrap_used, reason = "a failing step of a test should stop it where it stands")]

mod fitting;
mod recommending;
mod routes;
mod stacks;
mod world;
