//! The stages of a run, each one a part of [`crate::run::Run`].

mod cleanup;
mod context;
mod inference;
mod load;
mod request;
mod threads;
