//! The supervisor against real child processes that fail in every way a native engine can.
#![cfg(target_os = "linux")] // The tests look for processes in /proc.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod cancelling;
mod ending;
mod generating;
mod loading;
mod parent;
mod scoring;
mod scripted;
mod starting;
