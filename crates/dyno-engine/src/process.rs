//! One engine process: started in a process group of its own, read, waited for, and never left behind.

use std::ffi::OsString;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::sync::{oneshot, watch};

use crate::ExitCause;
use crate::environment;
use crate::log::Log;
use crate::restraint::restrain;

/// How long the end of the log may lag behind the end of the process (a grandchild may hold the pipe open).
const LOG_LAG: Duration = Duration::from_secs(1);

/// What to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invocation {
    pub(crate) executable: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// Most private memory, bytes.
    pub(crate) data_limit_bytes: Option<u64>,
}

/// A started process. Dropping it kills the process and its group.
#[derive(Debug)]
pub(crate) struct EngineProcess {
    leash: Arc<Leash>,
    exit: watch::Receiver<Option<ExitCause>>,
    log: Arc<Log>,
    pid: u32,
    /// Held open: its end tells the engine that we are gone.
    _input: ChildStdin,
}

/// The child as long as it is not reaped: while somebody holds the lock and sees it, its process id cannot be reused.
#[derive(Debug, Default)]
struct Leash {
    child: Mutex<Option<Child>>,
}

impl Leash {
    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Signals the whole process group; a process that has ended already is left alone.
    fn signal(&self, signal: Signal) {
        if let Some(child) = &*self.child() {
            let _ = kill_process_group(Pid::from_child(child), signal);
        }
    }

    /// Takes the ended child off the leash and reaps it, and ends whatever it left in its group.
    fn reap(&self) -> ExitCause {
        let mut held = self.child();
        let Some(child) = &mut *held else { return ExitCause::Unknown };
        let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
        let cause = child.wait().map_or(ExitCause::Unknown, exit_cause);
        *held = None;
        cause
    }
}

fn exit_cause(status: ExitStatus) -> ExitCause {
    match (status.code(), status.signal()) {
        (Some(code), _) => ExitCause::Code(code),
        (None, Some(signal)) => ExitCause::Signal(signal),
        (None, None) => ExitCause::Unknown,
    }
}

impl EngineProcess {
    /// Starts a process.
    pub(crate) async fn spawn(invocation: Invocation) -> std::io::Result<Self> {
        let (started, starting) = oneshot::channel();
        // The process ends with the thread that started it (the parent-death signal counts threads), so that thread
        // stays until the process has ended.
        std::thread::Builder::new()
            .name("engine-keeper".to_owned())
            .spawn(move || keep(&invocation, started))?;
        starting.await.unwrap_or_else(|_| Err(std::io::Error::other("the thread that starts engines ended")))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// How it ended, when it has.
    pub(crate) fn exited(&self) -> Option<ExitCause> {
        self.exit.borrow().clone()
    }

    /// Waits for its end, at most so long.
    pub(crate) async fn exited_within(&self, limit: Duration) -> Option<ExitCause> {
        let mut exit = self.exit.clone();
        let ended = tokio::time::timeout(limit, exit.wait_for(Option::is_some)).await;
        match ended {
            Ok(Ok(cause)) => cause.clone(),
            Ok(Err(_keeper_is_gone)) => Some(ExitCause::Unknown),
            Err(_elapsed) => None,
        }
    }

    /// Asks the group to end.
    pub(crate) fn terminate(&self) {
        self.leash.signal(Signal::TERM);
    }

    /// Ends the group at once.
    pub(crate) fn kill(&self) {
        self.leash.signal(Signal::KILL);
    }
}

impl Drop for EngineProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Body of the keeper thread: starts the process, hands it over, and stays until it is reaped.
fn keep(invocation: &Invocation, started: oneshot::Sender<std::io::Result<EngineProcess>>) {
    let (exit_sender, exit) = watch::channel(None);
    let (process, log_ended) = match start(invocation, exit) {
        Ok(both) => both,
        Err(error) => {
            let _ = started.send(Err(error));
            return;
        }
    };
    let (leash, pid) = (Arc::clone(&process.leash), process.pid);
    // When nobody waits any more, the refused process is dropped here, which kills it.
    let _ = started.send(Ok(process));
    wait_until_ended(pid);
    let cause = leash.reap();
    let _ = log_ended.recv_timeout(LOG_LAG);
    let _ = exit_sender.send(Some(cause));
}

fn start(
    invocation: &Invocation,
    exit: watch::Receiver<Option<ExitCause>>,
) -> std::io::Result<(EngineProcess, mpsc::Receiver<()>)> {
    let mut child = Command::new(&invocation.executable)
        .args(&invocation.arguments)
        .env_clear()
        .envs(environment::inherited(std::env::vars_os()))
        .envs(invocation.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let pid = child.id();
    if let Err(error) = restrain(pid, invocation.data_limit_bytes) {
        tracing::warn!("engine process {pid} works without limits of its memory: {error}");
    }
    let (input, output) = (child.stdin.take(), child.stderr.take());
    let leash = Arc::new(Leash { child: Mutex::new(Some(child)) });
    let log = Arc::new(Log::default());
    let (ending, log_ended) = mpsc::channel();
    let reader = Arc::clone(&log);
    let input = input.expect("standard input was asked to be a pipe");
    let output = output.expect("standard error was asked to be a pipe");
    let process = EngineProcess { leash, exit, log, pid, _input: input };
    std::thread::Builder::new().name("engine-log".to_owned()).spawn(move || {
        reader.read(output);
        let _ = ending.send(());
    })?;
    Ok((process, log_ended))
}

/// Waits without reaping, so that the process id stays valid for whoever holds the leash.
fn wait_until_ended(pid: u32) {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return };
    while let Err(rustix::io::Errno::INTR) =
        waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
    {}
}
