//! What is held out is never taught: not as a question, not as an example, not as a line of written steps.

use std::collections::HashSet;

use dyno_curriculum::{Lesson, Side, item, lesson, suites, tasks};

use crate::solver::numbers;

/// Conversations looked at.
const CONVERSATIONS: u64 = 200_000;

/// Questions of the committed suites, with their tasks.
fn held_out_questions() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for suite in suites() {
        for line in suite.text.lines().skip(1) {
            let item: serde_json::Value = serde_json::from_str(line).unwrap();
            found.push((
                item["task"].as_str().unwrap().to_owned(),
                item["question"].as_str().unwrap().to_owned(),
            ));
        }
    }
    found
}

/// What a user's message may hide a question in: behind any beginning, before options, after notes.
fn questions_in(message: &str) -> impl Iterator<Item = &str> {
    let asked = message.split("\nA) ").next().unwrap_or(message);
    let asked = asked.trim_end_matches("\n\nStep 1:");
    let behind = asked.match_indices(": ").map(|(at, _)| &asked[at + 2..]);
    let numbered = asked.match_indices("\n1. ").map(|(at, _)| &asked[at + 4..]);
    let expert = asked.strip_prefix("As an expert, ");
    let socratic = asked.strip_prefix("What would have to be known to answer this? ");
    [message, asked]
        .into_iter()
        .chain(behind)
        .chain(numbered)
        .chain(expert)
        .chain(socratic)
        .chain(asked.lines().last())
}

fn each_message(mut look: impl FnMut(&str, &str)) {
    for index in 0..CONVERSATIONS {
        match lesson(1, index) {
            Lesson::Turn { user, assistant, .. } => look(&user, &assistant),
            Lesson::Turns { messages, .. } => {
                let turns: Vec<_> = messages.iter().filter(|message| message.role != "system").collect();
                turns.chunks(2).for_each(|pair| look(&pair[0].content, &pair[1].content));
            }
            Lesson::Text { .. } => {}
        }
    }
}

#[test]
fn no_held_out_question_is_taught() {
    let held_out: Vec<String> = held_out_questions().into_iter().map(|(_, question)| question).collect();
    let held_out: HashSet<&str> = held_out.iter().map(String::as_str).collect();
    let mut taught = HashSet::new();
    each_message(|user, _| {
        for question in questions_in(user) {
            assert!(!held_out.contains(question), "taught: {question:?} in {user:?}");
            if taught.len() < 10_000 {
                taught.insert(question.to_owned());
            }
        }
    });
    // The search itself works: what is taught is found in it.
    for index in 0..200 {
        let known = item("capital", Side::Training, (9, index)).unwrap().question;
        let wrapped = format!("Let's think through this step by step:\n1. {known}\nA) x");
        assert!(questions_in(&wrapped).any(|question| question == known), "{known}");
    }
}

/// `(a, sign, b)` of a sum with larger numbers than the tables have.
fn sum_of(task: &str, question: &str) -> Option<(i64, char, i64)> {
    let sign = match task {
        "addition" => '+',
        "subtraction" => '-',
        "multiplication" => '*',
        _ => return None,
    };
    let found = numbers(question);
    let (a, b) = (found[0], found[1]);
    let (a, b) = if question.starts_with("Subtract") { (b, a) } else { (a, b) };
    (a.max(b) > 12).then_some((a, sign, b))
}

#[test]
fn no_held_out_sum_is_a_written_step() {
    let mut held_out = HashSet::new();
    for (task, question) in held_out_questions() {
        if let Some((a, sign, b)) = sum_of(&task, &question) {
            held_out.insert((a, sign, b));
            if sign != '-' {
                held_out.insert((b, sign, a));
            }
        }
    }
    assert!(held_out.len() > 100, "{}", held_out.len());
    let mut steps = 0;
    each_message(|_, assistant| {
        for line in assistant.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            if let [a, sign @ ("+" | "-" | "*"), b, "=", _] = words[..]
                && let (Ok(a), Ok(b)) = (a.parse(), b.parse())
            {
                let sum = (a, sign.as_bytes()[0] as char, b);
                assert!(!held_out.contains(&sum), "taught: {line}");
                steps += 1;
            }
        }
    });
    assert!(steps > 50_000, "{steps}");
}

#[test]
fn no_two_sides_share_an_identity_whatever_the_seed() {
    for task in tasks() {
        let identities = |side, seed| {
            (0..400)
                .filter_map(|index| item(task, side, (seed, index)))
                .map(|item| item.identity)
                .collect::<HashSet<_>>()
        };
        let held_out = identities(Side::HeldOut, 3);
        for seed in [3, 4, 5] {
            assert!(identities(Side::Training, seed).is_disjoint(&held_out), "{task}");
        }
    }
}
