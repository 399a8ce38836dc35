//! What llama.cpp logs: warnings and errors go to stderr, and recent errors are kept to explain failures.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Most error lines kept between two failures.
const KEPT_ERRORS: usize = 16;
/// Longest line kept or forwarded, bytes; a hostile file can put anything into a message.
const LINE_BYTES: usize = 1024;

/// How important a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Of interest to developers.
    Debug,
    /// Of interest when something is looked into.
    Info,
    /// Something may be wrong.
    Warning,
    /// Something is wrong.
    Error,
}

struct Log {
    threshold: Level,
    level: Level,
    line: String,
    errors: VecDeque<String>,
    /// Told of steps that lines announce.
    watcher: Option<Sender<f32>>,
}

static LOG: Mutex<Log> = Mutex::new(Log {
    threshold: Level::Warning,
    level: Level::Info,
    line: String::new(),
    errors: VecDeque::new(),
    watcher: None,
});

fn log() -> MutexGuard<'static, Log> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Chooses what is forwarded to stderr: everything from information upwards when `RUST_LOG` asks for debugging.
pub(crate) fn set_threshold(rust_log: Option<&str>) {
    let wanted = rust_log.unwrap_or_default().to_lowercase();
    let level = if wanted.contains("trace") {
        Level::Debug
    } else if wanted.contains("debug") {
        Level::Info
    } else {
        Level::Warning
    };
    log().threshold = level;
}

/// Takes a piece of text as llama.cpp emits it: lines may come in parts; no level continues the line before.
pub(crate) fn receive(level: Option<Level>, text: &str) {
    let mut log = log();
    if let Some(level) = level {
        log.finish_line();
        log.level = level;
    }
    for piece in text.split_inclusive('\n') {
        for character in piece.chars() {
            if log.line.len() + character.len_utf8() > LINE_BYTES {
                break;
            }
            log.line.push(character);
        }
        if piece.ends_with('\n') {
            log.finish_line();
        }
    }
}

/// Recent error lines, oldest first, and forgets them.
pub(crate) fn take_errors() -> Vec<String> {
    let mut log = log();
    log.finish_line();
    log.errors.drain(..).collect()
}

/// From now on tells `watcher` of every line that begins like `[  3/ 41]`, as the fraction that is reached; `None` ends it.
pub(crate) fn watch_steps(watcher: Option<Sender<f32>>) {
    log().watcher = watcher;
}

/// The fraction in front of a line such as `[  3/ 41] blk.0 …`.
fn step(line: &str) -> Option<f32> {
    let (counts, _) = line.strip_prefix('[')?.split_once(']')?;
    let (done, all) = counts.split_once('/')?;
    let (done, all): (u32, u32) = (done.trim().parse().ok()?, all.trim().parse().ok()?);
    (all > 0 && done <= all).then(|| done as f32 / all as f32)
}

impl Log {
    fn finish_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let line = line.trim_end();
        if line.is_empty() {
            return;
        }
        if let (Some(watcher), Some(fraction)) = (&self.watcher, step(line)) {
            // Whoever no longer listens misses nothing.
            let _ = watcher.send(fraction);
        }
        if self.level >= self.threshold {
            // A closed stderr is no reason to stop computing.
            let _ = writeln!(std::io::stderr().lock(), "llama.cpp: {line}");
        }
        if self.level == Level::Error {
            if self.errors.len() == KEPT_ERRORS {
                self.errors.pop_front();
            }
            self.errors.push_back(line.to_owned());
        }
    }
}

/// Whether these error lines say that an allocation failed.
pub(crate) fn tells_of_memory(lines: &[String]) -> bool {
    const SIGNS: [&str; 6] = [
        "failed to allocate",
        "unable to allocate",
        "cannot allocate memory",
        "bad_alloc",
        "out of memory",
        "insufficient memory",
    ];
    lines.iter().any(|line| {
        let line = line.to_lowercase();
        SIGNS.iter().any(|sign| line.contains(sign))
    })
}

