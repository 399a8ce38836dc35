//! The bytes of one file from the server to the disk: parallel ranges, repeated where that helps.

use std::cell::RefCell;

use dyno_types::{Event, Job};
use futures::future::try_join_all;
use reqwest::Url;

use super::board::Board;
use super::journal::{Identity, Journal};
use super::plan;
use crate::HubError;
use crate::hub::client::{Answer, Client, Failure, Span};

/// Progress that starts the count of failures anew, bytes: a server that drips must not keep us for ever.
const PROGRESS_BYTES: u64 = 256 * 1024;

/// Why the work on a file stopped.
#[derive(Debug)]
pub(crate) enum Stop {
    /// One try failed.
    Failed(Failure),
    /// The server sends whole files only.
    RangesIgnored,
    /// The file is not the one that was begun.
    Changed,
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<HubError> for Stop {
    fn from(error: HubError) -> Self {
        Self::Failed(Failure::last(error))
    }
}

/// One file to be fetched.
pub(crate) struct Transfer<'a> {
    pub(crate) client: &'a Client,
    pub(crate) url: &'a Url,
    pub(crate) identity: &'a Identity,
    /// The unfinished file's final place.
    pub(crate) target: &'a std::path::Path,
    /// Name for messages.
    pub(crate) name: &'a str,
    pub(crate) connections: usize,
    pub(crate) job: &'a Job,
}

/// The transfer with its open files.
struct Work<'a> {
    transfer: &'a Transfer<'a>,
    board: RefCell<Board>,
}

impl Transfer<'_> {
    /// Fetches what is missing. Whatever way it ends, what arrived is safe in the unfinished file.
    pub(crate) async fn run(&self) -> Result<(), Stop> {
        let opened = Journal::open(self.target, self.identity);
        let (part, journal, finished) = opened.map_err(HubError::io(self.target))?;
        let missing = plan::missing(self.identity.bytes, &finished);
        let needed_bytes: u64 = missing.iter().map(|span| span.bytes()).sum();
        self.check_room(needed_bytes)?;
        let pieces = plan::pieces(self.identity.bytes, &missing, self.connections);
        let connections = self.connections.max(1).min(pieces.len());
        if needed_bytes > 0 && !finished.is_empty() {
            let there = super::progress::size(self.identity.bytes - needed_bytes);
            self.job.events.emit(Event::Note(format!("going on with {}: {there} are there", self.name)));
        }
        let board = RefCell::new(Board::new(part, journal, pieces, self.identity.bytes));
        let work = Work { transfer: self, board };
        let phase = format!("fetching {}", self.name);
        self.job.events.emit(Event::PhaseStarted { phase, total: self.identity.bytes });
        let result = work.run(connections).await;
        self.job.events.emit(Event::PhaseEnded);
        let kept = work.board.borrow_mut().commit_all().map_err(|error| self.write_failed(error));
        result.and(kept.map_err(Stop::from))
    }

    fn check_room(&self, needed_bytes: u64) -> Result<(), HubError> {
        let folder = self.target.parent().unwrap_or(std::path::Path::new("."));
        let free_bytes = crate::cache::free_bytes(folder).map_err(HubError::io(folder))?;
        if free_bytes < needed_bytes { Err(self.disk_full(needed_bytes, free_bytes)) } else { Ok(()) }
    }

    fn disk_full(&self, needed_bytes: u64, free_bytes: u64) -> HubError {
        let folder = self.target.parent().unwrap_or(std::path::Path::new(".")).to_owned();
        HubError::DiskFull { file: self.name.to_owned(), folder, needed_bytes, free_bytes }
    }

    fn write_failed(&self, error: std::io::Error) -> HubError {
        let full =
            matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded);
        if full { self.disk_full(self.identity.bytes, 0) } else { HubError::io(self.target)(error) }
    }

    /// Refuses an answer about another file than the one that was begun.
    fn check_identity(&self, answer: &Answer) -> Result<(), Stop> {
        let differs = |kind: &str, stated: Option<String>| {
            let known = self.identity.content.strip_prefix(kind);
            known.zip(stated).is_some_and(|(known, stated)| known != stated)
        };
        let changed = differs("sha256:", answer.sha256.clone()) || differs("etag:", answer.etag());
        if changed { Err(Stop::Changed) } else { Ok(()) }
    }
}

