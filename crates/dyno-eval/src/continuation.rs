//! Where a continuation begins: in text, and in tokens.

use dyno_types::TokenId;

/// A continuation that cannot be scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CutError {
    /// The continuation added no token of its own.
    #[error("the continuation adds no token to its prefix; it is empty, or the tokenizer swallows it")]
    NothingLeft,
    /// No token stands before the continuation, so its first token has nothing to depend on.
    #[error("no token stands before the continuation; begin with the model's beginning-of-sequence token")]
    NothingBefore,
}

/// Moves white space from the end of the prefix to the start of the continuation. Tokenizers join a space with the word
/// that follows it, so a prefix that ends in a space would split differently alone than with its continuation. This is
/// the rule of lm-evaluation-harness, for texts; a rendered chat keeps its final line break, which belongs to the template.
#[must_use]
pub fn at_word_start(prefix: &str, continuation: &str) -> (String, String) {
    let kept = prefix.trim_end();
    (kept.to_owned(), format!("{}{continuation}", &prefix[kept.len()..]))
}

/// Index in `joined` (tokens of prefix and continuation tokenised together) of the first token to score: the length of
/// the longest token prefix that `prefix` (tokenised alone) and `joined` have in common.
///
/// - Usually that is the whole prefix.
/// - Where the tokenizer joins the end of the prefix with the start of the continuation, the joint token is scored too: it
///   carries text of the continuation.
/// - A final token that the tokenizer adds to every text (end of sequence) ends the common part as well; take it off first.
///
/// # Errors
/// When no token is left to score, and when no token stands before the first one scored.
pub fn continuation_start(prefix: &[TokenId], joined: &[TokenId]) -> Result<usize, CutError> {
    let common = prefix.iter().zip(joined).take_while(|(left, right)| left == right).count();
    if common == joined.len() {
        Err(CutError::NothingLeft)
    } else if common == 0 {
        Err(CutError::NothingBefore)
    } else {
        Ok(common)
    }
}

/// The same for all choices of one item: the smallest start of any. If one choice swallows the prefix's last token, all
/// choices are scored from there on; otherwise their sums would speak of different stretches of text.
///
/// # Errors
/// As [`continuation_start`], for any choice; [`CutError::NothingLeft`] for no choices.
pub fn common_start<T: AsRef<[TokenId]>>(prefix: &[TokenId], joined: &[T]) -> Result<usize, CutError> {
    let mut start = None;
    for choice in joined {
        let own = continuation_start(prefix, choice.as_ref())?;
        start = Some(start.map_or(own, |smallest: usize| smallest.min(own)));
    }
    start.ok_or(CutError::NothingLeft)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn white_space_moves_to_the_continuation() {
        for (prefix, continuation, expected) in [
            ("Answer:", " Paris", ("Answer:", " Paris")),
            ("Answer: ", "Paris", ("Answer:", " Paris")),
            ("Answer:\n ", "Paris", ("Answer:", "\n Paris")),
            (" ", "x", ("", " x")),
            ("", "x", ("", "x")),
        ] {
            let (left, right) = at_word_start(prefix, continuation);
            assert_eq!((left.as_str(), right.as_str()), expected);
        }
    }

    #[test]
    fn cuts_of_every_kind() {
        type Case = (&'static [u32], &'static [u32], Result<usize, CutError>);
        let cases: [Case; 7] = [
            (&[1, 2, 3], &[1, 2, 3, 4, 5], Ok(3)),
            // The last token of the prefix became part of a longer one.
            (&[1, 2, 3], &[1, 2, 9, 5], Ok(2)),
            (&[1, 2, 3], &[1, 2, 9], Ok(2)),
            (&[1, 2, 3], &[1, 2, 3], Err(CutError::NothingLeft)),
            (&[1, 2, 3], &[1, 2], Err(CutError::NothingLeft)),
            (&[], &[1, 2], Err(CutError::NothingBefore)),
            (&[4], &[5, 6], Err(CutError::NothingBefore)),
        ];
        for (prefix, joined, expected) in cases {
            assert_eq!(continuation_start(prefix, joined), expected, "{prefix:?} {joined:?}");
        }
    }

    #[test]
    fn choices_are_scored_over_the_same_stretch() {
        let joined = [vec![1, 2, 3, 4], vec![1, 2, 8], vec![1, 2, 3, 7, 7]];
        assert_eq!(common_start(&[1, 2, 3], &joined), Ok(2));
        assert_eq!(common_start(&[1, 2, 3], &[vec![1, 2, 3, 4], vec![1, 2, 3]]), Err(CutError::NothingLeft));
        assert_eq!(common_start::<Vec<u32>>(&[1], &[]), Err(CutError::NothingLeft));
    }

    proptest! {
        #[test]
        fn what_is_moved_is_not_lost(prefix in "[a-z \n]{0,20}", continuation in "[a-z ]{0,20}") {
            let (left, right) = at_word_start(&prefix, &continuation);
            prop_assert_eq!(format!("{left}{right}"), format!("{prefix}{continuation}"));
            prop_assert_eq!(left.trim_end(), left.as_str());
        }

        #[test]
        fn everything_before_the_cut_is_shared(
            prefix in proptest::collection::vec(0_u32..3, 0..6),
            joined in proptest::collection::vec(0_u32..3, 0..8),
        ) {
            if let Ok(start) = continuation_start(&prefix, &joined) {
                prop_assert!(start > 0 && start < joined.len());
                prop_assert_eq!(&prefix[..start], &joined[..start]);
            }
        }
    }
}
