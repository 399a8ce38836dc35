//! All generations of one session over one stream: submissions and cancellations down, steps up, told apart by id.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dyno_types::{GenerateRequest, GeneratedToken, GenerationEvent, GenerationReport};
use futures::StreamExt as _;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Status;

use crate::link::{Link, Task};
use crate::protocol::{ProtocolError, proto};
use crate::{EngineError, GenerationStream};

type Delivery = Result<GenerationEvent, EngineError>;

/// The stream of one session, opened by its first generation.
#[derive(Debug)]
pub(crate) struct Conversation {
    shared: Arc<Shared>,
    next_id: AtomicU64,
}

#[derive(Debug)]
struct Shared {
    link: Arc<Link>,
    commands: UnboundedSender<proto::Command>,
    routes: Mutex<Routes>,
    /// Steps received: any step is a sign of life for every generation.
    steps: AtomicU64,
}

#[derive(Debug, Default)]
struct Routes {
    open: HashMap<u64, Route>,
    /// Why no further generation can start.
    closed: Option<EngineError>,
}

/// Where the events of one generation go. The channel is unbounded, but `tokens_left` bounds what it ever takes.
#[derive(Debug)]
struct Route {
    sender: UnboundedSender<Delivery>,
    task: Task,
    tokens_left: u32,
    last_at_ns: u64,
}

impl Route {
    /// Checks an event against what was asked for and what came before.
    fn accept(&mut self, event: proto::sequence_event::Event) -> Result<GenerationEvent, ProtocolError> {
        match event {
            proto::sequence_event::Event::Token(token) => {
                let token = GeneratedToken::try_from(token)?;
                self.tokens_left = self
                    .tokens_left
                    .checked_sub(1)
                    .ok_or_else(|| broken("token", "one more than max_tokens"))?;
                if token.at_ns < self.last_at_ns {
                    return Err(broken("at_ns", "earlier than that of the token before"));
                }
                self.last_at_ns = token.at_ns;
                Ok(GenerationEvent::Token(token))
            }
            proto::sequence_event::Event::Finished(finished) => {
                Ok(GenerationEvent::Finished(GenerationReport::try_from(finished)?))
            }
            proto::sequence_event::Event::Failed(_) => {
                Err(broken("failed", "not an event of a running generation"))
            }
        }
    }
}

fn broken(field: &'static str, value: &str) -> ProtocolError {
    ProtocolError { field, value: value.to_owned(), expected: "what was asked for".to_owned() }
}

impl Conversation {
    /// Opens the stream. The engine's consent is not waited for; a refusal reaches the generations.
    pub(crate) fn open(link: Arc<Link>) -> Self {
        let (commands, outgoing) = unbounded_channel();
        let shared = Arc::new(Shared { link, commands, routes: Mutex::default(), steps: AtomicU64::new(0) });
        tokio::spawn(listen(Arc::clone(&shared), outgoing));
        Self { shared, next_id: AtomicU64::new(1) }
    }

    /// Submits a generation under an id of our own: ids are never used twice, so a late event of a cancelled
    /// generation cannot reach another.
    pub(crate) fn generate(&self, mut request: GenerateRequest) -> Result<GenerationStream, EngineError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        request.id = id;
        let (sender, receiver) = unbounded_channel();
        let task = self.shared.link.task("while generating");
        let route = Route { sender, task: task.clone(), tokens_left: request.max_tokens, last_at_ns: 0 };
        {
            let mut routes = self.shared.routes();
            if let Some(error) = &routes.closed {
                return Err(error.clone());
            }
            routes.open.insert(id, route);
        }
        let generation = Generation { id, shared: Arc::clone(&self.shared), receiver, task, over: false };
        self.shared.command(proto::command::Command::Submit(request.into()));
        Ok(futures::stream::unfold(generation, Generation::step).boxed())
    }
}

