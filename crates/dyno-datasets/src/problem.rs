//! Why a file, or one record of it, cannot be read.

/// Where in a file something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A line, from 1.
    Line(u64),
    /// An entry of a list, or a row of a file without lines, from 1.
    Entry(u64),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Line(number) => write!(f, "line {number}"),
            Self::Entry(number) => write!(f, "entry {number}"),
        }
    }
}

/// Why one record is not used; the rest of the file is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct LineProblem {
    /// Where it stands.
    pub place: Place,
    /// The field, where one field is to blame.
    pub field: Option<String>,
    /// What is wrong, naming the field and its value.
    pub message: String,
}

impl LineProblem {
    /// A problem of a whole record.
    pub(crate) fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, field: None, message: message.into() }
    }
}

/// A file of which nothing can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatasetError {
    /// Nothing but white space.
    #[error("{name} is empty")]
    Empty {
        /// Name of the file.
        name: String,
    },
    /// Not UTF-8.
    #[error("{name} is not UTF-8 text ({found}); save it as UTF-8")]
    NotUtf8 {
        /// Name of the file.
        name: String,
        /// What it looks like instead.
        found: &'static str,
    },
    /// Too large.
    #[error("{name} has more than {limit} bytes{after}; split it, or take a part of it")]
    TooLarge {
        /// Name of the file.
        name: String,
        /// Most bytes read.
        limit: usize,
        /// ` after unpacking`, or nothing.
        after: &'static str,
    },
    /// Broken compression.
    #[error("{name} is packed with {method} and cannot be unpacked: {reason}; fetch it again")]
    Packed {
        /// Name of the file.
        name: String,
        /// How it is packed.
        method: &'static str,
        /// What the decoder says.
        reason: String,
    },
    /// A list that is none.
    #[error("{name} is no JSON list: {reason}")]
    List {
        /// Name of the file.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A document with more than one list of records.
    #[error("{name} holds several lists of records ({lists}); save the one to use in a file of its own")]
    SeveralLists {
        /// Name of the file.
        name: String,
        /// Their names.
        lists: String,
    },
    /// A Parquet file that cannot be read.
    #[error("{name} is a Parquet file that cannot be read: {reason}")]
    Parquet {
        /// Name of the file.
        name: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// Another kind of file.
    #[error("{name} is {found}; {remedy}")]
    Foreign {
        /// Name of the file.
        name: String,
        /// What it is.
        found: &'static str,
        /// What to do.
        remedy: &'static str,
    },
}
