//! The engine that is a process: finds out where to listen, starts it, connects and shakes hands.

use std::error::Error;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use dyno_types::{EngineInfo, Job};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint, Uri};

use crate::launch::ServeArguments;
use crate::link::{Client, Link, death, log_tail};
use crate::process::{EngineProcess, Invocation};
use crate::protocol::{MESSAGE_BYTES_MAX, PROTOCOL_VERSION, proto};
use crate::remote::RemoteSession;
use crate::temporary::temporary_folder;
use crate::{Engine, EngineError, Session};

/// Longest path of a folder for sockets, bytes; the system allows about 100 for the whole socket path.
const FOLDER_BYTES_MAX: usize = 64;

/// Longest pause between two looks whether the engine listens.
const CONNECT_PAUSE_MAX: Duration = Duration::from_millis(20);

/// How long to wait for the exit status of an engine that broke off the handshake.
const EXIT_GRACE: Duration = Duration::from_secs(1);

/// Longest silence of an engine at its start and its end before it is killed; between them the deadline of its job holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// From process start to the end of the handshake.
    pub start: Duration,
    /// For each stage of stopping: the polite request, the wait for the end, the wait after SIGTERM.
    pub stop: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { start: seconds(30), stop: seconds(5) }
    }
}

/// How to start engine processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessEngineConfig {
    /// The engine executable; see [`crate::find_engine`].
    pub executable: PathBuf,
    /// Longest silences.
    pub deadlines: Deadlines,
    /// Most address space a process may have, bytes; `None` leaves the system's limit.
    pub memory_limit_bytes: Option<u64>,
    /// Most private memory a process may have, bytes: what it allocates, and no file that it maps; `None` leaves the system's limit.
    pub data_limit_bytes: Option<u64>,
    /// Set in the process's environment beside what it inherits (see [`crate::launch`]).
    pub environment: Vec<(OsString, OsString)>,
}

impl ProcessEngineConfig {
    /// This executable with default limits.
    #[must_use]
    pub fn new(executable: PathBuf) -> Self {
        Self {
            executable,
            deadlines: Deadlines::default(),
            memory_limit_bytes: None,
            data_limit_bytes: None,
            environment: Vec::new(),
        }
    }
}

/// Starts engine processes by the contract in [`crate::launch`].
#[derive(Debug, Clone)]
pub struct ProcessEngine {
    config: ProcessEngineConfig,
}

impl ProcessEngine {
    /// An engine that starts processes as configured.
    #[must_use]
    pub fn new(config: ProcessEngineConfig) -> Self {
        Self { config }
    }
}

#[async_trait]
impl Engine for ProcessEngine {
    async fn start(&self, job: &Job) -> Result<Box<dyn Session>, EngineError> {
        job.cancel.race(self.start_for(job)).await.unwrap_or(Err(EngineError::Cancelled))
    }
}

impl ProcessEngine {
    async fn start_for(&self, job: &Job) -> Result<Box<dyn Session>, EngineError> {
        let begun = Instant::now();
        let deadlines = self.config.deadlines;
        // Removed after the handshake: one connection is all there ever is, and a killed front leaves no litter.
        let folder = private_folder()?;
        let arguments = ServeArguments {
            socket: folder.path().join("engine.sock"),
            memory_limit_bytes: self.config.memory_limit_bytes,
        };
        let process = self.spawn(&arguments).await?;
        let shaken = tokio::time::timeout(deadlines.start, shake_hands(&process, &arguments.socket)).await;
        let Ok(shaken) = shaken else {
            let seconds = deadlines.start.as_secs() + u64::from(deadlines.start.subsec_nanos() > 0);
            let log = log_tail(&process);
            return Err(EngineError::Deadline { during: "while starting".to_owned(), seconds, log });
        };
        let (client, info) = shaken?;
        let start_ms = begun.elapsed().as_secs_f64() * 1e3;
        tracing::info!(start_ms, pid = info.pid, backend = info.backend, "engine started");
        Ok(Box::new(RemoteSession::new(
            Link::new(process, client, job.clone(), deadlines.stop),
            info,
            start_ms,
        )))
    }

