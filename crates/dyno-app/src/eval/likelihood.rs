//! Answers that are not written: the likelihoods of choices and endings, scored in batches. While one batch is computed,
//! the next is tokenized.

use std::sync::Arc;

use dyno_engine::{EngineError, ScoreStream, Session};
use dyno_eval::{
    Item, ItemKind, LikelihoodRequest, common_start, likelihood_requests, score_choices, score_cloze,
};
use dyno_types::{
    ChatMessage, ChoiceScore, ContinuationScore, ItemResult, Prompt, ScoreItem, ScoreRequest, TokenId,
};
use futures::StreamExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::eval::ask::Asking;
use crate::eval::drive::{Answers, Ask};
use crate::eval::host::is_refusal;

/// Items scored in one request: enough to fill batches, few enough to show progress and to lose little.
pub(crate) const UNIT_ITEMS: usize = 64;

/// Units under way: one is scored, one prepared.
pub(crate) const UNITS: usize = 2;

/// Has likelihoods computed.
pub(crate) struct Weighing<'a> {
    pub(crate) asking: Asking<'a>,
    /// Engines score one request at a time.
    turn: Arc<Semaphore>,
    /// Tokens that the tokenizer puts behind every text.
    trailing: usize,
}

/// An item ready to be scored.
struct Prepared {
    item: usize,
    /// In the order of the choices; several when their beginnings differ.
    parts: Vec<ScoreItem>,
    /// How long each choice is.
    lengths: Vec<Length>,
}

/// Length of a choice.
struct Length {
    chars: u32,
    bytes: u32,
}

/// Why an item cannot be prepared: for a reason of its own, or because the engine failed.
enum Unprepared {
    Item(String),
    Engine(EngineError),
}

impl From<EngineError> for Unprepared {
    fn from(error: EngineError) -> Self {
        if is_refusal(&error) { Self::Item(error.to_string()) } else { Self::Engine(error) }
    }
}

impl<'a> Weighing<'a> {
    /// Weighs with this session's model; learns what its tokenizer adds to texts.
    pub(crate) async fn new(
        asking: Asking<'a>,
        session: &dyn Session,
        adds_bos: bool,
    ) -> Result<Self, EngineError> {
        let added = session.tokenize("", true, false).await?;
        let trailing = added.len().saturating_sub(usize::from(adds_bos));
        Ok(Self { asking, turn: Arc::new(Semaphore::new(1)), trailing })
    }

    async fn prepare(&self, session: &dyn Session, index: usize) -> Result<Prepared, Unprepared> {
        let item = self.asking.item(index);
        let (strategy, framing) = (&self.asking.manner.strategy, self.asking.template.framing());
        let requests = likelihood_requests(item, strategy, &self.asking.examples(item), framing);
        if requests.is_empty() {
            return Err(Unprepared::Item("it has nothing to score".to_owned()));
        }
        let one_beginning = requests.iter().all(|request| request.prompt == requests[0].prompt);
        let groups: Vec<&[LikelihoodRequest]> =
            if one_beginning { vec![&requests] } else { requests.chunks(1).collect() };
        let mut parts = Vec::new();
        for group in groups {
            parts.push(self.score_item(session, group).await?);
        }
        let lengths = requests.iter().map(|request| Length { chars: request.chars, bytes: request.bytes });
        Ok(Prepared { item: index, parts, lengths: lengths.collect() })
    }

    /// Continuations of one beginning, cut where the tokens of any of them leave it.
    async fn score_item(
        &self,
        session: &dyn Session,
        requests: &[LikelihoodRequest],
    ) -> Result<ScoreItem, Unprepared> {
        let prefix = self.tokens(session, &requests[0].prompt).await?;
        let mut joined = Vec::new();
        for request in requests {
            let whole = extended(&request.prompt, &request.continuation);
            joined.push(self.tokens(session, &whole).await?);
        }
        let start = common_start(&prefix, &joined).map_err(|error| Unprepared::Item(error.to_string()))?;
        let continuations = joined.iter().map(|tokens| tokens[start..].to_vec()).collect();
        Ok(ScoreItem { prefix: prefix[..start].to_vec(), continuations })
    }

    /// Tokens of a prompt, without those that end a text.
    async fn tokens(&self, session: &dyn Session, prompt: &Prompt) -> Result<Vec<TokenId>, EngineError> {
        let mut tokens = self.asking.template.tokens(session, prompt).await?;
        if matches!(prompt, Prompt::Text(_)) {
            tokens.truncate(tokens.len().saturating_sub(self.trailing));
        }
        Ok(tokens)
    }

    fn result(&self, prepared: &Prepared, scores: &[ContinuationScore]) -> ItemResult {
        let item = self.asking.item(prepared.item);
        let choice = |(score, length): (&ContinuationScore, &Length)| ChoiceScore {
            logprob: score.logprob(),
            tokens: score.tokens(),
            bytes: length.bytes,
            chars: length.chars,
            greedy: score.greedy,
        };
        let choices: Vec<ChoiceScore> = scores.iter().zip(&prepared.lengths).map(choice).collect();
        let (outcome, outcome_per_char, outcome_norm) = if item.kind == ItemKind::Cloze {
            (score_cloze(&choices), None, None)
        } else {
            let scored = score_choices(item, &choices);
            (scored.plain, Some(scored.per_char), Some(scored.per_byte))
        };
        let prefix = prepared.parts.iter().map(|part| part.prefix.len()).max().unwrap_or(0);
        ItemResult {
            outcome_norm,
            outcome_per_char,
            extracted: likeliest(item, &choices),
            tokens_in: u32::try_from(prefix).unwrap_or(u32::MAX),
            tokens_out: choices.iter().map(|choice| choice.tokens).sum(),
            choices,
            ..self.asking.result(prepared.item, outcome)
        }
    }
}

