//! The launch contract between the front and an engine executable, and both sides' share of it.
//!
//! The front starts `EXECUTABLE --socket PATH [--memory-limit-bytes N]` and promises:
//! - `PATH` does not exist yet and lies in a folder only this user can enter;
//! - standard input is a pipe to which nothing is ever written and which stays open as long as the front lives;
//! - standard output leads nowhere; standard error is read line by line (the last [`LOG_LINES_MAX`] lines are kept,
//!   lines over [`LOG_LINE_BYTES_MAX`] bytes are cut) and shown when something fails;
//! - the environment holds what programs need to run, find their libraries and devices, and log, and nothing else: no tokens, no
//!   passwords;
//! - the process leads a process group of its own, so a Ctrl-C in the terminal reaches the front alone;
//! - any call may be cancelled by dropping it, and the process may be killed at any instruction.
//!
//! The engine promises:
//! - first thing in `main`: [`ServeArguments::parse`] and [`ServeArguments::apply`] (memory limit, and death with the
//!   parent: end of standard input means that the parent is gone);
//! - it then listens on `PATH`; the moment the socket accepts, it is ready. No other sign is given;
//! - it answers `Handshake` with its own protocol version even when the front's differs: the front decides;
//! - `Health`, `Handshake` and `Shutdown` are answered at once, also while a load or a decode is running;
//! - after `Shutdown` it answers, then ends with exit code 0; `SIGTERM` ends it too;
//! - a write beyond a limit on the size of files is an error to it, not its end ([`crate::outlive_file_limit`]);
//! - threads that compute are called [`COMPUTE_THREAD`] (threads they start inherit the name), so that the front can see what those
//!   threads lose to others;
//! - an error before it listens goes to standard error, with exit code 1 (2 for arguments it does not know).

use std::ffi::OsString;
use std::io::Read as _;
use std::path::PathBuf;

/// Lines of engine log the front keeps.
pub const LOG_LINES_MAX: usize = 200;

/// Longest line of engine log the front keeps, bytes; the rest of a longer line is dropped.
pub const LOG_LINE_BYTES_MAX: usize = 500;

/// Name of the threads that compute.
pub const COMPUTE_THREAD: &str = "model";

const SOCKET: &str = "--socket";
const MEMORY_LIMIT: &str = "--memory-limit-bytes";

/// Least address space of an engine, bytes: its libraries, the stacks and heaps of its threads, and the smallest of models. In less it
/// fails at the start or in obscure ways later.
pub const MEMORY_LIMIT_BYTES_MIN: u64 = 128 << 20;

/// What the front tells an engine process at its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServeArguments {
    /// Where to listen; absent before the engine creates it.
    pub socket: PathBuf,
    /// Most address space the process may have, bytes.
    pub memory_limit_bytes: Option<u64>,
}

