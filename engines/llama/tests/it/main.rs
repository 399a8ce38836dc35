//! The real engine with real and synthetic models.

mod backend;
mod driver;
mod models;
mod process;
mod version;
