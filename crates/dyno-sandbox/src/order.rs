//! What the parent tells the launcher: one JSON argument.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Whether a mechanism is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Attempt {
    /// Not at all.
    Off,
    /// Where the kernel has it; the program runs without it otherwise.
    IfPossible,
    /// Nothing runs without it.
    Required,
}

/// Everything the launcher does before it becomes the interpreter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order {
    /// Who must be the parent still; otherwise it died in between and nothing is run.
    pub(crate) parent_pid: u32,
    pub(crate) interpreter: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) limits: ResourceLimits,
    pub(crate) landlock: Attempt,
    pub(crate) seccomp: Attempt,
    pub(crate) files: FileRules,
}

/// Limits of the process, as the kernel counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ResourceLimits {
    pub(crate) cpu_s: u64,
    pub(crate) memory_bytes: u64,
    pub(crate) file_bytes: u64,
    pub(crate) open_files: u64,
}

/// What of the file system stays reachable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileRules {
    /// Files, and folders with all they contain, that can be read.
    pub(crate) readable: Vec<PathBuf>,
    /// Files that can be executed, and read.
    pub(crate) executable: Vec<PathBuf>,
    /// The folder in which files can be made, written and removed.
    pub(crate) scratch: PathBuf,
}
