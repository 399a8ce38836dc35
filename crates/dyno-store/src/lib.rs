//! The history of runs and evaluations: one SQLite file, records kept whole and for ever. The only SQL of the project.
//!
//! Several processes may use one history at the same time. A record is written in one transaction: a process that dies while
//! writing loses at most that record.

mod error;
mod eval_headline;
mod evals;
mod headline;
mod history;
mod kept;
mod ledger;
mod migrate;
mod read_only;
mod run_id;
mod waiting;

pub use error::StoreError;
pub use eval_headline::EvalHeadline;
pub use headline::{Filter, Headline};
pub use history::History;
pub use ledger::{LedgerEntry, subject};
pub use run_id::new_run_id;
