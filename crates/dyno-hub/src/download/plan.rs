//! Which bytes are missing, and in which pieces to ask for them: pure.

use std::collections::VecDeque;

use crate::hub::client::Span;

/// Smallest and largest piece asked for at once, bytes: small enough that all connections have work to the end, large enough that
/// requests cost nothing.
const PIECE_BYTES: (u64, u64) = (1 << 20, 32 << 20);
/// Pieces per connection, where the limits allow.
const PIECES_PER_CONNECTION: u64 = 4;

/// Sorted, without overlaps, neighbours joined; empty spans and those beyond `bytes` fall away.
pub(crate) fn merged(bytes: u64, spans: &[Span]) -> Vec<Span> {
    let sound = |span: &&Span| span.begin < span.end && span.end <= bytes;
    let mut spans: Vec<Span> = spans.iter().filter(sound).copied().collect();
    spans.sort_by_key(|span| span.begin);
    let mut merged: Vec<Span> = Vec::new();
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.begin <= last.end => last.end = last.end.max(span.end),
            _ => merged.push(span),
        }
    }
    merged
}

/// What `finished` leaves of a file of `bytes`, in order.
pub(crate) fn missing(bytes: u64, finished: &[Span]) -> Vec<Span> {
    let mut missing = Vec::new();
    let mut begin = 0;
    for span in merged(bytes, finished) {
        if begin < span.begin {
            missing.push(Span { begin, end: span.begin });
        }
        begin = span.end;
    }
    if begin < bytes {
        missing.push(Span { begin, end: bytes });
    }
    missing
}

/// Cuts what is missing into pieces to ask for.
pub(crate) fn pieces(bytes: u64, missing: &[Span], connections: usize) -> VecDeque<Span> {
    let wanted = bytes / (connections.max(1) as u64 * PIECES_PER_CONNECTION);
    let step = wanted.clamp(PIECE_BYTES.0, PIECE_BYTES.1);
    let mut pieces = VecDeque::new();
    for span in missing {
        let mut begin = span.begin;
        while begin < span.end {
            let end = begin.saturating_add(step).min(span.end);
            pieces.push_back(Span { begin, end });
            begin = end;
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spans(pairs: &[(u64, u64)]) -> Vec<Span> {
        pairs.iter().map(|(begin, end)| Span { begin: *begin, end: *end }).collect()
    }

    #[test]
    fn what_is_missing_is_the_complement() {
        type Pairs = &'static [(u64, u64)];
        let cases: &[(Pairs, Pairs)] = &[
            (&[], &[(0, 10)]),
            (&[(0, 10)], &[]),
            (&[(2, 4), (6, 8)], &[(0, 2), (4, 6), (8, 10)]),
            (&[(6, 8), (0, 7)], &[(8, 10)]),
            (&[(0, 3), (3, 6)], &[(6, 10)]),
            (&[(5, 5), (7, 3), (8, 99)], &[(0, 10)]),
        ];
        for (finished, expected) in cases {
            assert_eq!(missing(10, &spans(finished)), spans(expected), "{finished:?}");
        }
        assert_eq!(missing(0, &[]), []);
    }

    #[test]
    fn pieces_are_neither_tiny_nor_huge() {
        let sizes = |bytes: u64| {
            let pieces = pieces(bytes, &missing(bytes, &[]), 4);
            (pieces.len(), pieces.iter().map(|piece| piece.bytes()).max().unwrap_or(0))
        };
        assert_eq!(sizes(0), (0, 0));
        assert_eq!(sizes(5), (1, 5));
        assert_eq!(sizes(64 << 20), (16, 4 << 20));
        assert_eq!(sizes(5 << 30), (160, 32 << 20));
    }

    proptest! {
        #[test]
        fn finished_and_pieces_cover_every_byte_once(
            bytes in 0u64..5_000_000,
            finished in prop::collection::vec((0u64..5_000_000, 0u64..2_000_000), 0..8),
            connections in 0usize..9,
        ) {
            let finished: Vec<Span> =
                finished.into_iter().map(|(begin, length)| Span { begin, end: begin + length }).collect();
            let finished = merged(bytes, &finished);
            let mut all: Vec<Span> = finished.clone();
            all.extend(pieces(bytes, &missing(bytes, &finished), connections));
            all.sort_by_key(|span| span.begin);
            let mut at = 0;
            for span in all {
                prop_assert_eq!(span.begin, at);
                at = span.end;
            }
            prop_assert_eq!(at, bytes);
        }
    }
}
