//! Model files: bounded GGUF reader and writer, shapes catalogue, synthetic models, references and the cache.

pub mod gguf;

mod cache;
mod error;
mod facts;
mod file_type;
mod reference;
mod shapes;
mod split;
mod synth;

pub use cache::default_cache_dir;
pub use error::ModelError;
pub use facts::{SYNTHETIC_KEY, check_runnable, facts_of, read_facts};
pub use file_type::{FILE_TYPES, FileType};
pub use reference::{DEFAULT_REFERENCE, Reference, resolve};
pub use shapes::{Experts, Family, Llama3Rope, SHAPES, Shape, shape_names};
pub use split::ModelFiles;
pub use synth::{CHUNK_BYTES, GENERATOR_VERSION, Progress, SynthSpec, quant_names, synthesize};
