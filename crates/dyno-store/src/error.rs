//! What can go wrong with a history, and what to do about it.

use std::path::{Path, PathBuf};

use dyno_types::{Remedy, Wish};
use rusqlite::ErrorCode;

use crate::waiting::Stop;

/// A failure of the history. Nothing that was kept before is changed by any of them.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file was written by a later version.
    #[error(
        "{} was written by a newer dyno (schema {found}, this knows {known})", path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// Latest schema this version knows.
        known: i64,
    },
    /// The file is an SQLite database of another program.
    #[error("{} is a database of another program", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged, or no database.
    #[error(
        "{} is damaged or no history of dyno ({reason}): put a backup in its place, or move it away and a new history begins; \
         it was not changed", path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite found.
        reason: String,
    },
    /// The file cannot be opened or made.
    #[error("{} cannot be opened ({reason}): check that the folder exists and may be written", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// No space left.
    #[error("{} cannot grow because the disk is full: free some space and repeat; what was kept before is intact", path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// Another process held the file for too long.
    #[error("{} is in use by another process that did not let go of it: end that process (or wait for it) and repeat", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// The work was stopped while another process held the file.
    #[error("{} was in use by another process when the work was stopped", path.display())]
    Stopped {
        /// The file.
        path: PathBuf,
    },
    /// Several records begin like this.
    #[error("{prefix:?} is the beginning of several kept records ({}): write more of it", examples.join(", "))]
    Ambiguous {
        /// What was asked for.
        prefix: String,
        /// Some of them.
        examples: Vec<String>,
    },
    /// A record with this id is there already.
    #[error("there is already a record {id} in {}: nothing was replaced", path.display())]
    Duplicate {
        /// The id.
        id: String,
        /// The file.
        path: PathBuf,
    },
    /// A record that could not be read back.
    #[error(
        "record {id} cannot be kept, because it could not be read again ({reason}): this is a bug of dyno, please report it"
    )]
    Unkeepable {
        /// Id of the record.
        id: String,
        /// What reading it back said.
        reason: String,
    },
    /// A kept record that this version cannot read.
    #[error("record {id} cannot be read by this dyno ({reason}): a newer dyno may")]
    Unreadable {
        /// Id of the record.
        id: String,
        /// Why.
        reason: String,
    },
    /// Anything else that SQLite reports.
    #[error("{} cannot be used ({reason}): check its disk", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite reported.
        reason: String,
    },
}

impl StoreError {
    /// What would help.
    #[must_use]
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::Newer { .. } | Self::Foreign { .. } | Self::Open { .. } => {
                Some(Remedy::Give(Wish::History))
            }
            Self::Unreadable { id, .. } => Some(Remedy::RemoveRecord(id.clone())),
            _ => None,
        }
    }

    /// Whether the place is at fault, not what was kept there: it cannot be written, is full, or does not answer.
    #[must_use]
    pub fn is_of_the_place(&self) -> bool {
        matches!(self, Self::Open { .. } | Self::Full { .. } | Self::Database { .. })
    }

    /// That the work was stopped, where it was and the file is in use; the error itself otherwise.
    pub(crate) fn or_stopped(self, stop: &Stop) -> Self {
        match self {
            Self::Busy { path } if stop.is_stopped() => Self::Stopped { path },
            other => other,
        }
    }

    /// What an error of SQLite means for the history in this file.
    pub(crate) fn from_sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        let (path, reason) = (path.to_owned(), error.to_string());
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full { path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { path },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged { path, reason },
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
                Self::Open { path, reason }
            }
            _ => Self::Database { path, reason },
        }
    }
}