/// What to log when llama.cpp aborts: its message, and whether memory was the cause, which the message itself never says.
/// Recent errors tell it; so do its assertions on small allocations and on started threads, which need memory for stacks.
pub(crate) fn abort_line(message: &str, recent: &[String]) -> String {
    let asserts_memory =
        ["mem_buffer != NULL", "GGML_ASSERT(rc == 0)"].iter().any(|assertion| message.contains(assertion));
    let cause = if asserts_memory || tells_of_memory(recent) { "out of memory: " } else { "" };
    format!("llama.cpp aborts the engine: {cause}{message}")
}

/// The line that says most about a failure, without the C++ function name in front of it.
///
/// llama.cpp logs the cause first and then once more at every level that gives up.
pub(crate) fn cause(lines: &[String]) -> String {
    let told = lines.iter().find(|line| !line.ends_with("failed to load model")).or(lines.first());
    let Some(line) = told else { return "llama.cpp gave no reason".to_owned() };
    let text = match line.split_once(": ") {
        Some((function, rest)) if !function.contains(' ') && !rest.is_empty() => rest,
        _ => line,
    };
    text.strip_prefix("error loading model: ").unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn the_cause_is_the_first_line_that_says_something() {
        let load = lines(&[
            "llama_model_load: error loading model: missing tensor 'token_embd.weight'",
            "llama_model_load_from_file_impl: failed to load model",
        ]);
        assert_eq!(cause(&load), "missing tensor 'token_embd.weight'");
        assert_eq!(cause(&lines(&["a sentence: with a colon"])), "a sentence: with a colon");
        assert_eq!(cause(&[]), "llama.cpp gave no reason");
    }

    #[test]
    fn aborts_for_want_of_memory_say_so() {
        let threads = abort_line("ggml-cpu.c:3389: GGML_ASSERT(rc == 0) failed", &[]);
        assert!(threads.contains("out of memory"), "{threads}");
        let lines = lines(&["ggml_aligned_malloc: insufficient memory (attempted to allocate 4.00 MB)"]);
        assert!(abort_line("ggml.c:1: GGML_ASSERT(x) failed", &lines).contains("out of memory: ggml.c:1"));
        assert_eq!(
            abort_line("a.c:1: GGML_ASSERT(x) failed", &[]),
            "llama.cpp aborts the engine: a.c:1: GGML_ASSERT(x) failed"
        );
    }

    #[test]
    fn steps_are_read_from_the_beginning_of_a_line() {
        assert_eq!(step("[   3/  12]  blk.0.attn_q.weight - [64, 64]"), Some(0.25));
        for line in ["[3/0] x", "[5/3] x", "3/12", "[a/b]", "[3/12", "[-1/2] x", "[inf/inf] x"] {
            assert_eq!(step(line), None, "{line}");
        }
    }

    #[test]
    fn failed_allocations_are_recognised() {
        assert!(tells_of_memory(&lines(&[
            "x: y",
            "alloc_tensor_range: failed to allocate CPU buffer of size 1"
        ])));
        assert!(tells_of_memory(&lines(&["failed to initialize the context: std::bad_alloc"])));
        assert!(!tells_of_memory(&lines(&["missing tensor 'token_embd.weight'"])));
    }

    #[test]
    fn lines_in_parts_are_joined_bounded_and_kept_only_when_errors() {
        let _ = take_errors();
        receive(Some(Level::Error), "first ");
        receive(None, "half\n");
        receive(Some(Level::Info), "not an error\n");
        receive(Some(Level::Error), &"é".repeat(LINE_BYTES));
        let errors = take_errors();
        assert_eq!(errors.len(), 2, "{errors:?}");
        assert_eq!(errors[0], "first half");
        assert!(errors[1].len() <= LINE_BYTES && errors[1].len() >= LINE_BYTES - 1);
        assert!(take_errors().is_empty());
    }
}
