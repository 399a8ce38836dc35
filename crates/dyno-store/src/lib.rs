//! The history of runs: one SQLite file, records kept whole and for ever. The only SQL of the project.
//!
//! Several processes may use one history at the same time. A record is written in one transaction: a process that dies while
//! writing loses at most that record.

mod error;
mod headline;
mod history;
mod ledger;
mod migrate;
mod run_id;

pub use error::StoreError;
pub use headline::{Filter, Headline};
pub use history::History;
pub use ledger::{LedgerEntry, subject};
pub use run_id::new_run_id;
