//! Sums with units, days, months and the clock.

use crate::arithmetic::fill;
use crate::item::Item;
use crate::random::Draws;

/// One of the larger unit, the smaller unit, how many of it are in one.
const UNITS: [(&str, &str, &str, i64); 14] = [
    ("meter", "meters", "centimeters", 100),
    ("kilometer", "kilometers", "meters", 1000),
    ("kilogram", "kilograms", "grams", 1000),
    ("liter", "liters", "milliliters", 1000),
    ("centimeter", "centimeters", "millimeters", 10),
    ("hour", "hours", "minutes", 60),
    ("minute", "minutes", "seconds", 60),
    ("day", "days", "hours", 24),
    ("week", "weeks", "days", 7),
    ("year", "years", "months", 12),
    ("dozen", "dozen", "eggs", 12),
    ("foot", "feet", "inches", 12),
    ("dollar", "dollars", "cents", 100),
    ("gram", "grams", "milligrams", 1000),
];

const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

const MONTHS: [(&str, i64); 12] = [
    ("January", 31),
    ("February", 28),
    ("March", 31),
    ("April", 30),
    ("May", 31),
    ("June", 30),
    ("July", 31),
    ("August", 31),
    ("September", 30),
    ("October", 31),
    ("November", 30),
    ("December", 31),
];

/// From a larger unit to a smaller one, and back.
pub(crate) fn units(draws: &mut Draws) -> Item {
    const DOWN: [&str; 2] = ["How many {s} are in {n} {l}?", "Convert {n} {l} to {s}."];
    const UP: [&str; 2] = ["How many {l} are {m} {s}?", "Convert {m} {s} to {l}."];
    let (one, several, small, factor) = *draws.pick(&UNITS);
    let count = draws.number(1, 12);
    let total = count * factor;
    let down = draws.chance(0.7);
    let large = if count == 1 && down { one } else { several };
    let phrasing = draws.below(2);
    let values: [(&str, &dyn std::fmt::Display); 4] =
        [("{s}", &small), ("{n}", &count), ("{l}", &large), ("{m}", &total)];
    let words = if down { DOWN[phrasing] } else { UP[phrasing] };
    let (answer, step) = if down {
        (total, format!("{count} * {factor} = {total}"))
    } else {
        (count, format!("{total} / {factor} = {count}"))
    };
    let identity = format!("units/{phrasing}/{down}/{several}/{small}/{count}");
    let cluster = format!("units/{several}/{small}");
    Item::numeric("units", identity, fill(words, &values), answer).step(step).clustered(cluster)
}

/// The day some days later or earlier.
pub(crate) fn weekday(draws: &mut Draws) -> Item {
    const ASK: [&str; 2] = ["What day is it {n} {w} {d}?", "Which day of the week is {n} {w} {d}?"];
    let start = draws.below(7);
    let days = 1 + draws.below(10);
    let after = draws.chance(0.7);
    let at = |offset: usize| DAYS[if after { start + offset } else { start + 70 - offset } % 7];
    let span = if days == 1 { "1 day".to_owned() } else { format!("{days} days") };
    let word = if after { "after" } else { "before" };
    let phrasing = draws.below(2);
    let question = fill(ASK[phrasing], &[("{n}", &span), ("{w}", &word), ("{d}", &DAYS[start])]);
    let passed: Vec<&str> = (1..=days).map(at).collect();
    let identity = format!("weekday/{phrasing}/{word}/{start}/{days}");
    Item::exact("weekday", identity, question, at(days).to_owned())
        .step(passed.join(", "))
        .clustered(format!("weekday/{word}/{start}/{days}"))
        .wrong(DAYS.iter().map(ToString::to_string).collect())
}

/// The month some months later, the one before or after, and how many days a month has.
pub(crate) fn month(draws: &mut Draws) -> Item {
    const LATER: [&str; 2] = ["What month is {n} after {m}?", "Which month comes {n} after {m}?"];
    const LENGTH: [&str; 3] =
        ["How many days does {m} have?", "How many days are in {m}?", "{m} has how many days?"];
    let start = draws.below(12);
    let name = MONTHS[start].0;
    if draws.chance(0.3) {
        let phrasing = draws.below(3);
        let days = MONTHS[start].1;
        let question = fill(LENGTH[phrasing], &[("{m}", &name)]);
        let item = Item::numeric("month", format!("month_days/{phrasing}/{name}"), question, days)
            .step(format!("{name} has {days} days."))
            .clustered(format!("month_days/{name}"))
            .wrong(["28", "29", "30", "31"].map(ToOwned::to_owned).to_vec());
        let alternatives = if start == 1 { vec!["28 or 29".to_owned(), "29".to_owned()] } else { Vec::new() };
        return Item { alternatives, ..item };
    }
    let months = 1 + draws.below(6);
    let span = if months == 1 { "1 month".to_owned() } else { format!("{months} months") };
    let phrasing = draws.below(2);
    let question = fill(LATER[phrasing], &[("{n}", &span), ("{m}", &name)]);
    let passed: Vec<&str> = (1..=months).map(|offset| MONTHS[(start + offset) % 12].0).collect();
    let answer = passed[months - 1].to_owned();
    Item::exact("month", format!("month/{phrasing}/{name}/{months}"), question, answer)
        .step(passed.join(", "))
        .clustered(format!("month/{name}/{months}"))
        .wrong(MONTHS.iter().map(|month| month.0.to_owned()).collect())
}

fn time(minutes: i64) -> String {
    // A clock with twelve hours, as it hangs on a wall.
    let hour = (minutes / 60 + 11) % 12 + 1;
    format!("{hour}:{:02}", minutes % 60)
}

/// The time some minutes or hours later.
pub(crate) fn clock(draws: &mut Draws) -> Item {
    let start = draws.number(12, 143) * 5;
    if draws.chance(0.3) {
        let hours = draws.number(1, 9);
        let span = if hours == 1 { "1 hour".to_owned() } else { format!("{hours} hours") };
        let end = time(start + hours * 60);
        let question = format!("What time is it {span} after {}?", time(start));
        let wrong = [1, -1, 2].map(|off| time(start + (hours + off) * 60)).to_vec();
        return Item::exact("clock", format!("clock_hours/{start}/{hours}"), question, end.clone())
            .step(format!("{} + {span} = {end}", time(start)))
            .wrong(wrong);
    }
    let minutes = draws.number(1, 11) * 5;
    let end = time(start + minutes);
    let question = format!("What time is it {minutes} minutes after {}?", time(start));
    let wrong = [10, -10, 60].map(|off| time(start + minutes + off)).to_vec();
    let item = Item::exact("clock", format!("clock/{start}/{minutes}"), question, end.clone()).wrong(wrong);
    let to_full_hour = 60 - start % 60;
    if minutes > to_full_hour {
        let (full, rest) = (time(start + to_full_hour), minutes - to_full_hour);
        return item
            .step(format!("{} + {to_full_hour} minutes = {full}", time(start)))
            .step(format!("{full} + {rest} minutes = {end}"));
    }
    item.step(format!("{} + {minutes} minutes = {end}", time(start)))
}
