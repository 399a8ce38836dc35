//! One file over the network, whole or not at all: ranges in parallel, resumed after any cut, checked before it gets its name.

pub(crate) mod board;
pub(crate) mod digest;
pub(crate) mod journal;
pub(crate) mod order;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod transfer;
