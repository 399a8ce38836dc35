//! Output of a program, bounded while it is read: its beginning, its end, and how much there was.

use std::collections::VecDeque;

/// Bytes kept of the beginning: the driver's first line must fit.
const HEAD_BYTES: usize = 128;
/// Bytes kept of the end.
const TAIL_BYTES: usize = 8 << 10;

/// What is kept of one stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stream {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    total_bytes: u64,
}

impl Stream {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let room = HEAD_BYTES.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..room]);
        let kept = &bytes[bytes.len().saturating_sub(TAIL_BYTES)..];
        let surplus = (self.tail.len() + kept.len()).saturating_sub(TAIL_BYTES);
        self.tail.drain(..surplus);
        self.tail.extend(kept);
        self.total_bytes += bytes.len() as u64;
    }

    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// The end of the output, as text; what is no text becomes `\u{fffd}`.
    pub(crate) fn tail(&self) -> String {
        let bytes: Vec<u8> = self.tail.iter().copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub(crate) fn total_bytes(&self) -> u64 {
        self.total_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_are_kept_whatever_the_pieces() {
        let text: Vec<u8> = (0..20_000_u32).map(|index| b'a' + (index % 26) as u8).collect();
        for piece in [1, 7, 128, 5000, 8192, 8193, 20_000] {
            let mut stream = Stream::default();
            text.chunks(piece).for_each(|bytes| stream.push(bytes));
            assert_eq!(stream.head(), &text[..HEAD_BYTES], "{piece}");
            assert_eq!(stream.tail().as_bytes(), &text[text.len() - TAIL_BYTES..], "{piece}");
            assert_eq!(stream.total_bytes(), 20_000);
        }
    }

    #[test]
    fn what_is_no_text_is_shown_as_such() {
        let mut stream = Stream::default();
        stream.push(b"a\xffb");
        assert_eq!(stream.tail(), "a\u{fffd}b");
    }
}
