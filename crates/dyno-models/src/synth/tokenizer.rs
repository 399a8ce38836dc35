//! Working tokenizers of any vocabulary size: byte-level BPE in GPT-2's manner for language models, WordPiece for
//! encoders. Every text can be tokenized, common English takes about one token per word, and ids fill the true range.

use std::collections::HashSet;

use crate::gguf::{Content, MetadataEntry, Scalar, ScalarKind};
use crate::shapes::{Family, Shape};

use super::words::{PAIRS, WORDS, made_up};

/// Token types (`llama_token_type`).
const NORMAL: i32 = 1;
const CONTROL: i32 = 3;

/// ChatML, as Qwen and SmolLM use it.
const CHAT_TEMPLATE: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + \
    '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

/// Special tokens of the byte-level tokenizer, at the end of the vocabulary.
const SPECIALS: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];

/// First id of WordPiece's special tokens, as in BERT's own vocabulary.
const WORDPIECE_UNKNOWN: u32 = 100;

/// Metadata of the shape's tokenizer.
pub(super) fn metadata(shape: &Shape) -> Vec<MetadataEntry> {
    match shape.family {
        Family::Bert => word_piece(shape),
        _ => byte_level(shape),
    }
}

fn text(key: &str, value: &str) -> MetadataEntry {
    (key.to_owned(), Content::Scalar(Scalar::String(value.to_owned())))
}

fn id(key: &str, value: u32) -> MetadataEntry {
    (format!("tokenizer.ggml.{key}_token_id"), Content::Scalar(Scalar::U32(value)))
}

fn flag(key: &str, value: bool) -> MetadataEntry {
    (key.to_owned(), Content::Scalar(Scalar::Bool(value)))
}

fn strings(key: &str, values: Vec<String>) -> MetadataEntry {
    (key.to_owned(), Content::Array(ScalarKind::String, values.into_iter().map(Scalar::String).collect()))
}

fn types(values: &[i32]) -> MetadataEntry {
    let items = values.iter().map(|kind| Scalar::I32(*kind)).collect();
    ("tokenizer.ggml.token_type".to_owned(), Content::Array(ScalarKind::I32, items))
}

