//! The crate from outside: files on disk, references, real files.

#![allow(missing_docs)]

mod files;
mod real;
mod references;
mod splits;
