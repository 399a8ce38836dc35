//! Why a template could not be compiled or rendered.

/// What went wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} (line {line} of the template)")]
pub struct Fault {
    /// The kind, with its words.
    pub reason: Reason,
    /// Line of the template, from 1.
    pub line: u32,
}

/// Kinds of faults.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The source is no template.
    #[error("{0}")]
    Syntax(String),
    /// The template called `raise_exception`.
    #[error("{0}")]
    Refused(String),
    /// A limit was exceeded.
    #[error("{0}")]
    Limit(String),
    /// Anything Python or Jinja would raise while rendering.
    #[error("{0}")]
    Failed(String),
}

/// Result of everything that can fail; the line is added where statements are carried out.
pub(crate) type Outcome<T> = Result<T, Reason>;

/// A failure of rendering.
pub(crate) fn failed<T>(message: impl Into<String>) -> Outcome<T> {
    Err(Reason::Failed(message.into()))
}