impl Shared {
    fn routes(&self) -> MutexGuard<'_, Routes> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn command(&self, command: proto::command::Command) {
        // Fails only when the stream is over, and then every route was told.
        let _ = self.commands.send(proto::Command { command: Some(command) });
    }

    fn cancel(&self, id: u64) {
        self.command(proto::command::Command::Cancel(id));
    }

    /// Hands every event of a step to its generation; events of unknown ids belong to cancelled ones.
    fn deliver(&self, step: proto::Step) {
        self.steps.fetch_add(1, Ordering::Relaxed);
        let mut routes = self.routes();
        for message in step.events {
            let id = message.id;
            let Some(route) = routes.open.get_mut(&id) else { continue };
            let accepted = match message.event {
                Some(proto::sequence_event::Event::Failed(failure)) => {
                    if let Some(route) = routes.open.remove(&id) {
                        self.fail(route, failure);
                    }
                    continue;
                }
                Some(event) => route.accept(event),
                None => Err(broken("event", "missing")),
            };
            if accepted.is_err() {
                self.cancel(id);
            }
            if let Ok(GenerationEvent::Finished(report)) = &accepted {
                log_request(id, report);
            }
            let over = !matches!(accepted, Ok(GenerationEvent::Token(_)));
            let _ = route.sender.send(accepted.map_err(EngineError::from));
            if over {
                routes.open.remove(&id);
            }
        }
    }

    /// Explaining a failure may take a moment, which the other generations do not wait for.
    fn fail(&self, route: Route, failure: proto::Failure) {
        let link = Arc::clone(&self.link);
        tokio::spawn(async move {
            let error = link.failed(&route.task, &failure).await;
            let _ = route.sender.send(Err(error));
        });
    }

    /// Ends every generation with this error.
    fn close(&self, error: &EngineError) {
        let mut routes = self.routes();
        for (_, route) in routes.open.drain() {
            let _ = route.sender.send(Err(error.clone()));
        }
        routes.closed = Some(error.clone());
    }
}

/// The times of a request, for whoever asks for them; never what was asked or answered.
fn log_request(id: u64, report: &GenerationReport) {
    let ms = |from: u64, to: u64| to.saturating_sub(from) as f64 / 1e6;
    tracing::debug!(
        id,
        prompt_tokens = report.prompt_tokens,
        cached_tokens = report.cached_tokens,
        generated_tokens = report.generated_tokens,
        queue_ms = ms(0, report.prefill_start_ns),
        prefill_ms = ms(report.prefill_start_ns, report.prefill_end_ns),
        decode_ms = ms(report.prefill_end_ns, report.end_ns),
        finish = ?report.finish_reason,
        "request"
    );
}

/// Receives steps until the stream breaks or ends. The stream never ends while all is well.
async fn listen(shared: Arc<Shared>, outgoing: UnboundedReceiver<proto::Command>) {
    let task = shared.link.task("while generating");
    let broke = match shared.link.client().converse(UnboundedReceiverStream::new(outgoing)).await {
        Err(status) => status,
        Ok(response) => {
            let mut steps = response.into_inner();
            loop {
                match steps.message().await {
                    Ok(Some(step)) => shared.deliver(step),
                    Ok(None) => break Status::unavailable("it ended the stream of generations"),
                    Err(status) => break status,
                }
            }
        }
    };
    let error = shared.link.explain(&task, &broke).await;
    shared.close(&error);
}

/// The receiving end of one generation. Dropping it before its end cancels it.
struct Generation {
    id: u64,
    shared: Arc<Shared>,
    receiver: UnboundedReceiver<Delivery>,
    task: Task,
    over: bool,
}

impl Generation {
    async fn step(mut self) -> Option<(Delivery, Self)> {
        if self.over {
            return None;
        }
        let delivery = self.next_delivery().await;
        self.over = !matches!(delivery, Ok(GenerationEvent::Token(_)));
        Some((delivery, self))
    }

    /// Waits for the next event as long as the engine gives any sign of life.
    async fn next_delivery(&mut self) -> Delivery {
        let limit = self.shared.link.job.deadline;
        loop {
            let steps = self.shared.steps.load(Ordering::Relaxed);
            let next = tokio::time::timeout(limit, self.receiver.recv());
            match self.shared.link.job.cancel.race(next).await.ok_or(EngineError::Cancelled)? {
                Ok(Some(delivery)) => return delivery,
                Ok(None) => {
                    return Err(EngineError::Internal("its stream of generations was lost".to_owned()));
                }
                Err(_elapsed) if self.shared.steps.load(Ordering::Relaxed) != steps => {}
                Err(_elapsed) => return Err(self.shared.link.hung(&self.task, limit).await),
            }
        }
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        if !self.over && self.shared.routes().open.remove(&self.id).is_some() {
            self.shared.cancel(self.id);
        }
    }
}
