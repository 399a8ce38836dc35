//! Why a statistic was refused.

/// Input from which the asked figure cannot be computed.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum StatsError {
    /// Fewer values than the statistic needs.
    #[error("{got} value(s) given, but at least {needed} are needed; measure more repetitions")]
    TooFew {
        /// Smallest number that works.
        needed: usize,
        /// Number given.
        got: usize,
    },
    /// A value is infinite or not a number.
    #[error("value {value} at position {index} is not finite; the measurement behind it is broken")]
    NotFinite {
        /// Position in the input.
        index: usize,
        /// The value.
        value: f64,
    },
    /// A value is zero or negative where only positive ones have a meaning.
    #[error(
        "value {value} at position {index} is not positive; logarithms, ratios and rates need positive values"
    )]
    NotPositive {
        /// Position in the input.
        index: usize,
        /// The value.
        value: f64,
    },
    /// All abscissae are the same, so no line is determined.
    #[error(
        "all points lie at the same x; a fit needs at least two distinct values, so measure more windows"
    )]
    TooFewDistinct,
    /// Two inputs that belong together have different lengths.
    #[error("{left} values on one side but {right} on the other; pairs need one of each")]
    LengthMismatch {
        /// Length of the first input.
        left: usize,
        /// Length of the second input.
        right: usize,
    },
    /// A parameter outside its range.
    #[error("{name} is {value}, but must lie in {range}")]
    OutOfRange {
        /// Name of the parameter.
        name: &'static str,
        /// The refused value.
        value: f64,
        /// Accepted range, as text.
        range: &'static str,
    },
}

/// Refuses inputs shorter than `needed` or with a value that is not finite.
pub(crate) fn check_finite(values: &[f64], needed: usize) -> Result<(), StatsError> {
    if values.len() < needed {
        return Err(StatsError::TooFew { needed, got: values.len() });
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(StatsError::NotFinite { index, value: values[index] }),
        None => Ok(()),
    }
}

/// Refuses what [`check_finite`] refuses, and zero or negative values.
pub(crate) fn check_positive(values: &[f64], needed: usize) -> Result<(), StatsError> {
    check_finite(values, needed)?;
    match values.iter().position(|value| *value <= 0.0) {
        Some(index) => Err(StatsError::NotPositive { index, value: values[index] }),
        None => Ok(()),
    }
}

/// Refuses two inputs of different lengths.
pub(crate) fn check_same_length<L, R>(left: &[L], right: &[R]) -> Result<(), StatsError> {
    if left.len() == right.len() {
        Ok(())
    } else {
        Err(StatsError::LengthMismatch { left: left.len(), right: right.len() })
    }
}
