//! A test double, not an engine: speaks the engine protocol and misbehaves as `DYNO_SCRIPTED` says, so that the
//! supervisor can be tested against every way a real process can fail. It computes nothing.
#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "an engine logs to standard error; `parent` reports a process id"
)]

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use dyno_engine::launch::ServeArguments;
use dyno_engine::protocol::proto::engine_service_server::{EngineService, EngineServiceServer};
use dyno_engine::protocol::{
    FailureKind, MESSAGE_BYTES_MAX, PROTOCOL_VERSION, failure, failure_status, proto, received_path,
};
use dyno_engine::{Engine as _, ProcessEngine, ProcessEngineConfig};
use dyno_types::Job;
use futures::{Stream, StreamExt as _};
use tokio::net::UnixListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{UnboundedReceiverStream, UnixListenerStream};
use tonic::{Request, Response, Status};

const VARIABLE: &str = "DYNO_SCRIPTED";

type Reply<T> = Result<Response<T>, Status>;
type Replies<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[derive(Clone)]
struct Scripted {
    behaviour: Arc<str>,
}

// Few threads: each reserves address space, and some tests limit it.
#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let behaviour = std::env::var(VARIABLE).unwrap_or_else(|_| "sound".to_owned());
    if behaviour == "parent" {
        return be_a_parent().await;
    }
    let arguments = ServeArguments::parse(std::env::args_os().skip(1))?;
    arguments.apply()?;
    eprintln!("scripted: {behaviour}");
    match behaviour.as_str() {
        "exit-early" => std::process::exit(3),
        "never-listen" => hang().await,
        "leave-a-child" => {
            std::process::Command::new("sleep").arg("1000").stdin(std::process::Stdio::null()).spawn()?;
        }
        _ => {}
    }
    let listener = UnixListener::bind(&arguments.socket)?;
    if behaviour == "garbage" {
        return talk_garbage(listener).await;
    }
    if behaviour == "stubborn" {
        // A handler takes the place of the signal's default, which would end the process.
        std::mem::forget(tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?);
    }
    let service = EngineServiceServer::new(Scripted { behaviour: behaviour.into() })
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    tonic::transport::Server::builder()
        .serve_with_incoming(service, UnixListenerStream::new(listener))
        .await?;
    Ok(())
}

/// Starts an engine as dyno would, says its process id, and waits to be killed.
async fn be_a_parent() -> Result<(), Box<dyn std::error::Error>> {
    let mut config = ProcessEngineConfig::new(std::env::current_exe()?);
    config.environment = vec![(VARIABLE.into(), "sound".into())];
    let session = ProcessEngine::new(config).start(&Job::default()).await?;
    println!("{}", session.info().pid);
    hang().await;
    drop(session);
    Ok(())
}

async fn talk_garbage(listener: UnixListener) -> Result<(), Box<dyn std::error::Error>> {
    use tokio::io::AsyncWriteExt as _;
    loop {
        let (mut stream, _) = listener.accept().await?;
        stream.write_all(b"220 mail.example ESMTP ready\r\n").await?;
    }
}

async fn hang() {
    std::future::pending::<()>().await;
}

