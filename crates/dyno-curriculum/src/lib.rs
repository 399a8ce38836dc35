//! What the reference models are taught, and the held-out questions they are judged by: generated from a seed, never collected.
//! No files, no clock; the command beside it writes them.

mod arithmetic;
mod choice;
mod conversation;
mod depth;
mod fact;
mod heldout;
mod item;
mod language;
mod letters;
mod measures;
mod multistep;
mod plan;
mod python_function;
mod python_print;
mod random;
mod story;
mod style;
mod word_problem;

pub use conversation::{Lesson, lesson};
pub use heldout::{SuiteFile, suites};
pub use item::{Code, Item, Kind, Side};
pub use plan::{item, tasks};
