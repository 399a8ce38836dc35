//! Why a whole file of questions is refused.

use crate::LineProblem;

/// A file of which nothing can be used, or, in strict mode, of which one line cannot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SuiteError {
    /// Nothing but white space.
    #[error(
        "{name} is empty; a suite needs a header line and at least one item, or one record of a known format"
    )]
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
    #[error("{name} cannot be unpacked: {reason}; fetch it again")]
    Gzip {
        /// Name of the file.
        name: String,
        /// What the decoder says.
        reason: String,
    },
    /// A suite whose first line is no header of this version.
    #[error("{name}: the header in {place} cannot be used: {reason}")]
    Header {
        /// Name of the file.
        name: String,
        /// Where it stands.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// The one value that the file is cannot be read.
    #[error("{name} is no JSON list: {reason}")]
    Json {
        /// Name of the file.
        name: String,
        /// What the parser says.
        reason: String,
    },
    /// No format fits.
    #[error("{name} is in no known format: {found}. Known are: {known}")]
    UnknownFormat {
        /// Name of the file.
        name: String,
        /// What was found, and what the nearest format lacks.
        found: String,
        /// Every format.
        known: String,
    },
    /// A format name that does not exist.
    #[error("there is no format {format:?}; known are: {known}")]
    NoSuchFormat {
        /// The name given.
        format: String,
        /// Every format.
        known: String,
    },
    /// A table without a column that its format needs.
    #[error("{name}: column {column:?}, which {format} needs, is missing; there are: {present}")]
    MissingColumn {
        /// Name of the file.
        name: String,
        /// Name of the format.
        format: &'static str,
        /// The column.
        column: &'static str,
        /// Columns there are.
        present: String,
    },
    /// Strict mode stops at the first line that cannot be used.
    #[error("{name}: {problem} (strict mode stops here; without it this line is left out)")]
    Strict {
        /// Name of the file.
        name: String,
        /// The line.
        problem: LineProblem,
    },
    /// Every line is refused.
    #[error("{name} has no usable item: {refused} line(s) refused, the first: {first}")]
    NothingUsable {
        /// Name of the file.
        name: String,
        /// Lines refused.
        refused: u64,
        /// The first reason.
        first: String,
    },
}