fn die(signal: rustix::process::Signal) -> ! {
    // More than once: the first SIGSEGV only removes the handler by which Rust looks for stack overflows.
    loop {
        let _ = rustix::process::kill_process(rustix::process::getpid(), signal);
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn abort_saying(words: &str) -> ! {
    eprintln!("{words}");
    std::process::abort()
}

fn progress(value: f32) -> Result<proto::LoadEvent, Status> {
    Ok(proto::LoadEvent { event: Some(proto::load_event::Event::Progress(value)) })
}

fn loaded() -> Result<proto::LoadEvent, Status> {
    let reply = proto::LoadReply {
        weights_ms: 1.5,
        layers: 2,
        vocabulary: 100,
        context_train: 512,
        ..Default::default()
    };
    Ok(proto::LoadEvent { event: Some(proto::load_event::Event::Loaded(reply)) })
}

fn allocate_a_gibibyte() -> usize {
    let block = vec![1_u8; 1 << 30];
    std::hint::black_box(block).len()
}

/// Events of a load, then nothing for ever where the behaviour hangs.
fn load_events(behaviour: &str) -> Replies<proto::LoadEvent> {
    let half = futures::stream::iter([progress(0.0), progress(0.5)]);
    match behaviour {
        "hang-in-load" => half.chain(futures::stream::pending()).boxed(),
        "stuck-load" => half.chain(futures::stream::repeat_with(|| progress(0.5)).then(tick)).boxed(),
        "progress-nan" => half.chain(futures::stream::iter([progress(f32::NAN)])).boxed(),
        "load-without-report" => half.boxed(),
        "oom-in-load" => {
            half.chain(failing(FailureKind::OutOfMemory, "no room for 3 GiB of weights")).boxed()
        }
        "oom-in-log" => {
            eprintln!("alloc_buffer: failed to allocate buffer of size 123");
            half.chain(failing(FailureKind::Model, "the backend gave no model")).boxed()
        }
        "bad-model" => half.chain(failing(FailureKind::Model, "tensor blk.0 is missing")).boxed(),
        "abort-in-load" => half.chain(later(|| abort_saying("GGML_ASSERT(n > 0) failed"))).boxed(),
        "real-oom-in-load" => half
            .chain(later(|| eprintln!("scripted: {} bytes", allocate_a_gibibyte())))
            .chain(futures::stream::iter([loaded()]))
            .boxed(),
        _ => half.chain(futures::stream::iter([progress(1.0), loaded()])).boxed(),
    }
}

fn quantizing(value: f32) -> Result<proto::QuantizeEvent, Status> {
    Ok(proto::QuantizeEvent { event: Some(proto::quantize_event::Event::Progress(value)) })
}

/// Results of a score request, every token with probability 1/e; wrong ones where the behaviour says so.
fn scored(behaviour: &str, items: &[proto::ScoreItem]) -> Replies<proto::ScoredItems> {
    let logprob = if behaviour == "score-nan" { f64::NAN } else { -1.0 };
    let score = |tokens: &proto::Tokens| proto::ContinuationScore {
        logprobs: vec![logprob; tokens.tokens.len()],
        greedy: true,
    };
    let mut messages = Vec::new();
    for (index, item) in (0_u64..).zip(items) {
        let mut continuations: Vec<_> = item.continuations.iter().map(score).collect();
        if behaviour == "score-short" {
            continuations.pop();
        }
        let index = if behaviour == "score-disordered" { index + 1 } else { index };
        let outcome = proto::scored_item::Outcome::Scores(proto::ContinuationScores { continuations });
        let items = vec![proto::ScoredItem { index, outcome: Some(outcome) }];
        messages.push(Ok(proto::ScoredItems { items }));
        messages.push(Ok(proto::ScoredItems::default()));
    }
    let ended = futures::stream::iter(messages);
    match behaviour {
        "hang-in-score" => ended.take(2).chain(futures::stream::pending()).boxed(),
        "score-ends-early" => ended.take(2).boxed(),
        _ => ended.boxed(),
    }
}

async fn tick<T>(item: T) -> T {
    tokio::time::sleep(Duration::from_millis(2)).await;
    item
}

fn failing(kind: FailureKind, message: &str) -> impl Stream<Item = Result<proto::LoadEvent, Status>> + use<> {
    futures::stream::iter([Err(failure_status(kind, message))])
}

/// Does something when the events before it were sent, and yields one harmless event.
fn later(act: impl FnOnce() + Send + 'static) -> impl Stream<Item = Result<proto::LoadEvent, Status>> + Send {
    futures::stream::once(async move {
        // Whatever was sent before must reach the other side first.
        tokio::time::sleep(Duration::from_millis(50)).await;
        act();
        progress(0.75)
    })
}

/// Sends the events of one generation until it ends or the other side has gone.
struct Speaker {
    behaviour: Arc<str>,
    steps: mpsc::UnboundedSender<Result<proto::Step, Status>>,
    submission: proto::Submission,
}

impl Speaker {
    fn say(&self, event: proto::sequence_event::Event) {
        let event = proto::SequenceEvent { id: self.submission.id, event: Some(event) };
        // The other event belongs to nobody and must be ignored.
        let stranger = proto::SequenceEvent { id: u64::MAX, event: None };
        let _ = self.steps.send(Ok(proto::Step { events: vec![stranger, event] }));
    }

    fn token(&self, number: u32) {
        let logprob = (&*self.behaviour == "logprob-nan").then_some(f32::NAN);
        let token = proto::Token {
            token: number,
            text: format!("t{number} "),
            at_ns: u64::from(number) * 1000,
            logprob,
            top: Vec::new(),
            piece: None,
        };
        self.say(proto::sequence_event::Event::Token(token));
    }

    fn finish(&self, generated_tokens: u32, reason: &str) {
        let end_ns = u64::from(generated_tokens) * 1000;
        let finished = proto::Finished {
            end_ns,
            generated_tokens,
            finish_reason: reason.to_owned(),
            ..Default::default()
        };
        self.say(proto::sequence_event::Event::Finished(finished));
    }

    async fn speak(self) {
        let behaviour = Arc::clone(&self.behaviour);
        let most = self.submission.max_tokens;
        for number in 1..=most {
            match &*behaviour {
                "kill-mid-token" if number == 4 => die(rustix::process::Signal::KILL),
                "hang-in-generate" if number == 3 => hang().await,
                "refuse-generate" => {
                    let refusal = failure(FailureKind::NoTemplate, "no template");
                    return self.say(proto::sequence_event::Event::Failed(refusal));
                }
                _ => self.token(number),
            }
            tick(()).await;
        }
        match &*behaviour {
            "too-many-tokens" => self.token(most + 1),
            "unknown-finish" => self.finish(most, "because"),
            _ => self.finish(most, "length"),
        }
    }
}

#[tonic::async_trait]
impl EngineService for Scripted {
    type LoadStream = Replies<proto::LoadEvent>;
    type ConverseStream = Replies<proto::Step>;
    type ScoreStream = Replies<proto::ScoredItems>;
    type PerplexityStream = Replies<proto::ChunkScores>;
    type QuantizeStream = Replies<proto::QuantizeEvent>;

    async fn handshake(&self, _: Request<proto::HandshakeRequest>) -> Reply<proto::HandshakeReply> {
        match &*self.behaviour {
            "hang-in-handshake" => hang().await,
            "kill-in-handshake" => die(rustix::process::Signal::SEGV),
            _ => {}
        }
        let protocol =
            if &*self.behaviour == "wrong-protocol" { PROTOCOL_VERSION + 1 } else { PROTOCOL_VERSION };
        Ok(Response::new(proto::HandshakeReply {
            protocol,
            name: "scripted".to_owned(),
            ..Default::default()
        }))
    }

    async fn load(&self, _: Request<proto::LoadRequest>) -> Reply<Self::LoadStream> {
        if &*self.behaviour == "abort-at-load" {
            abort_saying("GGML_ASSERT(n > 0) failed");
        }
        Ok(Response::new(load_events(&self.behaviour)))
    }

    async fn open_context(&self, request: Request<proto::Settings>) -> Reply<proto::ContextReply> {
        match &*self.behaviour {
            "oom-in-context" => Err(failure_status(FailureKind::OutOfMemory, "no room for the KV cache")),
            "abort-oom-in-context" => {
                abort_saying("terminate called after throwing an instance of 'std::bad_alloc'")
            }
            "real-oom-in-context" => Err(Status::internal(allocate_a_gibibyte().to_string())),
            _ => {
                let memory = Some(proto::MemoryBreakdown::default());
                Ok(Response::new(proto::ContextReply {
                    context_ms: 0.5,
                    context: request.into_inner().context,
                    memory,
                }))
            }
        }
    }

    async fn tokenize(&self, request: Request<proto::TokenizeRequest>) -> Reply<proto::TokenizeReply> {
        if &*self.behaviour == "hang-in-tokenize" {
            hang().await;
        }
        let tokens = request.into_inner().text.bytes().map(u32::from).collect();
        Ok(Response::new(proto::TokenizeReply { tokens }))
    }

    async fn tokenize_chat(&self, request: Request<proto::Chat>) -> Reply<proto::TokenizeReply> {
        let contents =
            request.into_inner().messages.into_iter().flat_map(|message| message.content.into_bytes());
        Ok(Response::new(proto::TokenizeReply { tokens: contents.map(u32::from).collect() }))
    }

    async fn converse(
        &self,
        request: Request<tonic::Streaming<proto::Command>>,
    ) -> Reply<Self::ConverseStream> {
        let mut commands = request.into_inner();
        let (steps, outgoing) = mpsc::unbounded_channel();
        let behaviour = Arc::clone(&self.behaviour);
        tokio::spawn(async move {
            let mut running = std::collections::HashMap::new();
            while let Ok(Some(command)) = commands.message().await {
                match command.command {
                    Some(proto::command::Command::Submit(submission)) => {
                        let id = submission.id;
                        let speaker =
                            Speaker { behaviour: Arc::clone(&behaviour), steps: steps.clone(), submission };
                        running.insert(id, tokio::spawn(speaker.speak()));
                    }
                    Some(proto::command::Command::Cancel(id)) => {
                        eprintln!("scripted: cancel {id}");
                        running.remove(&id).iter().for_each(tokio::task::JoinHandle::abort);
                    }
                    None => {}
                }
            }
        });
        Ok(Response::new(UnboundedReceiverStream::new(outgoing).boxed()))
    }

    async fn measure(&self, request: Request<proto::MeasureRequest>) -> Reply<proto::MeasureReply> {
        let request = request.into_inner();
        let runs = if &*self.behaviour == "short-measure" { 0 } else { request.repetitions as usize };
        let step_ns = vec![7; request.decode_tokens as usize];
        Ok(Response::new(proto::MeasureReply {
            prefill_ns: vec![9; runs],
            decode: vec![proto::DecodeRun { step_ns }; runs],
        }))
    }

    async fn score(&self, request: Request<tonic::Streaming<proto::ScoreItems>>) -> Reply<Self::ScoreStream> {
        let mut messages = request.into_inner();
        let mut items = Vec::new();
        while let Ok(Some(message)) = messages.message().await {
            items.extend(message.items);
        }
        Ok(Response::new(scored(&self.behaviour, &items)))
    }

    async fn perplexity(&self, request: Request<proto::PerplexityRequest>) -> Reply<Self::PerplexityStream> {
        let request = request.into_inner();
        let tokens = request.context - request.context / 2 - 1;
        let tokens = if &*self.behaviour == "short-chunk" { tokens - 1 } else { tokens };
        let chunk =
            move |index| proto::ChunkScore { index, chunks: 2, tokens, nll: 2.0, ..Default::default() };
        let chunks = (0..2).map(move |index| Ok(proto::ChunkScores { chunks: vec![chunk(index)] }));
        Ok(Response::new(futures::stream::iter(chunks).boxed()))
    }

    async fn quantize(&self, request: Request<proto::QuantizeRequest>) -> Reply<Self::QuantizeStream> {
        let request = request.into_inner();
        let half = futures::stream::iter([quantizing(0.5)]);
        Ok(Response::new(match &*self.behaviour {
            "hang-in-quantize" => half.chain(futures::stream::pending()).boxed(),
            "abort-in-quantize" => half
                .chain(later(|| abort_saying("GGML_ASSERT(n > 0) failed")).map(|_| quantizing(0.75)))
                .boxed(),
            "refuse-quantize" => {
                return Err(failure_status(FailureKind::BadRequest, "no such type"));
            }
            _ => {
                let path = |bytes| received_path(bytes).unwrap_or_default();
                std::fs::copy(path(request.source), path(request.target))?;
                let done = proto::quantize_event::Event::Done(proto::QuantizeReply { quantize_ms: 3.0 });
                half.chain(futures::stream::iter([Ok(proto::QuantizeEvent { event: Some(done) })])).boxed()
            }
        }))
    }

    async fn use_template(&self, request: Request<proto::TemplateFile>) -> Reply<proto::TemplateReply> {
        match request.into_inner().source.as_str() {
            "broken" => Err(failure_status(FailureKind::Template, "the chat template x cannot be read")),
            _ => Ok(Response::new(proto::TemplateReply { system_in_user: true })),
        }
    }

    async fn clear_context(&self, _: Request<proto::Empty>) -> Reply<proto::Empty> {
        Ok(Response::new(proto::Empty {}))
    }

    async fn memory(&self, _: Request<proto::Empty>) -> Reply<proto::MemoryReply> {
        let (process, breakdown) =
            (Some(proto::ProcessMemory::default()), Some(proto::MemoryBreakdown::default()));
        Ok(Response::new(proto::MemoryReply { process, breakdown }))
    }

    async fn unload(&self, _: Request<proto::Empty>) -> Reply<proto::UnloadReply> {
        Ok(Response::new(proto::UnloadReply {
            unload_ms: 0.25,
            process: Some(proto::ProcessMemory::default()),
        }))
    }

    async fn health(&self, _: Request<proto::Empty>) -> Reply<proto::Empty> {
        Ok(Response::new(proto::Empty {}))
    }

    async fn shutdown(&self, _: Request<proto::Empty>) -> Reply<proto::Empty> {
        if &*self.behaviour != "stubborn" && &*self.behaviour != "deaf" {
            tokio::spawn(async {
                // The answer goes out first.
                tokio::time::sleep(Duration::from_millis(20)).await;
                std::process::exit(0);
            });
        }
        Ok(Response::new(proto::Empty {}))
    }
}
