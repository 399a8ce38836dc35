//! Small exercises in English grammar, and French translations of short sentences.

use crate::arithmetic::fill;
use crate::item::Item;
use crate::random::Draws;

/// Verbs: base form, third person, what follows.
const VERBS: [(&str, &str, &str); 14] = [
    ("go", "goes", "to school"),
    ("eat", "eats", "an apple"),
    ("play", "plays", "in the garden"),
    ("read", "reads", "a book"),
    ("like", "likes", "the music"),
    ("want", "wants", "a new bike"),
    ("run", "runs", "every day"),
    ("have", "has", "a red car"),
    ("watch", "watches", "a film"),
    ("walk", "walks", "to the park"),
    ("drink", "drinks", "cold milk"),
    ("sing", "sings", "a song"),
    ("write", "writes", "a letter"),
    ("do", "does", "the work"),
];

const ONE: [&str; 7] = ["He", "She", "Tom", "Mia", "My mother", "The boy", "The girl"];
const MANY: [&str; 6] = ["They", "We", "You", "The boys", "The girls", "My friends"];

/// Subject and verb that do not agree.
pub(crate) fn correction(draws: &mut Draws) -> Item {
    const ASK: [&str; 3] = ["Correct the sentence: {s}", "Fix the grammar: {s}", "Correct the grammar: {s}"];
    let (base, third, rest) = *draws.pick(&VERBS);
    let one = draws.chance(0.6);
    let subject = if one { *draws.pick(&ONE) } else { *draws.pick(&MANY) };
    let (bad, good) = if one { (base, third) } else { (third, base) };
    let wrong = format!("{subject} {bad} {rest}.");
    let right = format!("{subject} {good} {rest}.");
    let question = fill(draws.text(&ASK), &[("{s}", &wrong)]);
    let item = Item::exact("grammar", format!("grammar/{wrong}"), question, right).wrong(vec![
        wrong,
        format!("{subject} is {base} {rest}."),
        format!("{subject} to {base} {rest}."),
    ]);
    Item { free_form: true, ..item }
}

/// `a` or `an`.
pub(crate) fn article(draws: &mut Draws) -> Item {
    const ASK: [&str; 2] = ["Fill in a or an: ___ {w}", "Which is right before {w}: a or an?"];
    const WORDS: [(&str, &str); 32] = [
        ("apple", "an"),
        ("egg", "an"),
        ("orange", "an"),
        ("ant", "an"),
        ("old man", "an"),
        ("umbrella", "an"),
        ("island", "an"),
        ("eagle", "an"),
        ("idea", "an"),
        ("hour", "an"),
        ("onion", "an"),
        ("elephant", "an"),
        ("honest man", "an"),
        ("open door", "an"),
        ("dog", "a"),
        ("cat", "a"),
        ("house", "a"),
        ("tree", "a"),
        ("book", "a"),
        ("car", "a"),
        ("river", "a"),
        ("table", "a"),
        ("bird", "a"),
        ("star", "a"),
        ("university", "a"),
        ("red apple", "a"),
        ("big egg", "a"),
        ("young man", "a"),
        ("horse", "a"),
        ("garden", "a"),
        ("lemon", "a"),
        ("week", "a"),
    ];
    let (word, answer) = *draws.pick(&WORDS);
    let phrasing = draws.below(ASK.len());
    let identity = format!("article/{phrasing}/{word}");
    Item::exact("article", identity, fill(ASK[phrasing], &[("{w}", &word)]), answer.to_owned())
        .step(format!("We say {answer} {word}."))
        .wrong(vec!["a".to_owned(), "an".to_owned()])
}

