//! The byte-level tokenizer covers every byte and merges deterministically.

use std::collections::HashMap;

use super::*;
use crate::shapes::SHAPES;

fn strings_of(metadata: &[MetadataEntry], key: &str) -> Vec<String> {
    let Some((_, Content::Array(_, items))) = metadata.iter().find(|(known, _)| known == key) else {
        panic!("{key}")
    };
    items.iter().map(|item| item.as_str().unwrap().to_owned()).collect()
}

fn number(metadata: &[MetadataEntry], key: &str) -> u64 {
    let Some((_, Content::Scalar(value))) = metadata.iter().find(|(known, _)| known == key) else {
        panic!("{key}")
    };
    value.as_u64().unwrap()
}

#[test]
fn every_vocabulary_has_its_true_size_unique_tokens_and_ids_in_range() {
    let mut seen = HashSet::new();
    let different = |shape: &&Shape| seen.insert((shape.family == Family::Bert, shape.vocabulary));
    for shape in SHAPES.iter().filter(different) {
        let metadata = metadata(shape);
        let tokens = strings_of(&metadata, "tokenizer.ggml.tokens");
        assert_eq!(tokens.len() as u64, shape.vocabulary, "{}", shape.name);
        assert_eq!(tokens.iter().collect::<HashSet<_>>().len(), tokens.len(), "{}", shape.name);
        assert!(tokens.iter().all(|token| !token.is_empty()));
        for key in ["bos", "eos", "padding"] {
            assert!(number(&metadata, &format!("tokenizer.ggml.{key}_token_id")) < shape.vocabulary);
        }
        let kinds = metadata.iter().find(|(key, _)| key == "tokenizer.ggml.token_type").unwrap();
        assert!(matches!(&kinds.1, Content::Array(ScalarKind::I32, kinds) if kinds.len() == tokens.len()));
    }
}

#[test]
fn every_byte_is_a_token_and_printable_ones_stand_for_themselves() {
    let tokens = strings_of(&byte_level(Shape::find("tiny-llama").unwrap()), "tokenizer.ggml.tokens");
    assert_eq!(tokens[usize::from(b'A')], "A");
    assert_eq!(tokens[usize::from(b' ')], "\u{120}");
    assert_eq!(tokens[usize::from(b'\n')], "\u{10a}");
    assert_eq!(tokens[0xad], "\u{143}");
    assert_eq!(tokens[..256].iter().filter(|token| token.chars().count() == 1).count(), 256);
}

/// Byte-pair encoding of one word as llama.cpp does it: always the lowest-ranking neighbouring pair.
fn encode(word: &str, ranks: &HashMap<(String, String), usize>) -> Vec<String> {
    let mut pieces: Vec<String> = word.chars().map(|letter| letter.to_string()).collect();
    loop {
        let rank = |pair: &[String]| ranks.get(&(pair[0].clone(), pair[1].clone())).copied();
        let best =
            pieces.windows(2).enumerate().filter_map(|(at, pair)| rank(pair).map(|rank| (rank, at))).min();
        let Some((_, at)) = best else { return pieces };
        let second = pieces.remove(at + 1);
        pieces[at].push_str(&second);
    }
}

#[test]
fn merges_make_known_tokens_and_words_become_one() {
    let metadata = byte_level(Shape::find("smollm2-135m").unwrap());
    let tokens: HashSet<_> = strings_of(&metadata, "tokenizer.ggml.tokens").into_iter().collect();
    let mut ranks = HashMap::new();
    for (rank, merge) in strings_of(&metadata, "tokenizer.ggml.merges").iter().enumerate() {
        let (first, second) = merge.split_once(' ').unwrap();
        assert!(
            tokens.contains(first) && tokens.contains(second) && tokens.contains(&format!("{first}{second}")),
            "{merge}"
        );
        assert!(ranks.insert((first.to_owned(), second.to_owned()), rank).is_none(), "{merge} twice");
    }
    for word in WORDS.split_whitespace() {
        assert_eq!(encode(&format!("\u{120}{word}"), &ranks).len(), 1, "{word}");
    }
    let odd = encode("\u{120}unthinkable", &ranks);
    assert!(odd.len() < 8 && odd.concat() == "\u{120}unthinkable", "{odd:?}");
}

#[test]
fn word_piece_covers_every_printable_letter_at_both_places() {
    let tokens = strings_of(&word_piece(Shape::find("all-minilm").unwrap()), "tokenizer.ggml.tokens");
    assert_eq!(
        (tokens[100].as_str(), tokens[101].as_str(), tokens[102].as_str()),
        ("[UNK]", "[CLS]", "[SEP]")
    );
    let known: HashSet<_> = tokens.into_iter().collect();
    for letter in (0x21..=0x7eu8).map(char::from) {
        assert!(
            known.contains(&letter.to_string()) && known.contains(&format!("\u{2581}{letter}")),
            "{letter}"
        );
    }
}
