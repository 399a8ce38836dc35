//! Who may do what at the same time: advisory locks on files that are never removed.
//!
//! Where the file system has no `flock` (some network storage), an exclusive lock is a marker file that only one process can
//! create, kept fresh by its holder and taken over once it went stale; and a model counts as in use for a day after its last
//! use, because nobody can tell. No lock guards correctness alone: names appear by rename, and every pulled file is checked
//! against its digest, so that the worst that a lost lock costs is a file fetched twice.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, SystemTime};

use dyno_types::Job;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::plain;
use crate::HubError;

/// How often a waiting process looks again.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How often the holder of a marker freshens it, and when others call it stale.
const FRESHEN_EVERY: Duration = Duration::from_secs(15);
const STALE_AFTER: Duration = Duration::from_secs(90);
/// Without `flock`: how long after its last use a model counts as in use.
const USE_LASTS: Duration = Duration::from_secs(24 * 3600);

/// Says that a model is in use, until it is dropped.
#[derive(Debug, Default)]
pub struct Lease {
    _file: Option<File>,
}

/// Keeps everybody else out until it is dropped.
#[derive(Debug)]
pub(crate) struct Exclusive {
    _file: Option<File>,
    _marker: Option<Marker>,
}

/// A file that only one process could create.
#[derive(Debug)]
struct Marker {
    path: PathBuf,
    /// Dropping it ends the thread that keeps the file fresh.
    _stop: Sender<()>,
}

impl Drop for Marker {
    fn drop(&mut self) {
        // A marker that stays goes stale.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Locks of one cache.
#[derive(Debug, Clone)]
pub(crate) struct Locks {
    folder: PathBuf,
    /// Whether to use `flock` where it works; tests say no.
    advisory: bool,
}

/// What `flock` said.
enum Answer {
    Got(File),
    Held,
    Unsupported,
}

impl Locks {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, advisory: true }
    }

    #[cfg(test)]
    pub(crate) fn without_flock(folder: PathBuf) -> Self {
        Self { folder, advisory: false }
    }

    /// Says that this process uses the model. Waits while somebody evicts it. A cache that cannot be written needs none.
    pub(crate) fn lease(&self, name: &str, job: &Job) -> Result<Lease, HubError> {
        if !self.advisory {
            return Ok(Lease::default());
        }
        loop {
            let file = match self.open(name) {
                Ok(file) => file,
                Err(error) if cannot_write(&error) => return Ok(Lease::default()),
                Err(error) => return Err(HubError::io(&self.folder)(error)),
            };
            let answer = attempt(file, FlockOperation::NonBlockingLockShared);
            match answer.map_err(HubError::io(&self.folder))? {
                Answer::Got(file) => return Ok(Lease { _file: Some(file) }),
                Answer::Unsupported => return Ok(Lease::default()),
                Answer::Held => look_again(name, job)?,
            }
        }
    }

    /// Keeps everybody else out, if nobody is in.
    pub(crate) fn try_exclusive(&self, name: &str) -> Result<Option<Exclusive>, HubError> {
        let failed = HubError::io(&self.folder);
        let attempt = || -> std::io::Result<Option<Exclusive>> {
            if self.advisory {
                match attempt(self.open(name)?, FlockOperation::NonBlockingLockExclusive)? {
                    Answer::Got(file) => return Ok(Some(Exclusive { _file: Some(file), _marker: None })),
                    Answer::Held => return Ok(None),
                    Answer::Unsupported => {}
                }
            }
            Ok(self.mark(name)?.map(|marker| Exclusive { _file: None, _marker: Some(marker) }))
        };
        attempt().map_err(failed)
    }

    /// Keeps everybody else out; waits until nobody is in. `waiting` is called once when there is somebody.
    pub(crate) fn exclusive(
        &self,
        name: &str,
        job: &Job,
        waiting: impl FnOnce(),
    ) -> Result<Exclusive, HubError> {
        let mut waiting = Some(waiting);
        loop {
            if let Some(lock) = self.try_exclusive(name)? {
                return Ok(lock);
            }
            if let Some(waiting) = waiting.take() {
                waiting();
            }
            look_again(name, job)?;
        }
    }

    /// A lock that says that nobody uses the model, which was last used at that moment; `None` when somebody does, or may.
    pub(crate) fn unused(&self, name: &str, last_used_unix_ns: u64) -> Result<Option<Exclusive>, HubError> {
        let lock = self.try_exclusive(name)?;
        let told = |lock: &Exclusive| {
            let idle = super::unix_ns(SystemTime::now()).saturating_sub(last_used_unix_ns);
            lock._file.is_some() || u128::from(idle) > USE_LASTS.as_nanos()
        };
        Ok(lock.filter(told))
    }

    fn open(&self, name: &str) -> std::io::Result<File> {
        std::fs::create_dir_all(&self.folder)?;
        let path = self.folder.join(name);
        match plain::open_to_write(&path) {
            // The file of another user can be locked all the same.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => plain::open(&path),
            opened => opened,
        }
    }

