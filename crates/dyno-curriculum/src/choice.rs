//! Multiple choice: wrong answers that are plausible, and questions with lettered options.

use crate::item::{Item, Kind, Wrong};
use crate::random::Draws;

/// Options of a question with choices.
pub(crate) const OPTIONS: usize = 4;

/// The answers to choose among, the right one at the place returned; none where too few wrong ones are known.
pub(crate) fn choices(item: &Item, draws: &mut Draws) -> Option<(Vec<String>, usize)> {
    let wrong = match &item.wrong {
        Wrong::None => return None,
        Wrong::Near => near(item.answer.split(' ').next()?.parse().ok()?, draws)
            .into_iter()
            .map(|number| match item.answer.split_once(' ') {
                Some((_, unit)) => format!("{number} {unit}"),
                None => number.to_string(),
            })
            .collect(),
        Wrong::Among(among) => {
            let mut usable: Vec<&String> = among
                .iter()
                .filter(|text| **text != item.answer && !item.alternatives.contains(text))
                .collect();
            usable.sort_unstable();
            usable.dedup();
            draws.pick_several(&usable, OPTIONS - 1).into_iter().cloned().collect::<Vec<String>>()
        }
    };
    if wrong.is_empty() {
        return None;
    }
    let mut options = wrong;
    let right = draws.below(options.len() + 1);
    options.insert(right, item.answer.clone());
    Some((options, right))
}

/// Three numbers near the right one: off by one, two, ten or a hundred; never negative unless the right one is.
fn near(right: i64, draws: &mut Draws) -> Vec<i64> {
    let mut offsets = vec![1, -1, 2, -2, 10, -10];
    if right >= 100 {
        offsets.extend([100, -100, 20, -20]);
    }
    offsets.retain(|offset| right < 0 || right + offset >= 0);
    draws.pick_several(&offsets, OPTIONS - 1).into_iter().map(|offset| right + offset).collect()
}

/// The same question with lettered options, answered by the letter; none where that is impossible.
pub(crate) fn lettered(item: &Item, draws: &mut Draws) -> Option<Item> {
    const END: [&str; 2] = ["Answer with the letter.", "Which option is right?"];
    let (options, right) = choices(item, draws)?;
    if options.len() != OPTIONS || item.question.contains('\n') {
        return None;
    }
    let letters = ["A", "B", "C", "D"];
    let mut question = item.question.clone();
    for (letter, option) in letters.iter().zip(&options) {
        question += &format!("\n{letter}) {option}");
    }
    question = question + "\n" + *draws.pick(&END);
    let answer = letters[right].to_owned();
    let mut steps = item.steps.clone();
    steps.push(format!("{} is option {answer}.", options[right]));
    let wrong = Wrong::Among(letters.map(ToOwned::to_owned).to_vec());
    Some(Item {
        task: "options",
        question,
        answer,
        alternatives: Vec::new(),
        steps,
        kind: Kind::Exact,
        free_form: false,
        wrong,
        ..item.clone()
    })
}
