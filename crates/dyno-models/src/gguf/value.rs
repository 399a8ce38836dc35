//! Metadata values: the thirteen types of the format.

use super::error::quoted;

/// Type of a value that is not an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum ScalarKind {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    Bool,
    String,
    U64,
    I64,
    F64,
}

/// Id of the array type in the file.
pub(super) const ARRAY_ID: u32 = 9;

impl ScalarKind {
    /// Every kind with its id in the file.
    pub const ALL: [(u32, Self); 12] = [
        (0, Self::U8),
        (1, Self::I8),
        (2, Self::U16),
        (3, Self::I16),
        (4, Self::U32),
        (5, Self::I32),
        (6, Self::F32),
        (7, Self::Bool),
        (8, Self::String),
        (10, Self::U64),
        (11, Self::I64),
        (12, Self::F64),
    ];

    /// The kind with this id; `None` for arrays and unknown ids.
    #[must_use]
    pub fn from_id(id: u32) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == id).map(|(_, kind)| *kind)
    }

    /// Id in the file.
    #[must_use]
    pub fn id(self) -> u32 {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or(u32::MAX, |(id, _)| *id)
    }

    /// Bytes of one value in the file; `None` for strings, whose length varies.
    #[must_use]
    pub const fn fixed_bytes(self) -> Option<u64> {
        match self {
            Self::U8 | Self::I8 | Self::Bool => Some(1),
            Self::U16 | Self::I16 => Some(2),
            Self::U32 | Self::I32 | Self::F32 => Some(4),
            Self::U64 | Self::I64 | Self::F64 => Some(8),
            Self::String => None,
        }
    }
}

/// One value that is not an array.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Scalar {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    String(String),
    U64(u64),
    I64(i64),
    F64(f64),
}

impl Scalar {
    /// Its type.
    #[must_use]
    pub const fn kind(&self) -> ScalarKind {
        match self {
            Self::U8(_) => ScalarKind::U8,
            Self::I8(_) => ScalarKind::I8,
            Self::U16(_) => ScalarKind::U16,
            Self::I16(_) => ScalarKind::I16,
            Self::U32(_) => ScalarKind::U32,
            Self::I32(_) => ScalarKind::I32,
            Self::F32(_) => ScalarKind::F32,
            Self::Bool(_) => ScalarKind::Bool,
            Self::String(_) => ScalarKind::String,
            Self::U64(_) => ScalarKind::U64,
            Self::I64(_) => ScalarKind::I64,
            Self::F64(_) => ScalarKind::F64,
        }
    }

    /// Any integer type, when not negative.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::U8(value) => Some(u64::from(*value)),
            Self::U16(value) => Some(u64::from(*value)),
            Self::U32(value) => Some(u64::from(*value)),
            Self::U64(value) => Some(*value),
            Self::I8(value) => u64::try_from(*value).ok(),
            Self::I16(value) => u64::try_from(*value).ok(),
            Self::I32(value) => u64::try_from(*value).ok(),
            Self::I64(value) => u64::try_from(*value).ok(),
            _ => None,
        }
    }

    /// Either float type, when finite.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        let value = match self {
            Self::F32(value) => f64::from(*value),
            Self::F64(value) => *value,
            _ => return None,
        };
        value.is_finite().then_some(value)
    }

    /// A string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(value) => Some(value),
            _ => None,
        }
    }

    /// A truth value.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The value for a sentence: text quoted and cut short.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::String(text) => quoted(text),
            number => format!("{number:?}"),
        }
    }

    /// Decodes a value of fixed size from exactly its bytes. `None` for strings, wrong lengths, and truth values other
    /// than 0 and 1.
    pub(super) fn decode(kind: ScalarKind, bytes: &[u8]) -> Option<Self> {
        Some(match kind {
            ScalarKind::U8 => Self::U8(u8::from_le_bytes(bytes.try_into().ok()?)),
            ScalarKind::I8 => Self::I8(i8::from_le_bytes(bytes.try_into().ok()?)),
            ScalarKind::U16 => Self::U16(u16::from_le_bytes(bytes.try_into().ok()?)),
            ScalarKind::I16 => Self::I16(i16::from_le_bytes(bytes.try_into().ok()?)),
            ScalarKind::U32 => Self::U32(u32::from_le_bytes(bytes.try_into().ok()?)),
            ScalarKind::I32 => Self::I32(i32::from_le_bytes(bytes.try_into().ok()?)),
            ScalarKind::F32 => Self::F32(f32::from_le_bytes(bytes.try_into().ok()?)),
            ScalarKind::U64 => Self::U64(u64::from_le_bytes(bytes.try_into().ok()?)),
            ScalarKind::I64 => Self::I64(i64::from_le_bytes(bytes.try_into().ok()?)),
            ScalarKind::F64 => Self::F64(f64::from_le_bytes(bytes.try_into().ok()?)),
            ScalarKind::Bool => match bytes {
                [0] => Self::Bool(false),
                [1] => Self::Bool(true),
                _ => return None,
            },
            ScalarKind::String => return None,
        })
    }

    /// Appends the value as the file holds it.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::U8(value) => out.push(*value),
            Self::I8(value) => out.extend(value.to_le_bytes()),
            Self::U16(value) => out.extend(value.to_le_bytes()),
            Self::I16(value) => out.extend(value.to_le_bytes()),
            Self::U32(value) => out.extend(value.to_le_bytes()),
            Self::I32(value) => out.extend(value.to_le_bytes()),
            Self::F32(value) => out.extend(value.to_le_bytes()),
            Self::Bool(value) => out.push(u8::from(*value)),
            Self::U64(value) => out.extend(value.to_le_bytes()),
            Self::I64(value) => out.extend(value.to_le_bytes()),
            Self::F64(value) => out.extend(value.to_le_bytes()),
            Self::String(value) => {
                out.extend((value.len() as u64).to_le_bytes());
                out.extend(value.as_bytes());
            }
        }
    }
}

/// Where an array lies; its items are read on demand ([`crate::gguf::GgufHeader::load_array`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArrayInfo {
    /// Type of the items.
    pub kind: ScalarKind,
    /// Number of items.
    pub count: u64,
    /// Where the first item begins in the file, bytes.
    pub offset: u64,
    /// Bytes of all items.
    pub bytes: u64,
}

/// One metadata value as the reader keeps it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Not an array.
    Scalar(Scalar),
    /// A short array of numbers or truth values, kept whole (see [`crate::gguf::limits::ITEMS_KEPT_MAX`]).
    Items(ArrayInfo, Vec<Scalar>),
    /// A long array, or one of strings: only its place is kept.
    Array(ArrayInfo),
}
