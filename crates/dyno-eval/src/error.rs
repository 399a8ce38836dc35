//! Why a whole file of questions is refused.

use dyno_datasets::DatasetError;

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
    /// The file itself cannot be read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
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
    /// Several formats fit, and they would be asked differently.
    #[error("{name} fits several formats: {fits}; say which one it is in")]
    SeveralFormats {
        /// Name of the file.
        name: String,
        /// Names of the formats.
        fits: String,
    },
    /// Questions and answers that cannot be told apart, or not be scored as asked.
    #[error("{name}: {reason}")]
    Questions {
        /// Name of the file.
        name: String,
        /// What was found, what is needed and the nearest way.
        reason: String,
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
