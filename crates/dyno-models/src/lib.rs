//! Model files: bounded GGUF reader and writer, shapes catalogue, synthetic models, references and the cache.

pub mod gguf;

mod block_fit;
mod builtin;
mod cache;
mod catalogue;
mod error;
mod facts;
mod file_reference;
mod file_type;
mod hub_address;
mod hub_reference;
mod identity;
mod ollama_reference;
mod placement;
mod plain_file;
mod reference;
mod shapes;
mod split;
mod synth;

pub use block_fit::BlockFit;
pub use builtin::{BUILTINS, Builtin};
pub use cache::default_cache_dir;
pub use catalogue::{CatalogueHit, asked_rank, catalogue, find_model, models_for, recognise};
pub use error::ModelError;
pub use facts::{FILE_TYPE_KEY, SYNTHETIC_KEY, check_runnable, facts_of, read_facts, read_identified};
pub use file_reference::{named_path, path_name};
pub use file_type::{FILE_TYPES, FileType};
pub use hub_reference::{DEFAULT_REVISION, HubReference, check_path};
pub use identity::{FileStamp, ModelIdentity, PartIdentity};
pub use ollama_reference::OllamaReference;
pub use plain_file::{open_plain, read_plain};
pub use reference::{DEFAULT_REFERENCE, Reference, find_file, resolve};
pub use shapes::{Experts, Family, Latent, Llama3Rope, SHAPES, Shape, State, Window, shape_names};
pub use split::ModelFiles;
pub use synth::{CHUNK_BYTES, GENERATOR_VERSION, Progress, SynthSpec, quant_names, synthesize};
