//! The thread that owns the backend: carries out commands, and steps the scheduler in between.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use dyno_types::{
    ChatMessage, ChunkScore, ContextReport, EngineSettings, GenerateRequest, LoadReport, MeasureReport,
    MeasureRequest, MemoryBreakdown, PerplexityRequest, Prompt, QuantizeRequest, REASONING_MARKS, ScoreItem,
    ScoredItem, TemplateFile, TokenId, UnloadReport, reasoning_opened_by,
};
use tokio::sync::mpsc::{self, error::TryRecvError};

use crate::command::{Command, LoadMessage, QuantizeMessage, Results};
use crate::likelihoods::Likelihoods;
use crate::measure::{MeasureContext, measure};
use crate::perplexity::Perplexity;
use crate::scheduler::{Event, Job, Limits, Outcome, Scheduler};
use crate::scoring::{Scorer, batch_tokens, pool_cells};
use crate::template::{ChatTemplate, TemplateError, is_template};
use crate::{Backend, Clock, DescribedModel, Failure, FailureKind, own_memory};

/// A loaded model.
struct Model {
    described: DescribedModel,
    /// Its chat template, compiled; a broken one fails chats, not the load.
    template: Option<Result<ChatTemplate, TemplateError>>,
    /// What it is called in messages.
    template_name: String,
}

/// An open context.
struct Context {
    /// As opened: threads resolved, window as the backend has it.
    settings: EngineSettings,
    limits: Limits,
    scheduler: Scheduler,
    /// Never while the scheduler has anything to do.
    likelihoods: Option<Likelihoods>,
    /// What the backend holds instead, for scoring, until the context itself is needed again.
    pool: Option<Pool>,
}

/// A pool as opened.
#[derive(Clone, Copy)]
struct Pool {
    cells: u32,
    sequences: u32,
}

/// Owns a backend; lives on the model thread.
pub(crate) struct Worker<B> {
    backend: B,
    clock: Arc<dyn Clock>,
    /// Set by the server when the process is to end: loads and measurements then give up.
    stopping: Arc<AtomicBool>,
    model: Option<Model>,
    context: Option<Context>,
    listener: Option<mpsc::Sender<Vec<Event>>>,
}

impl<B: Backend> Worker<B> {
    pub(crate) fn new(backend: B, clock: Arc<dyn Clock>, stopping: Arc<AtomicBool>) -> Self {
        Self { backend, clock, stopping, model: None, context: None, listener: None }
    }

