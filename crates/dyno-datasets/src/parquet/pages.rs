//! What the pages of a Parquet column promise: their headers are read (Thrift, compact protocol) and nothing is unpacked.
//! The Parquet reader trusts these figures when it asks for memory, so they are summed up first. It takes a number for a number
//! whatever type is written before it; a header where the two could differ is broken here, so that both see the same pages.

use std::io::Read;

use flate2::read::MultiGzDecoder;

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

/// Whether no page of a column chunk packed with gzip unpacks to more than it promises; `None` where one is broken. The decoder of
/// the Parquet reader stops at no promise, so each page is unpacked once before it, and nothing of that is kept.
pub(super) fn gzip_keeps_promises(chunk: &[u8]) -> Option<bool> {
    let mut thrift = Thrift { rest: chunk };
    while !thrift.rest.is_empty() {
        let header = PageHeader::read(&mut thrift)?;
        let (page, rest) = thrift.rest.split_at_checked(usize::try_from(header.packed_bytes).ok()?)?;
        thrift.rest = rest;
        // Levels come before what is packed, as they are.
        let packed = page.get(usize::try_from(header.level_bytes).ok()?..)?;
        let promised = u64::try_from(header.unpacked_bytes.checked_sub(header.level_bytes)?).ok()?;
        if header.plain || promised == 0 {
            continue;
        }
        let unpacked = MultiGzDecoder::new(packed).take(promised + 1);
        if unpacked_bytes(unpacked)? > promised {
            return Some(false);
        }
    }
    Some(true)
}

fn unpacked_bytes(mut unpacked: impl Read) -> Option<u64> {
    std::io::copy(&mut unpacked, &mut std::io::sink()).ok()
}

/// The figures of a page.
#[derive(Debug, Default)]
struct PageHeader {
    unpacked_bytes: i64,
    packed_bytes: i64,
    values: i64,
    /// Bytes before what is packed.
    level_bytes: i64,
    /// Whether nothing is packed, whatever the column says.
    plain: bool,
}

impl PageHeader {
    fn read(thrift: &mut Thrift<'_>) -> Option<Self> {
        let mut header = Self::default();
        let mut id = 0;
        while let Some(kind) = thrift.field(&mut id)? {
            match (id, kind) {
                (2, I32) => header.unpacked_bytes = thrift.number()?,
                (3, I32) => header.packed_bytes = thrift.number()?,
                (1 | 4, I32) => drop(thrift.number()?),
                // Data pages, dictionary pages and data pages of version 2 all begin with their number of values.
                (5, STRUCT) => header.values = thrift.figures(4)?.numbers[1],
                (7, STRUCT) => header.values = thrift.figures(2)?.numbers[1],
                (8, STRUCT) => {
                    let Figures { numbers, packed } = thrift.figures(6)?;
                    header.values = numbers[1];
                    header.level_bytes = u31(numbers[LEVELS[0]])?.checked_add(u31(numbers[LEVELS[1]])?)?;
                    header.plain = !packed;
                }
                (6, STRUCT) => thrift.skip(kind, DEPTH_MAX)?,
                (1..=8, _) => return None,
                _ => thrift.skip(kind, DEPTH_MAX)?,
            }
        }
        Some(header)
    }
}

/// Fields of a data page of version 2 that state bytes of levels.
const LEVELS: [usize; 2] = [5, 6];

/// The number, where it is none below zero.
fn u31(number: i64) -> Option<i64> {
    (number >= 0).then_some(number)
}

/// What the first fields of a page's own header state.
struct Figures {
    /// Whole numbers by the ids of their fields; 0 where nothing is stated.
    numbers: [i64; 7],
    /// Whether the page is packed: what field 7 says, true without it.
    packed: bool,
}

