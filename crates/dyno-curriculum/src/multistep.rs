//! Sums that take several steps: each written step is one that [`crate::arithmetic`] teaches by itself.

use crate::arithmetic::fill;
use crate::item::Item;
use crate::random::Draws;

const WORDS: [&str; 3] = ["What is {e}?", "{e} = ?", "Calculate {e}."];

fn item(task: &'static str, draws: &mut Draws, expression: &str, identity: String, answer: i64) -> Item {
    Item::numeric(task, identity, fill(draws.text(&WORDS), &[("{e}", &expression)]), answer)
}

/// `a + b - c`.
pub(crate) fn add_subtract(draws: &mut Draws) -> Item {
    let (a, b) = (draws.number(10, 99), draws.number(10, 99));
    let sum = a + b;
    let c = draws.number(2, sum.min(99));
    let expression = format!("{a} + {b} - {c}");
    item("add_subtract", draws, &expression, format!("add_subtract/{}+{}-{c}", a.min(b), a.max(b)), sum - c)
        .step(format!("{a} + {b} = {sum}"))
        .step(format!("{sum} - {c} = {}", sum - c))
}

/// `a * b + c`, two digits by one digit.
pub(crate) fn multiply_add(draws: &mut Draws) -> Item {
    let (a, b, c) = (draws.number(11, 99), draws.number(2, 9), draws.number(10, 99));
    let product = a * b;
    let expression = format!("{a} * {b} + {c}");
    item("multiply_add", draws, &expression, format!("multiply_add/{expression}"), product + c)
        .step(format!("{a} * {b} = {product}"))
        .step(format!("{product} + {c} = {}", product + c))
}

/// `(a + b) * c`.
pub(crate) fn sum_times(draws: &mut Draws) -> Item {
    let (a, b, c) = (draws.number(2, 60), draws.number(2, 39), draws.number(2, 9));
    let sum = a + b;
    let expression = format!("({a} + {b}) * {c}");
    item("sum_times", draws, &expression, format!("sum_times/{}+{}*{c}", a.min(b), a.max(b)), sum * c)
        .step(format!("{a} + {b} = {sum}"))
        .step(format!("{sum} * {c} = {}", sum * c))
}

/// The lines of `a * b` with two digits each, tens first.
fn product_steps(mut item: Item, a: i64, b: i64) -> Item {
    let (tens, ones) = (b / 10 * 10, b % 10);
    let (high, low) = (a * tens, a * ones);
    for line in [
        format!("{a} * {b} = {a} * {tens} + {a} * {ones}"),
        format!("{a} * {tens} = {high}"),
        format!("{a} * {ones} = {low}"),
        format!("{high} + {low} = {}", a * b),
    ] {
        item = item.step(line);
    }
    item
}

/// A two-digit number that does not end in 0.
fn two_digits(draws: &mut Draws) -> i64 {
    draws.number(1, 9) * 10 + draws.number(1, 9)
}

/// Two digits by two digits.
pub(crate) fn product(draws: &mut Draws) -> Item {
    let (a, b) = (two_digits(draws), two_digits(draws));
    let identity = format!("product/{}*{}", a.min(b), a.max(b));
    product_steps(item("product", draws, &format!("{a} * {b}"), identity, a * b), a, b)
}

/// Two digits by two digits, plus two digits.
pub(crate) fn product_add(draws: &mut Draws) -> Item {
    let (a, b, c) = (two_digits(draws), two_digits(draws), draws.number(10, 99));
    // The same identity as the product alone, whose steps these begin with.
    let identity = format!("product/{}*{}", a.min(b), a.max(b));
    let whole = item("product_add", draws, &format!("{a} * {b} + {c}"), identity, a * b + c);
    product_steps(whole, a, b).step(format!("{} + {c} = {}", a * b, a * b + c))
}

/// Three to five numbers added up.
pub(crate) fn sum_list(draws: &mut Draws) -> Item {
    const LIST_WORDS: [&str; 2] = ["Add up these numbers: {n}", "What is the sum of {n}?"];
    let count = 3 + draws.below(3);
    let numbers: Vec<i64> = (0..count).map(|_| draws.number(2, 99)).collect();
    let listed = crate::arithmetic::listed(&numbers);
    let total: i64 = numbers.iter().sum();
    let mut sorted = numbers.clone();
    sorted.sort_unstable();
    let question = fill(draws.text(&LIST_WORDS), &[("{n}", &listed)]);
    let identity = format!("sum_list/{}", crate::arithmetic::listed(&sorted));
    let mut item = Item::numeric("sum_list", identity, question, total);
    let mut running = numbers[0];
    for number in &numbers[1..] {
        item = item.step(format!("{running} + {number} = {}", running + number));
        running += number;
    }
    item
}
