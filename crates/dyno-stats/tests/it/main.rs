//! Properties and long-run behaviour of the statistics.

mod coverage;
mod properties;
