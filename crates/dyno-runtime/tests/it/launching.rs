//! The process itself, without the front's supervisor.

use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dyno_engine::protocol::proto::engine_service_client::EngineServiceClient;
use dyno_engine::protocol::proto::{self, command::Command as Message, sequence_event::Event};
use dyno_engine::protocol::{FailureKind, PROTOCOL_VERSION, status_failure};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint, Uri};

use crate::executable;

fn start(arguments: &[&str]) -> Child {
    let mut command = Command::new(executable());
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .env_remove("RUST_LOG");
    command.spawn().unwrap()
}

/// How the process ended; hangs are cut off.
fn end_of(child: &mut Child) -> std::process::ExitStatus {
    for _ in 0..1000 {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    panic!("the engine did not end")
}

async fn connect(socket: &Path) -> EngineServiceClient<Channel> {
    for _ in 0..1000 {
        let socket = socket.to_owned();
        let connector = tower::service_fn(move |_: Uri| {
            let socket = socket.clone();
            async move { UnixStream::connect(socket).await.map(TokioIo::new) }
        });
        if let Ok(channel) = Endpoint::from_static("http://engine").connect_with_connector(connector).await {
            return EngineServiceClient::new(channel);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the engine never listened")
}

#[test]
fn arguments_outside_the_contract_end_it_with_code_2_and_a_sentence() {
    let mut child = start(&["--port", "80"]);
    assert_eq!(end_of(&mut child).code(), Some(2));
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.contains("unknown argument --port"), "{log}");
}

#[test]
fn a_socket_that_cannot_be_made_ends_it_with_code_1() {
    let mut child = start(&["--socket", "/nonexistent/folder/engine.sock"]);
    assert_eq!(end_of(&mut child).code(), Some(1));
}

#[tokio::test]
async fn a_limit_on_the_size_of_files_does_not_end_it() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("engine.sock");
    let mut child = start(&["--socket", socket.to_str().unwrap()]);
    let mut client = connect(&socket).await;
    let sent = Command::new("kill").args(["-XFSZ", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    client.health(proto::Empty {}).await.unwrap();
    drop(child.stdin.take());
    assert_eq!(end_of(&mut child).signal(), Some(9), "it ends itself, as without a parent");
}

#[tokio::test]
async fn it_ends_when_its_parent_closes_the_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("engine.sock");
    let mut child = start(&["--socket", socket.to_str().unwrap()]);
    connect(&socket).await.health(proto::Empty {}).await.unwrap();
    assert!(child.try_wait().unwrap().is_none());
    drop(child.stdin.take());
    end_of(&mut child);
}

/// What the front's own checks would not let through.
#[tokio::test]
async fn the_engine_checks_messages_itself() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("engine.sock");
    let mut child = start(&["--socket", socket.to_str().unwrap()]);
    let mut client = connect(&socket).await;
    // The front decides about versions.
    let shaken = client.handshake(proto::HandshakeRequest { protocol: 999 }).await.unwrap().into_inner();
    assert_eq!((shaken.protocol, shaken.pid), (PROTOCOL_VERSION, child.id()));
    let settings = proto::Settings { context: 1, kv_type_k: "q9_9".to_owned(), ..proto::Settings::default() };
    let refused = client.open_context(settings).await.unwrap_err();
    assert_eq!(status_failure(&refused).unwrap().kind(), FailureKind::BadRequest);
    let nothing = client.load(proto::LoadRequest { path: b"x".to_vec(), settings: None }).await.unwrap_err();
    assert_eq!(status_failure(&nothing).unwrap().kind(), FailureKind::BadRequest);
    let submissions = [
        Some(Message::Submit(proto::Submission { id: 7, ..proto::Submission::default() })),
        None,
        Some(Message::Cancel(99)),
    ];
    let (commands, outgoing) = tokio::sync::mpsc::channel(8);
    for command in submissions {
        commands.send(proto::Command { command }).await.unwrap();
    }
    let outgoing = tokio_stream::wrappers::ReceiverStream::new(outgoing);
    let mut steps = client.converse(outgoing).await.unwrap().into_inner();
    let step = steps.message().await.unwrap().unwrap();
    assert_eq!(step.events[0].id, 7);
    let Some(Event::Failed(failure)) = &step.events[0].event else { panic!("{step:?}") };
    assert_eq!(failure.kind(), FailureKind::BadRequest);
    client.shutdown(proto::Empty {}).await.unwrap();
    assert_eq!(end_of(&mut child).code(), Some(0));
}
