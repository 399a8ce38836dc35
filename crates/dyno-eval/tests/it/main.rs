//! Files as people have them: the published sets, and everything that can be wrong with a file.

mod hostile;
mod published;
mod runs;
