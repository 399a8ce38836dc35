//! Every answer that follows from its question is found again by other means, and every written step is true.

use dyno_curriculum::{Item, Kind, Lesson, Side, item, lesson, tasks};

use crate::solver::{numbers, solve, value};

/// Items looked at per task; of held-out ones fewer, since each costs twenty draws.
const ITEMS: [(Side, u64); 2] = [(Side::Training, 1500), (Side::HeldOut, 200)];

fn items(task: &'static str) -> impl Iterator<Item = Item> {
    ITEMS
        .into_iter()
        .flat_map(move |(side, count)| (0..count).filter_map(move |index| item(task, side, (11, index))))
}

#[test]
fn answers_that_follow_from_the_question_are_right() {
    let mut solved_tasks = Vec::new();
    for task in tasks() {
        for item in items(task) {
            let Some(solved) = solve(task, &item.question) else { continue };
            assert_eq!(item.answer, solved, "{}", item.question);
            if solved_tasks.last() != Some(&task) {
                solved_tasks.push(task);
            }
        }
    }
    assert_eq!(solved_tasks.len(), 25, "{solved_tasks:?}");
}

#[test]
fn lettered_options_hold_the_right_answer_once_at_the_letter_given() {
    let mut checked = 0;
    for item in items("options") {
        let (question, options) = item.question.split_once("\nA) ").expect("options follow the question");
        let options: Vec<&str> = options.lines().take(4).collect();
        let texts: Vec<&str> = options
            .iter()
            .enumerate()
            .map(|(place, line)| if place == 0 { *line } else { &line[3..] })
            .collect();
        for (place, text) in texts.iter().enumerate() {
            assert!(!texts[..place].contains(text), "twice the same option: {}", item.question);
        }
        let chosen = texts[usize::from(item.answer.as_bytes()[0] - b'A')];
        let task = item.identity.split('/').next().unwrap();
        if let Some(solved) = solve(task, question) {
            assert_eq!(chosen, solved, "{}", item.question);
            checked += 1;
        }
    }
    assert!(checked > 400, "only {checked} could be checked");
}

#[test]
fn every_written_equation_is_true_and_leads_to_the_answer() {
    let mut equations = 0;
    for task in tasks() {
        for item in items(task) {
            for line in &item.steps {
                let Some((left, right)) = line.split_once(" = ") else { continue };
                let (Some(left), Some(right)) = (value(left), value(right)) else { continue };
                assert!((left - right).abs() < 1e-9, "{line:?} in the answer to {:?}", item.question);
                equations += 1;
            }
            if ["word_problem", "sum_list", "product_add"].contains(&task) {
                let last = item.steps.last().expect("several steps");
                let result = last.rsplit_once(" = ").map(|(_, result)| result);
                assert_eq!(result, item.answer.split(' ').next(), "{}", item.question);
            }
        }
    }
    assert!(equations > 20_000, "only {equations}");
}

#[test]
fn word_problems_use_every_number_they_mention() {
    for item in items("word_problem") {
        let used = numbers(&item.steps.join(" "));
        for number in numbers(&item.question.replace(".5 hours", " hours")) {
            assert!(used.contains(&number), "{number} is idle in {:?}: {:?}", item.question, item.steps);
        }
        assert!(!item.question.contains(" 1 ") && !item.question.contains(" 0 "), "{}", item.question);
    }
}

#[test]
fn comparisons_never_ask_about_equal_numbers() {
    for task in ["comparison", "extremes", "sorting"] {
        for item in items(task) {
            let mut shown = numbers(&item.question);
            let count = shown.len();
            shown.sort_unstable();
            shown.dedup();
            assert_eq!(shown.len(), count, "{}", item.question);
        }
    }
}

#[test]
fn a_worked_answer_ends_in_the_answer() {
    for task in tasks() {
        for item in items(task).take(200) {
            let worked = item.worked();
            if item.free_form {
                assert_eq!(worked, item.answer);
            } else {
                assert!(worked.ends_with(&format!("The answer is {}.", item.answer)), "{worked}");
            }
            assert!(!item.answer.is_empty() && !item.question.contains('{'), "{item:?}");
            assert!(!worked.contains('{'), "{worked}");
            assert!(item.question.len() < 3000 && worked.len() < 600, "{}", item.question);
        }
    }
}

#[test]
fn each_kind_is_held_out_and_taught() {
    for task in tasks() {
        let taught = item(task, Side::Training, (1, 1)).expect(task);
        assert_eq!(taught.side(), Side::Training);
        let held_out = item(task, Side::HeldOut, (1, 1)).expect(task);
        assert_eq!(held_out.side(), Side::HeldOut);
        assert!(held_out.kind != Kind::Choice, "choices are made from other kinds");
    }
}

#[test]
fn the_same_seed_and_number_give_the_same_lesson() {
    let text = |seed, index| serde_json::to_string(&lesson(seed, index)).unwrap();
    let mut other = 0;
    for index in 0..300 {
        assert_eq!(text(1, index), text(1, index));
        other += usize::from(text(1, index) != text(2, index));
    }
    assert!(other > 290, "{other}");
}

#[test]
fn lessons_have_the_fields_that_a_trainer_reads() {
    let mut seen = [false; 3];
    for index in 0..3000 {
        let lesson = lesson(5, index);
        let value = serde_json::to_value(&lesson).unwrap();
        let fields: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        match lesson {
            Lesson::Turn { .. } => {
                assert_eq!(fields, ["assistant", "style", "system", "task", "user"]);
                seen[0] = true;
            }
            Lesson::Turns { messages, .. } => {
                assert_eq!(fields, ["messages", "style", "task"]);
                let turns: Vec<&str> =
                    messages.iter().map(|message| &*message.role).filter(|role| *role != "system").collect();
                assert!(turns.chunks(2).all(|pair| pair == ["user", "assistant"]), "{turns:?}");
                seen[1] = true;
            }
            Lesson::Text { .. } => {
                assert_eq!(fields, ["task", "text"]);
                seen[2] = true;
            }
        }
    }
    assert_eq!(seen, [true; 3]);
}
