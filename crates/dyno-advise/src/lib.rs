//! Decisions about models and machines, as pure functions: what a model would need and how fast it would be
//! ([`memory`], [`speed`]), and what to choose.

mod memory;
mod speed;

pub use memory::{MemoryEstimate, memory};
pub use speed::{Interval, SpeedEstimate};
