//! The protocol server: messages in, commands to the model thread, messages out. Decides nothing.
//!
//! It runs beside the model thread, so that health, handshake and shutdown are answered whatever is being computed.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use dyno_engine::protocol::proto::{self, engine_service_server::EngineService};
use dyno_engine::protocol::{check_chat, check_score, failure, failure_status, received_path};
use dyno_types::{
    ChatMessage, ChunkScore, EngineInfo, EngineMemory, EngineSettings, GenerateRequest, MeasureRequest,
    PerplexityRequest, QuantizeRequest, ScoreRequest, ScoredItem, TemplateFile,
};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

use crate::command::{Command, LoadMessage, QuantizeMessage, Reply};
use crate::scheduler::{Event, Outcome};
use crate::{Clock, Failure, own_memory};

/// Messages that may wait for the front before the model thread waits with them.
const MESSAGES_WAITING: usize = 1024;

/// Time for a reply to leave before the server ends.
pub(crate) const REPLY_GRACE: Duration = Duration::from_millis(500);

type Messages<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The engine service over one model thread.
pub(crate) struct Server {
    pub(crate) info: EngineInfo,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Told when the front asks to shut down.
    pub(crate) shutdown: Arc<Notify>,
}

impl Server {
    /// Sends a command that answers, and waits for the answer. Dropping the wait tells the model thread.
    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, Status> {
        let (reply, answer) = oneshot::channel();
        self.send(command(reply)).await?;
        answer.await.map_err(|_| gone())?.map_err(|failure| status(&failure))
    }

    async fn send(&self, command: Command) -> Result<(), Status> {
        self.commands.send(command).await.map_err(|_| gone())
    }
}

/// The model thread has ended, so the process is about to.
fn gone() -> Status {
    Status::unavailable("the engine is shutting down")
}

fn status(failure: &Failure) -> Status {
    failure_status(failure.kind, &failure.message)
}

fn settings(message: Option<proto::Settings>) -> Result<EngineSettings, Status> {
    let message = message.ok_or_else(|| status(&Failure::bad_request("settings are missing")))?;
    EngineSettings::try_from(message).map_err(|error| status(&error.into()))
}

#[tonic::async_trait]
impl EngineService for Server {
    type LoadStream = Messages<proto::LoadEvent>;
    type ConverseStream = Messages<proto::Step>;
    type ScoreStream = Messages<proto::ScoredItems>;
    type PerplexityStream = Messages<proto::ChunkScores>;
    type QuantizeStream = Messages<proto::QuantizeEvent>;

    async fn handshake(
        &self,
        _request: Request<proto::HandshakeRequest>,
    ) -> Result<Response<proto::HandshakeReply>, Status> {
        Ok(Response::new((&self.info).into()))
    }

    async fn load(&self, request: Request<proto::LoadRequest>) -> Result<Response<Self::LoadStream>, Status> {
        let proto::LoadRequest { path, settings: wanted } = request.into_inner();
        let settings = settings(wanted)?;
        let (messages, events) = mpsc::channel(MESSAGES_WAITING);
        self.send(Command::Load { path: received_path(path).unwrap_or_default(), settings, messages })
            .await?;
        Ok(Response::new(Box::pin(ReceiverStream::new(events).map(load_event))))
    }

    async fn use_template(
        &self,
        request: Request<proto::TemplateFile>,
    ) -> Result<Response<proto::TemplateReply>, Status> {
        let proto::TemplateFile { name, source } = request.into_inner();
        let template = TemplateFile { name, source };
        let system_in_user = self.ask(|reply| Command::UseTemplate(template, reply)).await?;
        Ok(Response::new(proto::TemplateReply { system_in_user }))
    }

    async fn open_context(
        &self,
        request: Request<proto::Settings>,
    ) -> Result<Response<proto::ContextReply>, Status> {
        let settings = settings(Some(request.into_inner()))?;
        let report = self.ask(|reply| Command::OpenContext(settings, reply)).await?;
        Ok(Response::new((&report).into()))
    }

