//! What is tried on the GGUF reader and writer, whoever makes the input.

pub mod plan;
mod trial;

pub use trial::{header, round_trip};
