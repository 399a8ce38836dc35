//! Likelihoods from an engine process: items up, results down, each checked against what was asked.

use std::collections::VecDeque;
use std::sync::Arc;

use dyno_types::{ChunkScore, PerplexityRequest, ScoreRequest, ScoredItem};
use futures::StreamExt as _;
use tonic::{Status, Streaming};

use crate::link::{Link, Task};
use crate::part_file::PartFile;
use crate::protocol::{ScoreExpectation, check_perplexity, check_score, chunk_score, proto, score_messages};
use crate::remote::refused;
use crate::{EngineError, PerplexityStream, ScoreStream};

/// Starts scoring.
pub(crate) async fn score(link: Arc<Link>, request: ScoreRequest) -> Result<ScoreStream, EngineError> {
    check_score(&request).map_err(refused)?;
    let task = link.task(format!("while scoring {} items", request.items.len()));
    let expected = ScoreExpectation::of(&request);
    let items = futures::stream::iter(score_messages(request));
    let mut client = link.client();
    let messages = link.bounded(&task, link.job.deadline, client.score(items)).await?.into_inner();
    let scoring = Scoring {
        incoming: Incoming { link, task, messages },
        expected,
        ready: VecDeque::new(),
        over: false,
    };
    Ok(futures::stream::unfold(scoring, Scoring::step).boxed())
}

/// Starts the computation of a perplexity.
pub(crate) async fn perplexity(
    link: Arc<Link>,
    request: PerplexityRequest,
) -> Result<PerplexityStream, EngineError> {
    check_perplexity(&request).map_err(refused)?;
    let task = link.task(format!("while computing a perplexity in chunks of {} tokens", request.context));
    let part = request.store.as_deref().map(PartFile::beside).transpose()?;
    // Of the request, only what tells the shape of the results is kept.
    let shape = PerplexityRequest { text: String::new(), ..request.clone() };
    let store = part.as_ref().map(|part| part.path().to_owned());
    let sent = proto::PerplexityRequest::from(PerplexityRequest { store, ..request });
    let mut client = link.client();
    let messages = link.bounded(&task, link.job.deadline, client.perplexity(sent)).await?.into_inner();
    let incoming = Incoming { link, task, messages };
    let chunks =
        Chunks { incoming, request: shape, part, next: 0, chunks: 0, ready: VecDeque::new(), over: false };
    Ok(futures::stream::unfold(chunks, Chunks::step).boxed())
}

/// A stream of results from the engine. Dropping it cancels the call.
struct Incoming<M> {
    link: Arc<Link>,
    task: Task,
    messages: Streaming<M>,
}

impl<M> Incoming<M> {
    /// The next message; any is a sign of life. `None` at the end.
    async fn next(&mut self) -> Result<Option<M>, EngineError> {
        let limit = self.link.job.deadline;
        let next = tokio::time::timeout(limit, self.messages.message());
        match self.link.job.cancel.race(next).await.ok_or(EngineError::Cancelled)? {
            Ok(Ok(message)) => Ok(message),
            Ok(Err(status)) => Err(self.link.explain(&self.task, &status).await),
            Err(_elapsed) => Err(self.link.hung(&self.task, limit).await),
        }
    }

    /// The error for a stream that ended before everything had come.
    async fn cut_short(&self) -> EngineError {
        self.link.explain(&self.task, &Status::unavailable("it ended the stream of results")).await
    }
}

struct Scoring {
    incoming: Incoming<proto::ScoredItems>,
    expected: ScoreExpectation,
    ready: VecDeque<proto::ScoredItem>,
    over: bool,
}

impl Scoring {
    async fn step(mut self) -> Option<(Result<ScoredItem, EngineError>, Self)> {
        if self.over || self.expected.is_fulfilled() {
            return None;
        }
        let item = self.next_item().await;
        self.over = item.is_err();
        Some((item, self))
    }

    async fn next_item(&mut self) -> Result<ScoredItem, EngineError> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Ok(self.expected.accept(item)?);
            }
            match self.incoming.next().await? {
                Some(message) => self.ready = message.items.into(),
                None => return Err(self.incoming.cut_short().await),
            }
        }
    }
}

struct Chunks {
    incoming: Incoming<proto::ChunkScores>,
    request: PerplexityRequest,
    /// The file the engine writes.
    part: Option<PartFile>,
    next: u32,
    /// As the latest chunk said.
    chunks: u32,
    ready: VecDeque<proto::ChunkScore>,
    over: bool,
}

impl Chunks {
    async fn step(mut self) -> Option<(Result<ChunkScore, EngineError>, Self)> {
        if self.over {
            return None;
        }
        let chunk = self.following().await.transpose()?;
        self.over = chunk.is_err();
        Some((chunk, self))
    }

    /// The next chunk; `None` at the end, when the file to store is in its place.
    async fn following(&mut self) -> Result<Option<ChunkScore>, EngineError> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                let chunk = chunk_score(message, self.next, &self.request)?;
                self.next += 1;
                self.chunks = chunk.chunks;
                return Ok(Some(chunk));
            }
            match self.incoming.next().await? {
                Some(message) => self.ready = message.chunks.into(),
                None if self.next == 0 || self.next < self.chunks => {
                    return Err(self.incoming.cut_short().await);
                }
                None => {
                    if let Some(part) = self.part.take() {
                        part.appear().await?;
                    }
                    return Ok(None);
                }
            }
        }
    }
}
