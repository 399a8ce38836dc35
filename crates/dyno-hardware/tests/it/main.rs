//! Whole machines, read from recorded trees.

// A failed step of a test is a failed test.
#![allow(clippy::unwrap_used)]

mod machines;
