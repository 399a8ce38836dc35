//! Sums that take one step: the four operations, comparing, ordering, parity and sequences.

use crate::item::{Item, held_out};
use crate::random::Draws;

/// Operands up to here are taught in full and held out by phrasing; larger ones are held out as sums.
const TABLE_MAX: i64 = 12;

/// A whole number, most often with two digits, below 1000.
fn operand(draws: &mut Draws) -> i64 {
    match draws.below(20) {
        0..5 => draws.number(0, 9),
        5..14 => draws.number(10, 99),
        _ => draws.number(100, 999),
    }
}

/// An operation on two numbers, with its phrasings; `{a}` and `{b}` are the operands.
pub(crate) struct Operation {
    sign: char,
    words: &'static [&'static str],
}

const ADDITION: Operation = Operation {
    sign: '+',
    words: &[
        "What is {a} + {b}?",
        "{a} + {b} = ?",
        "Calculate {a} + {b}.",
        "Add {a} and {b}.",
        "What is {a} plus {b}?",
    ],
};
const SUBTRACTION: Operation = Operation {
    sign: '-',
    words: &[
        "What is {a} - {b}?",
        "{a} - {b} = ?",
        "Calculate {a} - {b}.",
        "Subtract {b} from {a}.",
        "What is {a} minus {b}?",
    ],
};
const MULTIPLICATION: Operation = Operation {
    sign: '*',
    words: &[
        "What is {a} * {b}?",
        "{a} * {b} = ?",
        "Calculate {a} * {b}.",
        "Multiply {a} by {b}.",
        "What is {a} times {b}?",
    ],
};
const DIVISION: Operation = Operation {
    sign: '/',
    words: &[
        "What is {a} / {b}?",
        "{a} / {b} = ?",
        "Calculate {a} / {b}.",
        "Divide {a} by {b}.",
        "What is {a} divided by {b}?",
    ],
};

impl Operation {
    /// The item; `by_phrasing` when every pair of operands must be taught.
    fn item(&self, task: &'static str, draws: &mut Draws, (a, b): (i64, i64), by_phrasing: bool) -> Item {
        let phrasing = draws.below(self.words.len());
        let result = match self.sign {
            '+' => a + b,
            '-' => a - b,
            '*' => a * b,
            _ => a / b,
        };
        let sign = self.sign;
        let (first, second) = if matches!(sign, '+' | '*') { (a.min(b), a.max(b)) } else { (a, b) };
        let identity = if by_phrasing {
            format!("{task}/{phrasing}/{a}{sign}{b}")
        } else {
            format!("{task}/{first}{sign}{second}")
        };
        let question = fill(self.words[phrasing], &[("{a}", &a), ("{b}", &b)]);
        let item = Item::numeric(task, identity, question, result).step(format!("{a} {sign} {b} = {result}"));
        if by_phrasing { item.clustered(format!("{task}/{first}{sign}{second}")) } else { item }
    }
}

/// Whether a sum that is held out stands somewhere in the text, as part of a longer one or of written steps. Some texts that
/// only look so (`2 + 3` in `4 * 2 + 3`) count, too.
pub(crate) fn shows_held_out_sum(text: &str) -> bool {
    let number = |word: &str| word.trim_matches(|letter: char| !letter.is_ascii_digit()).parse::<i64>().ok();
    let mut before = ["", ""];
    for word in text.split_ascii_whitespace() {
        let operation = OPERATIONS.iter().find(|(sign, ..)| *sign == before[1]);
        if let Some((sign, task, commutes)) = operation
            && let (Some(a), Some(b)) = (number(before[0]), number(word))
            && a.max(b) > TABLE_MAX
        {
            let (first, second) = if *commutes { (a.min(b), a.max(b)) } else { (a, b) };
            if held_out(&format!("{task}/{first}{sign}{second}")) {
                return true;
            }
        }
        before = [before[1], word];
    }
    false
}

/// Operations whose sums are held out by operands: sign, task, whether the order of the operands matters not.
const OPERATIONS: [(&str, &str, bool); 3] =
    [("+", "addition", true), ("-", "subtraction", false), ("*", "multiplication", true)];

