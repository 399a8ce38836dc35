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
    /// How the keeper starts the process that becomes the interpreter.
    pub(crate) launcher: LauncherCall,
    pub(crate) interpreter: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) limits: ResourceLimits,
    pub(crate) own_disk: Attempt,
    pub(crate) landlock: Attempt,
    pub(crate) seccomp: Attempt,
    pub(crate) files: FileRules,
}

/// The launcher once more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LauncherCall {
    pub(crate) program: PathBuf,
    /// What goes before the stage and the order.
    pub(crate) arguments: Vec<String>,
}

/// Limits of the process, as the kernel counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ResourceLimits {
    pub(crate) cpu_s: u64,
    pub(crate) memory_bytes: u64,
    pub(crate) file_bytes: u64,
    pub(crate) open_files: u64,
    pub(crate) threads: u64,
    /// All files of the scratch folder together.
    pub(crate) disk_bytes: u64,
    pub(crate) files: u64,
}

/// What of the file system stays reachable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileRules {
    /// Files, and folders with all they contain, that can be read.
    pub(crate) readable: Vec<PathBuf>,
    /// Files that can be executed, and read.
    pub(crate) executable: Vec<PathBuf>,
    /// The folder in which files can be made and written, and on a disk of its own removed.
    pub(crate) scratch: PathBuf,
}
