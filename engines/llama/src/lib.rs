//! llama.cpp behind the runtime's narrow `Backend` trait.
//!
//! Only what is llama.cpp itself lives here: [`LlamaBackend`] over one small module of raw calls. Batching, sampling,
//! templates and the protocol are `dyno-runtime`'s.

mod backend;
#[cfg(test)]
mod compiler;
mod identity;
mod importance;
mod log;
mod native;
mod quantize;

pub use backend::LlamaBackend;
pub use identity::LLAMA_CPP_BUILD;
