//! The real engine with real and synthetic models.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a failing step of a test should stop it where it stands"
)]

mod backend;
mod driver;
mod likelihoods;
mod memory;
mod models;
mod process;
mod quantizing;
mod version;
