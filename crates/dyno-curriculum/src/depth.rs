//! Questions after long notes: a code to be found in them, or a sum asked at that depth.

use crate::arithmetic;
use crate::item::Item;
use crate::random::Draws;

/// Names in the notes, each at most once.
const NAMES: [&str; 60] = [
    "Tom", "Mia", "Ben", "Anna", "Sam", "Lucy", "Max", "Emma", "Leo", "Sara", "Paul", "Kate", "Jack", "Lily",
    "Noah", "Ella", "Finn", "Nora", "Owen", "Ruth", "Adam", "Alice", "Carl", "Clara", "Dan", "Diana", "Eric",
    "Eva", "Frank", "Grace", "Henry", "Helen", "Ian", "Iris", "John", "Jane", "Kurt", "Laura", "Luke",
    "Maria", "Mark", "Nina", "Oscar", "Olga", "Peter", "Rosa", "Ralph", "Sofia", "Simon", "Tina", "Victor",
    "Vera", "Walter", "Wendy", "Yusuf", "Zoe", "Hugo", "Ida", "Felix", "Greta",
];

/// How many notes: few as a rule, many now and then.
fn note_count(draws: &mut Draws) -> usize {
    match draws.below(10) {
        0..5 => 3 + draws.below(6),
        5..8 => 9 + draws.below(12),
        _ => 21 + draws.below(NAMES.len() - 20),
    }
}

struct Notes {
    names: Vec<&'static str>,
    codes: Vec<i64>,
    text: String,
}

fn notes(draws: &mut Draws, count: usize) -> Notes {
    let names = draws.pick_several(&NAMES, count);
    let codes = draws.different_numbers(count, 100, 999);
    let mut text = String::new();
    for (name, code) in names.iter().zip(&codes) {
        text += &format!("The code of {name} is {code}.\n");
    }
    Notes { names, codes, text }
}

/// Words, single digits and marks: what a tokenizer with whole words and single digits would count, lines included.
pub(crate) fn length(text: &str) -> usize {
    let mut count = 0;
    let mut in_word = false;
    for letter in text.chars() {
        let of_word = letter.is_alphabetic();
        count += usize::from(of_word && !in_word);
        count += usize::from(!of_word && letter != ' ');
        in_word = of_word;
    }
    count
}

/// The code of one of those named.
pub(crate) fn needle(draws: &mut Draws) -> Item {
    let count = note_count(draws);
    needle_among(draws, count)
}

/// The code of one of `count` named, at most as many as there are names.
pub(crate) fn needle_among(draws: &mut Draws, count: usize) -> Item {
    let place = draws.below(count);
    needle_at(draws, count, place)
}

/// The code in note `place` of `count`.
pub(crate) fn needle_at(draws: &mut Draws, count: usize, place: usize) -> Item {
    let notes = notes(draws, count);
    let (name, code) = (notes.names[place], notes.codes[place]);
    let question = format!("{}What is the code of {name}?", notes.text);
    let wrong = notes.codes.iter().map(ToString::to_string).collect();
    let item = Item::numeric("needle", format!("needle/{name}/{code}"), question, code)
        .step(format!("The code of {name} is {code}."))
        .wrong(wrong);
    let position = if count == 1 { 0.0 } else { place as f64 / (count - 1) as f64 };
    let length = length(&item.question);
    Item { position: Some((position * 1000.0).round() / 1000.0), length: Some(length), ..item }
}

/// A sum asked after notes that have nothing to do with it.
pub(crate) fn sum_at_depth(draws: &mut Draws) -> Item {
    let count = note_count(draws);
    sum_after(draws, count)
}

/// A sum asked after `count` notes.
pub(crate) fn sum_after(draws: &mut Draws, count: usize) -> Item {
    let notes = notes(draws, count);
    let sum = if draws.chance(0.6) { arithmetic::addition(draws) } else { arithmetic::subtraction(draws) };
    let question = format!("{}{}", notes.text, sum.question);
    let length = length(&question);
    Item { task: "sum_at_depth", question, length: Some(length), ..sum }
}
