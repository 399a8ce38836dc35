//! What the protocol server asks of the thread that owns the backend.

use std::path::PathBuf;

use dyno_types::{
    ChatMessage, ChunkScore, ContextReport, EngineSettings, GenerateRequest, LoadReport, MeasureReport,
    MeasureRequest, MemoryBreakdown, PerplexityRequest, QuantizeRequest, ScoreItem, ScoredItem, TemplateFile,
    TokenId, UnloadReport,
};
use tokio::sync::{mpsc, oneshot};

use crate::Failure;
use crate::scheduler::Event;

/// Where an answer goes. Dropping the other end cancels what is cancellable.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, Failure>>;

/// A load's progress, then its result.
#[derive(Debug)]
pub(crate) enum LoadMessage {
    /// 0..=1.
    Progress(f32),
    /// The last message.
    Done(Result<LoadReport, Failure>),
}

/// Where the results of one request go, batch by batch; an error is the last. Dropping the other end cancels.
pub(crate) type Results<T> = mpsc::Sender<Result<Vec<T>, Failure>>;

/// A quantization's progress, then its result.
#[derive(Debug)]
pub(crate) enum QuantizeMessage {
    /// 0..=1.
    Progress(f32),
    /// The last message: the time it took, ms.
    Done(Result<f64, Failure>),
}

/// One request to the model thread.
#[derive(Debug)]
pub(crate) enum Command {
    /// Load weights. Closing `messages` aborts the load.
    Load { path: PathBuf, settings: EngineSettings, messages: mpsc::Sender<LoadMessage> },
    /// Render chats by this template from now on.
    UseTemplate(TemplateFile, Reply<bool>),
    /// Open or replace the context.
    OpenContext(EngineSettings, Reply<ContextReport>),
    /// Text to tokens.
    Tokenize { text: String, add_special: bool, parse_special: bool, reply: Reply<Vec<TokenId>> },
    /// A chat to tokens, through the model's template.
    TokenizeChat(Vec<ChatMessage>, Reply<Vec<TokenId>>),
    /// Events of all generations go here from now on.
    Attach(mpsc::Sender<Vec<Event>>),
    /// Start a generation that arrived at this clock reading.
    Submit { request: GenerateRequest, arrived_ns: u64 },
    /// End a generation.
    Cancel(u64),
    /// Time the bare backend. Closing the reply ends it early.
    Measure(MeasureRequest, Reply<MeasureReport>),
    /// Score items.
    Score(Vec<ScoreItem>, Results<ScoredItem>),
    /// Compute a text's perplexity.
    Perplexity(PerplexityRequest, Results<ChunkScore>),
    /// Write a model file with other tensor types.
    Quantize(QuantizeRequest, mpsc::Sender<QuantizeMessage>),
    /// Forget all sequences.
    ClearContext(Reply<()>),
    /// Memory by purpose.
    Memory(Reply<MemoryBreakdown>),
    /// Free context and weights.
    Unload(Reply<UnloadReport>),
    /// Free everything and end the thread.
    Shutdown,
}
