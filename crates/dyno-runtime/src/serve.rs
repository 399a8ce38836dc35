//! An engine's `main` in one line: arguments, leash, model thread, server, orderly end.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dyno_engine::launch::{COMPUTE_THREAD, LaunchError, ServeArguments};
use dyno_engine::outlive_file_limit;
use dyno_engine::protocol::proto::engine_service_server::EngineServiceServer;
use dyno_engine::protocol::{MESSAGE_BYTES_MAX, PROTOCOL_VERSION};
use dyno_types::EngineInfo;
use tokio::net::UnixListener;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_stream::wrappers::UnixListenerStream;

use crate::command::Command;
use crate::server::{REPLY_GRACE, Server};
use crate::worker::Worker;
use crate::{Backend, BackendInfo, MonotonicClock};

/// Commands that may wait for the model thread before the front waits with them.
const COMMANDS_WAITING: usize = 256;

/// How long the model thread may take to free everything; a native call that does not come back must not hold up the end.
const FREE_GRACE: Duration = Duration::from_secs(3);

/// Exit code for arguments outside the launch contract.
const EXIT_ARGUMENTS: u8 = 2;

/// Which executable serves; the rest of its identity is the backend's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineIdentity {
    /// Version of the engine executable.
    pub version: String,
    /// `release` or `debug`.
    pub profile: String,
}

impl EngineIdentity {
    /// An executable of this version, in the profile this crate was compiled with.
    #[must_use]
    pub fn of_this_build(version: &str) -> Self {
        let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
        Self { version: version.to_owned(), profile: profile.to_owned() }
    }

    fn complete(self, backend: BackendInfo) -> EngineInfo {
        EngineInfo {
            name: backend.name,
            version: self.version,
            backend: backend.backend,
            compiler: backend.compiler,
            features: backend.features,
            profile: self.profile,
            protocol: PROTOCOL_VERSION,
            pid: std::process::id(),
        }
    }
}

/// Why an engine ended other than by request.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error(transparent)]
    Launch(#[from] LaunchError),
    #[error("cannot {action}: {source}")]
    System { action: String, source: std::io::Error },
    #[error("the connection failed: {0}")]
    Transport(#[from] tonic::transport::Error),
    #[error("the model thread ended unexpectedly")]
    ModelThread,
}

/// Serves one backend by the launch contract ([`dyno_engine::launch`]) until the front asks to shut down or goes away.
/// To be returned from `main`, before anything else there: it reads the process's arguments and standard input.
///
/// `backend` is called once, on the thread that owns what it returns.
pub fn serve<B: Backend>(backend: impl FnOnce() -> B + Send + 'static, identity: EngineIdentity) -> ExitCode {
    start_log();
    let outcome = serve_arguments(std::env::args_os().skip(1), backend, identity);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            match error {
                ServeError::Launch(LaunchError::Arguments(_)) => ExitCode::from(EXIT_ARGUMENTS),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

/// Short lines on standard error, warnings and worse unless `RUST_LOG` says otherwise.
fn start_log() {
    use tracing_subscriber::filter::{EnvFilter, LevelFilter};
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::WARN.into()).from_env_lossy();
    // Fails only when the executable has set up a log of its own, which then stays.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .without_time()
        .try_init();
}

fn serve_arguments<B: Backend>(
    arguments: impl Iterator<Item = OsString>,
    backend: impl FnOnce() -> B + Send + 'static,
    identity: EngineIdentity,
) -> Result<(), ServeError> {
    let arguments = ServeArguments::parse(arguments)?;
    arguments.apply()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|source| ServeError::System { action: "start the server".to_owned(), source })?;
    runtime.block_on(serve_socket(&arguments.socket, backend, identity))
}

async fn serve_socket<B: Backend>(
    socket: &Path,
    backend: impl FnOnce() -> B + Send + 'static,
    identity: EngineIdentity,
) -> Result<(), ServeError> {
    outlive_file_limit().map_err(|source| ServeError::System {
        action: "outlive a limit on the size of files".to_owned(),
        source,
    })?;
    let (model, backend_info) = ModelThread::start(backend).await?;
    let shutdown = Arc::new(Notify::new());
    let server = Server {
        info: identity.complete(backend_info),
        commands: model.commands.clone(),
        clock: Arc::clone(&model.clock) as _,
        shutdown: Arc::clone(&shutdown),
    };
    let service = EngineServiceServer::new(server)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    // Last: the moment the socket accepts, the engine is ready.
    let listener = UnixListener::bind(socket)
        .map_err(|source| ServeError::System { action: format!("listen on {}", socket.display()), source })?;
    let leave = Arc::new(Notify::new());
    let left = Arc::clone(&leave);
    let mut serving = tokio::spawn(tonic::transport::Server::builder().serve_with_incoming_shutdown(
        service,
        UnixListenerStream::new(listener),
        async move { left.notified().await },
    ));
    let mut ended = model.ended;
    tokio::select! {
        () = shutdown.notified() => {}
        _ = &mut ended => return Err(ServeError::ModelThread),
        outcome = &mut serving => outcome.map_err(|_| ServeError::ModelThread)??,
    }
    // The model thread ends its streams as it ends, so the server can then leave in order.
    model.stopping.store(true, Ordering::Relaxed);
    let _ = tokio::time::timeout(REPLY_GRACE, model.commands.send(Command::Shutdown)).await;
    if tokio::time::timeout(FREE_GRACE, ended).await.is_err() {
        tracing::warn!(
            "a native call did not come back within {} s; leaving without it",
            FREE_GRACE.as_secs()
        );
    }
    leave.notify_one();
    let _ = tokio::time::timeout(REPLY_GRACE, serving).await;
    Ok(())
}

/// The thread that owns the backend.
struct ModelThread {
    commands: mpsc::Sender<Command>,
    clock: Arc<MonotonicClock>,
    /// Set to make running loads and measurements end.
    stopping: Arc<AtomicBool>,
    /// Resolves when the thread has ended, also by a panic.
    ended: oneshot::Receiver<()>,
}

impl ModelThread {
    /// Starts the thread and creates the backend on it.
    async fn start<B: Backend>(
        backend: impl FnOnce() -> B + Send + 'static,
    ) -> Result<(Self, BackendInfo), ServeError> {
        let (commands, incoming) = mpsc::channel(COMMANDS_WAITING);
        let (end, ended) = oneshot::channel::<()>();
        let (tell_info, info) = oneshot::channel();
        let clock = Arc::new(MonotonicClock::start());
        let stopping = Arc::new(AtomicBool::new(false));
        let (own_clock, own_stopping) = (Arc::clone(&clock), Arc::clone(&stopping));
        let run = move || {
            // Dropped when the thread ends, in whatever way.
            let _end = end;
            let backend = backend();
            let _ = tell_info.send(backend.info());
            Worker::new(backend, own_clock, own_stopping).run(incoming);
        };
        std::thread::Builder::new()
            .name(COMPUTE_THREAD.to_owned())
            // Native graph building and hostile chat templates recurse deeply.
            .stack_size(16 * 1024 * 1024)
            .spawn(run)
            .map_err(|source| ServeError::System { action: "start the model thread".to_owned(), source })?;
        let info = info.await.map_err(|_| ServeError::ModelThread)?;
        Ok((Self { commands, clock, stopping, ended }, info))
    }
}
