//! Metadata of one model, by the architecture's own prefix.

use crate::gguf::{GgufHeader, Scalar, Value};

/// Look-ups in a header.
pub(super) struct Keys<'a> {
    pub(super) header: &'a GgufHeader,
    pub(super) architecture: String,
}

impl<'a> Keys<'a> {
    pub(super) fn new(header: &'a GgufHeader) -> Self {
        let architecture =
            header.scalar("general.architecture").and_then(Scalar::as_str).unwrap_or_default().to_owned();
        Self { header, architecture }
    }

    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.header.scalar(key).and_then(Scalar::as_str).map(ToOwned::to_owned)
    }

    pub(super) fn model(&self, suffix: &str) -> Option<&Value> {
        self.header.get(&format!("{}.{suffix}", self.architecture))
    }

    /// A whole number; the largest, where the file states one per layer.
    pub(super) fn model_u64(&self, suffix: &str) -> Option<u64> {
        match self.model(suffix)? {
            Value::Scalar(scalar) => scalar.as_u64(),
            Value::Items(_, items) => items.iter().filter_map(Scalar::as_u64).max(),
            Value::Array(_) => None,
        }
    }

    pub(super) fn model_f64(&self, suffix: &str) -> Option<f64> {
        match self.model(suffix)? {
            Value::Scalar(scalar) => scalar.as_f64(),
            _ => None,
        }
    }

    pub(super) fn model_text(&self, suffix: &str) -> Option<String> {
        match self.model(suffix)? {
            Value::Scalar(scalar) => scalar.as_str().map(ToOwned::to_owned),
            _ => None,
        }
    }

    /// A truth value.
    pub(super) fn model_bool(&self, suffix: &str) -> Option<bool> {
        match self.model(suffix)? {
            Value::Scalar(scalar) => scalar.as_bool(),
            _ => None,
        }
    }

    /// One whole number per layer: the array's, or the same for all. `Err` for an array of another length or other things
    /// than whole numbers and truth values; `Ok(None)` when the key is absent.
    pub(super) fn per_layer(&self, suffix: &str, layers: u64) -> Result<Option<Vec<u64>>, NotPerLayer> {
        let number = |scalar: &Scalar| scalar.as_u64().or(scalar.as_bool().map(u64::from));
        let count = usize::try_from(layers).map_err(|_| NotPerLayer)?;
        match self.model(suffix) {
            None => Ok(None),
            Some(Value::Scalar(scalar)) => Ok(Some(vec![number(scalar).ok_or(NotPerLayer)?; count])),
            Some(Value::Items(_, items)) if items.len() == count => {
                items.iter().map(number).collect::<Option<_>>().map(Some).ok_or(NotPerLayer)
            }
            Some(Value::Items(..) | Value::Array(_)) => Err(NotPerLayer),
        }
    }
}

/// A key that should hold one whole number per layer holds something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotPerLayer;
