//! Everything printed: data to standard output; progress, remarks and errors to standard error.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Duration;

use dyno_app::AppError;
use dyno_types::{Event, EventSink};
use indicatif::{ProgressBar, ProgressStyle};

/// Prints data to standard output. A reader that went away (`dyno … | head`) is no error.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| anyhow::anyhow!("standard output cannot be written: {error}")),
    }
}

/// Prints a value as JSON.
pub(crate) fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    print(&format!("{}\n", serde_json::to_string_pretty(value)?))
}

/// Prints a remark to standard error.
pub(crate) fn remark(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Prints an error and gives the exit code it stands for.
pub(crate) fn report_failure(error: &anyhow::Error) -> ExitCode {
    let _ = writeln!(anstream::stderr(), "error: {error:#}");
    ExitCode::from(error.downcast_ref::<AppError>().map_or(1, AppError::exit_code))
}

/// Shows events as a progress bar on a terminal and as plain lines elsewhere.
pub(crate) struct Progress {
    quiet: bool,
    terminal: bool,
    bar: Mutex<Option<ProgressBar>>,
}

impl Progress {
    /// Nothing at all is shown when `quiet`, apart from warnings.
    pub(crate) fn new(quiet: bool) -> Self {
        Self { quiet, terminal: std::io::stderr().is_terminal(), bar: Mutex::new(None) }
    }

    /// A line above the bar.
    fn line(&self, text: &str) {
        match self.bar.lock().ok().as_deref() {
            Some(Some(bar)) => bar.println(text),
            _ => remark(text),
        }
    }

    fn start(&self, phase: String, total: u64) {
        if self.quiet {
            return;
        }
        if !self.terminal {
            remark(&phase);
            return;
        }
        let bar = if total == 0 { ProgressBar::new_spinner() } else { ProgressBar::new(total) };
        let template = if total == 0 { "{spinner} {prefix} {wide_msg}" } else { "{prefix} [{bar:24}] {percent:>3}% {eta:>4} left {wide_msg}" };
        bar.set_style(ProgressStyle::with_template(template).expect("the template is a constant").progress_chars("━╸─"));
        bar.set_prefix(phase);
        bar.enable_steady_tick(Duration::from_millis(200));
        self.replace(Some(bar));
    }

    fn replace(&self, bar: Option<ProgressBar>) {
        if let Ok(mut slot) = self.bar.lock()
            && let Some(old) = std::mem::replace(&mut *slot, bar)
        {
            old.finish_and_clear();
        }
    }
}

impl EventSink for Progress {
    fn emit(&self, event: Event) {
        match event {
            Event::PhaseStarted { phase, total } => self.start(phase, total),
            Event::PhaseAdvanced { done, detail } => {
                if let Ok(slot) = self.bar.lock()
                    && let Some(bar) = slot.as_ref()
                {
                    bar.set_position(done);
                    bar.set_message(detail);
                }
            }
            Event::PhaseEnded => self.replace(None),
            Event::Note(text) => {
                if !self.quiet {
                    self.line(&text);
                }
            }
            Event::Warning(text) => self.line(&format!("warning: {text}")),
        }
    }
}
