//! The processes between the caller and the interpreter: the keeper, and the one that limits itself and becomes the interpreter.
//!
//! Each must be the whole life of its process: called first thing in `main`, before any thread is started, since some of the
//! limits hold for the calling thread and what it becomes.

mod keeper;
mod limits;
#[cfg(target_os = "linux")]
mod own_disk;
#[cfg(target_os = "linux")]
mod system_calls;
#[cfg(target_os = "linux")]
mod visible_files;

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use crate::order::{Attempt, Order};

/// Exit code of a launcher that could not do what it was ordered.
const REFUSED: u8 = 125;
/// The stage that starts the other one and stays.
pub(crate) const KEEP: &str = "keep";
/// The stage that becomes the interpreter.
const BECOME: &str = "become";

/// Carries out the order that [`Sandbox::run`](crate::Sandbox::run) gave as the arguments: a stage, and the order itself. When it
/// fails, it says so in one sentence on standard error.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let Err(failure) = carry_out(arguments.into_iter()) else { return ExitCode::SUCCESS };
    // Standard error may be gone; there is nobody else to tell.
    let _ = writeln!(std::io::stderr(), "{failure}");
    ExitCode::from(REFUSED)
}

fn carry_out(mut arguments: impl Iterator<Item = OsString>) -> Result<(), String> {
    let (Some(stage), Some(text), None) = (arguments.next(), arguments.next(), arguments.next()) else {
        return Err(
            "the launcher of the sandbox takes two arguments, a stage and its order; it is not meant to be called by hand"
                .to_owned(),
        );
    };
    let order: Option<Order> = text.to_str().and_then(|text| serde_json::from_str(text).ok());
    match (stage.to_str(), order) {
        (Some(KEEP), Some(order)) => keeper::keep(&order, text),
        (Some(BECOME), Some(order)) => become_interpreter(&order),
        _ => Err("the launcher of the sandbox does not understand its order".to_owned()),
    }
}

/// Becomes the interpreter, or says why not.
fn become_interpreter(order: &Order) -> Result<(), String> {
    prepare(order)?;
    let error = Command::new(&order.interpreter).args(&order.arguments).exec();
    Err(format!("{} cannot be executed: {error}", order.interpreter.display()))
}

#[cfg(target_os = "linux")]
fn prepare(order: &Order) -> Result<(), String> {
    use system_calls::Writing;
    let own_disk = attempt(order.own_disk, "a disk of its own", || {
        own_disk::mount_over(&order.files.scratch, &order.limits)
    })?;
    // After the change of namespaces, which forgets it.
    die_with_keeper()?;
    let files_held = attempt(order.landlock, "Landlock", || visible_files::restrict(&order.files, own_disk))?;
    // After this, raising a limit is forbidden by the filter, also for a process that otherwise could.
    limits::apply(&order.limits, order.seccomp == Attempt::Off, own_disk)?;
    let writing = match (files_held, own_disk) {
        (false, _) => Writing::Nothing,
        (true, false) => Writing::ToStay,
        (true, true) => Writing::Freely,
    };
    attempt(order.seccomp, "seccomp", || system_calls::restrict(writing)).map(|_| ())
}

#[cfg(not(target_os = "linux"))]
fn prepare(order: &Order) -> Result<(), String> {
    for (mechanism, name) in
        [(order.own_disk, "a disk of its own"), (order.landlock, "Landlock"), (order.seccomp, "seccomp")]
    {
        attempt(mechanism, name, || Err("only Linux has it".to_owned()))?;
    }
    limits::apply(&order.limits, true, false)
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

/// Asks to be killed with the keeper, which may have ended before the question: then its socket has an end.
#[cfg(target_os = "linux")]
fn die_with_keeper() -> Result<(), String> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .map_err(|error| format!("the parent-death signal cannot be set: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_order_is_refused() {
        let (count, content) = ("takes two arguments", "does not understand its order");
        let table: [(&[&str], &str); 5] = [
            (&[], count),
            (&["keep"], count),
            (&["keep", "{}", "{}"], count),
            (&["become", "{}"], content),
            (&["--help", "{}"], content),
        ];
        for (arguments, text) in table {
            let failure = carry_out(arguments.iter().map(OsString::from)).unwrap_err();
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
