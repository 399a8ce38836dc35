//! Sequential reading through one large buffer, bounded by the known length, hashing every byte consumed.

use std::fmt;
use std::io::Read;

use sha2::{Digest, Sha256};

use super::error::quoted;
use super::read_at::PIECE_BYTES;
use super::{GgufError, limits};

/// What is being read, for the sentence of a refusal. Costs nothing until then.
#[derive(Debug, Clone, Copy)]
pub(super) enum What<'a> {
    /// A part that every header has.
    The(&'static str),
    /// The entry of this key.
    Key(&'a str),
    /// The entry of this tensor.
    Tensor(&'a str),
}

impl fmt::Display for What<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::The(part) => formatter.write_str(part),
            Self::Key(key) => write!(formatter, "key {}", quoted(key)),
            Self::Tensor(name) => write!(formatter, "tensor {}", quoted(name)),
        }
    }
}

/// A reader of known length.
pub(super) struct Source<R> {
    reader: R,
    /// Grows with what was read; the first piece is small.
    buffer: Vec<u8>,
    piece_bytes_max: usize,
    /// Consumed part of the buffer, bytes.
    start: usize,
    /// Filled part of the buffer, bytes.
    end: usize,
    /// Position of the next unconsumed byte in the file.
    offset: u64,
    length: u64,
    hasher: Sha256,
}

impl<R: Read> Source<R> {
    pub(super) fn new(reader: R, length: u64, piece_bytes_max: usize) -> Self {
        let hasher = Sha256::new();
        let piece_bytes_max = piece_bytes_max.max(PIECE_BYTES);
        Self { reader, buffer: Vec::new(), piece_bytes_max, start: 0, end: 0, offset: 0, length, hasher }
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    fn left(&self) -> u64 {
        self.length - self.offset
    }

    /// Digest of everything consumed followed by the length of the whole source (64 bits, little-endian).
    pub(super) fn fingerprint(mut self) -> [u8; 32] {
        self.hasher.update(&self.buffer[..self.start]);
        self.hasher.update(self.length.to_le_bytes());
        self.hasher.finalize().into()
    }

    /// Refuses unless `needed` more bytes exist and the header stays within its limit.
    pub(super) fn require(&self, needed: u64, what: What<'_>) -> Result<(), GgufError> {
        if needed > self.left() {
            return Err(self.truncated(needed, self.left(), what));
        }
        let found = self.offset.saturating_add(needed);
        if found > limits::HEADER_BYTES_MAX {
            let what = "the size of the header".to_owned();
            return Err(GgufError::TooLarge { what, found, limit: limits::HEADER_BYTES_MAX });
        }
        Ok(())
    }

    fn truncated(&self, needed: u64, left: u64, what: What<'_>) -> GgufError {
        GgufError::Truncated { what: what.to_string(), offset: self.offset, needed, left }
    }

    /// The next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self, what: What<'_>) -> Result<[u8; N], GgufError> {
        self.require(N as u64, what)?;
        let mut bytes = [0; N];
        let mut done = 0;
        while done < N {
            let piece = self.next_piece(N - done, (N - done) as u64, what)?;
            bytes[done..done + piece.len()].copy_from_slice(piece);
            done += piece.len();
        }
        Ok(bytes)
    }

    pub(super) fn u32(&mut self, what: What<'_>) -> Result<u32, GgufError> {
        self.array(what).map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self, what: What<'_>) -> Result<u64, GgufError> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// The next `count` bytes. Memory grows with the bytes that arrive, not with `count`: the length of a remote file is
    /// only a claim, too.
    pub(super) fn bytes(&mut self, count: u64, what: What<'_>) -> Result<Vec<u8>, GgufError> {
        self.require(count, what)?;
        // Within the limit of the header, so it fits.
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let mut bytes = Vec::with_capacity(count.min(PIECE_BYTES));
        while bytes.len() < count {
            let left = count - bytes.len();
            let piece = self.next_piece(left, left as u64, what)?;
            bytes.extend_from_slice(piece);
        }
        Ok(bytes)
    }

    /// Passes over `count` bytes.
    pub(super) fn skip(&mut self, count: u64, what: What<'_>) -> Result<(), GgufError> {
        self.require(count, what)?;
        let mut left = count;
        while left > 0 {
            let piece = self.next_piece(usize::try_from(left).unwrap_or(usize::MAX), left, what)?;
            left -= piece.len() as u64;
        }
        Ok(())
    }

    /// Consumes up to `most` bytes of the buffer, at least one. `needed` says how many the caller still needs.
    fn next_piece(&mut self, most: usize, needed: u64, what: What<'_>) -> Result<&[u8], GgufError> {
        if self.start == self.end {
            self.refill(needed, what)?;
        }
        let begin = self.start;
        let step = most.min(self.end - begin);
        self.start += step;
        self.offset += step as u64;
        Ok(&self.buffer[begin..begin + step])
    }

    /// Replaces the wholly consumed buffer. The file may have shrunk since its length was read: also a truncation.
    fn refill(&mut self, needed: u64, what: What<'_>) -> Result<(), GgufError> {
        self.hasher.update(&self.buffer[..self.start]);
        (self.start, self.end) = (0, 0);
        let done = usize::try_from(self.offset).unwrap_or(usize::MAX);
        let size = done.clamp(PIECE_BYTES, self.piece_bytes_max);
        self.buffer.resize(usize::try_from(self.left()).unwrap_or(usize::MAX).min(size), 0);
        loop {
            match self.reader.read(&mut self.buffer) {
                Ok(0) => return Err(self.truncated(needed, 0, what)),
                Ok(count) => {
                    self.end = count;
                    return Ok(());
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                    return Err(self.truncated(needed, 0, what));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}
