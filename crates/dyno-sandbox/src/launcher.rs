//! The process that limits itself and becomes the interpreter.
//!
//! It must be the whole life of its process: called first thing in `main`, before any thread is started, since some of the
//! limits hold for the calling thread and what it becomes.

mod limits;
#[cfg(target_os = "linux")]
mod system_calls;
#[cfg(target_os = "linux")]
mod visible_files;

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use crate::order::{Attempt, Order};

/// Exit code of a launcher that could not become the interpreter.
const REFUSED: u8 = 125;

/// Carries out the order that [`Sandbox::run`](crate::Sandbox::run) gave as the only argument, and becomes the interpreter.
/// Returns only when that failed, with one sentence on standard error.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let failure = become_interpreter(arguments.into_iter());
    // Standard error may be gone; there is nobody else to tell.
    let _ = writeln!(std::io::stderr(), "{failure}");
    ExitCode::from(REFUSED)
}

/// Becomes the interpreter, or says why not.
fn become_interpreter(mut arguments: impl Iterator<Item = OsString>) -> String {
    let (Some(order), None) = (arguments.next(), arguments.next()) else {
        return "the launcher of the sandbox takes one argument, its order; it is not meant to be called by hand"
            .to_owned();
    };
    let order: Order = match order.to_str().map(serde_json::from_str) {
        Some(Ok(order)) => order,
        _ => return "the launcher of the sandbox does not understand its order".to_owned(),
    };
    if let Err(failure) = prepare(&order) {
        return failure;
    }
    let error = Command::new(&order.interpreter).args(&order.arguments).exec();
    format!("{} cannot be executed: {error}", order.interpreter.display())
}

#[cfg(target_os = "linux")]
fn prepare(order: &Order) -> Result<(), String> {
    die_with(order.parent_pid)?;
    let files_held = attempt(order.landlock, "Landlock", || visible_files::restrict(&order.files))?;
    // After this, raising a limit is forbidden by the filter, also for a process that otherwise could.
    limits::apply(&order.limits, order.seccomp == Attempt::Off)?;
    attempt(order.seccomp, "seccomp", || system_calls::restrict(files_held)).map(|_| ())
}

#[cfg(not(target_os = "linux"))]
fn prepare(order: &Order) -> Result<(), String> {
    for (mechanism, name) in [(order.landlock, "Landlock"), (order.seccomp, "seccomp")] {
        attempt(mechanism, name, || Err("only Linux has it".to_owned()))?;
    }
    limits::apply(&order.limits, true)
}

/// Whether the mechanism holds; an error where it must and does not.
fn attempt(
    wanted: Attempt,
    name: &str,
    restrict: impl FnOnce() -> Result<(), String>,
) -> Result<bool, String> {
    if wanted == Attempt::Off {
        return Ok(false);
    }
    match restrict() {
        Ok(()) => Ok(true),
        Err(error) if wanted == Attempt::Required => Err(format!("{name} cannot be used: {error}")),
        Err(_) => Ok(false),
    }
}

/// Asks to be killed when the parent ends. It may have ended before the question.
#[cfg(target_os = "linux")]
fn die_with(parent_pid: u32) -> Result<(), String> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .map_err(|error| format!("the parent-death signal cannot be set: {error}"))?;
    if std::os::unix::process::parent_id() != parent_pid {
        return Err("the process that wanted this program has ended".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_order_is_refused() {
        let (count, content) = ("takes one argument", "does not understand its order");
        let table: [(&[&str], &str); 4] =
            [(&[], count), (&["{}", "{}"], count), (&["{}"], content), (&["--help"], content)];
        for (arguments, text) in table {
            let failure = become_interpreter(arguments.iter().map(OsString::from));
            assert!(failure.contains(text), "{failure}");
        }
    }

    #[test]
    fn a_mechanism_that_fails_matters_when_it_is_required() {
        let fails = || Err("no".to_owned());
        assert_eq!(attempt(Attempt::Off, "x", || panic!("it is off")), Ok(false));
        assert_eq!(attempt(Attempt::IfPossible, "x", fails), Ok(false));
        assert_eq!(attempt(Attempt::IfPossible, "x", || Ok(())), Ok(true));
        assert_eq!(attempt(Attempt::Required, "x", || Ok(())), Ok(true));
        assert_eq!(attempt(Attempt::Required, "x", fails), Err("x cannot be used: no".to_owned()));
    }
}