/// The text with each mark replaced.
pub(crate) fn fill(text: &str, values: &[(&str, &dyn std::fmt::Display)]) -> String {
    values.iter().fold(text.to_owned(), |text, (mark, value)| text.replace(mark, &value.to_string()))
}

/// Sums; some with the larger operands that written steps lead to.
pub(crate) fn addition(draws: &mut Draws) -> Item {
    let (a, b) = match draws.below(20) {
        0..3 => (draws.number(100, 8999), draws.number(1, 999)),
        _ => (operand(draws), operand(draws)),
    };
    ADDITION.item("addition", draws, (a, b), a.max(b) <= TABLE_MAX)
}

/// Differences, hardly ever below zero.
pub(crate) fn subtraction(draws: &mut Draws) -> Item {
    let (a, b) = match draws.below(20) {
        0..2 => (draws.number(1000, 9000), draws.number(1, 999)),
        _ => (operand(draws), operand(draws)),
    };
    let pair = if a < b && !(b <= 99 && draws.chance(0.1)) { (b, a) } else { (a, b) };
    SUBTRACTION.item("subtraction", draws, pair, a.max(b) <= TABLE_MAX)
}

/// The tables, two digits by one digit, and two digits by tens.
pub(crate) fn multiplication(draws: &mut Draws) -> Item {
    let (a, b) = match draws.below(20) {
        0..6 => (draws.number(0, TABLE_MAX), draws.number(0, TABLE_MAX)),
        6..13 => (draws.number(11, 99), draws.number(2, 9)),
        _ => (draws.number(11, 99), draws.number(1, 9) * 10),
    };
    let pair = if draws.chance(0.25) { (b, a) } else { (a, b) };
    MULTIPLICATION.item("multiplication", draws, pair, a.max(b) <= TABLE_MAX)
}

/// Exact division out of the tables, and of two and three digits by one digit.
pub(crate) fn division(draws: &mut Draws) -> Item {
    let divisor = draws.number(1, TABLE_MAX);
    let quotient = draws.number(0, TABLE_MAX);
    DIVISION.item("division", draws, (divisor * quotient, divisor), true)
}

/// Which of two numbers is larger or smaller.
pub(crate) fn comparison(draws: &mut Draws) -> Item {
    const WORDS: [&str; 3] =
        ["Which is {w}, {a} or {b}?", "Which number is {w}: {a} or {b}?", "Which of {a} and {b} is {w}?"];
    let digits = [9, 99, 99, 999, 999, 9999][draws.below(6)];
    let numbers = draws.different_numbers(2, 0, digits);
    let (a, b) = (numbers[0], numbers[1]);
    let (low, high) = (a.min(b), a.max(b));
    let (word, answer) = if draws.chance(0.5) { ("larger", high) } else { ("smaller", low) };
    let phrasing = draws.below(WORDS.len());
    let question = fill(WORDS[phrasing], &[("{w}", &word), ("{a}", &a), ("{b}", &b)]);
    let identity = if high <= 9 {
        format!("comparison/{word}/{phrasing}/{a},{b}")
    } else {
        format!("comparison/{word}/{low},{high}")
    };
    Item::numeric("comparison", identity, question, answer)
        .step(format!("{high} > {low}"))
        .wrong(vec![low.to_string(), high.to_string()])
}

