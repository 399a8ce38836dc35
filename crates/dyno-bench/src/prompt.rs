//! What engines are asked to read: the three standard prompts, the text that fills windows, and the line that makes every
//! request unique.

use dyno_types::TokenId;

use crate::BenchPrompt;

/// Public-domain English prose that fills context windows: Lewis Carroll, *Alice's Adventures in Wonderland* (1865),
/// from chapter I.
pub const CORPUS: &str = include_str!("../data/alice.txt");

/// The prompts of the inference stage: capability summary, technical explanation, creative writing.
#[must_use]
pub fn standard_prompts() -> Vec<BenchPrompt> {
    [
        ("capability_summary", "Write a one-sentence summary of your capabilities."),
        ("technical_explanation", "Explain the concept of quantum computing in simple terms."),
        ("creative_writing", "Write a short poem about artificial intelligence."),
    ]
    .map(|(id, text)| BenchPrompt { id: id.to_owned(), text: text.to_owned() })
    .into()
}

/// Gives each request of a run, and each run, a first line of its own, so that no cache can hold any prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Nonces {
    salt: u32,
    given: u64,
}

impl Nonces {
    /// Lines salted by the run's id.
    pub(crate) fn new(run_id: &str) -> Self {
        // FNV-1a, 32 bits; only spread matters.
        let hash = run_id
            .bytes()
            .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        Self { salt: hash % 10_000, given: 0 }
    }

    /// The next line. The counter comes first, and all digits are always written, so that lines differ early and take
    /// equally many tokens.
    pub(crate) fn next_line(&mut self) -> String {
        self.given += 1;
        format!("Request {:06} of series {:04}.", self.given, self.salt)
    }
}

/// A prompt under construction that fills a window with exactly this many tokens.
#[derive(Debug)]
pub(crate) struct Filling {
    tokens: Vec<TokenId>,
    goal: usize,
}

impl Filling {
    /// Starts with `head` (the tokenizer's own first token and the unique line).
    pub(crate) fn new(mut head: Vec<TokenId>, goal: usize) -> Self {
        head.truncate(goal);
        Self { tokens: head, goal }
    }

    /// Adds more, up to the goal.
    pub(crate) fn extend(&mut self, more: &[TokenId]) {
        let room = self.goal - self.tokens.len();
        self.tokens.extend(more.iter().take(room));
    }

    /// Whether the goal is reached.
    pub(crate) fn is_full(&self) -> bool {
        self.tokens.len() == self.goal
    }

    /// The prompt.
    pub(crate) fn into_tokens(self) -> Vec<TokenId> {
        self.tokens
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn lines_are_unique_and_equally_long() {
        let mut nonces = Nonces::new("20261121-1");
        let lines: Vec<String> = (0..1000).map(|_| nonces.next_line()).collect();
        assert_eq!(lines.iter().collect::<BTreeSet<_>>().len(), 1000);
        assert!(lines.iter().all(|line| line.len() == lines[0].len()));
        assert_ne!(Nonces::new("20261121-1").next_line(), Nonces::new("20261121-2").next_line());
    }

    #[test]
    fn a_filling_has_exactly_the_asked_length() {
        for goal in [1, 3, 4, 7, 100] {
            let mut filling = Filling::new(vec![1, 2, 3], goal);
            while !filling.is_full() {
                filling.extend(&[4, 5]);
            }
            filling.extend(&[6]);
            let tokens = filling.into_tokens();
            assert_eq!(tokens.len(), goal);
            assert!([1, 2, 3].starts_with(&tokens[..goal.min(3)]));
        }
    }

    #[test]
    fn the_corpus_is_plain_prose() {
        assert!((8_000..16_000).contains(&CORPUS.len()) && CORPUS.is_ascii());
        assert!(CORPUS.starts_with("Alice was beginning to get very tired"));
    }
}