const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const I16: u8 = 4;
const I32: u8 = 5;
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
        let next = match byte >> 4 {
            0 => self.integer()?,
            step => id.checked_add(i64::from(step))?,
        };
        // Ids have 16 bits: others could be taken for these.
        *id = i64::from(i16::try_from(next).ok()?);
        Some(Some(byte & 0x0f))
    }

    /// A whole number of 32 bits.
    fn number(&mut self) -> Option<i64> {
        i32::try_from(self.integer()?).ok().map(i64::from)
    }

    /// A structure whose first `count` fields, at most six, are whole numbers.
    fn figures(&mut self, count: i64) -> Option<Figures> {
        let mut found = Figures { numbers: [0; 7], packed: true };
        let mut id = 0;
        while let Some(kind) = self.field(&mut id)? {
            let number = usize::try_from(id).ok().filter(|_| id <= count);
            match (number.and_then(|id| found.numbers.get_mut(id)), kind) {
                (Some(number), I32) => *number = self.number()?,
                (Some(_), _) => return None,
                (None, TRUE | FALSE) if id == 7 => found.packed = kind == TRUE,
                (None, _) => self.skip(kind, DEPTH_MAX)?,
            }
        }
        Some(found)
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
    use std::io::Write as _;

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

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// A number below 64 as Thrift writes it.
    fn small(number: usize) -> u8 {
        u8::try_from(number * 2).unwrap()
    }

    #[test]
    fn a_page_of_gzip_that_unpacks_to_more_than_it_promises_is_found() {
        let page = |bytes: usize| {
            let packed = gzip(&vec![b'a'; bytes]);
            let mut page = PAGE[..PAGE.len() - 1].to_vec();
            page[6] = small(packed.len());
            [page, packed].concat()
        };
        assert_eq!(gzip_keeps_promises(&page(1000)), Some(true));
        assert_eq!(gzip_keeps_promises(&page(1001)), Some(false));
        assert_eq!(gzip_keeps_promises(&[page(1000), page(5000)].concat()), Some(false));
        assert_eq!(gzip_keeps_promises(&[&PAGE[..], b"yz"].concat()), None, "no gzip");
    }

    #[test]
    fn levels_before_a_page_of_version_2_are_not_packed() {
        // Five values, two bytes of levels, 62 bytes in all; the last field says whether it is packed.
        let page = |bytes: usize, packed_field: u8| {
            let packed = gzip(&vec![b'a'; bytes]);
            let header = [0x15, 6, 0x15, small(62), 0x15, small(packed.len() + 2), 0x5c];
            let own = [
                0x15,
                small(5),
                0x15,
                0,
                0x15,
                0,
                0x15,
                0,
                0x15,
                small(1),
                0x15,
                small(1),
                packed_field,
                0,
                0,
            ];
            [&header[..], &own, b"lv", &packed].concat()
        };
        let [yes, no] = [0x10 | TRUE, 0x10 | FALSE];
        assert_eq!(gzip_keeps_promises(&page(60, yes)), Some(true));
        assert_eq!(gzip_keeps_promises(&page(61, yes)), Some(false));
        assert_eq!(gzip_keeps_promises(&page(61, no)), Some(true), "taken as it stands");
        let mut promised = Promised::default();
        promised.add(&page(60, yes)).unwrap();
        assert_eq!(promised, Promised { bytes: 62, values: 5 });
    }

    #[test]
    fn a_number_of_another_type_or_under_another_id_is_broken() {
        // The reader would take each of these for the size of the page.
        let byte = [0x15, 0, 0x13, 5, 0x15, 0, 0];
        let wide = [0x15, 0, 0x16, 5, 0x15, 0, 0];
        let wrapped = [0x15, 0, 0x05, 0x84, 0x80, 0x08, 5, 0];
        let large = [0x15, 0, 0x15, 0xfe, 0xff, 0xff, 0xff, 0x7f, 0x15, 0, 0];
        for header in [&byte[..], &wide, &wrapped, &large] {
            assert_eq!(Promised::default().add(header), None, "{header:?}");
        }
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
