//! Short word problems of one to three steps; names and things vary and never decide what is held out.

use crate::item::Item;
use crate::random::Draws;

/// First names; each with its pronoun.
pub(crate) const PEOPLE: [(&str, &str); 12] = [
    ("Tom", "He"),
    ("Mia", "She"),
    ("Ben", "He"),
    ("Anna", "She"),
    ("Sam", "He"),
    ("Lucy", "She"),
    ("Max", "He"),
    ("Emma", "She"),
    ("Leo", "He"),
    ("Sara", "She"),
    ("Paul", "He"),
    ("Kate", "She"),
];

const THINGS: [&str; 8] = ["apples", "pencils", "books", "coins", "cards", "stickers", "marbles", "cookies"];

const TASK: &str = "word_problem";

fn problem(identity: String, question: String, answer: i64) -> Item {
    Item::numeric(TASK, identity, question, answer)
}

fn with_unit(item: Item, unit: Option<&str>) -> Item {
    let Some(unit) = unit else { return item };
    let number = item.answer.clone();
    Item { answer: format!("{number} {unit}"), alternatives: vec![number], ..item }
}

/// One of them.
pub(crate) fn word_problem(draws: &mut Draws) -> Item {
    const KINDS: [fn(&mut Draws) -> Item; 12] = [
        buys_and_gives,
        boxes,
        bus,
        shopping,
        change,
        sharing,
        times_as_many,
        travel,
        travel_half,
        square,
        workers,
        spends_twice,
    ];
    draws.pick(&KINDS)(draws)
}

fn buys_and_gives(draws: &mut Draws) -> Item {
    let (name, pronoun) = *draws.pick(&PEOPLE);
    let thing = *draws.pick(&THINGS);
    let (has, buys) = (draws.number(5, 60), draws.number(3, 40));
    let gives = draws.number(2, (has + buys - 1).min(40));
    let sum = has + buys;
    let question = format!(
        "{name} has {has} {thing}. {pronoun} buys {buys} more and gives {gives} away. How many {thing} does {name} have now?"
    );
    problem(format!("buys_and_gives/{has}+{buys}-{gives}"), question, sum - gives)
        .step(format!("{has} + {buys} = {sum}"))
        .step(format!("{sum} - {gives} = {}", sum - gives))
}

fn boxes(draws: &mut Draws) -> Item {
    let thing = *draws.pick(&THINGS);
    let (count, each) = (draws.number(2, 9), draws.number(5, 30));
    let product = count * each;
    let lost = draws.number(2, (product - 1).min(30));
    let question = format!(
        "There are {count} boxes with {each} {thing} in each box. {lost} {thing} are taken out. How many {thing} are left?"
    );
    problem(format!("boxes/{count}*{each}-{lost}"), question, product - lost)
        .step(format!("{each} * {count} = {product}"))
        .step(format!("{product} - {lost} = {}", product - lost))
}

fn bus(draws: &mut Draws) -> Item {
    let vehicle = *draws.pick(&["bus", "train", "boat"]);
    let has = draws.number(10, 60);
    let off = draws.number(2, has - 1);
    let on = draws.number(2, 40);
    let rest = has - off;
    let question = format!(
        "A {vehicle} has {has} passengers. {off} get off and {on} get on. How many passengers are on the {vehicle} now?"
    );
    problem(format!("bus/{has}-{off}+{on}"), question, rest + on)
        .step(format!("{has} - {off} = {rest}"))
        .step(format!("{rest} + {on} = {}", rest + on))
}

fn shopping(draws: &mut Draws) -> Item {
    let prices = draws.different_numbers(2, 2, 12);
    let (one, other) = (prices[0], prices[1]);
    let (first, second) = (draws.number(2, 9), draws.number(2, 9));
    let (left, right) = (first * one, second * other);
    let question = format!(
        "A book costs {one} dollars and a pen costs {other} dollars. How many dollars do {first} books and {second} pens cost?"
    );
    problem(format!("shopping/{first}*{one}+{second}*{other}"), question, left + right)
        .step(format!("{first} * {one} = {left}"))
        .step(format!("{second} * {other} = {right}"))
        .step(format!("{left} + {right} = {}", left + right))
}

fn change(draws: &mut Draws) -> Item {
    let (name, pronoun) = *draws.pick(&PEOPLE);
    let thing = *draws.pick(&THINGS);
    let (count, price) = (draws.number(2, 9), draws.number(2, 12));
    let cost = count * price;
    let has = cost + draws.number(1, 60);
    let question = format!(
        "{name} has {has} dollars. {pronoun} buys {count} {thing} for {price} dollars each. How many dollars are left?"
    );
    problem(format!("change/{has}-{count}*{price}"), question, has - cost)
        .step(format!("{count} * {price} = {cost}"))
        .step(format!("{has} - {cost} = {}", has - cost))
}

fn sharing(draws: &mut Draws) -> Item {
    let (name, pronoun) = *draws.pick(&PEOPLE);
    let thing = *draws.pick(&THINGS);
    let (bags, each) = (draws.number(2, 12), draws.number(2, 12));
    let total = bags * each;
    let has = draws.number(2, total - 2);
    let finds = total - has;
    let question = format!(
        "{name} has {has} {thing} and gets {finds} more. {pronoun} puts them all into {bags} bags, the same number in each. How many {thing} are in each bag?"
    );
    problem(format!("sharing/{has}+{finds}/{bags}"), question, each)
        .step(format!("{has} + {finds} = {total}"))
        .step(format!("{total} / {bags} = {each}"))
}

