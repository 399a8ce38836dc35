//! What parent and keeper say to each other, over the keeper's standard input: a socket. The parent sends what the interpreter is to
//! read, as its length in 8 bytes and its bytes; the keeper sends one [`Report`] when the interpreter has ended. The end of what
//! the parent sends, whatever the reason, ends the program.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use serde::{Deserialize, Serialize};

/// Longest text for the interpreter, bytes: a program of the greatest length, each byte written as `\u00xx`.
pub(crate) const INPUT_BYTES_MAX: u64 = 32 << 20;
/// Longest report.
const REPORT_BYTES_MAX: usize = 4096;

/// How the interpreter ended, as the keeper saw it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Its status, as `wait` gives it.
    pub(crate) raw_status: i32,
    /// Processor time it used.
    pub(crate) cpu_ms: Option<f64>,
    /// Whether it was ended because of its threads.
    pub(crate) over_threads: bool,
}

/// The parent's end.
#[derive(Debug)]
pub(crate) struct Leash {
    socket: UnixStream,
    to_send: Vec<u8>,
    sent: usize,
    heard: Vec<u8>,
}

impl Leash {
    /// A leash, and what the keeper gets as its standard input.
    pub(crate) fn new(input: &[u8]) -> std::io::Result<(Self, OwnedFd)> {
        let (socket, theirs) = UnixStream::pair()?;
        socket.set_nonblocking(true)?;
        let mut to_send = (input.len() as u64).to_le_bytes().to_vec();
        to_send.extend_from_slice(input);
        Ok((Self { socket, to_send, sent: 0, heard: Vec::new() }, theirs.into()))
    }

    /// The socket, as long as there is something to send.
    pub(crate) fn waiting_to_send(&self) -> Option<BorrowedFd<'_>> {
        (self.sent < self.to_send.len()).then(|| self.socket.as_fd())
    }

    /// Sends what can be sent at once.
    pub(crate) fn send(&mut self) {
        match self.socket.write(&self.to_send[self.sent..]) {
            Ok(count) => self.sent += count,
            Err(error) if is_for_later(&error) => {}
            // A keeper that is gone is noticed by its end.
            Err(_) => self.sent = self.to_send.len(),
        }
    }

    /// Ends the program.
    pub(crate) fn let_go(&mut self) {
        self.sent = self.to_send.len();
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    /// What the keeper reported, once it has ended.
    pub(crate) fn report(&mut self) -> Option<Report> {
        let mut buffer = [0_u8; 512];
        while self.heard.len() < REPORT_BYTES_MAX {
            match self.socket.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => self.heard.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        serde_json::from_slice(&self.heard).ok()
    }
}

fn is_for_later(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::Interrupted)
}

/// The keeper's end: what the interpreter is to read.
pub(crate) fn receive_input(socket: &mut UnixStream) -> std::io::Result<Vec<u8>> {
    let mut length = [0_u8; 8];
    socket.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > INPUT_BYTES_MAX {
        return Err(std::io::Error::other(format!("{length} bytes of input are more than any program has")));
    }
    let mut input = vec![0; usize::try_from(length).map_err(std::io::Error::other)?];
    socket.read_exact(&mut input)?;
    Ok(input)
}

/// The keeper's end: says how it went.
pub(crate) fn send_report(socket: &mut UnixStream, report: &Report) -> std::io::Result<()> {
    socket.write_all(&serde_json::to_vec(report)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_and_report_arrive_whatever_their_size() {
        let input: Vec<u8> = (0..3_000_000_u32).map(|index| index as u8).collect();
        let (mut leash, theirs) = Leash::new(&input).unwrap();
        let keeper = std::thread::spawn(move || {
            let mut socket = UnixStream::from(theirs);
            let input = receive_input(&mut socket).unwrap();
            let report = Report { raw_status: 9, cpu_ms: Some(1.5), over_threads: false };
            send_report(&mut socket, &report).unwrap();
            input
        });
        while leash.waiting_to_send().is_some() {
            leash.send();
        }
        assert_eq!(keeper.join().unwrap(), input);
        assert_eq!(leash.report(), Some(Report { raw_status: 9, cpu_ms: Some(1.5), over_threads: false }));
    }

    #[test]
    fn no_report_and_too_much_input_are_seen() {
        let (mut leash, theirs) = Leash::new(b"x").unwrap();
        drop(theirs);
        leash.send();
        assert_eq!((leash.report(), leash.waiting_to_send().is_none()), (None, true));
        let (mut one, other) = UnixStream::pair().unwrap();
        let mut other = other;
        one.write_all(&(INPUT_BYTES_MAX + 1).to_le_bytes()).unwrap();
        assert!(receive_input(&mut other).unwrap_err().to_string().contains("more than any program"));
    }
}
