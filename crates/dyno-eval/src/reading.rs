//! What reading an answer came to: one thing, several of which none is meant, or nothing.

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading<T> {
    /// One, clearly.
    One(T),
    /// Several, or one that is not finished: `5-6`, `A or B`, `5 * 3`. Another look at the same answer finds no more.
    Several,
    /// Nothing of this kind.
    Nothing,
}

impl<T> Reading<T> {
    /// The same of what the one thing is.
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Reading<U> {
        match self {
            Self::One(found) => Reading::One(change(found)),
            Self::Several => Reading::Several,
            Self::Nothing => Reading::Nothing,
        }
    }

    /// The one thing.
    #[must_use]
    pub fn one(self) -> Option<T> {
        match self {
            Self::One(found) => Some(found),
            Self::Several | Self::Nothing => None,
        }
    }
}