    /// Creates the marker file, when nobody holds it or its holder is gone.
    fn mark(&self, name: &str) -> std::io::Result<Option<Marker>> {
        std::fs::create_dir_all(&self.folder)?;
        let path = self.folder.join(format!("{name}.held"));
        for _ in 0..2 {
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok(Some(Marker { _stop: keep_fresh(file), path })),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            if !is_stale(&path) {
                return Ok(None);
            }
            // Of several who find it stale, one renames it away; the others find it gone.
            let aside = tempfile::Builder::new().prefix(".stale-").tempfile_in(&self.folder)?;
            let _ = std::fs::rename(&path, aside.path());
        }
        Ok(None)
    }
}

/// Waits until it is worth looking again, unless the job is stopped.
fn look_again(name: &str, job: &Job) -> Result<(), HubError> {
    if job.is_cancelled() {
        return Err(HubError::Cancelled { file: name.to_owned() });
    }
    std::thread::sleep(LOOK_EVERY);
    Ok(())
}

fn attempt(file: File, operation: FlockOperation) -> std::io::Result<Answer> {
    loop {
        return match flock(&file, operation) {
            Ok(()) => Ok(Answer::Got(file)),
            Err(Errno::INTR) => continue,
            Err(Errno::WOULDBLOCK) => Ok(Answer::Held),
            Err(Errno::NOSYS | Errno::OPNOTSUPP | Errno::NOLCK | Errno::INVAL) => Ok(Answer::Unsupported),
            Err(error) => Err(error.into()),
        };
    }
}

fn cannot_write(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
}

fn is_stale(path: &Path) -> bool {
    let modified = path.metadata().and_then(|about| about.modified());
    modified.is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age > STALE_AFTER))
}

/// Freshens the file's time until the sender is dropped.
fn keep_fresh(file: File) -> Sender<()> {
    let (stop, stopped) = channel();
    std::thread::spawn(move || {
        while stopped.recv_timeout(FRESHEN_EVERY) == Err(RecvTimeoutError::Timeout) {
            // Failing to freshen means being taken for gone, which the digests make harmless.
            let _ = file.set_modified(SystemTime::now());
        }
    });
    stop
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use dyno_types::{CancelFlag, Silent};

    use super::*;

    fn job() -> Job {
        Job::new(Arc::new(Silent), CancelFlag::default(), Duration::from_secs(60))
    }

    fn stopped_soon() -> Job {
        let job = job();
        let cancel = job.cancel.clone();
        std::thread::spawn(move || {
            std::thread::sleep(LOOK_EVERY * 2);
            cancel.cancel();
        });
        job
    }

    #[test]
    fn whoever_waits_for_a_lock_can_be_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let locks = Locks::new(folder.path().to_owned());
        let _held = locks.try_exclusive("m").unwrap().unwrap();
        let stopped = |result: Result<(), HubError>| matches!(result, Err(HubError::Cancelled { .. }));
        assert!(stopped(locks.lease("m", &stopped_soon()).map(|_| ())));
        assert!(stopped(locks.exclusive("m", &stopped_soon(), || {}).map(|_| ())));
    }

    #[test]
    fn leases_are_shared_and_keep_the_exclusive_out() {
        let folder = tempfile::tempdir().unwrap();
        let locks = Locks::new(folder.path().join("locks"));
        let (one, two) = (locks.lease("m", &job()).unwrap(), locks.lease("m", &job()).unwrap());
        assert!(locks.unused("m", 0).unwrap().is_none());
        drop(one);
        assert!(locks.unused("m", 0).unwrap().is_none());
        drop(two);
        let held = locks.unused("m", 0).unwrap().unwrap();
        assert!(locks.try_exclusive("m").unwrap().is_none());
        assert!(locks.try_exclusive("other").unwrap().is_some());
        drop(held);
        assert!(locks.try_exclusive("m").unwrap().is_some());
    }

    #[test]
    fn without_flock_a_marker_stands_in() {
        let folder = tempfile::tempdir().unwrap();
        let locks = Locks::without_flock(folder.path().to_owned());
        let held = locks.try_exclusive("m").unwrap().unwrap();
        assert!(locks.try_exclusive("m").unwrap().is_none());
        drop(held);
        let lock = locks.try_exclusive("m").unwrap().unwrap();
        // Its holder was killed long ago: the file stays and grows old.
        let path = folder.path().join("m.held");
        let old = SystemTime::now() - STALE_AFTER - Duration::from_secs(1);
        File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
        assert!(locks.try_exclusive("m").unwrap().is_some(), "a stale marker is taken over");
        drop(lock);
    }

    #[test]
    fn without_flock_recent_use_counts_as_use() {
        let folder = tempfile::tempdir().unwrap();
        let locks = Locks::without_flock(folder.path().to_owned());
        let now = super::super::unix_ns(SystemTime::now());
        assert!(locks.unused("m", now).unwrap().is_none());
        assert!(locks.unused("m", now - 23 * 3_600_000_000_000).unwrap().is_none());
        assert!(locks.unused("m", now - 25 * 3_600_000_000_000).unwrap().is_some());
    }
}
