//! Sequential reading through one large buffer, bounded by the known length, hashing every byte consumed.

use std::io::Read;

use sha2::{Digest, Sha256};

use super::{GgufError, limits};

/// Size of the read buffer, bytes; the reader's own memory does not grow with the file.
const BUFFER_BYTES: usize = 256 * 1024;

/// A reader of known length.
pub(super) struct Source<R> {
    reader: R,
    buffer: Vec<u8>,
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
    pub(super) fn new(reader: R, length: u64) -> Self {
        let size = usize::try_from(length).map_or(BUFFER_BYTES, |length| length.clamp(1, BUFFER_BYTES));
        Self { reader, buffer: vec![0; size], start: 0, end: 0, offset: 0, length, hasher: Sha256::new() }
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn left(&self) -> u64 {
        self.length - self.offset
    }

    /// Digest of everything consumed followed by the length of the whole source (64 bits, little-endian).
    pub(super) fn fingerprint(mut self) -> [u8; 32] {
        self.hasher.update(&self.buffer[..self.start]);
        self.hasher.update(self.length.to_le_bytes());
        self.hasher.finalize().into()
    }

    /// Refuses unless `needed` more bytes exist and the header stays within its limit.
    pub(super) fn require(&self, needed: u64, what: &str) -> Result<(), GgufError> {
        if needed > self.left() {
            let (what, offset, left) = (what.to_owned(), self.offset, self.left());
            return Err(GgufError::Truncated { what, offset, needed, left });
        }
        let found = self.offset.saturating_add(needed);
        if found > limits::HEADER_BYTES_MAX {
            let what = "the size of the header".to_owned();
            return Err(GgufError::TooLarge { what, found, limit: limits::HEADER_BYTES_MAX });
        }
        Ok(())
    }

    /// The next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], GgufError> {
        self.require(N as u64, what)?;
        let mut bytes = [0; N];
        self.copy_into(&mut bytes, what)?;
        Ok(bytes)
    }

    pub(super) fn u32(&mut self, what: &str) -> Result<u32, GgufError> {
        self.array(what).map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self, what: &str) -> Result<u64, GgufError> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// The next `count` bytes. Allocates only after knowing that they exist.
    pub(super) fn bytes(&mut self, count: u64, what: &str) -> Result<Vec<u8>, GgufError> {
        self.require(count, what)?;
        let count =
            usize::try_from(count).map_err(|_| std::io::Error::from(std::io::ErrorKind::OutOfMemory))?;
        let mut bytes = vec![0; count];
        self.copy_into(&mut bytes, what)?;
        Ok(bytes)
    }

    /// Passes over `count` bytes.
    pub(super) fn skip(&mut self, count: u64, what: &str) -> Result<(), GgufError> {
        self.require(count, what)?;
        let mut left = count;
        while left > 0 {
            if self.start == self.end {
                self.refill(left, what)?;
            }
            let step = usize::try_from(left).unwrap_or(usize::MAX).min(self.end - self.start);
            self.start += step;
            self.offset += step as u64;
            left -= step as u64;
        }
        Ok(())
    }

    fn copy_into(&mut self, target: &mut [u8], what: &str) -> Result<(), GgufError> {
        let mut done = 0;
        while done < target.len() {
            if self.start == self.end {
                self.refill((target.len() - done) as u64, what)?;
            }
            let step = (target.len() - done).min(self.end - self.start);
            target[done..done + step].copy_from_slice(&self.buffer[self.start..self.start + step]);
            self.start += step;
            self.offset += step as u64;
            done += step;
        }
        Ok(())
    }

    /// Replaces the wholly consumed buffer. The file may have shrunk since its length was read: also a truncation.
    fn refill(&mut self, needed: u64, what: &str) -> Result<(), GgufError> {
        self.hasher.update(&self.buffer[..self.start]);
        (self.start, self.end) = (0, 0);
        loop {
            match self.reader.read(&mut self.buffer) {
                Ok(0) => {
                    return Err(GgufError::Truncated {
                        what: what.to_owned(),
                        offset: self.offset,
                        needed,
                        left: 0,
                    });
                }
                Ok(count) => {
                    self.end = count;
                    return Ok(());
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
