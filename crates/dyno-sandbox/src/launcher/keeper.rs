//! The process between the caller and the interpreter. The program cannot reach it, so it outlives whatever the program does to
//! itself: it ends the program when the caller is gone, and when there are too many threads, and says how the program ended.
//!
//! A parent-death signal alone does not do: it belongs to a thread, and is lost when another thread executes the interpreter anew.

use std::ffi::OsString;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::leash::{Report, receive_input, send_report};
use crate::order::Order;
use crate::process_facts;

/// How often the threads are counted.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The interpreter as long as it is not reaped: its id is its own.
#[derive(Debug)]
struct Kept {
    pid: Pid,
    is_there: bool,
    over_threads: bool,
}

impl Kept {
    fn kill(&self) {
        if self.is_there {
            let _ = kill_process(self.pid, Signal::KILL);
        }
    }
}

/// Starts the process that becomes the interpreter, and stays until it has ended. `order`: the same, as it came.
pub(super) fn keep(order: &Order, text: OsString) -> Result<(), String> {
    let socket = std::io::stdin().as_fd().try_clone_to_owned();
    let mut socket =
        UnixStream::from(socket.map_err(|error| format!("there is no standard input: {error}"))?);
    let input = receive_input(&mut socket).map_err(|error| format!("the program did not arrive: {error}"))?;
    let mut child = Command::new(&order.launcher.program)
        .args(&order.launcher.arguments)
        .args([super::BECOME.into(), text])
        .stdin(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{} cannot be run: {error}", order.launcher.program.display()))?;
    let kept = Kept { pid: Pid::from_child(&child), is_there: true, over_threads: false };
    let kept = Arc::new(Mutex::new(kept));
    watch(&socket, Arc::clone(&kept), order.limits.threads)
        .map_err(|error| format!("the program cannot be watched: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // An interpreter that ended before it read all has said why.
        let _ = stdin.write_all(&input);
    }
    let report = wait(&mut child, &kept).map_err(|error| format!("the program was lost: {error}"))?;
    // A caller that is gone needs no report.
    let _ = send_report(&mut socket, &report);
    Ok(())
}

/// Waits for the end; while the child is not reaped its figures can be read.
fn wait(child: &mut Child, kept: &Mutex<Kept>) -> std::io::Result<Report> {
    let id = WaitId::Pid(Pid::from_child(child));
    rustix::io::retry_on_intr(|| waitid(id.clone(), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT))?;
    let cpu_ms = process_facts::cpu_ms(child.id());
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    kept.is_there = false;
    let raw_status = child.wait()?.into_raw();
    Ok(Report { raw_status, cpu_ms, over_threads: kept.over_threads })
}

/// Ends the program when the caller lets go, and when it has more threads than it may.
fn watch(socket: &UnixStream, kept: Arc<Mutex<Kept>>, threads_max: u64) -> std::io::Result<()> {
    let socket = socket.try_clone()?;
    let timeout = Timespec::try_from(LOOK_EVERY).map_err(std::io::Error::other)?;
    let watching = move || {
        loop {
            let mut waiting = [PollFd::new(&socket, PollFlags::IN)];
            // Nothing more comes from the caller but its end.
            let let_go = poll(&mut waiting, Some(&timeout)).is_ok_and(|ready| ready > 0);
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            if !kept.is_there {
                return;
            }
            let pid = kept.pid.as_raw_nonzero().get().unsigned_abs();
            kept.over_threads = process_facts::threads(pid).is_some_and(|threads| threads > threads_max);
            if let_go || kept.over_threads {
                kept.kill();
                return;
            }
        }
    };
    std::thread::Builder::new().name("keeper".to_owned()).spawn(watching).map(|_| ())
}
