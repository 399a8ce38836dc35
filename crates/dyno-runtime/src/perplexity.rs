//! Perplexity of a text, as `llama-perplexity` defines it ([`PerplexityRequest`]), and divergence from a reference.
//!
//! Chunks are computed side by side, one per sequence as far as a batch holds them, in batches of equal shares. Only places
//! that are scored want logits.

use dyno_types::{ChunkDivergence, ChunkScore, PerplexityRequest, TokenId};

use crate::sampling::LogSoftmax;
use crate::scheduler::Limits;
use crate::scoring::rows_max;
use crate::{Backend, BatchItem, DescribedModel, Failure, FailureKind};

mod reference;

use reference::{Layout, ReferenceReader, ReferenceWriter};

/// A perplexity on its way through an otherwise unused context, one batch per step.
#[derive(Debug)]
pub struct Perplexity {
    limits: Limits,
    context: usize,
    /// The first scored place's predecessor: the first place that wants logits.
    first: usize,
    chunks: u32,
    /// Tokens of all chunks, as they are computed.
    tokens: Vec<TokenId>,
    writer: Option<ReferenceWriter>,
    reader: Option<ReferenceReader>,
    /// Chunks that are being computed side by side.
    group: Vec<ChunkScore>,
    /// Chunks of groups before.
    done: u32,
    /// Tokens of each chunk of the group that are computed.
    computed: usize,
    batch: Vec<BatchItem>,
}

impl Perplexity {
    /// Tokenizes the text and checks everything that can be checked before computing.
    ///
    /// # Errors
    /// `BadRequest` for a text too short for one chunk, chunks that do not fit the window, a file to store that would
    /// become too large, and a reference that does not fit.
    pub fn begin(
        request: &PerplexityRequest,
        backend: &mut dyn Backend,
        model: &DescribedModel,
        limits: Limits,
    ) -> Result<Self, Failure> {
        let context = request.context as usize;
        if request.context > limits.window {
            return Err(Failure::bad_request(format!(
                "chunks of {context} tokens do not fit the window of {}; ask for shorter chunks or open a larger window",
                limits.window
            )));
        }
        let mut tokens = backend.tokenize(&request.text, true, false)?;
        let chunks = request.chunks(tokens.len());
        if chunks == 0 {
            return Err(Failure::bad_request(format!(
                "the text has {} tokens, less than a chunk of {context}; give a longer text or ask for shorter chunks",
                tokens.len()
            )));
        }
        tokens.truncate(chunks as usize * context);
        if let (Some(bos), true) = (model.bos, model.adds_bos) {
            tokens.iter_mut().step_by(context).for_each(|first| *first = bos);
        }
        let places = request.scored_per_chunk();
        let layout = Layout { vocabulary: model.vocabulary, context: request.context, chunks, places };
        let reader = request.reference.as_ref().map(|path| ReferenceReader::open(path, layout, &tokens));
        let reader = reader.transpose()?;
        let writer = request
            .store
            .as_ref()
            .map(|path| ReferenceWriter::create(path, layout, &tokens, request.store_bytes_max));
        Ok(Self {
            limits,
            context,
            first: context / 2,
            chunks,
            tokens,
            writer: writer.transpose()?,
            reader,
            group: Vec::new(),
            done: 0,
            computed: 0,
            batch: Vec::with_capacity(limits.batch as usize),
        })
    }

    /// Whether every chunk has been told and the file, if any, is written.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.done == self.chunks
    }

    /// Computes one batch, and appends the chunks that are complete.
    ///
    /// # Errors
    /// The backend's, those of files, and `Model` for logits that are no numbers. Nothing can follow an error.
    pub fn step(&mut self, backend: &mut dyn Backend, results: &mut Vec<ChunkScore>) -> Result<(), Failure> {
        if self.group.is_empty() {
            backend.clear();
            self.begin_group();
        }
        self.plan();
        backend.decode(&self.batch)?;
        for row in 0..self.batch.len() {
            let item = self.batch[row];
            if item.wants_logits {
                self.take_row(item, backend.logits(row))?;
            }
        }
        self.computed += self.batch.len() / self.group.len();
        // The last token of a chunk predicts nothing that is scored.
        if self.computed + 1 == self.context {
            self.done += u32::try_from(self.group.len()).unwrap_or(u32::MAX);
            results.append(&mut self.group);
        }
        match self.writer.take_if(|_| self.done == self.chunks) {
            Some(writer) => writer.finish(),
            None => Ok(()),
        }
    }

    fn begin_group(&mut self) {
        let sequences = self.limits.sequences.min(self.limits.batch / (self.context as u32)).max(1);
        let divergence = self.reader.as_ref().map(|_| ChunkDivergence::default());
        let chunk = |index| ChunkScore {
            index,
            chunks: self.chunks,
            tokens: u32::try_from(self.context - 1 - self.first).unwrap_or(u32::MAX),
            nll: 0.0,
            nll_squared: 0.0,
            divergence: divergence.clone(),
        };
        self.group = (self.done..self.chunks).take(sequences as usize).map(chunk).collect();
        self.computed = 0;
    }

    /// The next tokens of every chunk of the group, equally many of each.
    fn plan(&mut self) {
        let group = self.group.len();
        let mut share = (self.limits.batch as usize / group).min(self.context - 1 - self.computed).max(1);
        // Up to the scored half, no logits are wanted; in it, only as many as may be held at once.
        if self.computed < self.first {
            share = share.min(self.first - self.computed + rows_max(self.limits.vocabulary) / group);
        } else {
            share = share.min((rows_max(self.limits.vocabulary) / group).max(1));
        }
        self.batch.clear();
        for (sequence, chunk) in (0..).zip(&self.group) {
            let start = chunk.index as usize * self.context;
            let places = self.computed..self.computed + share;
            self.batch.extend(places.map(|place| BatchItem {
                token: self.tokens[start + place],
                position: u32::try_from(place).unwrap_or(u32::MAX),
                sequence,
                wants_logits: place >= self.first,
            }));
        }
    }

    fn take_row(&mut self, item: BatchItem, logits: &[f32]) -> Result<(), Failure> {
        let chunk = &mut self.group[item.sequence as usize];
        let place = item.position as usize;
        let token = self.tokens[chunk.index as usize * self.context + place + 1];
        let row = LogSoftmax::of(logits);
        let row = row.map_err(|error| Failure::new(FailureKind::Model, error.to_string()))?;
        let nll = -row.logprob(logits[token as usize]);
        chunk.nll += nll;
        chunk.nll_squared += nll * nll;
        let at = (chunk.index, u32::try_from(place - self.first).unwrap_or(u32::MAX));
        if let Some(writer) = &mut self.writer {
            writer.write(at, logits, row)?;
        }
        if let (Some(reader), Some(divergence)) = (&mut self.reader, &mut chunk.divergence) {
            let difference = reader.compare(at, logits, row, token)?;
            divergence.kld.push(difference.kld as f32);
            divergence.top1_agreements += u32::from(difference.same_top);
            divergence.reference_nll += difference.reference_nll;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
