//! Operations on letters, written apart so that each is a token of its own, and on short lists of words.

use crate::arithmetic::{fill, listed};
use crate::item::Item;
use crate::random::Draws;

/// Short everyday words for lists.
pub(crate) const WORDS: [&str; 40] = [
    "apple", "dog", "sun", "tree", "book", "cat", "house", "river", "car", "bird", "fish", "moon", "door",
    "chair", "table", "milk", "bread", "stone", "cloud", "horse", "road", "lamp", "shoe", "garden", "boat",
    "rain", "snow", "king", "clock", "ball", "hand", "egg", "leaf", "ring", "star", "wall", "hat", "cup",
    "bell", "box",
];

fn letter(draws: &mut Draws) -> char {
    char::from(b'a' + draws.below(26) as u8)
}

fn some_letters(draws: &mut Draws, least: usize, most: usize) -> Vec<char> {
    let count = least + draws.below(most - least + 1);
    (0..count).map(|_| letter(draws)).collect()
}

fn different_letters(draws: &mut Draws, least: usize, most: usize) -> Vec<char> {
    let alphabet: Vec<char> = ('a'..='z').collect();
    let count = least + draws.below(most - least + 1);
    draws.pick_several(&alphabet, count)
}

fn spaced(letters: &[char]) -> String {
    letters.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// Other orders of the same letters, as wrong choices.
fn reordered(letters: &[char]) -> Vec<String> {
    let mut swapped = letters.to_vec();
    swapped.swap(0, 1);
    let mut rotated = letters.to_vec();
    rotated.rotate_left(1);
    let mut backwards = letters.to_vec();
    backwards.reverse();
    vec![spaced(&swapped), spaced(&rotated), spaced(&backwards)]
}

/// Letters backwards.
pub(crate) fn reverse(draws: &mut Draws) -> Item {
    const ASK: [&str; 2] = ["Reverse the letters: {l}", "Write these letters backwards: {l}"];
    let letters = different_letters(draws, 3, 7);
    let mut backwards = letters.clone();
    backwards.reverse();
    let question = fill(draws.text(&ASK), &[("{l}", &spaced(&letters))]);
    Item::exact("reverse_letters", format!("reverse/{}", spaced(&letters)), question, spaced(&backwards))
        .step(format!("The last letter is {}.", backwards[0]))
        .wrong(reordered(&backwards))
}

/// The letter at a place.
pub(crate) fn pick(draws: &mut Draws) -> Item {
    const PLACES: [&str; 4] = ["first", "last", "second", "third"];
    const ASK: [&str; 2] = ["What is the {p} letter of {l}?", "Give the {p} letter: {l}"];
    let letters = different_letters(draws, 3, 7);
    let place = draws.below(PLACES.len());
    let answer = letters[[0, letters.len() - 1, 1, 2][place]];
    let question = fill(draws.text(&ASK), &[("{p}", &PLACES[place]), ("{l}", &spaced(&letters))]);
    let identity = format!("pick_letter/{place}/{}", spaced(&letters));
    Item::exact("pick_letter", identity, question, answer.to_string())
        .step(format!("The {} letter of {} is {answer}.", PLACES[place], spaced(&letters)))
        .wrong(letters.iter().map(ToString::to_string).collect())
}

/// How many letters, or how often one letter.
pub(crate) fn count(draws: &mut Draws) -> Item {
    if draws.chance(0.5) {
        const ASK: [&str; 2] = ["How many letters are there: {l}", "Count the letters: {l}"];
        let letters = some_letters(draws, 2, 9);
        let question = fill(draws.text(&ASK), &[("{l}", &spaced(&letters))]);
        let numbered: Vec<String> =
            letters.iter().enumerate().map(|(place, letter)| format!("{letter} {}", place + 1)).collect();
        let answer = letters.len() as i64;
        return Item::numeric("count_letters", format!("count/{}", spaced(&letters)), question, answer)
            .step(numbered.join(", "));
    }
    let few = different_letters(draws, 2, 4);
    let count = 4 + draws.below(5);
    let letters: Vec<char> = (0..count).map(|_| *draws.pick(&few)).collect();
    let wanted = few[0];
    let answer = letters.iter().filter(|letter| **letter == wanted).count();
    let question = format!("How many times does {wanted} occur in {}?", spaced(&letters));
    let found = vec![wanted; answer];
    let step =
        if answer == 0 { format!("There is no {wanted}.") } else { format!("Found: {}", spaced(&found)) };
    let identity = format!("occurs/{wanted}/{}", spaced(&letters));
    Item::numeric("count_letters", identity, question, answer as i64).step(step)
}

/// Letters in alphabetical order.
pub(crate) fn sort(draws: &mut Draws) -> Item {
    const ASK: [&str; 2] = ["Sort the letters: {l}", "Put these letters in alphabetical order: {l}"];
    let letters = different_letters(draws, 3, 6);
    let mut sorted = letters.clone();
    sorted.sort_unstable();
    let question = fill(draws.text(&ASK), &[("{l}", &spaced(&letters))]);
    Item::exact("sort_letters", format!("sort/{}", spaced(&letters)), question, spaced(&sorted))
        .step(format!("First comes {}, last comes {}.", sorted[0], sorted[sorted.len() - 1]))
        .wrong(reordered(&sorted))
}

/// A word several times.
pub(crate) fn repeat(draws: &mut Draws) -> Item {
    const ASK: [&str; 3] =
        ["Repeat the word {w} {n} times.", "Write the word {w} {n} times.", "Say {w} {n} times."];
    const TIMES: [(usize, &str); 5] = [(2, "two"), (3, "three"), (4, "four"), (5, "five"), (6, "six")];
    let word = *draws.pick(&WORDS);
    let (times, spelled) = *draws.pick(&TIMES);
    let digits = draws.chance(0.5);
    let number = if digits { times.to_string() } else { spelled.to_owned() };
    let phrasing = draws.below(ASK.len());
    let say = |times: usize| vec![word; times].join(" ");
    let question = fill(ASK[phrasing], &[("{w}", &word), ("{n}", &number)]);
    let item = Item::exact("repeat_word", format!("repeat/{phrasing}/{word}/{number}"), question, say(times))
        .wrong(vec![say(times - 1), say(times + 1), say(times + 2)]);
    Item { free_form: true, ..item }
}

/// Letters in capitals, and back.
pub(crate) fn capitals(draws: &mut Draws) -> Item {
    let letters = different_letters(draws, 2, 6);
    let small = spaced(&letters);
    let large = small.to_uppercase();
    let (question, answer, other) = if draws.chance(0.7) {
        (format!("Write in capital letters: {small}"), large, small.clone())
    } else {
        (format!("Write in small letters: {large}"), small.clone(), large)
    };
    let identity = format!("capitals/{question}");
    let mut half: Vec<String> = answer.split(' ').map(ToOwned::to_owned).collect();
    half[0] = other.split(' ').next().unwrap_or_default().to_owned();
    let item = Item::exact("capital_letters", identity, question, answer).wrong(vec![other, half.join(" ")]);
    Item { free_form: true, ..item }
}

/// First, last, number, order and joining of listed words.
pub(crate) fn word_list(draws: &mut Draws) -> Item {
    const TASK: &str = "word_list";
    let count = 3 + draws.below(3);
    let words = draws.pick_several(&WORDS, count);
    let list = listed(&words);
    let mut backwards = words.clone();
    backwards.reverse();
    let others: Vec<String> = words.iter().map(ToString::to_string).collect();
    let exact = |operation: &str, question: String, answer: String| {
        Item::exact(TASK, format!("word_list/{operation}/{list}"), question, answer)
    };
    match draws.below(6) {
        0 => exact("first", format!("What is the first word: {list}"), words[0].to_owned())
            .step(format!("The list begins with {}.", words[0]))
            .wrong(others),
        1 => exact("last", format!("What is the last word: {list}"), words[count - 1].to_owned())
            .step(format!("The list ends with {}.", words[count - 1]))
            .wrong(others),
        2 => {
            let numbered: Vec<String> =
                words.iter().enumerate().map(|(place, word)| format!("{word} {}", place + 1)).collect();
            let question = format!("How many words are there: {list}");
            Item::numeric(TASK, format!("word_list/count/{list}"), question, count as i64)
                .step(numbered.join(", "))
        }
        3 => exact("reverse", format!("Reverse the list: {list}"), listed(&backwards))
            .step(format!("The last word is {}.", words[count - 1]))
            .wrong(orders(&backwards)),
        4 => {
            let joined = words.join("-");
            let item = exact("join", format!("Join these words with dashes: {list}"), joined).wrong(vec![
                words.join(" "),
                backwards.join("-"),
                words.join("+"),
            ]);
            Item { free_form: true, ..item }
        }
        _ => {
            let mut sorted = words.clone();
            sorted.sort_unstable();
            exact("sort", format!("Sort these words alphabetically: {list}"), listed(&sorted))
                .step(format!("First comes {}, last comes {}.", sorted[0], sorted[count - 1]))
                .wrong(orders(&sorted))
        }
    }
}

fn orders(words: &[&str]) -> Vec<String> {
    let mut swapped = words.to_vec();
    swapped.swap(0, 1);
    let mut rotated = words.to_vec();
    rotated.rotate_left(1);
    let mut backwards = words.to_vec();
    backwards.reverse();
    vec![listed(&swapped), listed(&rotated), listed(&backwards)]
}
