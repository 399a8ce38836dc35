//! Runs a short Python program that nobody trusts in a process that can do nothing else, and says how it went.
//!
//! Two processes per program. The parent ([`Sandbox::run`]) starts a *keeper*: an executable of ours whose only act is
//! [`launcher::main`]. It starts a second one, and ends it when the parent is gone, whatever the program did to itself. The second one
//! puts a disk in memory in place of the scratch folder (where the system allows user namespaces; elsewhere no file can be removed, so
//! that all of them are counted), limits itself (memory, processor time, files, threads), gives up the file system but for the Python
//! library and that disk (Landlock), gives up every system call that a computation does not need (seccomp: no network, no new processes,
//! no signals to others), and becomes the interpreter, with an environment of seven variables. Nothing of this needs privileges, and
//! nothing of this needs `unsafe`.
//!
//! [`Sandbox::detect`] does not believe that these protections hold: it runs a program that tries to break each of them, and a
//! protection counts when the attempt failed. Without [all of them](Protection::ALL) nothing runs, unless the
//! caller [demands nothing](Demand::Nothing); every [`Outcome`] names the protections it was obtained under.
//!
//! # What counts as passed
//!
//! The driver inside the interpreter reads the program, its tests and a random word from its standard input, runs the program,
//! then the tests, and writes the random word last. Only that word, with exit code 0, is a pass: a program that exits,
//! prints "all tests passed" or dies before the end of its tests has not passed. The tests are compiled apart from the
//! program, so that an open quotation mark in the program cannot swallow them.
//!
//! # What cannot be prevented
//!
//! - Program and tests share one interpreter. A program written against this very driver can walk the frames of its
//!   callers, find the word and print it; it can return an object that equals everything, or replace a function that the tests
//!   call. The sandbox protects the machine from the program, and the score from accidents; it does not protect the
//!   score from a program that means to cheat.
//! - Names, sizes and times of files can be asked for (`os.stat`) even where contents cannot be read.
//! - Kernel bugs, and what a processor leaks through its caches.
//! - Threads are counted fifty times a second, so that for a moment there can be more than allowed.
//! - Where no user namespace can be had, the scratch folder is looked at fifty times a second: for a moment it can hold more.

mod child;
mod environment;
mod error;
mod interpreter;
pub mod launcher;
mod leash;
mod nonce;
mod order;
mod outcome;
mod process_facts;
mod program;
mod protection;
mod sandbox;
mod scratch;
mod settings;
mod stream;

pub use error::{SandboxError, Unavailable};
pub use interpreter::Interpreter;
pub use outcome::{Limit, Outcome, Verdict};
pub use program::{Limits, Program};
pub use protection::{Protection, Protections};
pub use sandbox::Sandbox;
pub use settings::{Demand, Launcher, Mechanism, Settings};
