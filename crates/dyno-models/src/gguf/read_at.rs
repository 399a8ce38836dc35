//! What a header can be read from besides a stream: anything of known length that gives its bytes at any place.

use std::fs::File;
use std::io;

/// Bytes read at once from a local file. Large enough to be fast, small enough to stay in the processor's cache.
pub(super) const PIECE_BYTES: usize = 256 * 1024;

/// A file, or something like one: a remote file read by ranges, bytes in memory.
///
/// The header reader asks for pieces in ascending order, never past [`length`](Self::length), and never for the same
/// bytes twice. The first piece has at most 256 KiB; each later one takes as much as was read before, up to
/// [`piece_bytes_max`](Self::piece_bytes_max). So less is read ahead than was needed, and a header of 10 MB takes a
/// handful of requests.
pub trait ReadAt {
    /// Bytes in all.
    ///
    /// # Errors
    /// When that cannot be known.
    fn length(&self) -> io::Result<u64>;

    /// Fills `target` with the bytes that begin at `offset`.
    ///
    /// # Errors
    /// `UnexpectedEof` when there are fewer bytes than [`length`](Self::length) said; others when reading fails.
    fn read_exact_at(&self, target: &mut [u8], offset: u64) -> io::Result<()>;

    /// Largest piece asked for at once, bytes. Raise it where every request costs a round trip.
    fn piece_bytes_max(&self) -> usize {
        PIECE_BYTES
    }
}

impl<S: ReadAt + ?Sized> ReadAt for &S {
    fn length(&self) -> io::Result<u64> {
        (**self).length()
    }

    fn read_exact_at(&self, target: &mut [u8], offset: u64) -> io::Result<()> {
        (**self).read_exact_at(target, offset)
    }

    fn piece_bytes_max(&self) -> usize {
        (**self).piece_bytes_max()
    }
}

impl ReadAt for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_exact_at(&self, target: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, target, offset)
    }
}

impl ReadAt for [u8] {
    fn length(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read_exact_at(&self, target: &mut [u8], offset: u64) -> io::Result<()> {
        let piece = usize::try_from(offset)
            .ok()
            .and_then(|begin| self.get(begin..begin.checked_add(target.len())?))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        target.copy_from_slice(piece);
        Ok(())
    }
}

impl ReadAt for Vec<u8> {
    fn length(&self) -> io::Result<u64> {
        self.as_slice().length()
    }

    fn read_exact_at(&self, target: &mut [u8], offset: u64) -> io::Result<()> {
        self.as_slice().read_exact_at(target, offset)
    }
}

/// The bytes of a source from one place on, in order.
pub(super) struct Ahead<S> {
    pub(super) source: S,
    pub(super) offset: u64,
    /// Bytes left.
    pub(super) left: u64,
}

impl<S: ReadAt> io::Read for Ahead<S> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(target.len());
        if count > 0 {
            self.source.read_exact_at(&mut target[..count], self.offset)?;
            self.offset += count as u64;
            self.left -= count as u64;
        }
        Ok(count)
    }
}