    /// Works until told to shut down or nobody can send commands any more. Commands go before steps, so that a
    /// cancellation never waits for more than the step that is running.
    pub(crate) fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            let command = if self.is_busy() {
                commands.try_recv()
            } else {
                commands.blocking_recv().ok_or(TryRecvError::Disconnected)
            };
            match command {
                Ok(Command::Shutdown) | Err(TryRecvError::Disconnected) => break,
                Ok(command) => self.carry_out(command),
                Err(TryRecvError::Empty) => self.step(),
            }
        }
        self.free();
    }

    fn is_busy(&self) -> bool {
        let at_work = |context: &Context| !context.scheduler.is_idle() || context.likelihoods.is_some();
        self.context.as_ref().is_some_and(at_work)
    }

    fn carry_out(&mut self, command: Command) {
        // A reply nobody waits for any more is dropped: the caller has gone.
        match command {
            Command::Load { path, settings, messages } => {
                let outcome = self.load(&path, &settings, &messages);
                let loaded = outcome.is_ok();
                if messages.blocking_send(LoadMessage::Done(outcome)).is_err() && loaded {
                    // The caller gave up at the last moment: nobody knows of this model.
                    self.free();
                }
            }
            Command::UseTemplate(template, reply) => drop(reply.send(self.use_template(template))),
            Command::OpenContext(settings, reply) => drop(reply.send(self.open_context(settings))),
            Command::Tokenize { text, add_special, parse_special, reply } => {
                drop(reply.send(self.tokenize(&text, add_special, parse_special)));
            }
            Command::TokenizeChat(messages, reply) => drop(reply.send(self.tokenize_chat(messages))),
            Command::Attach(listener) => self.attach(listener),
            Command::Submit { request, arrived_ns } => self.submit(request, arrived_ns),
            Command::Cancel(id) => self.context.iter_mut().for_each(|context| context.scheduler.cancel(id)),
            Command::Measure(request, reply) => {
                let stopping = Arc::clone(&self.stopping);
                let outcome =
                    self.measure(&request, &|| reply.is_closed() || stopping.load(Ordering::Relaxed));
                let _ = reply.send(outcome);
            }
            Command::Score(items, results) => self.score(items, results),
            Command::Perplexity(request, results) => self.perplexity(&request, results),
            Command::Quantize(request, messages) => {
                let outcome = self.quantize(&request, &messages);
                drop(messages.blocking_send(QuantizeMessage::Done(outcome)));
            }
            Command::ClearContext(reply) => drop(reply.send(self.clear_context())),
            Command::Memory(reply) => drop(reply.send(self.memory())),
            Command::Unload(reply) => drop(reply.send(self.unload())),
            Command::Shutdown => {}
        }
    }

    /// One batch of the running generations, or of the request for likelihoods.
    fn step(&mut self) {
        let Some(context) = &mut self.context else { return };
        if let Some(likelihoods) = &mut context.likelihoods {
            if !likelihoods.step(&mut self.backend) {
                context.likelihoods = None;
                self.backend.clear();
            }
            return;
        }
        if self.listener.as_ref().is_none_or(mpsc::Sender::is_closed) {
            // Nobody hears the tokens.
            context.scheduler.cancel_all();
        }
        let mut events = Vec::new();
        context.scheduler.step(&mut self.backend, self.clock.as_ref(), &mut events);
        // Also when nothing happened, as in the middle of a prompt: each step is a sign of life.
        self.tell(events);
    }

    /// Sends events on; waits when the front is far behind, and drops them when it has gone.
    fn tell(&self, events: Vec<Event>) {
        if let Some(listener) = &self.listener {
            let _ = listener.blocking_send(events);
        }
    }

    fn attach(&mut self, listener: mpsc::Sender<Vec<Event>>) {
        // Likelihoods go another way and are not concerned.
        self.end_generations("another conversation with this engine began");
        self.listener = Some(listener);
    }

    /// Fails all generations because of `reason`; their sequences are forgotten.
    fn end_generations(&mut self, reason: &str) {
        let Some(context) = self.context.as_mut().filter(|context| !context.scheduler.is_idle()) else {
            return;
        };
        let mut events = Vec::new();
        context.scheduler.fail_all(&cancelled(reason), &mut events);
        self.backend.clear();
        self.tell(events);
    }

    /// Fails everything that uses the context because of `reason`.
    fn end_work(&mut self, reason: &str) {
        self.end_generations(reason);
        let likelihoods = self.context.as_mut().and_then(|context| context.likelihoods.take());
        if let Some(likelihoods) = likelihoods {
            likelihoods.fail(cancelled(reason));
            self.backend.clear();
        }
    }

    /// Loads a model in place of the one that may be loaded; that one is freed first, untimed.
    fn load(
        &mut self,
        path: &Path,
        settings: &EngineSettings,
        messages: &mpsc::Sender<LoadMessage>,
    ) -> Result<LoadReport, Failure> {
        let settings = resolve(settings.clone())?;
        self.end_work("another model was loaded");
        self.free();
        if messages.is_closed() {
            return Err(Failure::cancelled("the load was cancelled before it began"));
        }
        let start_ns = self.clock.now_ns();
        // A full channel means that the front is busy: it may miss a progress message, never the end.
        let mut progress = |fraction: f32| {
            let _ = messages.try_send(LoadMessage::Progress(fraction.clamp(0.0, 1.0)));
            !messages.is_closed() && !self.stopping.load(Ordering::Relaxed)
        };
        let described = self.backend.load(path, &settings, &mut progress)?;
        let weights_ms = milliseconds(self.clock.now_ns().saturating_sub(start_ns));
        let source = described.chat_template.as_deref().filter(|source| is_template(source));
        let template = source.map(|source| self.compiled(source, &described));
        let report = LoadReport {
            weights_ms,
            layers: described.layers,
            vocabulary: described.vocabulary,
            context_train: described.context_train,
            adds_bos: described.adds_bos,
            has_chat_template: template.is_some(),
            system_in_user: template
                .as_ref()
                .is_some_and(|template| template.as_ref().is_ok_and(ChatTemplate::system_in_user)),
        };
        self.model = Some(Model { described, template, template_name: OWN_TEMPLATE.to_owned() });
        Ok(report)
    }

    fn compiled(&self, source: &str, model: &DescribedModel) -> Result<ChatTemplate, TemplateError> {
        let spelled =
            |token: Option<TokenId>| token.map(|token| self.backend.token_text(token)).unwrap_or_default();
        ChatTemplate::compile(source, spelled(model.bos), spelled(model.eos))
    }

    /// Takes this template in place of the model's own; one that cannot be read changes nothing.
    fn use_template(&mut self, file: TemplateFile) -> Result<bool, Failure> {
        let Some(model) = &self.model else { return Err(no_model()) };
        if self.is_busy() {
            return Err(busy());
        }
        let name = format!("the chat template {}", file.name);
        if !is_template(&file.source) {
            return Err(Failure::new(FailureKind::Template, format!("{name} is empty")));
        }
        let compiled = self.compiled(&file.source, &model.described);
        let template = compiled.map_err(|error| template_failure(&name, &error))?;
        let system_in_user = template.system_in_user();
        if let Some(model) = &mut self.model {
            (model.template, model.template_name) = (Some(Ok(template)), name);
        }
        Ok(system_in_user)
    }

    fn open_context(&mut self, settings: EngineSettings) -> Result<ContextReport, Failure> {
        let Some(model) = &self.model else { return Err(no_model()) };
        let vocabulary = model.described.vocabulary;
        let mut settings = resolve(settings)?;
        self.end_work("the context was replaced");
        self.context = None;
        let start_ns = self.clock.now_ns();
        let window = self.backend.open_context(&settings)?;
        let context_ms = milliseconds(self.clock.now_ns().saturating_sub(start_ns));
        settings.context = window;
        let limits = Limits { window, batch: settings.batch, sequences: settings.sequences, vocabulary };
        let scheduler = Scheduler::new(limits);
        self.context = Some(Context { settings, limits, scheduler, likelihoods: None, pool: None });
        Ok(ContextReport { context_ms, context: window, memory: self.backend.memory() })
    }

    fn tokenize(&self, text: &str, add_special: bool, parse_special: bool) -> Result<Vec<TokenId>, Failure> {
        if self.model.is_none() {
            return Err(no_model());
        }
        Ok(self.backend.tokenize(text, add_special, parse_special)?)
    }

    fn tokenize_chat(&self, messages: Vec<ChatMessage>) -> Result<Vec<TokenId>, Failure> {
        let model = self.model.as_ref().ok_or_else(no_model)?;
        Ok(read_prompt(&self.backend, model, Prompt::Chat(messages))?.tokens)
    }

    fn submit(&mut self, request: GenerateRequest, arrived_ns: u64) {
        let id = request.id;
        if let Err(failure) = self.accept(request, arrived_ns) {
            self.tell(vec![Event { id, outcome: Outcome::Failed(failure) }]);
        }
    }

    fn accept(&mut self, request: GenerateRequest, arrived_ns: u64) -> Result<(), Failure> {
        let (Some(model), Some(context)) = (&self.model, &mut self.context) else { return Err(no_context()) };
        if context.likelihoods.is_some() {
            return Err(Failure::bad_request("likelihoods are being computed; generate when they are done"));
        }
        context.leave_pool(&mut self.backend)?;
        let prompt = read_prompt(&self.backend, model, request.prompt)?;
        context.scheduler.submit(Job {
            id: request.id,
            prompt: prompt.tokens,
            reasoning_mark: prompt.reasoning_mark,
            sampling: request.sampling,
            max_tokens: request.max_tokens,
            stop: request.stop,
            ignore_eos: request.ignore_eos,
            logprobs: request.logprobs,
            arrived_ns,
        })
    }

    fn measure(
        &mut self,
        request: &MeasureRequest,
        given_up: &dyn Fn() -> bool,
    ) -> Result<MeasureReport, Failure> {
        let (model, context, backend) = self.idle_context()?;
        context.leave_pool(backend)?;
        let EngineSettings { context: window, batch, threads, threads_prefill, .. } = context.settings;
        let open = MeasureContext { window, batch, threads, threads_prefill };
        let described = model.described.clone();
        measure(&mut self.backend, &described, open, request, (self.clock.as_ref(), given_up))
    }

    fn score(&mut self, items: Vec<ScoreItem>, results: Results<ScoredItem>) {
        let begun = self.idle_context().and_then(|(_, context, backend)| {
            let limits = Limits { batch: batch_tokens(&context.settings), ..context.limits };
            let pool = context.enter_pool(pool_cells(&items, limits), backend)?;
            let limits = Limits { sequences: pool.sequences, ..limits };
            Ok((context, Scorer::new(items, limits, pool.cells)))
        });
        match begun {
            Ok((context, scorer)) => {
                context.likelihoods = Some(Likelihoods::Scores(Box::new(scorer), results));
            }
            Err(failure) => drop(results.blocking_send(Err(failure))),
        }
    }

    fn perplexity(&mut self, request: &PerplexityRequest, results: Results<ChunkScore>) {
        let begun = self.idle_context().and_then(|(model, context, backend)| {
            context.leave_pool(backend)?;
            let begun = Perplexity::begin(request, backend, &model.described, context.limits)?;
            Ok((context, begun))
        });
        match begun {
            Ok((context, perplexity)) => {
                context.likelihoods = Some(Likelihoods::Perplexity(Box::new(perplexity), results));
            }
            Err(failure) => drop(results.blocking_send(Err(failure))),
        }
    }

    /// A context that nobody uses, with its model and backend.
    fn idle_context(&mut self) -> Result<(&Model, &mut Context, &mut B), Failure> {
        if self.is_busy() {
            return Err(busy());
        }
        match (&self.model, &mut self.context) {
            (Some(model), Some(context)) => Ok((model, context, &mut self.backend)),
            _ => Err(no_context()),
        }
    }

    /// Writes a model file with other tensor types; gives the time it took, ms.
    fn quantize(
        &mut self,
        request: &QuantizeRequest,
        messages: &mpsc::Sender<QuantizeMessage>,
    ) -> Result<f64, Failure> {
        if self.is_busy() {
            return Err(busy());
        }
        let start_ns = self.clock.now_ns();
        let mut progress = |fraction: f32| {
            let _ = messages.try_send(QuantizeMessage::Progress(fraction.clamp(0.0, 1.0)));
            !messages.is_closed() && !self.stopping.load(Ordering::Relaxed)
        };
        self.backend.quantize(request, &mut progress)?;
        Ok(milliseconds(self.clock.now_ns().saturating_sub(start_ns)))
    }

    fn clear_context(&mut self) -> Result<(), Failure> {
        self.end_work("the context was cleared");
        if self.context.is_none() {
            return Err(no_context());
        }
        self.backend.clear();
        Ok(())
    }

    /// Memory with the context as it was opened, where nothing else is going on.
    fn memory(&mut self) -> Result<MemoryBreakdown, Failure> {
        if let Ok((_, context, backend)) = self.idle_context() {
            context.leave_pool(backend)?;
        }
        Ok(if self.model.is_some() { self.backend.memory() } else { MemoryBreakdown::default() })
    }

    fn unload(&mut self) -> Result<UnloadReport, Failure> {
        if self.model.is_none() {
            return Err(no_model());
        }
        self.end_work("the model was unloaded");
        let start_ns = self.clock.now_ns();
        self.free();
        let unload_ms = milliseconds(self.clock.now_ns().saturating_sub(start_ns));
        Ok(UnloadReport { unload_ms, process: own_memory() })
    }

    fn free(&mut self) {
        self.context = None;
        if self.model.take().is_some() {
            self.backend.unload();
        }
    }
}

