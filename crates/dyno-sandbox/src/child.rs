//! One child process from its start to its end: read, bounded, killed with its group, reaped.

use std::io::Read as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::leash::Leash;
use crate::process_facts;
use crate::stream::Stream;

/// How long the child is left alone between two looks at its clock and its scratch folder.
const SLICE: Duration = Duration::from_millis(20);
/// The same once its output has ended: it is about to end, too.
const LAST_SLICE: Duration = Duration::from_millis(1);

/// How long a keeper may take to end the program and itself.
const KEEPER_ENDS_WITHIN: Duration = Duration::from_secs(2);

/// Why the child was ended from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    Time,
    Output,
    Scratch,
    Threads,
    /// The caller wanted it to end.
    Asked,
}

/// What ends the child from outside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) time: Duration,
    /// Both streams together.
    pub(crate) output_bytes: u64,
}

/// A child that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stop: Option<Stop>,
    pub(crate) stdout: Stream,
    pub(crate) stderr: Stream,
    /// User and system time, in steps of the kernel's clock (10 ms as a rule); `None` where the system does not say.
    pub(crate) cpu_ms: Option<f64>,
    pub(crate) wall_ms: f64,
}

/// Starts the command in a process group of its own and waits until it has ended, by itself or because of `bounds`, or because
/// `watch` says that it must. Nothing of its group is left. A keeper is led on a leash, and what it reports counts as the child's end.
pub(crate) fn run(
    command: &mut Command,
    mut leash: Option<Leash>,
    bounds: Bounds,
    mut watch: impl FnMut() -> Option<Stop>,
) -> std::io::Result<Ended> {
    let started = Instant::now();
    let spawned = command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).spawn();
    // The keeper's end of the leash is the keeper's alone from here on.
    command.stdin(Stdio::null());
    let mut group = Group(spawned?);
    let mut pipes = [
        Pipe::new(group.0.stdout.take().map(OwnedFd::from)),
        Pipe::new(group.0.stderr.take().map(OwnedFd::from)),
    ];
    let mut stop = loop {
        let slice = if pipes.iter().all(|pipe| pipe.file.is_none()) { LAST_SLICE } else { SLICE };
        pump(&mut pipes, leash.as_mut(), slice)?;
        if group.has_ended()? {
            break None;
        }
        if total_bytes(&pipes) > bounds.output_bytes {
            break Some(Stop::Output);
        }
        if started.elapsed() >= bounds.time {
            break Some(Stop::Time);
        }
        if let Some(stop) = watch() {
            break Some(stop);
        }
    };
    let wall_ms = started.elapsed().as_secs_f64() * 1e3;
    let (mut status, mut cpu_ms) = match &mut leash {
        None => group.end()?,
        Some(leash) => {
            let_go(leash, &group)?;
            group.end()?
        }
    };
    // What a dead process left in its pipes is read; a process that escaped the group may go on writing, and is not waited for.
    while total_bytes(&pipes) <= bounds.output_bytes && pump(&mut pipes, None, Duration::ZERO)? {}
    if stop.is_none() && total_bytes(&pipes) > bounds.output_bytes {
        stop = Some(Stop::Output);
    }
    if let Some(report) = leash.as_mut().and_then(Leash::report) {
        (status, cpu_ms) = (ExitStatus::from_raw(report.raw_status), report.cpu_ms);
        stop = stop.or(report.over_threads.then_some(Stop::Threads));
    }
    let [stdout, stderr] = pipes.map(|pipe| pipe.kept);
    Ok(Ended { status, stop, stdout, stderr, cpu_ms, wall_ms })
}

/// Lets the keeper end the program, and waits a while for it.
fn let_go(leash: &mut Leash, group: &Group) -> std::io::Result<()> {
    leash.let_go();
    let begun = Instant::now();
    while !group.has_ended()? && begun.elapsed() < KEEPER_ENDS_WITHIN {
        std::thread::sleep(LAST_SLICE);
    }
    Ok(())
}

/// The child as leader of its process group; dropping it ends both.
struct Group(Child);

impl Group {
    /// Whether it has ended; it stays unreaped, so that its id stays its own.
    fn has_ended(&self) -> std::io::Result<bool> {
        Ok(self.wait(WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG)?)
    }

    fn wait(&self, options: WaitIdOptions) -> rustix::io::Result<bool> {
        let id = WaitId::Pid(Pid::from_child(&self.0));
        rustix::io::retry_on_intr(|| waitid(id.clone(), options)).map(|status| status.is_some())
    }

    /// Kills what is left of the group and reaps the child.
    fn end(&mut self) -> std::io::Result<(ExitStatus, Option<f64>)> {
        let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        self.wait(WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
        let cpu_ms = process_facts::cpu_ms(self.0.id());
        Ok((self.0.wait()?, cpu_ms))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // After a regular end the child is reaped, and its id may be somebody else's.
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
            let _ = self.0.wait();
        }
    }
}

