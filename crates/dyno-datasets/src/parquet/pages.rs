//! What the pages of a Parquet column promise: their headers are read (Thrift, compact protocol) and nothing is unpacked.
//! The Parquet reader trusts these figures when it asks for memory, so they are summed up first.

/// Deepest nesting of a header that is followed.
const DEPTH_MAX: u32 = 16;

/// Sums over pages.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Promised {
    /// Bytes after unpacking.
    pub(super) bytes: u64,
    /// Values.
    pub(super) values: u64,
}

impl Promised {
    /// Adds the pages of one column chunk; `None` where they are broken.
    pub(super) fn add(&mut self, chunk: &[u8]) -> Option<()> {
        let mut thrift = Thrift { rest: chunk };
        while !thrift.rest.is_empty() {
            let header = PageHeader::read(&mut thrift)?;
            self.bytes = self.bytes.checked_add(u64::try_from(header.unpacked_bytes).ok()?)?;
            self.values = self.values.checked_add(u64::try_from(header.values).ok()?)?;
            thrift.rest = thrift.rest.get(usize::try_from(header.packed_bytes).ok()?..)?;
        }
        Some(())
    }
}

/// The figures of a page.
#[derive(Debug, Default)]
struct PageHeader {
    unpacked_bytes: i64,
    packed_bytes: i64,
    values: i64,
}

impl PageHeader {
    fn read(thrift: &mut Thrift<'_>) -> Option<Self> {
        let mut header = Self::default();
        let mut id = 0;
        while let Some(kind) = thrift.field(&mut id)? {
            match (id, kind) {
                (2, I16..=I64) => header.unpacked_bytes = thrift.integer()?,
                (3, I16..=I64) => header.packed_bytes = thrift.integer()?,
                // Data pages, dictionary pages and data pages of version 2 all begin with their number of values.
                (5 | 7 | 8, STRUCT) => header.values = thrift.first_integer()?,
                _ => thrift.skip(kind, DEPTH_MAX)?,
            }
        }
        Some(header)
    }
}

const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const I16: u8 = 4;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
const STRUCT: u8 = 12;

/// Bytes in Thrift's compact protocol.
struct Thrift<'a> {
    rest: &'a [u8],
}

impl Thrift<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn integer(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// Kind of the next field, whose id comes to stand in `id`; the inner `None` at the end of the structure.
    fn field(&mut self, id: &mut i64) -> Option<Option<u8>> {
        let byte = self.byte()?;
        if byte == 0 {
            return Some(None);
        }
        *id = match byte >> 4 {
            0 => self.integer()?,
            step => id.checked_add(i64::from(step))?,
        };
        Some(Some(byte & 0x0f))
    }

    /// The first field of a structure, a whole number; the rest is skipped.
    fn first_integer(&mut self) -> Option<i64> {
        let (mut id, mut first) = (0, 0);
        while let Some(kind) = self.field(&mut id)? {
            match (id, kind) {
                (1, I16..=I64) => first = self.integer()?,
                _ => self.skip(kind, DEPTH_MAX)?,
            }
        }
        Some(first)
    }

    fn skip(&mut self, kind: u8, depth: u32) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            TRUE | FALSE => {}
            BYTE => drop(self.byte()?),
            I16..=I64 => drop(self.varint()?),
            DOUBLE => self.rest = self.rest.get(8..)?,
            BINARY => {
                let length = usize::try_from(self.varint()?).ok()?;
                self.rest = self.rest.get(length..)?;
            }
            LIST | SET => {
                let head = self.byte()?;
                let count = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
                self.skip_elements(count, &[head & 0x0f], depth)?;
            }
            MAP => {
                let count = self.varint()?;
                let kinds = if count == 0 { 0 } else { self.byte()? };
                self.skip_elements(count, &[kinds >> 4, kinds & 0x0f], depth)?;
            }
            STRUCT => {
                let mut id = 0;
                while let Some(kind) = self.field(&mut id)? {
                    self.skip(kind, depth)?;
                }
            }
            _ => return None,
        }
        Some(())
    }

    /// Elements of a list or a map. In these a truth value is a byte of its own, so each takes at least one.
    fn skip_elements(&mut self, count: u64, kinds: &[u8], depth: u32) -> Option<()> {
        if count > self.rest.len() as u64 {
            return None;
        }
        for _ in 0..count {
            for kind in kinds {
                self.skip(if matches!(*kind, TRUE | FALSE) { BYTE } else { *kind }, depth)?;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header of a data page: type 0, 1000 bytes unpacked, 3 packed, 7 values.
    const PAGE: [u8; 17] = [0x15, 0, 0x15, 0xd0, 0x0f, 0x15, 6, 0x2c, 0x15, 14, 0x15, 0, 0x15, 0, 0, 0, b'x'];

    #[test]
    fn pages_are_summed_without_unpacking() {
        let chunk = [&PAGE[..], b"yz", &PAGE, b"yz"].concat();
        let mut promised = Promised::default();
        promised.add(&chunk).unwrap();
        assert_eq!(promised, Promised { bytes: 2000, values: 14 });
    }

    #[test]
    fn broken_headers_are_no_pages() {
        // Cut off, a body that is missing, a list of more elements than there are bytes, endless nesting.
        let nested = [0x5c_u8; 40];
        for chunk in [&PAGE[..5], &PAGE[..16], &[0x19, 0xf5, 0xff, 0xff, 0x7f], &nested] {
            assert_eq!(Promised::default().add(chunk), None, "{chunk:?}");
        }
    }
}