/// Why an engine cannot serve as asked.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The arguments are not those of the contract.
    #[error("{0}; an engine is started by dyno, as: --socket PATH [--memory-limit-bytes N]")]
    Arguments(String),
    /// The system refused a limit or a watch.
    #[error("cannot {action}: {source}")]
    System {
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

impl ServeArguments {
    /// Reads the arguments of an engine executable, its own name not among them.
    ///
    /// # Errors
    /// [`LaunchError::Arguments`] when one is unknown, incomplete, given twice or out of range, or `--socket` is missing.
    pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, LaunchError> {
        let refuse = |reason: String| Err(LaunchError::Arguments(reason));
        let (mut socket, mut memory_limit_bytes) = (None, None);
        let mut arguments = arguments.into_iter();
        while let Some(name) = arguments.next() {
            let known = [SOCKET, MEMORY_LIMIT].into_iter().find(|known| name == *known);
            let (Some(known), value) = (known, arguments.next()) else {
                return refuse(format!("unknown argument {}", name.display()));
            };
            let Some(value) = value else { return refuse(format!("{known} lacks its value")) };
            let again = if known == SOCKET {
                socket.replace(PathBuf::from(value)).is_some()
            } else {
                memory_limit_bytes.replace(memory_limit(&value)?).is_some()
            };
            if again {
                return refuse(format!("{known} is given twice"));
            }
        }
        let Some(socket) = socket else { return refuse(format!("{SOCKET} is missing")) };
        Ok(Self { socket, memory_limit_bytes })
    }

    /// The same as command line arguments.
    #[must_use]
    pub fn to_arguments(&self) -> Vec<OsString> {
        let mut arguments = vec![SOCKET.into(), self.socket.clone().into_os_string()];
        if let Some(bytes) = self.memory_limit_bytes {
            arguments.extend([MEMORY_LIMIT.into(), bytes.to_string().into()]);
        }
        arguments
    }

    /// Engine side: binds this process to its parent's life and limits its address space.
    /// To be called once, first thing in `main`, before threads start: it takes standard input for itself.
    ///
    /// # Errors
    /// [`LaunchError::System`] when the system refuses.
    pub fn apply(&self) -> Result<(), LaunchError> {
        end_with_parent()?;
        self.memory_limit_bytes.map_or(Ok(()), limit_memory)
    }
}

fn memory_limit(value: &OsString) -> Result<u64, LaunchError> {
    let bytes = value
        .to_str()
        .and_then(|text| text.parse::<u64>().ok())
        .filter(|bytes| *bytes >= MEMORY_LIMIT_BYTES_MIN);
    bytes.ok_or_else(|| {
        LaunchError::Arguments(format!(
            "{MEMORY_LIMIT} is {}, but must be a whole number of at least {MEMORY_LIMIT_BYTES_MIN}",
            value.display()
        ))
    })
}

fn limit_memory(bytes: u64) -> Result<(), LaunchError> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limit = Rlimit { current: Some(bytes), maximum: Some(bytes) };
    setrlimit(Resource::As, limit)
        .map_err(|errno| LaunchError::System { action: "limit the address space", source: errno.into() })
}

/// Two leashes, because each alone has a hole: the death signal is Linux only and misses a parent that died before it
/// was set; the pipe stays open when the parent leaked it to another child.
fn end_with_parent() -> Result<(), LaunchError> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL)).map_err(
        |errno| LaunchError::System { action: "ask to end with the parent", source: errno.into() },
    )?;
    std::thread::Builder::new()
        .name("parent-watch".to_owned())
        .stack_size(64 * 1024)
        .spawn(end_at_end_of_input)
        .map_err(|source| LaunchError::System { action: "start the watch on the parent", source })?;
    Ok(())
}

fn end_at_end_of_input() {
    let mut input = std::io::stdin().lock();
    let mut ignored = [0_u8; 64];
    loop {
        match input.read(&mut ignored) {
            Ok(0) => break,
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => break,
            _ => {}
        }
    }
    // Not `exit`: native code may hang or crash in its exit handlers, and nobody is left to notice.
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<ServeArguments, LaunchError> {
        ServeArguments::parse(words.iter().map(OsString::from))
    }

    #[test]
    fn arguments_come_back_as_they_were_written() {
        for memory_limit_bytes in [None, Some(1 << 30)] {
            let arguments = ServeArguments { socket: "/run/a b/engine.sock".into(), memory_limit_bytes };
            assert_eq!(ServeArguments::parse(arguments.to_arguments()).unwrap(), arguments);
        }
    }

    #[test]
    fn foreign_arguments_are_refused_by_name() {
        for (words, part) in [
            (&["--sock", "x"][..], "--sock"),
            (&["--socket"], "lacks its value"),
            (&[], "--socket is missing"),
            (&["--socket", "x", "--socket", "y"], "twice"),
            (&["--socket", "x", "--memory-limit-bytes", "12"], "at least"),
            (&["--socket", "x", "--memory-limit-bytes", "-1"], "-1"),
        ] {
            let error = parse(words).unwrap_err().to_string();
            assert!(error.contains(part), "{words:?}: {error}");
        }
    }
}
