//! How answers go bad apart from being wrong: repetition, loops, length, and decline with depth.

use std::collections::HashSet;

use dyno_types::{Degeneration, ItemResult};

use crate::summary::points;

/// Words of a sequence that counts as repeated.
const SEQUENCE_WORDS: usize = 4;

/// Longest pattern that counts as a loop, words.
const PATTERN_WORDS_MAX: usize = 64;

/// Fewest repeats of a pattern, and fewest words of all repeats together, that make a loop ("very, very, very" is none).
const LOOP_REPEATS: usize = 3;
const LOOP_WORDS: usize = 8;

/// Bins of positions in a context.
const POSITION_BINS: usize = 5;

/// Most bins of lengths; with more different lengths, neighbours share a bin.
const LENGTH_BINS: usize = 8;

/// Share of 4-word sequences that occurred before in the same text, 0 to 1; 0 for texts of fewer than five words.
#[must_use]
pub fn repeated_sequences(text: &str) -> f64 {
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.len() <= SEQUENCE_WORDS {
        return 0.0;
    }
    let mut seen = HashSet::new();
    let sequences = words.windows(SEQUENCE_WORDS);
    let total = sequences.len();
    let repeated = sequences.filter(|sequence| !seen.insert(*sequence)).count();
    repeated as f64 / total as f64
}

/// A stretch of words at the end of a text that repeats one pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loop {
    /// Words of the pattern.
    pub pattern_words: usize,
    /// Words of the whole stretch; its last repeat may be cut.
    pub words: usize,
}

/// The longest loop a text ends in: a pattern of up to 64 words, at least three times, over at least eight words.
#[must_use]
pub fn ending_loop(text: &str) -> Option<Loop> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let longest = PATTERN_WORDS_MAX.min(words.len() / LOOP_REPEATS);
    let stretch = |pattern: usize| {
        let same = words.iter().rev().zip(words.iter().rev().skip(pattern));
        // The last word may be cut, too.
        let repeats = |index: usize, later: &str, earlier: &str| {
            later == earlier || (index == 0 && earlier.starts_with(later))
        };
        let same = same.enumerate();
        let repeated = same.take_while(|(index, (later, earlier))| repeats(*index, later, earlier)).count();
        Loop { pattern_words: pattern, words: repeated + pattern }
    };
    (1..=longest)
        .map(stretch)
        .filter(|found| found.words >= LOOP_REPEATS * found.pattern_words && found.words >= LOOP_WORDS)
        .max_by_key(|found| (found.words, std::cmp::Reverse(found.pattern_words)))
}

/// Words of an answer against what was asked for: 1 inside the range, words/most above it, words/fewest below it.
#[must_use]
pub fn verbosity(answer: &str, [fewest, most]: [u32; 2]) -> f64 {
    let words = answer.split_whitespace().count() as f64;
    let (fewest, most) = (f64::from(fewest), f64::from(most));
    if words < fewest {
        words / fewest
    } else if words > most {
        words / most.max(1.0)
    } else {
        1.0
    }
}

/// Measures of all generated answers of a result. `cut_off` says of which items the answer ended at the token limit.
/// `None` where nothing was generated.
#[must_use]
pub fn degeneration(items: &[ItemResult], cut_off: impl Fn(&ItemResult) -> bool) -> Option<Degeneration> {
    let answered: Vec<&ItemResult> = items.iter().filter(|item| !item.answer.trim().is_empty()).collect();
    if answered.is_empty() {
        return None;
    }
    let mean = |figure: &dyn Fn(&ItemResult) -> f64| {
        dyno_stats::sum(answered.iter().map(|item| figure(item))) / answered.len() as f64
    };
    Some(Degeneration {
        repeated_4grams: mean(&|item| repeated_sequences(&item.answer)),
        looping: mean(&|item| f64::from(u8::from(ending_loop(&item.answer).is_some()))),
        cut_off: mean(&|item| f64::from(u8::from(cut_off(item)))),
        words: mean(&|item| item.answer.split_whitespace().count() as f64),
        by_position: by_position(items),
        by_length: by_length(items),
    })
}

/// Accuracy by position of the needed fact, in five equal bins: (upper edge, items, accuracy); empty bins are left out.
#[must_use]
pub fn by_position(items: &[ItemResult]) -> Vec<(f64, u64, f64)> {
    let bin = |position: f64| ((position * POSITION_BINS as f64) as usize).min(POSITION_BINS - 1);
    let mut bins = [(0_u64, 0.0); POSITION_BINS];
    for item in items {
        if let (Some(position), Some(points)) = (item.position, points(&item.outcome)) {
            let bin = &mut bins[bin(position)];
            *bin = (bin.0 + 1, bin.1 + points);
        }
    }
    let edge = |index: usize| (index + 1) as f64 / POSITION_BINS as f64;
    let filled = bins.iter().enumerate().filter(|(_, (n, _))| *n > 0);
    filled.map(|(index, (n, right))| (edge(index), *n, right / *n as f64)).collect()
}

