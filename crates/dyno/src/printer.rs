//! Everything printed: data to standard output; progress, remarks and errors to standard error.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dyno_app::{AppError, Exit};
use dyno_report::Color;
use dyno_types::{Event, EventSink};
use indicatif::{ProgressBar, ProgressStyle};

use crate::remedy::{remedy, typed};
use crate::terminal::{harmless, harmless_report};

/// Whether reports are made in colours: for a terminal that wants them.
pub(crate) fn color() -> Color {
    let out = std::io::stdout();
    let wanted = out.is_terminal() && anstream::AutoStream::choice(&out) != anstream::ColorChoice::Never;
    if wanted { Color::Always } else { Color::Never }
}

/// Prints a report of our own making to standard output: to a pipe or a file as it is, to a terminal through its filter, which lets our own
/// colours pass.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let begun = Instant::now();
    let mut out = std::io::stdout().lock();
    let text = if out.is_terminal() { harmless_report(text) } else { text.into() };
    let outcome = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    tracing::debug!(write_ms = begun.elapsed().as_secs_f64() * 1e3, bytes = text.len(), "written");
    written(outcome)
}

/// Whether the terminal's last line is an answer that goes on.
static ANSWER_GOES_ON: AtomicBool = AtomicBool::new(false);

/// Prints what a model wrote to standard output: to a pipe or a file as it is, to a terminal through its filter.
pub(crate) fn print_answer(text: &str) -> anyhow::Result<()> {
    let begun = Instant::now();
    let mut out = std::io::stdout().lock();
    if out.is_terminal() && !text.is_empty() {
        ANSWER_GOES_ON.store(!text.ends_with('\n'), Ordering::Relaxed);
    }
    let text = if out.is_terminal() { harmless(text) } else { text.into() };
    let outcome = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    tracing::debug!(write_ms = begun.elapsed().as_secs_f64() * 1e3, bytes = text.len(), "written");
    written(outcome)
}

/// A reader that went away (`dyno … | head`) is no error.
fn written(outcome: std::io::Result<()>) -> anyhow::Result<()> {
    match outcome {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| anyhow::anyhow!("standard output cannot be written: {error}")),
    }
}

/// Prints a value as JSON.
pub(crate) fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    print_answer(&format!("{}\n", serde_json::to_string_pretty(value)?))
}

/// Ends the line of a streamed answer, unless a remark below it did.
pub(crate) fn end_answer() -> anyhow::Result<()> {
    let ended = std::io::stdout().is_terminal() && !ANSWER_GOES_ON.swap(false, Ordering::Relaxed);
    if ended { Ok(()) } else { print("\n") }
}

/// Prints a remark to standard error, on a line of its own.
pub(crate) fn remark(text: &str) {
    let mut out = std::io::stderr().lock();
    if out.is_terminal() && ANSWER_GOES_ON.swap(false, Ordering::Relaxed) {
        let _ = writeln!(out);
    }
    let text = if out.is_terminal() { harmless(text) } else { text.into() };
    let _ = writeln!(out, "{text}");
}

/// Prints an error and gives the exit code it stands for.
pub(crate) fn report_failure(error: &anyhow::Error) -> ExitCode {
    let remedy = error.downcast_ref::<AppError>().and_then(remedy);
    remark(&format!("error: {error}{}", remedy.map(|text| format!("; {text}")).unwrap_or_default()));
    ExitCode::from(error.downcast_ref::<AppError>().map_or(Exit::Runtime.code(), AppError::exit_code))
}

/// Shows events as a progress bar on a terminal and as plain lines elsewhere.
pub(crate) struct Progress {
    quiet: bool,
    terminal: bool,
    phase: Mutex<Option<Phase>>,
}

/// The work under way, as it is shown.
enum Phase {
    Bar(ProgressBar),
    Lines(Lines),
}

/// Progress as lines for a file or a pipe: never more than one a second, and rarer the longer it takes.
struct Lines {
    total: u64,
    started: Instant,
    last: Instant,
}

impl Lines {
    fn start(total: u64, now: Instant) -> Self {
        Self { total, started: now, last: now }
    }

