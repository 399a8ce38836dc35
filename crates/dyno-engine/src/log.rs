//! The last lines an engine process wrote to its standard error, bounded in number and length.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::launch::{LOG_LINE_BYTES_MAX, LOG_LINES_MAX};

/// Texts (lower case) by which allocators and engines say that memory ran out.
const OUT_OF_MEMORY_WORDS: [&str; 7] = [
    "failed to allocate",
    "unable to allocate",
    "memory allocation of",
    "cannot allocate memory",
    "bad_alloc",
    "out of memory",
    "alloc_tensor_range: failed",
];

/// Last log lines. Filled by one thread, read by any.
#[derive(Debug, Default)]
pub(crate) struct Log {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<String>,
    /// Lines ever written; the last of them is the last of `lines`.
    written: u64,
}

impl Log {
    /// Position of the next line, for [`Log::memory_ran_out`].
    pub(crate) fn position(&self) -> u64 {
        self.kept().written
    }

    /// The kept lines, oldest first.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.kept().lines.iter().cloned().collect()
    }

    /// The first kept line from `position` on by which the engine said that memory ran out. Being refused to lock
    /// memory is not that: engines go on without.
    pub(crate) fn memory_ran_out(&self, position: u64) -> Option<String> {
        let kept = self.kept();
        let oldest = kept.written - kept.lines.len() as u64;
        let skip = usize::try_from(position.saturating_sub(oldest)).unwrap_or(usize::MAX);
        kept.lines.iter().skip(skip).find(|line| says_memory_ran_out(line)).cloned()
    }

    /// Reads until the end, keeping the last lines.
    pub(crate) fn read(&self, mut from: impl Read) {
        let mut chunk = [0_u8; 4096];
        let mut line = Vec::with_capacity(LOG_LINE_BYTES_MAX);
        loop {
            let count = match from.read(&mut chunk) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Ok(0) | Err(_) => break,
                Ok(count) => count,
            };
            for byte in &chunk[..count] {
                if *byte == b'\n' {
                    self.push(&line);
                    line.clear();
                } else if line.len() < LOG_LINE_BYTES_MAX {
                    line.push(*byte);
                }
            }
        }
        if !line.is_empty() {
            self.push(&line);
        }
    }

    fn push(&self, bytes: &[u8]) {
        let line = String::from_utf8_lossy(bytes.strip_suffix(b"\r").unwrap_or(bytes)).into_owned();
        tracing::debug!(target: "dyno_engine::log", "{line}");
        let mut kept = self.kept();
        kept.written += 1;
        kept.lines.push_back(line);
        if kept.lines.len() > LOG_LINES_MAX {
            kept.lines.pop_front();
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn says_memory_ran_out(line: &str) -> bool {
    let line = line.to_lowercase();
    !line.contains("mlock") && OUT_OF_MEMORY_WORDS.iter().any(|words| line.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(text: &str) -> Log {
        let log = Log::default();
        log.read(text.as_bytes());
        log
    }

    #[test]
    fn keeps_the_last_lines_whole_and_cuts_long_ones() {
        let text: String = (0..LOG_LINES_MAX + 5).map(|i| format!("line {i}\n")).collect();
        let kept = log(&text).lines();
        assert_eq!(kept.len(), LOG_LINES_MAX);
        assert_eq!((kept[0].as_str(), kept[LOG_LINES_MAX - 1].as_str()), ("line 5", "line 204"));

        let long = format!("{}\nend without newline", "x".repeat(10_000));
        assert_eq!(log(&long).lines(), ["x".repeat(LOG_LINE_BYTES_MAX), "end without newline".to_owned()]);
    }

    #[test]
    fn lines_are_kept_as_they_were_written() {
        let kept = Log::default();
        kept.read(&b"a\x1b[2Jb\xff\tc\r\n"[..]);
        assert_eq!(kept.lines(), ["a\u{1b}[2Jb\u{fffd}\tc"]);
    }

    #[test]
    fn memory_that_ran_out_is_recognised_only_from_the_position_on() {
        let kept = log("ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 17\n");
        assert!(kept.memory_ran_out(0).is_some_and(|line| line.contains("size 17")));
        assert_eq!(kept.memory_ran_out(kept.position()), None);
        kept.read(&b"terminate called after throwing an instance of 'std::bad_alloc'\n"[..]);
        assert!(kept.memory_ran_out(1).is_some_and(|line| line.contains("bad_alloc")));
        assert_eq!(
            log("warning: failed to mlock 9-byte buffer: Cannot allocate memory\n").memory_ran_out(0),
            None
        );
        let many: String = (0..2 * LOG_LINES_MAX).map(|i| format!("{i}\n")).collect();
        assert_eq!(log(&format!("out of memory\n{many}")).memory_ran_out(0), None);
    }
}
