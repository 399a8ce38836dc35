//! What the caller chooses once: the launcher, the interpreter, where scratch folders lie, and what must hold.

use std::ffi::OsString;
use std::path::PathBuf;

/// The executable that becomes the interpreter, with the arguments that make it call [`launcher::main`](crate::launcher::main).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launcher {
    /// The executable; the caller's own one as a rule.
    pub program: PathBuf,
    /// What goes before the order.
    pub arguments: Vec<OsString>,
}

/// What must hold before anything runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Demand {
    /// Every [protection](crate::Protection::ALL).
    #[default]
    Isolation,
    /// Nothing: the user said that this machine may be harmed. What the machine offers is used all the same.
    Nothing,
}

/// A mechanism of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mechanism {
    /// A disk in memory instead of a folder, in namespaces of the program's own.
    OwnDisk,
    /// Rules about files.
    Landlock,
    /// A filter of system calls.
    Seccomp,
}

impl Mechanism {
    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OwnDisk => "a private disk in memory (user namespace)",
            Self::Landlock => "file rules (Landlock)",
            Self::Seccomp => "a filter of system calls (seccomp)",
        }
    }
}

/// How programs are run here.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What is started.
    pub launcher: Launcher,
    /// The interpreter; `None`: `python3`, as the `PATH` finds it.
    pub interpreter: Option<PathBuf>,
    /// Folder in which a scratch folder is made for each program.
    pub scratch_root: PathBuf,
    /// What must hold.
    pub demand: Demand,
    /// Mechanisms that are left unused, for a kernel on which one misbehaves and to see what remains.
    pub without: Vec<Mechanism>,
}

impl Settings {
    /// The usual ones: `python3`, isolation demanded, every mechanism used.
    #[must_use]
    pub fn new(launcher: Launcher, scratch_root: PathBuf) -> Self {
        Self { launcher, interpreter: None, scratch_root, demand: Demand::Isolation, without: Vec::new() }
    }
}
