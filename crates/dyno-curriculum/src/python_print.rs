//! What a line of Python prints: arithmetic, lengths, indices, slices and short lists.

use crate::arithmetic::{fill, listed};
use crate::item::{Item, Kind};
use crate::letters::WORDS;
use crate::random::Draws;

const TASK: &str = "python_print";

/// One such question.
pub(crate) fn python_print(draws: &mut Draws) -> Item {
    const ASK: [&str; 3] =
        ["What does {p} print?", "What is the output of {p}?", "What does this Python code print?\n{p}"];
    let (expression, result, wrong) = match draws.below(6) {
        0 => arithmetic(draws),
        1 => length(draws),
        2 => letter(draws),
        3 => element(draws),
        4 => over_list(draws),
        _ => slice(draws),
    };
    let question = fill(draws.text(&ASK), &[("{p}", &format!("print({expression})"))]);
    let identity = format!("python_print/{expression}");
    let item = if let Ok(number) = result.parse::<i64>() {
        let item = Item::numeric(TASK, identity, question, number);
        if wrong.is_empty() { item } else { item.wrong(wrong) }
    } else {
        Item { kind: Kind::Exact, ..Item::exact(TASK, identity, question, result.clone()) }.wrong(wrong)
    };
    item.step(format!("{expression} is {result}"))
}

type Printed = (String, String, Vec<String>);

fn arithmetic(draws: &mut Draws) -> Printed {
    let (a, b) = (draws.number(2, 50), draws.number(2, 50));
    let (text, result) = match draws.below(5) {
        0 => (format!("{a} + {b}"), a + b),
        1 => (format!("{} - {}", a.max(b), a.min(b)), a.max(b) - a.min(b)),
        2 => {
            let (a, b) = (draws.number(2, 12), draws.number(2, 12));
            (format!("{a} * {b}"), a * b)
        }
        3 => {
            let divisor = draws.number(2, 9);
            (format!("{a} % {divisor}"), a % divisor)
        }
        _ => {
            let divisor = draws.number(2, 9);
            (format!("{a} // {divisor}"), a / divisor)
        }
    };
    (text, result.to_string(), Vec::new())
}

fn quoted(draws: &mut Draws) -> &'static str {
    draws.text(&WORDS)
}

fn length(draws: &mut Draws) -> Printed {
    if draws.chance(0.4) {
        let word = quoted(draws);
        return (format!("len(\"{word}\")"), word.len().to_string(), Vec::new());
    }
    let count = 1 + draws.below(6);
    let numbers: Vec<i64> = (0..count).map(|_| draws.number(0, 20)).collect();
    (format!("len([{}])", listed(&numbers)), count.to_string(), Vec::new())
}

fn spelled(word: &str) -> Vec<String> {
    word.chars().map(|letter| letter.to_string()).collect()
}

fn letter(draws: &mut Draws) -> Printed {
    let word = quoted(draws);
    let letters = spelled(word);
    let (index, at) = match draws.below(4) {
        0 => ("0".to_owned(), 0),
        1 => ("-1".to_owned(), letters.len() - 1),
        2 => ("1".to_owned(), 1),
        _ => ("2".to_owned(), 2),
    };
    (format!("\"{word}\"[{index}]"), letters[at].clone(), letters)
}

fn some_numbers(draws: &mut Draws) -> Vec<i64> {
    let count = 3 + draws.below(3);
    draws.different_numbers(count, 0, 20)
}

fn element(draws: &mut Draws) -> Printed {
    let numbers = some_numbers(draws);
    let (index, at) = match draws.below(4) {
        0 => ("0", 0),
        1 => ("-1", numbers.len() - 1),
        2 => ("1", 1),
        _ => ("2", 2),
    };
    let texts = numbers.iter().map(ToString::to_string).collect();
    (format!("[{}][{index}]", listed(&numbers)), numbers[at].to_string(), texts)
}

fn over_list(draws: &mut Draws) -> Printed {
    let numbers = some_numbers(draws);
    let mut sorted = numbers.clone();
    sorted.sort_unstable();
    let list = listed(&numbers);
    let texts = numbers.iter().map(ToString::to_string).collect();
    match draws.below(4) {
        0 => (format!("max([{list}])"), sorted[sorted.len() - 1].to_string(), texts),
        1 => (format!("min([{list}])"), sorted[0].to_string(), texts),
        2 => {
            let few = draws.different_numbers(3, 0, 20);
            (format!("sum([{}])", listed(&few)), few.iter().sum::<i64>().to_string(), Vec::new())
        }
        _ => {
            let mut backwards = sorted.clone();
            backwards.reverse();
            let wrong = [&numbers, &backwards].map(|order| format!("[{}]", listed(order))).to_vec();
            (format!("sorted([{list}])"), format!("[{}]", listed(&sorted)), wrong)
        }
    }
}

fn slice(draws: &mut Draws) -> Printed {
    let numbers = some_numbers(draws);
    let list = listed(&numbers);
    let show = |part: &[i64]| format!("[{}]", listed(part));
    let mut backwards = numbers.clone();
    backwards.reverse();
    let all = vec![show(&numbers[..2]), show(&numbers[1..]), show(&numbers[1..3]), show(&backwards)];
    let (range, place) = [("[:2]", 0), ("[1:]", 1), ("[1:3]", 2), ("[::-1]", 3)][draws.below(4)];
    (format!("[{list}]{range}"), all[place].clone(), all)
}
