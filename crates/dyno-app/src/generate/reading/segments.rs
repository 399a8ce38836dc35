//! A text in small segments whose tokens are counted one by one, and the parts that are made of them.

use std::ops::Range;

use dyno_engine::{EngineError, Session};

/// Bytes of a segment: small beside what parts share, large enough that counting stays quick.
const SEGMENT_BYTES_MIN: usize = 16;
const SEGMENT_BYTES_MAX: usize = 256;

/// Where a segment ends best, best first: a line, a sentence, a word.
const ENDS: [&str; 4] = ["\n", ". ", "。", " "];

/// A text, cut, with the tokens of each segment.
#[derive(Debug, Default)]
pub(super) struct Segments<'t> {
    texts: Vec<&'t str>,
    pub(super) tokens: Vec<u32>,
}

impl<'t> Segments<'t> {
    /// Cuts a text into segments of at most so many tokens, where a byte is no more than a token, and counts those.
    pub(super) async fn count(
        text: &'t str,
        tokens: u32,
        session: &dyn Session,
    ) -> Result<Segments<'t>, EngineError> {
        let bytes = (tokens as usize).clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX);
        let mut segments = Self::default();
        for segment in cut(text, bytes) {
            let tokens = session.tokenize(segment, false, false).await?.len();
            segments.texts.push(segment);
            segments.tokens.push(u32::try_from(tokens).unwrap_or(u32::MAX));
        }
        Ok(segments)
    }

    /// Tokens of everything.
    pub(super) fn total(&self) -> u64 {
        total(&self.tokens)
    }

    /// The text of neighbouring segments.
    pub(super) fn text(&self, range: Range<usize>) -> String {
        self.texts[range].concat()
    }

    /// The text from this segment on.
    pub(super) fn from(&self, start: usize) -> String {
        self.text(start..self.texts.len())
    }
}

/// The text in pieces of at most so many bytes (or one character), which end after a line, a sentence or a word where they can.
pub(in crate::generate) fn cut(text: &str, bytes_max: usize) -> Vec<&str> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while rest.len() > bytes_max {
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let most = (first..=bytes_max).rev().find(|end| rest.is_char_boundary(*end)).unwrap_or(first);
        let head = &rest[..most];
        let ends = ENDS.iter().filter_map(|mark| head.rfind(mark).map(|at| at + mark.len()));
        let end = ends.into_iter().find(|end| *end >= most.div_ceil(2)).unwrap_or(most);
        let (piece, behind) = rest.split_at(end);
        pieces.push(piece);
        rest = behind;
    }
    if !rest.is_empty() {
        pieces.push(rest);
    }
    pieces
}

fn total(tokens: &[u32]) -> u64 {
    tokens.iter().map(|tokens| u64::from(*tokens)).sum()
}

/// Parts of neighbouring segments that hold at most `room` tokens (or a single segment) and share at most `overlap` tokens with the part
/// before. Together they hold every segment.
pub(super) fn parts(tokens: &[u32], room: u32, overlap: u32) -> Vec<Range<usize>> {
    let (mut parts, mut start, mut reached) = (Vec::new(), 0, 0);
    while reached < tokens.len() {
        let mut end = start + as_many(tokens[start..].iter(), room);
        if end <= reached {
            // What is shared leaves no room for more, or a segment is larger than a part.
            if start < reached {
                start = reached;
                continue;
            }
            end = reached + 1;
        }
        let shared = as_many(tokens[start + 1..end].iter().rev(), overlap);
        parts.push(start..end);
        (start, reached) = (end - shared, end);
    }
    parts
}

/// Where the newest segments begin that hold at most `room` tokens.
pub(super) fn newest(tokens: &[u32], room: u32) -> usize {
    tokens.len() - as_many(tokens.iter().rev(), room)
}

/// How many of the first segments hold at most `room` tokens together.
fn as_many<'a>(tokens: impl Iterator<Item = &'a u32>, room: u32) -> usize {
    let mut sum = 0_u64;
    tokens
        .take_while(|tokens| {
            sum += u64::from(**tokens);
            sum <= u64::from(room)
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_end_where_a_reader_would_pause() {
        assert_eq!(cut("One two. Three four five", 12), ["One two. ", "Three four ", "five"]);
        assert_eq!(cut("ab\ncd ef", 6), ["ab\n", "cd ef"]);
        assert_eq!(cut("äöüäöü", 3), ["ä", "ö", "ü", "ä", "ö", "ü"]);
        assert_eq!(cut("😀😀", 1), ["😀", "😀"]);
        assert_eq!(cut("", 4), Vec::<&str>::new());
        for text in ["a b  c\n\nd. e", "日本語の文章。次の文。", "no_space_in_a_very_long_word"] {
            for bytes in 1..20 {
                assert_eq!(cut(text, bytes).concat(), text, "{bytes}");
            }
        }
    }

    #[test]
    fn parts_cover_everything_and_share_what_they_should() {
        assert_eq!(parts(&[4, 4, 4, 4], 8, 0), [0..2, 2..4]);
        assert_eq!(parts(&[4, 4, 4, 4], 8, 4), [0..2, 1..3, 2..4]);
        assert_eq!(parts(&[9, 4], 8, 4), [0..1, 1..2], "a segment that is too large stands alone");
        assert_eq!(parts(&[4, 4, 8], 8, 4), [0..2, 2..3], "what would be shared leaves no room");
        assert_eq!(parts(&[], 8, 4), Vec::<Range<usize>>::new());
        // Every choice of up to 6 segments of 0 to 3 tokens.
        for case in 0..4_u32.pow(6) {
            let tokens: Vec<u32> = (0..6).map(|place| case / 4_u32.pow(place) % 4).collect();
            for (room, overlap) in [(3, 0), (3, 1), (5, 2), (7, 3)] {
                let parts = parts(&tokens, room, overlap);
                let held: std::collections::BTreeSet<usize> = parts.iter().cloned().flatten().collect();
                assert_eq!(held.len(), 6, "{tokens:?} {parts:?}");
                assert!(
                    parts.iter().all(|part| total(&tokens[part.clone()]) <= u64::from(room)),
                    "{parts:?}"
                );
                for pair in parts.windows(2) {
                    assert!(pair[0].end < pair[1].end && pair[0].start < pair[1].start, "{parts:?}");
                    let shared = total(&tokens[pair[1].start.min(pair[0].end)..pair[0].end]);
                    assert!(shared <= u64::from(overlap), "{tokens:?} {parts:?}");
                }
            }
        }
    }

    #[test]
    fn the_newest_are_those_at_the_end() {
        assert_eq!([newest(&[3, 3, 3], 6), newest(&[3, 3, 3], 2), newest(&[3, 3, 3], 99)], [1, 3, 0]);
    }
}
