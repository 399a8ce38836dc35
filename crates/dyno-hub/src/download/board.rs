//! The unfinished file while it is being fetched: who fetches what, what is written, what is safe on the disk.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::time::{Duration, Instant};

use super::journal::Journal;
use super::progress::Meter;
use crate::hub::client::Span;

/// Written bytes of one connection after which they are made safe, and the time after which they are on a slow line.
const COMMIT_BYTES: u64 = 8 << 20;
const COMMIT_EVERY: Duration = Duration::from_secs(2);

/// State shared by the connections of one download.
pub(crate) struct Board {
    part: File,
    journal: Journal,
    /// Pieces nobody fetches yet.
    queue: VecDeque<Span>,
    /// Per connection: what is written but not yet in the journal; its end is where the next byte goes.
    written: Vec<Span>,
    /// Bytes there, of `total`.
    done: u64,
    total: u64,
    begun: Instant,
    /// When something was made safe last.
    committed: Instant,
    meter: Meter,
}

impl Board {
    pub(crate) fn new(part: File, journal: Journal, queue: VecDeque<Span>, total: u64) -> Self {
        let done = total - queue.iter().map(|piece| piece.bytes()).sum::<u64>();
        let (written, begun, meter) = (Vec::new(), Instant::now(), Meter::default());
        Self { part, journal, queue, written, done, total, begun, committed: begun, meter }
    }

    /// A place for one more connection.
    pub(crate) fn join(&mut self) -> usize {
        self.written.push(Span { begin: 0, end: 0 });
        self.written.len() - 1
    }

    /// The next piece for this connection.
    pub(crate) fn take(&mut self, slot: usize) -> Option<Span> {
        let piece = self.queue.pop_front()?;
        self.written[slot] = Span { begin: piece.begin, end: piece.begin };
        Some(piece)
    }

    /// Where the connection's next byte goes.
    pub(crate) fn position(&self, slot: usize) -> u64 {
        self.written[slot].end
    }

    /// The whole file anew on one connection, for servers that send nothing else. What is there stays claimed until it is
    /// overwritten: with the same bytes, or the digest will tell.
    pub(crate) fn restart_whole(&mut self, slot: usize) {
        self.queue.clear();
        self.written[slot] = Span { begin: 0, end: 0 };
        self.done = 0;
    }

    /// Writes what arrived. Gives the words to show, when it is time.
    pub(crate) fn write(&mut self, slot: usize, bytes: &[u8]) -> std::io::Result<Option<String>> {
        let span = &mut self.written[slot];
        self.part.seek(SeekFrom::Start(span.end))?;
        self.part.write_all(bytes)?;
        span.end += bytes.len() as u64;
        self.done += bytes.len() as u64;
        if span.bytes() >= COMMIT_BYTES {
            self.commit(slot)?;
        } else if self.committed.elapsed() >= COMMIT_EVERY {
            self.committed = Instant::now();
            self.commit_all()?;
        }
        Ok(self.meter.note(self.begun.elapsed(), self.done, self.total))
    }

    /// Bytes there.
    pub(crate) fn done(&self) -> u64 {
        self.done
    }

    /// Makes what this connection wrote safe.
    pub(crate) fn commit(&mut self, slot: usize) -> std::io::Result<()> {
        let span = self.written[slot];
        if span.begin < span.end {
            self.part.sync_data()?;
            self.journal.append(span)?;
            self.written[slot].begin = span.end;
        }
        Ok(())
    }

    /// Makes everything written safe.
    pub(crate) fn commit_all(&mut self) -> std::io::Result<()> {
        (0..self.written.len()).try_for_each(|slot| self.commit(slot))
    }
}