    async fn tokenize(
        &self,
        request: Request<proto::TokenizeRequest>,
    ) -> Result<Response<proto::TokenizeReply>, Status> {
        let proto::TokenizeRequest { text, add_special, parse_special } = request.into_inner();
        let tokens = self.ask(|reply| Command::Tokenize { text, add_special, parse_special, reply }).await?;
        Ok(Response::new(proto::TokenizeReply { tokens }))
    }

    async fn tokenize_chat(
        &self,
        request: Request<proto::Chat>,
    ) -> Result<Response<proto::TokenizeReply>, Status> {
        let messages: Vec<ChatMessage> = request.into_inner().into();
        check_chat(&messages).map_err(|error| status(&Failure::bad_request(error.to_string())))?;
        let tokens = self.ask(|reply| Command::TokenizeChat(messages, reply)).await?;
        Ok(Response::new(proto::TokenizeReply { tokens }))
    }

    async fn converse(
        &self,
        request: Request<Streaming<proto::Command>>,
    ) -> Result<Response<Self::ConverseStream>, Status> {
        let (events, steps) = mpsc::channel(MESSAGES_WAITING);
        self.send(Command::Attach(events.clone())).await?;
        let listener = Listener {
            commands: self.commands.clone(),
            clock: Arc::clone(&self.clock),
            events: events.downgrade(),
        };
        tokio::spawn(listener.listen(request.into_inner()));
        Ok(Response::new(Box::pin(ReceiverStream::new(steps).map(|events| Ok(step(events))))))
    }

    async fn measure(
        &self,
        request: Request<proto::MeasureRequest>,
    ) -> Result<Response<proto::MeasureReply>, Status> {
        let request =
            MeasureRequest::try_from(request.into_inner()).map_err(|error| status(&error.into()))?;
        let report = self.ask(|reply| Command::Measure(request, reply)).await?;
        Ok(Response::new(report.into()))
    }

    async fn score(
        &self,
        request: Request<Streaming<proto::ScoreItems>>,
    ) -> Result<Response<Self::ScoreStream>, Status> {
        let mut messages = request.into_inner();
        let mut request = ScoreRequest::default();
        while let Some(message) = messages.message().await? {
            request.items.extend(message.items.into_iter().map(Into::into));
            check_score(&request).map_err(|error| status(&error.into()))?;
        }
        check_score(&request).map_err(|error| status(&error.into()))?;
        let (results, scored) = mpsc::channel(MESSAGES_WAITING);
        self.send(Command::Score(request.items, results)).await?;
        Ok(Response::new(Box::pin(ReceiverStream::new(scored).map(scored_items))))
    }

    async fn perplexity(
        &self,
        request: Request<proto::PerplexityRequest>,
    ) -> Result<Response<Self::PerplexityStream>, Status> {
        let request =
            PerplexityRequest::try_from(request.into_inner()).map_err(|error| status(&error.into()))?;
        let (results, chunks) = mpsc::channel(MESSAGES_WAITING);
        self.send(Command::Perplexity(request, results)).await?;
        Ok(Response::new(Box::pin(ReceiverStream::new(chunks).map(chunk_scores))))
    }

    async fn quantize(
        &self,
        request: Request<proto::QuantizeRequest>,
    ) -> Result<Response<Self::QuantizeStream>, Status> {
        let request =
            QuantizeRequest::try_from(request.into_inner()).map_err(|error| status(&error.into()))?;
        let (messages, events) = mpsc::channel(MESSAGES_WAITING);
        self.send(Command::Quantize(request, messages)).await?;
        Ok(Response::new(Box::pin(ReceiverStream::new(events).map(quantize_event))))
    }

    async fn clear_context(&self, _request: Request<proto::Empty>) -> Result<Response<proto::Empty>, Status> {
        self.ask(Command::ClearContext).await?;
        Ok(Response::new(proto::Empty {}))
    }

    async fn memory(&self, _request: Request<proto::Empty>) -> Result<Response<proto::MemoryReply>, Status> {
        let breakdown = self.ask(Command::Memory).await?;
        Ok(Response::new((&EngineMemory { process: own_memory(), breakdown }).into()))
    }