impl Work<'_> {
    async fn run(&self, connections: usize) -> Result<(), Stop> {
        let cancelled = || Stop::from(HubError::Cancelled { file: self.transfer.name.to_owned() });
        let pieces = async {
            let workers = (0..connections).map(|_| self.work(self.board.borrow_mut().join()));
            match try_join_all(workers).await {
                Err(Stop::RangesIgnored) => self.whole().await,
                other => other.map(|_| ()),
            }
        };
        tokio::select! {
            biased;
            result = pieces => result,
            () = self.transfer.job.cancel.cancelled() => Err(cancelled()),
        }
    }

    /// One connection: piece after piece.
    async fn work(&self, slot: usize) -> Result<(), Stop> {
        loop {
            let Some(piece) = self.board.borrow_mut().take(slot) else { return Ok(()) };
            self.piece(slot, piece).await?;
        }
    }

    /// One piece, with repetitions from where the last one ended.
    async fn piece(&self, slot: usize, piece: Span) -> Result<(), Stop> {
        let mut failures = 0;
        loop {
            let begin = self.board.borrow().position(slot);
            let tried = self.stream(slot, Span { begin, end: piece.end }).await;
            self.commit(slot)?;
            let failure = match tried {
                Ok(()) => return Ok(()),
                Err(Stop::Failed(failure)) => failure,
                Err(stop) => return Err(stop),
            };
            if self.board.borrow().position(slot) - begin >= PROGRESS_BYTES {
                failures = 0;
            }
            failures += 1;
            self.pause(failure, failures).await?;
        }
    }

    async fn pause(&self, failure: Failure, failures: u32) -> Result<(), Stop> {
        let Some(wait) = self.transfer.client.wait_after(&failure, failures) else {
            return Err(Stop::Failed(failure));
        };
        let text = format!("{}; trying again in {:.0?}", failure.error, wait);
        self.transfer.job.events.emit(Event::Note(text));
        tokio::time::sleep(wait).await;
        Ok(())
    }

    fn commit(&self, slot: usize) -> Result<(), Stop> {
        let committed = self.board.borrow_mut().commit(slot);
        committed.map_err(|error| self.transfer.write_failed(error).into())
    }

    /// One request for a range.
    async fn stream(&self, slot: usize, span: Span) -> Result<(), Stop> {
        let Transfer { client, url, identity, .. } = self.transfer;
        let mut answer = client.get(url, Some(span)).await?;
        self.transfer.check_identity(&answer)?;
        if !answer.is_partial() {
            return Err(Stop::RangesIgnored);
        }
        if answer.content_range() != Some((span, identity.bytes)) {
            let reason = format!(
                "asked for bytes {}-{} of {}, it sent another range or states another size",
                span.begin,
                span.end - 1,
                identity.bytes
            );
            return Err(Failure::unacceptable(url, reason).into());
        }
        self.take_body(slot, span.end, &mut answer).await
    }

    /// Writes a body up to `end`; more than that is not read.
    async fn take_body(&self, slot: usize, end: u64, answer: &mut Answer) -> Result<(), Stop> {
        let Transfer { client, url, .. } = self.transfer;
        loop {
            let left = end - self.board.borrow().position(slot);
            if left == 0 {
                return Ok(());
            }
            let Some(chunk) = client.chunk(url, answer).await? else {
                return Err(Failure::broken(url, "the connection was cut".to_owned()).into());
            };
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len());
            let mut board = self.board.borrow_mut();
            let detail =
                board.write(slot, &chunk[..count]).map_err(|error| self.transfer.write_failed(error))?;
            if let Some(detail) = detail {
                self.transfer.job.events.emit(Event::PhaseAdvanced { done: board.done(), detail });
            }
        }
    }

    /// The whole file in one go, for servers that ignore ranges: every repetition begins at the beginning.
    async fn whole(&self) -> Result<(), Stop> {
        let mut failures = 0;
        loop {
            self.board.borrow_mut().restart_whole(0);
            let failure = match self.whole_once().await {
                Ok(()) => return self.commit(0),
                Err(Stop::Failed(failure)) => failure,
                Err(stop) => return Err(stop),
            };
            failures += 1;
            self.pause(failure, failures).await?;
        }
    }

    async fn whole_once(&self) -> Result<(), Stop> {
        let Transfer { client, url, identity, .. } = self.transfer;
        let mut answer = client.get(url, None).await?;
        self.transfer.check_identity(&answer)?;
        let stated = answer.response.content_length();
        if answer.is_partial() || stated.is_some_and(|stated| stated != identity.bytes) {
            let other = stated.filter(|stated| *stated != identity.bytes);
            let sent = other.map_or_else(|| "a part of it".to_owned(), |bytes| format!("{bytes} bytes"));
            let reason = format!("the file has {} bytes, and it sends {sent}", identity.bytes);
            return Err(Failure::unacceptable(url, reason).into());
        }
        self.take_body(0, identity.bytes, &mut answer).await?;
        if client.chunk(url, &mut answer).await.is_ok_and(|more| more.is_some_and(|more| !more.is_empty())) {
            let reason = format!("it sends more than the {} bytes of the file", identity.bytes);
            return Err(Failure::unacceptable(url, reason).into());
        }
        Ok(())
    }
}