impl Ask for Weighing<'_> {
    fn ask<'a>(&'a self, session: &'a dyn Session, items: Vec<usize>) -> Answers<'a> {
        let begun = Unit { weighing: self, session, items };
        futures::stream::once(begun.start()).flatten().boxed()
    }

    fn failed(&self, item: usize, reason: String) -> ItemResult {
        self.asking.failed(item, reason)
    }
}

/// Items that are scored together.
struct Unit<'a> {
    weighing: &'a Weighing<'a>,
    session: &'a dyn Session,
    items: Vec<usize>,
}

impl<'a> Unit<'a> {
    /// Prepares the items, waits for the engine's turn, and streams what comes.
    async fn start(self) -> Answers<'a> {
        let (mut ready, mut refused) = (Vec::new(), Vec::new());
        for item in &self.items {
            match self.weighing.prepare(self.session, *item).await {
                Ok(prepared) => ready.push(prepared),
                Err(Unprepared::Item(reason)) => {
                    refused.push(Ok((*item, self.weighing.asking.failed(*item, reason))));
                }
                Err(Unprepared::Engine(error)) => return futures::stream::iter([Err(error)]).boxed(),
            }
        }
        let refused = futures::stream::iter(refused);
        if ready.is_empty() {
            return refused.boxed();
        }
        refused.chain(self.scored(ready)).boxed()
    }

    fn scored(self, ready: Vec<Prepared>) -> Answers<'a> {
        futures::stream::once(self.begin(ready)).flatten().boxed()
    }

    async fn begin(self, ready: Vec<Prepared>) -> Answers<'a> {
        // The semaphore is never closed; without a permit the engine would refuse the request itself.
        let turn = Arc::clone(&self.weighing.turn).acquire_owned().await.ok();
        let items = ready.iter().flat_map(|prepared| prepared.parts.iter().cloned()).collect();
        let scores = match self.session.score(ScoreRequest { items }).await {
            Ok(scores) => scores,
            Err(error) => return futures::stream::iter([Err(error)]).boxed(),
        };
        let gather =
            Gather { ready: ready.into_iter(), current: None, parts: 0, scores: Vec::new(), refusal: None };
        let running = Running { weighing: self.weighing, scores, gather, _turn: turn };
        futures::stream::unfold(running, Running::step).boxed()
    }
}

/// A request that is being scored.
struct Running<'a> {
    weighing: &'a Weighing<'a>,
    scores: ScoreStream,
    gather: Gather<std::vec::IntoIter<Prepared>>,
    /// Held until the last score is there.
    _turn: Option<OwnedSemaphorePermit>,
}

impl Running<'_> {
    /// The next finished item.
    async fn step(mut self) -> Option<(Result<(usize, ItemResult), EngineError>, Self)> {
        loop {
            if let Some(done) = self.gather.finished(self.weighing) {
                return Some((Ok(done), self));
            }
            match self.scores.next().await? {
                Ok(scored) => self.gather.add(scored.outcome.map_err(|refusal| refusal.to_string())),
                Err(error) => return Some((Err(error), self)),
            }
        }
    }
}

/// Puts the parts of items together again; scores come in the order of the parts.
struct Gather<I> {
    ready: I,
    current: Option<Prepared>,
    /// Parts of the current item that have come.
    parts: usize,
    scores: Vec<ContinuationScore>,
    refusal: Option<String>,
}

impl<I: Iterator<Item = Prepared>> Gather<I> {
    fn add(&mut self, outcome: Result<Vec<ContinuationScore>, String>) {
        if self.current.is_none() {
            self.current = self.ready.next();
        }
        self.parts += 1;
        match outcome {
            Ok(scores) => self.scores.extend(scores),
            Err(refusal) => self.refusal = self.refusal.take().or(Some(refusal)),
        }
    }

    /// The current item, when all its parts are there.
    fn finished(&mut self, weighing: &Weighing<'_>) -> Option<(usize, ItemResult)> {
        let prepared = self.current.take_if(|prepared| prepared.parts.len() == self.parts)?;
        let (scores, refusal) = (std::mem::take(&mut self.scores), self.refusal.take());
        self.parts = 0;
        let result = match refusal {
            Some(reason) => weighing.asking.failed(prepared.item, reason),
            None => weighing.result(&prepared, &scores),
        };
        Some((prepared.item, result))
    }
}

/// The prompt with a text behind it.
fn extended(prompt: &Prompt, continuation: &str) -> Prompt {
    match prompt {
        Prompt::Text(text) => Prompt::Text(format!("{text}{continuation}")),
        Prompt::Tokens(tokens) => Prompt::Tokens(tokens.clone()),
        Prompt::Chat(messages) => {
            let mut messages = messages.clone();
            match messages.last_mut() {
                Some(last) if last.role == "assistant" => last.content.push_str(continuation),
                _ => messages
                    .push(ChatMessage { role: "assistant".to_owned(), content: continuation.to_owned() }),
            }
            Prompt::Chat(messages)
        }
    }
}

/// The likeliest choice's text, where there is one.
fn likeliest(item: &Item, choices: &[ChoiceScore]) -> Option<String> {
    if item.kind != ItemKind::Choice {
        return None;
    }
    let best = (0..choices.len()).max_by(|a, b| choices[*a].logprob.total_cmp(&choices[*b].logprob))?;
    item.choices.get(best).cloned()
}