fn times_as_many(draws: &mut Draws) -> Item {
    let people = draws.pick_several(&PEOPLE, 2);
    let (one, other) = (people[0].0, people[1].0);
    let thing = *draws.pick(&THINGS);
    let (times, has) = (draws.number(2, 9), draws.number(2, 30));
    let more = times * has;
    let link = *draws.pick(&[". ", " and "]);
    let question = format!(
        "{one} has {has} {thing}{link}{other} has {times} times as many. How many {thing} do they have together?"
    );
    problem(format!("times_as_many/{times}*{has}"), question, more + has)
        .step(format!("{has} * {times} = {more}"))
        .step(format!("{has} + {more} = {}", has + more))
}

const VEHICLES: [&str; 3] = ["train", "car", "bus"];

/// A question about a trip, and the unit its answer names: none where the question names it.
fn trip(draws: &mut Draws, speed: i64, hours: &str) -> (String, Option<&'static str>) {
    let vehicle = *draws.pick(&VEHICLES);
    let unit = *draws.pick(&["miles", "kilometers"]);
    match draws.below(3) {
        0 => (
            format!(
                "A {vehicle} travels at {speed} {unit} per hour for {hours} hours. How far does it travel?"
            ),
            Some(unit),
        ),
        1 => (
            format!(
                "If a {vehicle} travels at {speed} {unit} per hour, how far does it go in {hours} hours?"
            ),
            Some(unit),
        ),
        _ => (
            format!("A {vehicle} travels at {speed} mph for {hours} hours. How many miles does it go?"),
            None,
        ),
    }
}

fn travel(draws: &mut Draws) -> Item {
    let (speed, hours) = (draws.number(3, 20) * 5, draws.number(2, 9));
    let (question, unit) = trip(draws, speed, &hours.to_string());
    let item = problem(format!("travel/{speed}*{hours}"), question, speed * hours)
        .step(format!("{speed} * {hours} = {}", speed * hours));
    with_unit(item, unit)
}

fn travel_half(draws: &mut Draws) -> Item {
    let (speed, hours) = (draws.number(2, 12) * 10, draws.number(1, 5));
    let (whole, half) = (speed * hours, speed / 2);
    let (question, unit) = trip(draws, speed, &format!("{hours}.5"));
    let item = problem(format!("travel_half/{speed}*{hours}"), question, whole + half)
        .step(format!("{speed} * {hours} = {whole}"))
        .step(format!("{speed} / 2 = {half}"))
        .step(format!("{whole} + {half} = {}", whole + half));
    with_unit(item, unit)
}

fn square(draws: &mut Draws) -> Item {
    let side = draws.number(2, 20);
    let around = side * 4;
    match draws.below(3) {
        0 => {
            let question = format!("A square has sides of {side} cm. What is its perimeter?");
            let item = problem(format!("square_perimeter/{side}"), question, around);
            with_unit(item.step(format!("{side} * 4 = {around}")), Some("cm"))
        }
        1 => {
            let side = draws.number(2, 12);
            let around = side * 4;
            let (question, unit) = match draws.below(2) {
                0 => {
                    (format!("A square has a perimeter of {around} cm. What is its area?"), Some("square cm"))
                }
                _ => {
                    let words = "What is its area in square centimetres?";
                    (format!("The perimeter of a square is {around} cm. {words}"), None)
                }
            };
            let item = problem(format!("square_area/{around}"), question, side * side)
                .step(format!("{around} / 4 = {side}"))
                .step(format!("{side} * {side} = {}", side * side));
            with_unit(item, unit)
        }
        _ => {
            let width = draws.number(2, 20);
            let sum = side + width;
            let question =
                format!("A rectangle is {side} cm long and {width} cm wide. What is its perimeter?");
            let item = problem(format!("rectangle_perimeter/{side}+{width}"), question, 2 * sum)
                .step(format!("{side} + {width} = {sum}"))
                .step(format!("{sum} * 2 = {}", 2 * sum));
            with_unit(item, Some("cm"))
        }
    }
}

fn workers(draws: &mut Draws) -> Item {
    let work = *draws.pick(&["build a fence", "paint a fence", "paint a house", "dig a garden"]);
    // Both divide the work exactly, and the number of people changes.
    let (others, hours_then, people) = loop {
        let (people, hours, others) = (draws.number(2, 9), draws.number(2, 12), draws.number(2, 12));
        if others != people && (people * hours) % others == 0 {
            break (others, people * hours / others, people);
        }
    };
    let work_hours = others * hours_then;
    let hours = work_hours / people;
    let verb = *draws.pick(&["need", "take"]);
    let question =
        format!("{people} people {work} in {hours} hours. How many hours do {others} people {verb}?");
    problem(format!("workers/{people}*{hours}/{others}"), question, hours_then)
        .step(format!("{people} * {hours} = {work_hours}"))
        .step(format!("{work_hours} / {others} = {hours_then}"))
}

fn spends_twice(draws: &mut Draws) -> Item {
    let (name, pronoun) = *draws.pick(&PEOPLE);
    let has = draws.number(30, 99);
    let first = draws.number(3, has / 2);
    let second = draws.number(3, has - first - 1);
    let rest = has - first;
    let question = format!(
        "{name} has {has} dollars. {pronoun} spends {first} dollars on food and {second} dollars on a ticket. How many dollars are left?"
    );
    problem(format!("spends_twice/{has}-{first}-{second}"), question, rest - second)
        .step(format!("{has} - {first} = {rest}"))
        .step(format!("{rest} - {second} = {}", rest - second))
}