/// Numbers as a list: `3, 14, 15`.
pub(crate) fn listed<T: ToString>(values: &[T]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn some_numbers(draws: &mut Draws) -> (Vec<i64>, Vec<i64>) {
    let count = 3 + draws.below(3);
    let numbers = match draws.below(10) {
        0..2 => draws.different_numbers(count, 0, 9),
        2..7 => draws.different_numbers(count, 10, 99),
        _ => draws.different_numbers(count, 0, 999),
    };
    let mut sorted = numbers.clone();
    sorted.sort_unstable();
    (numbers, sorted)
}

/// The largest or smallest of three to five numbers.
pub(crate) fn extremes(draws: &mut Draws) -> Item {
    const WORDS: [&str; 3] =
        ["What is the {w} of {n}?", "Find the {w} number: {n}", "Which of these numbers is the {w}: {n}?"];
    let (numbers, sorted) = some_numbers(draws);
    let largest = draws.chance(0.5);
    let (word, answer) =
        if largest { ("largest", sorted[sorted.len() - 1]) } else { ("smallest", sorted[0]) };
    let question = fill(draws.text(&WORDS), &[("{w}", &word), ("{n}", &listed(&numbers))]);
    Item::numeric("extremes", format!("extremes/{word}/{}", listed(&sorted)), question, answer)
        .step(format!("From smallest to largest: {}", listed(&sorted)))
        .wrong(numbers.iter().map(ToString::to_string).collect())
}

/// Three to five two-digit numbers in order.
pub(crate) fn sorting(draws: &mut Draws) -> Item {
    const WORDS: [&str; 2] = ["Sort these numbers from {w}: {n}", "Put in order from {w}: {n}"];
    let count = 3 + draws.below(3);
    let numbers = draws.different_numbers(count, 10, 99);
    let mut sorted = numbers.clone();
    sorted.sort_unstable();
    let identity_numbers = listed(&sorted);
    let rising = draws.chance(0.7);
    let word = if rising { "smallest to largest" } else { "largest to smallest" };
    if !rising {
        sorted.reverse();
    }
    let mut swapped = sorted.clone();
    swapped.swap(0, 1);
    let mut backwards = sorted.clone();
    backwards.reverse();
    let question = fill(draws.text(&WORDS), &[("{w}", &word), ("{n}", &listed(&numbers))]);
    Item::exact("sorting", format!("sorting/{rising}/{identity_numbers}"), question, listed(&sorted))
        .step(format!("First comes {}, last comes {}.", sorted[0], sorted[count - 1]))
        .wrong(vec![listed(&swapped), listed(&backwards), listed(&rotated(&sorted))])
}

fn rotated(numbers: &[i64]) -> Vec<i64> {
    let mut numbers = numbers.to_vec();
    numbers.rotate_left(1);
    numbers
}

/// Even or odd.
pub(crate) fn parity(draws: &mut Draws) -> Item {
    const WORDS: [&str; 3] = ["Is {n} even or odd?", "Even or odd: {n}?", "Is the number {n} even or odd?"];
    let number = operand(draws);
    let phrasing = draws.below(WORDS.len());
    let answer = if number % 2 == 0 { "even" } else { "odd" };
    let identity =
        if number <= 9 { format!("parity/{phrasing}/{number}") } else { format!("parity/{number}") };
    Item::exact("parity", identity, fill(WORDS[phrasing], &[("{n}", &number)]), answer.to_owned())
        .step(format!("{number} ends in {}.", number % 10))
        .wrong(vec!["even".to_owned(), "odd".to_owned()])
}

/// The next number of an arithmetic sequence, and counting.
pub(crate) fn sequence(draws: &mut Draws) -> Item {
    if draws.chance(0.3) {
        return counting(draws);
    }
    const WORDS: [&str; 3] =
        ["What comes next: {n}?", "What is the next number: {n}, ...?", "Continue the sequence: {n}"];
    let by = draws.number(1, 12);
    let falling = draws.chance(0.25);
    let by = if falling { -by } else { by };
    let start = if falling { draws.number(50, 120) } else { draws.number(0, 60) };
    let shown: Vec<i64> = (0..4).map(|place| start + place * by).collect();
    let (last, next) = (shown[3], start + 4 * by);
    let sign = if falling { '-' } else { '+' };
    let question = fill(draws.text(&WORDS), &[("{n}", &listed(&shown))]);
    Item::numeric("sequence", format!("sequence/{start}/{by}"), question, next)
        .step(format!("{last} {sign} {} = {next}", by.abs()))
}

fn counting(draws: &mut Draws) -> Item {
    const WORDS: [&str; 2] = ["Count {w} from {a} to {b}.", "Write the numbers {w} from {a} to {b}."];
    let from = draws.number(0, 95);
    let to = from + draws.number(3, 9);
    let (word, numbers): (&str, Vec<i64>) =
        if draws.chance(0.6) { ("up", (from..=to).collect()) } else { ("down", (from..=to).rev().collect()) };
    let (first, last) = (numbers[0], numbers[numbers.len() - 1]);
    let question = fill(draws.text(&WORDS), &[("{w}", &word), ("{a}", &first), ("{b}", &last)]);
    Item::exact("sequence", format!("counting/{first}/{last}"), question, listed(&numbers))
}
