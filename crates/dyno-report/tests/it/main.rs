//! Reports of recorded runs: what they say, that nothing in a record escapes, and that a browser shows the page.

#![allow(clippy::unwrap_used, reason = "a failing step of a test should stop it where it stands")]

mod browser;
mod fixtures;
mod hostile;
mod made_up;
mod page;
mod quality;
mod recommendation;
mod snapshots;
