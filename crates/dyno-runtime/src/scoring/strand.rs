//! Strands: what the sequences of the context hold, and how they continue each other.

use dyno_types::TokenId;

use super::position;
use crate::{Backend, BatchItem};

/// What a strand is part of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// The beginning of several items: everything from the first token on.
    Shared(Vec<TokenId>),
    /// What an item's prefix has behind the beginning that it shares.
    Prefix,
    /// This continuation of an item, without its last token.
    Continuation(usize),
}

/// Tokens computed one after another in a sequence of their own.
#[derive(Debug)]
pub(super) struct Strand {
    /// The item that it belongs to; the first of several.
    pub(super) item: usize,
    pub(super) role: Role,
    /// Sequence of the strand before this one.
    parent: Option<u32>,
    /// Open strands behind this one.
    children: usize,
    /// Position of the first token.
    start: usize,
    tokens: Vec<TokenId>,
    computed: usize,
}

impl Strand {
    /// Position behind the last token.
    pub(super) fn end(&self) -> usize {
        self.start + self.tokens.len()
    }

    pub(super) fn is_complete(&self) -> bool {
        self.computed == self.tokens.len()
    }

    fn wants_logits(&self, index: usize) -> bool {
        match self.role {
            Role::Shared(_) => false,
            Role::Prefix => index + 1 == self.tokens.len(),
            Role::Continuation(_) => true,
        }
    }
}

/// A strand to be opened.
pub(super) struct Opening {
    pub(super) item: usize,
    pub(super) role: Role,
    pub(super) parent: Option<u32>,
    pub(super) tokens: Vec<TokenId>,
}

/// The strands of a context by sequence, and the room that is left.
#[derive(Debug)]
pub(super) struct Strands {
    open: Vec<Option<Strand>>,
    /// Sequences that hold nothing.
    free: Vec<u32>,
    /// Cells that no open strand will need.
    cells: usize,
}

impl Strands {
    /// An empty context of so many sequences, which share so many cells.
    pub(super) fn new(sequences: u32, cells: u32) -> Self {
        Self {
            open: (0..sequences).map(|_| None).collect(),
            // The lowest first.
            free: (0..sequences).rev().collect(),
            cells: cells as usize,
        }
    }

    /// Whether so many more strands with so many tokens can be opened.
    pub(super) fn have_room(&self, strands: usize, tokens: usize) -> bool {
        strands <= self.free.len() && tokens <= self.cells
    }

    /// Opens a strand for which there is room; gives its sequence.
    pub(super) fn open(&mut self, opening: Opening) -> Option<u32> {
        let Opening { item, role, parent, tokens } = opening;
        let left = self.cells.checked_sub(tokens.len())?;
        let sequence = self.free.pop()?;
        self.cells = left;
        let start = parent.and_then(|parent| self.get_mut(parent)).map_or(0, |parent| {
            parent.children += 1;
            parent.end()
        });
        self.open[sequence as usize] =
            Some(Strand { item, role, parent, children: 0, start, tokens, computed: 0 });
        Some(sequence)
    }

    /// Ends a strand. A sequence that cannot be emptied is not used again.
    pub(super) fn close(&mut self, sequence: u32, backend: &mut dyn Backend) {
        let Some(strand) = self.open[sequence as usize].take() else { return };
        if let Some(parent) = strand.parent.and_then(|parent| self.get_mut(parent)) {
            parent.children -= 1;
        }
        if backend.trim_sequence(sequence, 0) {
            self.cells += strand.tokens.len();
            self.free.push(sequence);
        }
    }

    /// Ends the shared beginnings that nothing open stands on, but for those that `keep` stands on.
    pub(super) fn close_unused(&mut self, keep: Option<u32>, backend: &mut dyn Backend) {
        loop {
            let unused = self.iter().find(|(sequence, strand)| {
                matches!(strand.role, Role::Shared(_)) && strand.children == 0 && Some(*sequence) != keep
            });
            let Some((sequence, _)) = unused else { return };
            self.close(sequence, backend);
        }
    }

    /// The longest shared beginning of this prefix that leaves a token of it; its sequence and length.
    pub(super) fn beginning_of(&self, prefix: &[TokenId]) -> Option<(u32, usize)> {
        let fits = |(sequence, strand): (u32, &Strand)| match &strand.role {
            Role::Shared(path) if path.len() < prefix.len() && prefix.starts_with(path) => {
                Some((sequence, path.len()))
            }
            _ => None,
        };
        self.iter().filter_map(fits).max_by_key(|(_, length)| *length)
    }

    pub(super) fn get(&self, sequence: u32) -> Option<&Strand> {
        self.open.get(sequence as usize)?.as_ref()
    }

    fn get_mut(&mut self, sequence: u32) -> Option<&mut Strand> {
        self.open.get_mut(sequence as usize)?.as_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Strand)> {
        (0..).zip(&self.open).filter_map(|(sequence, strand)| Some((sequence, strand.as_ref()?)))
    }

    /// Sequences with something to compute now, those of the oldest items first.
    pub(super) fn ready(&self) -> Vec<u32> {
        let is_ready = |strand: &Strand| {
            let parent = strand.parent.and_then(|parent| self.get(parent));
            !strand.is_complete() && parent.is_none_or(Strand::is_complete)
        };
        let mut ready: Vec<_> = self.iter().filter(|(_, strand)| is_ready(strand)).collect();
        ready.sort_by_key(|(_, strand)| strand.item);
        ready.into_iter().map(|(sequence, _)| sequence).collect()
    }

    /// Makes the sequence of a strand that is ready a copy of the one before it, if that was not done.
    pub(super) fn begin(&self, sequence: u32, backend: &mut dyn Backend) {
        if let Some(Strand { computed: 0, parent: Some(parent), .. }) = self.get(sequence) {
            backend.copy_sequence(*parent, sequence);
        }
    }

    /// What is still to be computed of a strand.
    pub(super) fn items(&self, sequence: u32) -> impl Iterator<Item = BatchItem> + '_ {
        let strand = self.get(sequence);
        let places = strand.map_or(0..0, |strand| strand.computed..strand.tokens.len());
        places.filter_map(move |index| {
            let strand = strand?;
            Some(BatchItem {
                token: strand.tokens[index],
                position: position(strand.start + index),
                sequence,
                wants_logits: strand.wants_logits(index),
            })
        })
    }

    /// Takes note that so many tokens more of a strand have been computed.
    pub(super) fn advance(&mut self, sequence: u32, tokens: usize) {
        if let Some(strand) = self.get_mut(sequence) {
            strand.computed += tokens;
        }
    }
}