impl Context {
    /// Has the backend hold a pool of at least so many cells instead of the context.
    fn enter_pool<B: Backend>(&mut self, cells: u32, backend: &mut B) -> Result<Pool, Failure> {
        if let Some(pool) = self.pool.filter(|pool| pool.cells >= cells) {
            return Ok(pool);
        }
        // Also when it fails, the context is gone.
        self.pool = Some(Pool { cells: 0, sequences: 0 });
        let pool = Pool { cells, sequences: backend.open_pool(&self.settings, cells)? };
        self.pool = Some(pool);
        Ok(pool)
    }

    /// Has the backend hold the context again.
    fn leave_pool<B: Backend>(&mut self, backend: &mut B) -> Result<(), Failure> {
        if self.pool.is_some() {
            backend.open_context(&self.settings)?;
            self.pool = None;
        }
        Ok(())
    }
}

/// A prompt as the model reads it.
struct ReadPrompt {
    tokens: Vec<TokenId>,
    /// Mark of reasoning that it ends with.
    reasoning_mark: Option<&'static str>,
}

/// What a template that came with the model is called.
const OWN_TEMPLATE: &str = "the model's chat template";

/// A prompt as tokens. A chat goes through the model's template, which writes special tokens as text, and so does whoever writes the
/// prompt of a chat by hand; BOS is put first where the tokenizer wants one and there is none.
fn read_prompt(backend: &dyn Backend, model: &Model, prompt: Prompt) -> Result<ReadPrompt, Failure> {
    let described = &model.described;
    match prompt {
        Prompt::Tokens(tokens) => Ok(ReadPrompt { tokens, reasoning_mark: None }),
        // Nothing but the beginning of a sequence is a fair prompt, where the model knows one.
        Prompt::Text(text) if text.is_empty() => match described.bos {
            Some(bos) => Ok(ReadPrompt { tokens: vec![bos], reasoning_mark: None }),
            None => Err(Failure::bad_request(
                "the prompt is empty, and the model has no token for the beginning of a sequence; give it some text",
            )),
        },
        Prompt::Text(text) => {
            let mut tokens = backend.tokenize(&text, true, true)?;
            let begins_twice = described.adds_bos
                && tokens.first().copied() == described.bos
                && tokens.get(1).copied() == described.bos;
            if begins_twice {
                tokens.remove(0);
            }
            Ok(ReadPrompt { tokens, reasoning_mark: reasoning_opened_by(&text) })
        }
        Prompt::Chat(messages) if messages.is_empty() => {
            Err(Failure::bad_request("the chat is empty; give it a message"))
        }
        Prompt::Chat(messages) => {
            let template = match &model.template {
                None => return Err(no_template()),
                Some(Err(error)) => return Err(template_failure(&model.template_name, error)),
                Some(Ok(template)) => template,
            };
            let (asked, begun) = begun_answer(&messages);
            let failed = |error| template_failure(&model.template_name, &error);
            let text = template.render(asked, SystemTime::now()).map_err(failed)?;
            let mut tokens = backend.tokenize(&format!("{text}{begun}"), false, true)?;
            if let (Some(bos), true) = (described.bos, described.adds_bos)
                && tokens.first() != Some(&bos)
            {
                tokens.insert(0, bos);
            }
            // A begun answer goes on inside the reasoning that the template opened, unless it closes it.
            let reasoning_mark = reasoning_opened_by(&text).filter(|mark| !closes(mark, begun));
            Ok(ReadPrompt { tokens, reasoning_mark })
        }
    }
}