/// Accuracy by length of the context, in at most eight bins of about equally many items: (upper edge, items, accuracy).
#[must_use]
pub fn by_length(items: &[ItemResult]) -> Vec<(f64, u64, f64)> {
    let mut counted: Vec<(u32, f64)> =
        items.iter().filter_map(|item| Some((item.length?, points(&item.outcome)?))).collect();
    counted.sort_by_key(|(length, _)| *length);
    let mut distinct: Vec<u32> = counted.iter().map(|(length, _)| *length).collect();
    distinct.dedup();
    let per_bin = if distinct.len() <= LENGTH_BINS { 1 } else { counted.len().div_ceil(LENGTH_BINS) };
    let mut bins: Vec<(f64, u64, f64)> = Vec::new();
    for (length, points) in counted {
        let edge = f64::from(length);
        match bins.last_mut() {
            // Items of one length always share a bin, so that its edge says what it holds.
            Some(bin) if bin.0 == edge || bin.1 < per_bin as u64 => {
                *bin = (edge, bin.1 + 1, bin.2 + points);
            }
            _ => bins.push((edge, 1, points)),
        }
    }
    bins.into_iter().map(|(edge, n, right)| (edge, n, right / n as f64)).collect()
}

#[cfg(test)]
mod tests {
    use dyno_types::ItemOutcome::{Correct, Failed, Wrong};
    use proptest::prelude::*;

    use super::*;
    use crate::summary::tests::result;

    #[test]
    fn repetition_by_hand() {
        assert_eq!(repeated_sequences("a b c d"), 0.0);
        assert_eq!(repeated_sequences("a b c d e f"), 0.0);
        // Windows: abcd bcda cdab dabc abcd: one of five repeats.
        assert_eq!(repeated_sequences("a b c d a b c d"), 0.2);
        assert!(repeated_sequences(&"on and ".repeat(100)) > 0.98);
    }

    #[test]
    fn loops_are_found_with_their_pattern_even_when_cut() {
        let found = |text: &str| ending_loop(text).map(|found| (found.pattern_words, found.words));
        assert_eq!(found("it was very very very good"), None);
        assert_eq!(found("it was very very very"), None);
        assert_eq!(found(&format!("so {}", "no ".repeat(9))), Some((1, 9)));
        assert_eq!(found("start the cat sat the cat sat the cat sat the"), Some((3, 10)));
        assert_eq!(found("the cat sat the cat sat the cat sat. The end."), None);
        assert_eq!(found("la femme au roi, la femme au roi, la femme au roi"), Some((4, 12)));
        assert_eq!(found("the sun, the moon, the sun, the moon, the sun, the mo"), Some((4, 12)));
        assert_eq!(found(""), None);
    }

    #[test]
    fn verbosity_is_a_ratio_to_what_was_asked() {
        assert_eq!(verbosity("one two three", [2, 4]), 1.0);
        assert_eq!(verbosity("one", [2, 4]), 0.5);
        assert_eq!(verbosity("a b c d e f g h", [2, 4]), 2.0);
        assert_eq!(verbosity("", [0, 0]), 1.0);
    }

    #[test]
    fn decline_with_depth_shows_in_bins() {
        let items: Vec<ItemResult> = (0..10)
            .map(|i| {
                let outcome = if i < 6 { Correct } else { Wrong };
                let position = Some(f64::from(i) / 9.0);
                ItemResult { position, length: Some(512 << (i / 5)), ..result(i as usize, "t", outcome, 0) }
            })
            .collect();
        assert_eq!(
            by_position(&items),
            [(0.2, 2, 1.0), (0.4, 2, 1.0), (0.6, 2, 1.0), (0.8, 2, 0.0), (1.0, 2, 0.0)]
        );
        assert_eq!(by_length(&items), [(512.0, 5, 1.0), (1024.0, 5, 0.2)]);
        let many: Vec<ItemResult> =
            (0..80).map(|i| ItemResult { length: Some(i), ..result(i as usize, "t", Correct, 0) }).collect();
        assert_eq!(by_length(&many).len(), LENGTH_BINS);
        let mut lost = result(0, "t", Failed { reason: "gone".to_owned() }, 0);
        lost.position = Some(0.5);
        assert!(by_position(&[lost]).is_empty());
    }

    #[test]
    fn a_result_is_measured_as_a_whole() {
        let mut items: Vec<ItemResult> = (0..4).map(|i| result(i, "t", Wrong, 0)).collect();
        assert_eq!(degeneration(&items, |_| false), None);
        items[0].answer = "no ".repeat(20);
        items[1].answer = "a short answer".to_owned();
        let found = degeneration(&items, |item| item.id == "0").unwrap();
        assert_eq!((found.looping, found.cut_off, found.words), (0.5, 0.5, 11.5));
        assert!(found.repeated_4grams > 0.4 && found.repeated_4grams < 0.5);
    }

    proptest! {
        #[test]
        fn measures_stay_in_their_range(text in "(a|b|c|no|the cat| |\n){0,60}") {
            prop_assert!((0.0..=1.0).contains(&repeated_sequences(&text)));
            if let Some(found) = ending_loop(&text) {
                prop_assert!(found.words >= 3 * found.pattern_words);
                prop_assert!(found.words <= text.split_whitespace().count());
            }
        }

        #[test]
        fn bins_hold_every_item_once(lengths in proptest::collection::vec(0_u32..50, 0..100)) {
            let items: Vec<ItemResult> = lengths
                .iter()
                .enumerate()
                .map(|(id, length)| ItemResult { length: Some(*length), ..result(id, "t", Correct, 0) })
                .collect();
            let bins = by_length(&items);
            prop_assert_eq!(bins.iter().map(|bin| bin.1).sum::<u64>(), items.len() as u64);
            prop_assert!(bins.windows(2).all(|pair| pair[0].0 < pair[1].0));
        }
    }
}
