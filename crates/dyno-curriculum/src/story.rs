//! Little stories and poems after a pattern, as answers and as plain text.

use crate::arithmetic::fill;
use crate::item::{Item, Kind};
use crate::random::Draws;
use crate::word_problem::PEOPLE;

const PLACES: [&str; 10] = [
    "in the forest",
    "by the sea",
    "in the garden",
    "in the old house",
    "on the hill",
    "in the town",
    "by the river",
    "at school",
    "in the park",
    "on the farm",
];
const FINDS: [&str; 10] = ["kite", "key", "map", "ball", "box", "ring", "hat", "boat", "lamp", "book"];
const FRIENDS: [&str; 8] = ["fox", "dog", "cat", "bird", "robot", "rabbit", "horse", "frog"];
const FEELINGS: [&str; 4] = ["happy", "proud", "surprised", "glad"];
const PROBLEMS: [&str; 5] = [
    "It began to rain.",
    "It was getting dark.",
    "The wind was very strong.",
    "They lost their way.",
    "They were very hungry.",
];
const ENDS: [&str; 5] = [
    "In the end they went home together.",
    "From that day on they were friends.",
    "They laughed and danced all day.",
    "Then they shared some warm bread.",
    "That night they slept very well.",
];

struct Story {
    name: &'static str,
    find: &'static str,
    friend: &'static str,
    text: String,
}

fn tell(draws: &mut Draws) -> Story {
    let (name, pronoun) = *draws.pick(&PEOPLE);
    let (place, find, friend) = (*draws.pick(&PLACES), *draws.pick(&FINDS), *draws.pick(&FRIENDS));
    let feeling = *draws.pick(&FEELINGS);
    let beginning = match draws.below(3) {
        0 => format!("One day {name} found a {find} {place}."),
        1 => format!("{name} was playing {place} and found a {find}."),
        _ => format!("Once upon a time {name} saw a small {find} {place}."),
    };
    let middle = match draws.below(2) {
        0 => format!("{pronoun} showed it to a little {friend}, and the {friend} was {feeling}."),
        _ => format!("A little {friend} came and asked to see the {find}. {name} was {feeling}."),
    };
    let text = format!("{beginning} {middle} {} {}", draws.pick(&PROBLEMS), draws.pick(&ENDS));
    Story { name, find, friend, text }
}

/// A story that was asked for.
pub(crate) fn story(draws: &mut Draws) -> Item {
    let story = tell(draws);
    let Story { name, find, friend, text } = story;
    let question = match draws.below(4) {
        0 => format!("Write a story about a {friend}."),
        1 => format!("Write a short story about {name} and a {find}."),
        2 => format!("Tell me a story about a {find}."),
        _ => format!("Write a short story about a {friend} and a {find}."),
    };
    let item = Item::exact("story", format!("story/{text}"), question, text);
    Item { kind: Kind::Open, free_form: true, ..item }
}

/// A poem of four lines.
pub(crate) fn poem(draws: &mut Draws) -> Item {
    const ABOUT: [&str; 12] = [
        "the sea",
        "the moon",
        "the wind",
        "the rain",
        "winter",
        "spring",
        "the stars",
        "the internet",
        "artificial intelligence",
        "robots",
        "friendship",
        "the garden",
    ];
    const ASK: [&str; 3] =
        ["Write a poem about {t}.", "Write a short poem about {t}.", "Write a little poem about {t}."];
    const FIRST: [&str; 3] = [
        "I think of {t} when I play,\nwith {t} in my thoughts all day.",
        "I sing a song of {t} tonight,\nand every little star is bright.",
        "Oh {t}, I dream of you,\nand all my little dreams come true.",
    ];
    const SECOND: [&str; 3] = [
        "The world is wide, the sky is blue,\nand I will share this song with you.",
        "The hours come, the hours go,\nand still there is so much to know.",
        "The day is long, the night is deep,\nand soon the world will fall asleep.",
    ];
    let about = *draws.pick(&ABOUT);
    let poem = format!("{}\n{}", fill(draws.text(&FIRST), &[("{t}", &about)]), draws.pick(&SECOND));
    let question = fill(draws.text(&ASK), &[("{t}", &about)]);
    let item = Item::exact("poem", format!("poem/{question}/{poem}"), question, poem);
    Item { kind: Kind::Open, free_form: true, ..item }
}

/// A story as plain text.
pub(crate) fn plain(draws: &mut Draws) -> String {
    tell(draws).text
}
