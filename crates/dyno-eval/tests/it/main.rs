//! Answers as models write them; files as people have them: the published sets, and everything that can be wrong with a file.

mod answers;
mod harness;
mod hostile;
mod published;
mod runs;