    async fn unload(&self, _request: Request<proto::Empty>) -> Result<Response<proto::UnloadReply>, Status> {
        let report = self.ask(Command::Unload).await?;
        Ok(Response::new((&report).into()))
    }

    async fn health(&self, _request: Request<proto::Empty>) -> Result<Response<proto::Empty>, Status> {
        Ok(Response::new(proto::Empty {}))
    }

    async fn shutdown(&self, _request: Request<proto::Empty>) -> Result<Response<proto::Empty>, Status> {
        self.shutdown.notify_one();
        Ok(Response::new(proto::Empty {}))
    }
}

/// The downward half of a conversation.
struct Listener {
    commands: mpsc::Sender<Command>,
    clock: Arc<dyn Clock>,
    /// Weak, so that the upward half ends when the model thread lets go of it.
    events: mpsc::WeakSender<Vec<Event>>,
}

impl Listener {
    /// Passes commands on until the front ends its half or goes away. The upward half lives on.
    async fn listen(self, mut incoming: Streaming<proto::Command>) {
        use proto::command::Command as Message;
        while let Ok(Some(message)) = incoming.message().await {
            let arrived_ns = self.clock.now_ns();
            let command = match message.command {
                None => continue,
                Some(Message::Cancel(id)) => Command::Cancel(id),
                Some(Message::Submit(submission)) => {
                    let id = submission.id;
                    match GenerateRequest::try_from(submission) {
                        Ok(request) => Command::Submit { request, arrived_ns },
                        Err(error) => {
                            self.refuse(id, error.into()).await;
                            continue;
                        }
                    }
                }
            };
            if self.commands.send(command).await.is_err() {
                return;
            }
        }
    }

    async fn refuse(&self, id: u64, failure: Failure) {
        if let Some(events) = self.events.upgrade() {
            let _ = events.send(vec![Event { id, outcome: Outcome::Failed(failure) }]).await;
        }
    }
}

fn load_event(message: LoadMessage) -> Result<proto::LoadEvent, Status> {
    use proto::load_event::Event as Message;
    let event = match message {
        LoadMessage::Progress(fraction) => Message::Progress(fraction),
        LoadMessage::Done(Ok(report)) => Message::Loaded((&report).into()),
        LoadMessage::Done(Err(failure)) => return Err(status(&failure)),
    };
    Ok(proto::LoadEvent { event: Some(event) })
}

fn scored_items(results: Result<Vec<ScoredItem>, Failure>) -> Result<proto::ScoredItems, Status> {
    let items = results.map_err(|failure| status(&failure))?;
    Ok(proto::ScoredItems { items: items.into_iter().map(Into::into).collect() })
}

fn chunk_scores(results: Result<Vec<ChunkScore>, Failure>) -> Result<proto::ChunkScores, Status> {
    let chunks = results.map_err(|failure| status(&failure))?;
    Ok(proto::ChunkScores { chunks: chunks.into_iter().map(Into::into).collect() })
}

fn quantize_event(message: QuantizeMessage) -> Result<proto::QuantizeEvent, Status> {
    use proto::quantize_event::Event as Message;
    let event = match message {
        QuantizeMessage::Progress(fraction) => Message::Progress(fraction),
        QuantizeMessage::Done(Ok(quantize_ms)) => Message::Done(proto::QuantizeReply { quantize_ms }),
        QuantizeMessage::Done(Err(failure)) => return Err(status(&failure)),
    };
    Ok(proto::QuantizeEvent { event: Some(event) })
}

fn step(events: Vec<Event>) -> proto::Step {
    proto::Step { events: events.into_iter().map(sequence_event).collect() }
}

fn sequence_event(event: Event) -> proto::SequenceEvent {
    use proto::sequence_event::Event as Message;
    let message = match event.outcome {
        Outcome::Token(token) => Message::Token(token.into()),
        Outcome::Finished(report) => Message::Finished((&report).into()),
        Outcome::Failed(Failure { kind, message }) => Message::Failed(failure(kind, &message)),
    };
    proto::SequenceEvent { id: event.id, event: Some(message) }
}