/// Whether a text ends the reasoning that this mark opened.
fn closes(mark: &str, text: &str) -> bool {
    REASONING_MARKS.iter().any(|(open, close)| *open == mark && text.contains(close))
}

/// A chat apart from the beginning of the answer, when its last message is one of the assistant's.
fn begun_answer(messages: &[ChatMessage]) -> (&[ChatMessage], &str) {
    match messages.split_last() {
        Some((last, asked)) if last.role == "assistant" && !asked.is_empty() => (asked, &last.content),
        _ => (messages, ""),
    }
}

/// Settings with everything chosen: automatic threads become the processors this process may use.
fn resolve(mut settings: EngineSettings) -> Result<EngineSettings, Failure> {
    let EngineSettings { context, batch, ubatch, sequences, .. } = settings;
    for (name, value) in
        [("context", context), ("batch", batch), ("ubatch", ubatch), ("sequences", sequences)]
    {
        if value == 0 {
            return Err(Failure::bad_request(format!("{name} is 0; it must be at least 1")));
        }
    }
    if batch < sequences {
        return Err(Failure::bad_request(format!(
            "a batch of {batch} tokens is smaller than the number of sequences, {sequences}; each decodes one token per batch, so ask for a larger batch"
        )));
    }
    let processors =
        std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(1));
    for threads in [&mut settings.threads, &mut settings.threads_prefill] {
        *threads = if *threads == 0 { processors } else { *threads };
    }
    Ok(settings)
}

fn template_failure(name: &str, error: &TemplateError) -> Failure {
    let kind = match error {
        // The template works; it wants another chat.
        TemplateError::Refused(_) => FailureKind::BadRequest,
        _ => FailureKind::Template,
    };
    Failure::new(kind, format!("{name} {error}"))
}

fn milliseconds(ns: u64) -> f64 {
    ns as f64 / 1e6
}

fn no_template() -> Failure {
    Failure::new(FailureKind::NoTemplate, "the model has no chat template")
}

fn cancelled(reason: &str) -> Failure {
    Failure::cancelled(format!("cancelled, because {reason}"))
}

fn busy() -> Failure {
    Failure::bad_request(
        "generations are running or likelihoods are being computed; ask again when they are done",
    )
}

fn no_model() -> Failure {
    Failure::bad_request("no model is loaded; load one first")
}

fn no_context() -> Failure {
    Failure::bad_request("no context is open; load a model and open a context first")
}
