//! The vocabulary every other crate speaks: knobs, metrics, facts about models and machines, samples and records.
//!
//! Plain data with public fields; no input or output, no clock, no decisions beyond validating a value.
//! Sits at layer 0: it depends on nothing of ours, and everything depends on it.

mod advice;
mod cancel;
mod catalogue;
mod engine;
mod eval;
mod event;
mod hardware;
mod job;
mod knobs;
mod kv_cache;
mod memory;
mod metric;
mod model;
mod next_step;
mod quant_impact;
mod range;
mod rates;
mod reasoning;
mod record;
mod remedy;
mod sampling;
mod scheduling;
mod score;
mod size;
mod validity;

pub use advice::*;
pub use cancel::CancelFlag;
pub use catalogue::*;
pub use engine::*;
pub use eval::*;
pub use event::*;
pub use hardware::*;
pub use job::Job;
pub use knobs::*;
pub use memory::*;
pub use metric::*;
pub use model::*;
pub use next_step::*;
pub use quant_impact::*;
pub use range::{RANGE_VALUES_MAX, RangeError, expand_ranges};
pub use rates::*;
pub use reasoning::*;
pub use record::*;
pub use remedy::*;
pub use sampling::*;
pub use scheduling::*;
pub use score::*;
pub use size::{SizeError, parse_memory_size, parse_size};
pub use validity::*;
