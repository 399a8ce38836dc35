//! Requests for likelihoods between two commands of the model thread: a step is one batch, and its results are sent on.

use crate::command::Results;
use crate::perplexity::Perplexity;
use crate::scoring::Scorer;
use crate::{Backend, Failure};
use dyno_types::{ChunkScore, ScoredItem};

/// One request for likelihoods that is being computed. It has the context to itself.
#[derive(Debug)]
pub(crate) enum Likelihoods {
    /// Scores of items.
    Scores(Box<Scorer>, Results<ScoredItem>),
    /// Perplexity of a text.
    Perplexity(Box<Perplexity>, Results<ChunkScore>),
}

impl Likelihoods {
    /// Computes one batch and sends what it brought; also when that is nothing, as a sign of life. False when this was the
    /// last, or nobody waits for more.
    pub(crate) fn step(&mut self, backend: &mut dyn Backend) -> bool {
        match self {
            Self::Scores(scorer, results) => {
                if results.is_closed() {
                    return false;
                }
                let mut scored = Vec::new();
                scorer.step(backend, &mut scored);
                results.blocking_send(Ok(scored)).is_ok() && !scorer.is_done()
            }
            Self::Perplexity(perplexity, results) => {
                if results.is_closed() {
                    return false;
                }
                let mut chunks = Vec::new();
                let outcome = perplexity.step(backend, &mut chunks);
                let go_on = outcome.is_ok() && !perplexity.is_done();
                results.blocking_send(outcome.map(|()| chunks)).is_ok() && go_on
            }
        }
    }

    /// Ends the request with this failure.
    pub(crate) fn fail(self, failure: Failure) {
        // A caller that has gone needs no reason.
        match self {
            Self::Scores(_, results) => drop(results.blocking_send(Err(failure))),
            Self::Perplexity(_, results) => drop(results.blocking_send(Err(failure))),
        }
    }
}