    async fn spawn(&self, arguments: &ServeArguments) -> Result<EngineProcess, EngineError> {
        let executable = &self.config.executable;
        let invocation = Invocation {
            executable: executable.clone(),
            arguments: arguments.to_arguments(),
            environment: self.config.environment.clone(),
            data_limit_bytes: self.config.data_limit_bytes,
        };
        EngineProcess::spawn(invocation).await.map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => EngineError::NotFound {
                name: executable.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                searched: executable.parent().unwrap_or(Path::new("")).display().to_string(),
            },
            _ => start_error(format!("{} cannot be run: {error}", executable.display())),
        })
    }
}

fn start_error(reason: String) -> EngineError {
    EngineError::Start { reason, log: Vec::new() }
}

/// A folder only this user can enter, with a path short enough for a socket.
fn private_folder() -> Result<tempfile::TempDir, EngineError> {
    let usual = temporary_folder();
    let parent = if usual.as_os_str().len() <= FOLDER_BYTES_MAX { usual } else { PathBuf::from("/tmp") };
    tempfile::Builder::new()
        .prefix("dyno-")
        .permissions(std::fs::Permissions::from_mode(0o700))
        .tempdir_in(&parent)
        .map_err(|error| EngineError::of_temporary_folder(&parent, &error))
}

async fn shake_hands(process: &EngineProcess, socket: &Path) -> Result<(Client, EngineInfo), EngineError> {
    let stream = connect(process, socket).await?;
    let refused = |reason: String| EngineError::Start { reason, log: log_tail(process) };
    let (client, reply) = match greet(stream).await {
        Ok(both) => both,
        Err(_) if process.exited_within(EXIT_GRACE).await.is_some() => return Err(ended_early(process)),
        Err(error) => {
            return Err(refused(format!("it does not speak the engine protocol: {}", causes(&*error))));
        }
    };
    if reply.protocol != PROTOCOL_VERSION {
        return Err(EngineError::Protocol { engine: reply.protocol, dyno: PROTOCOL_VERSION });
    }
    let mut info = EngineInfo::try_from(reply).map_err(|error| refused(error.to_string()))?;
    info.pid = process.pid();
    Ok((client, info))
}

async fn greet(stream: UnixStream) -> Result<(Client, proto::HandshakeReply), Box<dyn Error + Send + Sync>> {
    let mut client = Client::new(channel(stream).await?)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let reply = client.handshake(proto::HandshakeRequest { protocol: PROTOCOL_VERSION }).await?;
    Ok((client, reply.into_inner()))
}

/// An error with everything beneath it; transport errors say nothing by themselves.
fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

/// Connects as soon as the engine listens. Never returns while it neither listens nor ends; the caller bounds that.
async fn connect(process: &EngineProcess, socket: &Path) -> Result<UnixStream, EngineError> {
    let mut pause = Duration::from_millis(1);
    loop {
        match UnixStream::connect(socket).await {
            Ok(stream) => return Ok(stream),
            Err(_) if process.exited().is_some() => return Err(ended_early(process)),
            Err(_not_yet) => {}
        }
        process.exited_within(pause).await;
        pause = (pause * 2).min(CONNECT_PAUSE_MAX);
    }
}

fn ended_early(process: &EngineProcess) -> EngineError {
    let cause = process.exited().unwrap_or(crate::ExitCause::Unknown);
    match death(process, "while starting".to_owned(), 0, cause) {
        EngineError::Died { cause, log, .. } => EngineError::Start { reason: cause.to_string(), log },
        other => other,
    }
}

/// A channel over this one connection; there is no second one to fall back to.
async fn channel(stream: UnixStream) -> Result<Channel, tonic::transport::Error> {
    let once = Mutex::new(Some(stream));
    let connector = tower::service_fn(move |_: Uri| {
        let stream = once.lock().ok().and_then(|mut held| held.take());
        let gone =
            || std::io::Error::new(std::io::ErrorKind::NotConnected, "the connection to the engine is gone");
        std::future::ready(stream.map(TokioIo::new).ok_or_else(gone))
    });
    // The address is never looked up; HTTP merely wants one.
    Endpoint::from_static("http://engine").connect_with_connector(connector).await
}