/// `affect` or `effect`.
pub(crate) fn affect_effect(draws: &mut Draws) -> Item {
    const ASK: [&str; 2] = ["Fill in affect or effect: {s}", "Affect or effect? {s}"];
    const THINGS: [&str; 10] =
        ["rain", "sun", "music", "news", "cold", "heat", "wind", "noise", "light", "medicine"];
    const ON: [&str; 10] =
        ["game", "plants", "mood", "trip", "garden", "children", "crowd", "harvest", "market", "road"];
    let (thing, on) = (*draws.pick(&THINGS), *draws.pick(&ON));
    let (sentence, answer) = match draws.below(4) {
        0 => (format!("The {thing} had no ___ on the {on}."), "effect"),
        1 => (format!("The {thing} will ___ the {on}."), "affect"),
        2 => (format!("The ___ of the {thing} on the {on} was small."), "effect"),
        _ => (format!("Does the {thing} ___ the {on}?"), "affect"),
    };
    let question = fill(draws.text(&ASK), &[("{s}", &sentence)]);
    let step = if answer == "affect" { "Here a verb is needed." } else { "Here a noun is needed." };
    Item::exact("affect_effect", format!("affect_effect/{sentence}"), question, answer.to_owned())
        .step(step.to_owned())
        .wrong(vec!["affect".to_owned(), "effect".to_owned()])
}

/// A noun: English, French, whether feminine.
type Noun = (&'static str, &'static str, bool);

const SUBJECTS: [Noun; 12] = [
    ("fox", "renard", false),
    ("cat", "chat", false),
    ("dog", "chien", false),
    ("bird", "oiseau", false),
    ("horse", "cheval", false),
    ("boy", "garçon", false),
    ("girl", "fille", true),
    ("woman", "femme", true),
    ("man", "homme", false),
    ("child", "enfant", false),
    ("teacher", "professeur", false),
    ("queen", "reine", true),
];

const ACTIONS: [(&str, &str); 12] = [
    ("sees", "voit"),
    ("likes", "aime"),
    ("wants", "veut"),
    ("takes", "prend"),
    ("finds", "trouve"),
    ("looks for", "cherche"),
    ("has", "a"),
    ("buys", "achète"),
    ("sells", "vend"),
    ("carries", "porte"),
    ("draws", "dessine"),
    ("loses", "perd"),
];

const OBJECTS: [Noun; 12] = [
    ("apple", "pomme", true),
    ("book", "livre", false),
    ("house", "maison", true),
    ("car", "voiture", true),
    ("tree", "arbre", false),
    ("flower", "fleur", true),
    ("bread", "pain", false),
    ("ball", "ballon", false),
    ("key", "clé", true),
    ("hat", "chapeau", false),
    ("egg", "œuf", false),
    ("table", "table", true),
];

fn the(noun: Noun) -> String {
    // `h` of `homme` is silent, so the article loses its vowel before it, too.
    let (_, french, feminine) = noun;
    if french.starts_with(['a', 'e', 'i', 'o', 'u', 'h', 'é', 'œ']) {
        format!("l'{french}")
    } else if feminine {
        format!("la {french}")
    } else {
        format!("le {french}")
    }
}

fn a(noun: Noun) -> String {
    format!("{} {}", if noun.2 { "une" } else { "un" }, noun.1)
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
        .unwrap_or_default()
}

/// A short sentence in French.
pub(crate) fn french(draws: &mut Draws) -> Item {
    const ASK: [&str; 4] = [
        "Translate to French: {s}",
        "Translate into French: {s}",
        "How do you say in French: {s}",
        "Translate into French: '{s}'",
    ];
    let subject = *draws.pick(&SUBJECTS);
    let (verb, french_verb) = *draws.pick(&ACTIONS);
    let object = *draws.pick(&OBJECTS);
    let other = *draws.pick(&OBJECTS);
    let definite = draws.chance(0.5) || object.0 == "bread";
    let (english_object, french_object) = if definite {
        (format!("the {}", object.0), the(object))
    } else {
        let article = if matches!(object.0, "apple" | "egg") { "an" } else { "a" };
        (format!("{article} {}", object.0), a(object))
    };
    let english = format!("The {} {verb} {english_object}.", subject.0);
    let say = |object: &str| format!("{} {french_verb} {object}.", capitalised(&the(subject)));
    let question = fill(draws.text(&ASK), &[("{s}", &english)]);
    let turned = format!("{} {french_verb} {}.", capitalised(&the(object)), the(subject));
    let article = if object.2 { format!("le {}", object.1) } else { format!("la {}", object.1) };
    let item = Item::exact("french", format!("french/{english}"), question, say(&french_object)).wrong(vec![
        say(&the(other)),
        turned,
        say(&article),
    ]);
    Item { free_form: true, ..item }
}