/// One stream of the child, as long as it is open.
struct Pipe {
    file: Option<std::fs::File>,
    kept: Stream,
}

impl Pipe {
    fn new(end: Option<OwnedFd>) -> Self {
        Self { file: end.map(std::fs::File::from), kept: Stream::default() }
    }

    /// Reads once; the stream is closed when it has ended.
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        match file.read(buffer) {
            Ok(0) => self.file = None,
            Ok(count) => self.kept.push(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

fn total_bytes(pipes: &[Pipe; 2]) -> u64 {
    pipes.iter().map(|pipe| pipe.kept.total_bytes()).sum()
}

/// Reads what is there, waiting at most `patience` for it, and sends what there is to send; whether anything was read.
fn pump(pipes: &mut [Pipe; 2], leash: Option<&mut Leash>, patience: Duration) -> std::io::Result<bool> {
    let timeout = Timespec::try_from(patience).map_err(std::io::Error::other)?;
    let open: Vec<usize> = (0..pipes.len()).filter(|index| pipes[*index].file.is_some()).collect();
    let ready: Vec<bool> = {
        let files = open.iter().filter_map(|index| pipes[*index].file.as_ref());
        let mut waiting: Vec<PollFd<'_>> =
            files.map(|file| PollFd::from_borrowed_fd(file.as_fd(), PollFlags::IN)).collect();
        let sending = leash.as_ref().and_then(|leash| leash.waiting_to_send());
        waiting.extend(sending.map(|socket| PollFd::from_borrowed_fd(socket, PollFlags::OUT)));
        match poll(&mut waiting, Some(&timeout)) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
        waiting.iter().map(|poll| !poll.revents().is_empty()).collect()
    };
    if let Some(leash) = leash.filter(|_| ready.get(open.len()) == Some(&true)) {
        leash.send();
    }
    let ready: Vec<usize> =
        open.into_iter().zip(ready).filter(|(_, ready)| *ready).map(|(index, _)| index).collect();
    let mut buffer = [0_u8; 32 << 10];
    for index in &ready {
        pipes[*index].read(&mut buffer)?;
    }
    Ok(!ready.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { time: Duration::from_secs(60), output_bytes: 1 << 20 };

    fn shell(text: &str, bounds: Bounds) -> Ended {
        run(Command::new("sh").args(["-c", text]).stdin(Stdio::null()), None, bounds, || None).unwrap()
    }

    #[test]
    fn both_streams_and_the_status_arrive() {
        let ended = shell("echo out; echo err >&2; exit 7", BOUNDS);
        assert_eq!((ended.status.code(), ended.stop), (Some(7), None));
        assert_eq!((ended.stdout.tail().as_str(), ended.stderr.tail().as_str()), ("out\n", "err\n"));
        assert_eq!(ended.cpu_ms.is_some(), cfg!(target_os = "linux"));
    }

    #[test]
    fn a_child_that_closed_its_output_is_waited_for() {
        let ended = shell("exec >&- 2>&-; sleep 0.2; exit 3", BOUNDS);
        assert_eq!((ended.status.code(), ended.stop), (Some(3), None));
    }

    #[test]
    fn a_grandchild_that_holds_the_pipes_is_ended_and_not_waited_for() {
        let ended = shell("sleep 1000 & echo $!; exit 0", BOUNDS);
        assert_eq!((ended.status.code(), ended.stop), (Some(0), None));
        let grandchild: i32 = ended.stdout.tail().trim().parse().unwrap();
        let gone = || {
            rustix::process::test_kill_process(Pid::from_raw(grandchild).unwrap()).is_err()
                || is_zombie(grandchild)
        };
        // Killed, but reaped by another process, in its own time.
        assert!((0..500).any(|_| gone() || {
            std::thread::sleep(Duration::from_millis(10));
            false
        }));
    }

    fn is_zombie(pid: i32) -> bool {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z"))
    }

    #[test]
    fn bounds_end_it() {
        let short = Bounds { time: Duration::from_millis(50), ..BOUNDS };
        assert_eq!(shell("trap '' TERM; sleep 1000", short).stop, Some(Stop::Time));
        let quiet = Bounds { output_bytes: 1000, ..BOUNDS };
        assert_eq!(shell("while :; do echo again; done", quiet).stop, Some(Stop::Output));
        assert_eq!(shell("head -c 5000 /dev/zero", quiet).stop, Some(Stop::Output));
        let mut command = Command::new("sleep");
        assert_eq!(
            run(command.arg("1000"), None, BOUNDS, || Some(Stop::Asked)).unwrap().stop,
            Some(Stop::Asked)
        );
    }
}