/// The character that stands for a byte in GPT-2's vocabulary: itself when printable, else one from U+0100 on.
fn byte_character(byte: u8) -> char {
    let printable = |byte: u8| matches!(byte, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF);
    if printable(byte) {
        return char::from(byte);
    }
    let shifted = (0..byte).filter(|earlier| !printable(*earlier)).count() as u32;
    char::from_u32(0x100 + shifted).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// A vocabulary under construction; every token is unique.
struct Vocabulary {
    tokens: Vec<String>,
    known: HashSet<String>,
    room: usize,
}

impl Vocabulary {
    fn new(room: usize) -> Self {
        Self { tokens: Vec::new(), known: HashSet::new(), room }
    }

    /// Whether the token is in now and was not before.
    fn add(&mut self, token: String) -> bool {
        let new = self.tokens.len() < self.room && self.known.insert(token.clone());
        if new {
            self.tokens.push(token);
        }
        new
    }

    fn extend(&mut self, tokens: impl Iterator<Item = String>) {
        for token in tokens {
            self.add(token);
        }
    }

    /// Fills the rest with made-up words behind `mark`.
    fn fill(&mut self, mark: char) {
        let mut number = 0;
        while self.tokens.len() < self.room {
            self.add(format!("{mark}{}", made_up(number)));
            number += 1;
        }
    }
}

fn byte_level(shape: &Shape) -> Vec<MetadataEntry> {
    let size = shape.vocabulary as usize;
    // llama.cpp looks for these tokens in every model whose name says that it is a Phi-3.
    let expected: &[&str] = if shape.family == Family::Phi3 { &["</s>", "<unk>", "<s>"] } else { &[] };
    let specials = || expected.iter().chain(&SPECIALS).map(|token| (*token).to_owned());
    let mut vocabulary = Vocabulary::new(size - specials().count());
    vocabulary.extend((0..=u8::MAX).map(|byte| byte_character(byte).to_string()));
    let merges = merges(&mut vocabulary);
    vocabulary.fill(byte_character(b' '));
    let mut kinds = vec![NORMAL; vocabulary.tokens.len()];
    let mut tokens = vocabulary.tokens;
    tokens.extend(specials());
    kinds.resize(tokens.len(), CONTROL);
    // Vocabularies hold far fewer than 2^32 tokens.
    let end = (size - SPECIALS.len()) as u32;
    vec![
        text("tokenizer.ggml.model", "gpt2"),
        text("tokenizer.ggml.pre", "gpt-2"),
        strings("tokenizer.ggml.tokens", tokens),
        types(&kinds),
        strings("tokenizer.ggml.merges", merges),
        id("bos", end),
        id("eos", end + 2),
        id("padding", end),
        flag("tokenizer.ggml.add_bos_token", shape.adds_bos),
        flag("tokenizer.ggml.clean_spaces", false),
        text("tokenizer.chat_template", CHAT_TEMPLATE),
    ]
}

/// Merges for common words, grown letter by letter from the space before them, then for letter pairs. Growing merges
/// rank before pairs, so that no pair can take a letter away from a word.
fn merges(vocabulary: &mut Vocabulary) -> Vec<String> {
    let space = byte_character(b' ');
    let mut merges = Vec::new();
    for word in WORDS.split_whitespace() {
        let mut grown = space.to_string();
        for letter in word.chars() {
            let next = format!("{grown}{letter}");
            if vocabulary.add(next.clone()) {
                merges.push(format!("{grown} {letter}"));
            } else if !vocabulary.known.contains(&next) {
                return merges;
            }
            grown = next;
        }
    }
    for pair in PAIRS.split_whitespace() {
        if vocabulary.add(pair.to_owned()) {
            let (first, second) = pair.split_at(1);
            merges.push(format!("{first} {second}"));
        }
    }
    merges
}

fn word_piece(shape: &Shape) -> Vec<MetadataEntry> {
    // llama.cpp marks beginnings of words where BERT marks continuations.
    let begin = '\u{2581}';
    let mut vocabulary = Vocabulary::new(shape.vocabulary as usize);
    vocabulary.add("[PAD]".to_owned());
    vocabulary.extend((1..WORDPIECE_UNKNOWN).map(|number| format!("[unused{number}]")));
    vocabulary.extend(["[UNK]", "[CLS]", "[SEP]", "[MASK]"].into_iter().map(ToOwned::to_owned));
    let letters = || (0x21..=0x7Eu8).map(char::from);
    vocabulary.extend(letters().map(|letter| format!("{begin}{letter}")));
    vocabulary.extend(letters().map(|letter| letter.to_string()));
    vocabulary.extend(WORDS.split_whitespace().map(|word| format!("{begin}{word}")));
    vocabulary.extend(PAIRS.split_whitespace().map(ToOwned::to_owned));
    vocabulary.fill(begin);
    let special = |index: usize| index == 0 || (100..104).contains(&index);
    let kinds: Vec<i32> =
        (0..vocabulary.tokens.len()).map(|index| if special(index) { CONTROL } else { NORMAL }).collect();
    vec![
        text("tokenizer.ggml.model", "bert"),
        text("tokenizer.ggml.pre", "jina-v2-en"),
        (
            "tokenizer.ggml.token_type_count".to_owned(),
            Content::Scalar(Scalar::U32(shape.token_types as u32)),
        ),
        strings("tokenizer.ggml.tokens", vocabulary.tokens),
        types(&kinds),
        id("unknown", WORDPIECE_UNKNOWN),
        id("bos", WORDPIECE_UNKNOWN + 1),
        id("cls", WORDPIECE_UNKNOWN + 1),
        id("eos", WORDPIECE_UNKNOWN + 2),
        // Spelled so in the format.
        id("seperator", WORDPIECE_UNKNOWN + 2),
        id("mask", WORDPIECE_UNKNOWN + 3),
        id("padding", 0),
    ]
}

#[cfg(test)]
#[path = "tokenizer_tests.rs"]
mod tests;