    /// The line to print at this moment, if it is time for one.
    fn line(&mut self, done: u64, detail: &str, now: Instant) -> Option<String> {
        let gap = (now.duration_since(self.started) / 10).max(Duration::from_secs(1));
        if detail.is_empty() || now.duration_since(self.last) < gap {
            return None;
        }
        self.last = now;
        let percent = done.saturating_mul(100).checked_div(self.total);
        Some(percent.map_or_else(|| format!("  {detail}"), |percent| format!("  {percent:>3} % {detail}")))
    }
}

impl Progress {
    /// Nothing at all is shown when `quiet`, apart from warnings.
    pub(crate) fn new(quiet: bool) -> Self {
        Self { quiet, terminal: std::io::stderr().is_terminal(), phase: Mutex::new(None) }
    }

    fn phase(&self) -> MutexGuard<'_, Option<Phase>> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A line above the bar.
    fn line(&self, text: &str) {
        match &*self.phase() {
            // A bar is drawn on terminals alone.
            Some(Phase::Bar(bar)) => bar.println(harmless(text)),
            _ => remark(text),
        }
    }

    fn start(&self, name: String, total: u64) {
        if self.quiet {
            return;
        }
        if self.terminal {
            self.replace(Some(Phase::Bar(bar(harmless(&name).into_owned(), total))));
        } else {
            remark(&name);
            self.replace(Some(Phase::Lines(Lines::start(total, Instant::now()))));
        }
    }

    fn advance(&self, done: u64, detail: String) {
        match &mut *self.phase() {
            Some(Phase::Bar(bar)) => {
                bar.set_position(done);
                bar.set_message(harmless(&detail).into_owned());
            }
            Some(Phase::Lines(lines)) => {
                lines.line(done, &detail, Instant::now()).iter().for_each(|line| remark(line));
            }
            None => {}
        }
    }

    fn replace(&self, phase: Option<Phase>) {
        if let Some(Phase::Bar(old)) = std::mem::replace(&mut *self.phase(), phase) {
            old.finish_and_clear();
        }
    }
}

fn bar(name: String, total: u64) -> ProgressBar {
    let (bar, template) = match total {
        0 => (ProgressBar::new_spinner(), "{spinner} {prefix} {wide_msg}"),
        _ => (ProgressBar::new(total), "{prefix} [{bar:24}] {percent:>3}% {eta:>4} left {wide_msg}"),
    };
    let style = ProgressStyle::with_template(template).expect("the template is a constant");
    bar.set_style(style.progress_chars("━╸─"));
    bar.set_prefix(name);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

impl EventSink for Progress {
    fn emit(&self, event: Event) {
        match event {
            Event::PhaseStarted { phase, total } => {
                tracing::info!("{phase}");
                self.start(phase, total);
            }
            Event::PhaseAdvanced { done, detail } => self.advance(done, detail),
            Event::PhaseEnded => self.replace(None),
            Event::Note(text) => {
                if !self.quiet {
                    self.line(&text);
                }
            }
            Event::Warning(text) => self.line(&format!("warning: {text}")),
            Event::Advice { text, remedy, warning } => {
                let text = format!("{text}; {}", typed(&remedy));
                self.emit(if warning { Event::Warning(text) } else { Event::Note(text) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_get_rarer_and_say_how_far_it_is() {
        let start = Instant::now();
        let mut lines = Lines::start(200, start);
        let at = |ms: u64| start + Duration::from_millis(ms);
        assert_eq!(lines.line(0, "loading", at(10)), None);
        assert_eq!(lines.line(50, "run 1", at(1_000)), Some("   25 % run 1".to_owned()));
        assert_eq!(lines.line(51, "run 2", at(1_900)), None);
        assert_eq!(lines.line(51, "", at(5_000)), None);
        assert_eq!(lines.line(200, "run 9", at(5_000)), Some("  100 % run 9".to_owned()));
        let printed = (5..1_200).filter(|s| lines.line(1, "run", at(s * 1_000)).is_some()).count();
        assert!((40..80).contains(&printed), "{printed} lines in 20 minutes");
        assert_eq!(Lines::start(0, start).line(7, "x", at(2_000)), Some("  x".to_owned()));
    }
}
