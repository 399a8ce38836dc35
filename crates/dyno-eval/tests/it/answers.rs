//! The grammar of answers as a table of forms that models write (`fixtures/answers.jsonl`, described in `docs/answers.md`), and
//! properties: whatever is written in any of the known forms is read back.

use dyno_eval::{Item, ItemKind, score_text};
use dyno_types::ItemOutcome;
use proptest::prelude::*;

const FORMS: &str = include_str!("../fixtures/answers.jsonl");

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    kind: String,
    answer: String,
    read: Option<String>,
}

fn number_item() -> Item {
    let mut item = Item::new("1", "t", ItemKind::Numeric, "How many?");
    item.answers = vec!["123456.789".to_owned()];
    item
}

fn choice_item() -> Item {
    let mut item = Item::new("1", "t", ItemKind::Choice, "Which?");
    // Texts that no answer of the table contains: only letters are read.
    item.choices = ["first thing", "second thing", "third thing", "fourth thing"].map(str::to_owned).to_vec();
    item.correct = Some(1);
    item
}

/// What was read, as the table writes it: the number, or the letter.
fn read(kind: &str, answer: &str) -> Option<String> {
    match kind {
        "number" => score_text(&number_item(), answer, true).extracted,
        "letter" => {
            let item = choice_item();
            let text = score_text(&item, answer, false).extracted?;
            let index = item.choices.iter().position(|choice| *choice == text).expect("a choice");
            dyno_eval::letter(index).map(String::from)
        }
        other => panic!("unknown kind {other}"),
    }
}

#[test]
fn every_form_of_the_table_is_read_as_it_says() {
    let forms: Vec<Form> = FORMS.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert!(forms.len() >= 200, "{}", forms.len());
    let wrong: Vec<String> = forms
        .iter()
        .filter_map(|form| {
            let read = read(&form.kind, &form.answer);
            (read != form.read).then(|| format!("{form:?} is read as {read:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), forms.len(), wrong.join("\n"));
}

/// Digits in groups of three.
fn grouped(digits: &str, separator: &str) -> String {
    let mut text = String::new();
    for (index, c) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push_str(separator);
        }
        text.push(c);
    }
    text
}

const SEPARATORS: [&str; 13] =
    ["", ",", " ", "\u{2009}", "\u{202f}", "\u{a0}", "_", "'", "’", "{,}", ",\\!", "\\,", "{\\,}"];
const SIGNS: [&str; 4] = ["", "-", "−", "–"];
const CURRENCIES: [&str; 6] = ["", "$", "\\$", "€", "£", "USD "];
const UNITS: [&str; 9] = ["", " apples", " km/h", "%", " %", " €", "\\text{ cm}", " dollars", "°"];
const FRAMES: [(&str, &str); 12] = [
    ("", ""),
    ("The answer is ", "."),
    ("There are 12 and 3.\nThe answer is ", ". I hope this helps!"),
    ("**Answer:** **", "**"),
    ("Answer: $", "$"),
    ("so \\boxed{", "}, as 3 shows."),
    ("#### Step 1\nAdd 4.\n#### ", ""),
    ("#### ", "\n\n"),
    ("So in the end there are ", "."),
    ("<think>perhaps 7</think>", ""),
    ("The answer is 4 + 5 = ", "!"),
    ("## Final Answer\n\n", ""),
];

proptest! {
    #[test]
    fn a_number_is_read_back_whatever_its_form(
        value in 0_u64..10_000_000_000,
        part in proptest::option::of(1_u32..100),
        separator in 0..SEPARATORS.len(),
        sign in 0..SIGNS.len(),
        currency in 0..CURRENCIES.len(),
        unit in 0..UNITS.len(),
        frame in 0..FRAMES.len(),
    ) {
        let digits = value.to_string();
        let part = part.map(|part| format!("{part:02}"));
        let decimals = part.as_ref().map(|part| format!(".{part}")).unwrap_or_default();
        let written = grouped(&digits, SEPARATORS[separator]);
        let (before, behind) = FRAMES[frame];
        let answer = format!(
            "{before}{}{}{written}{decimals}{}{behind}",
            SIGNS[sign], CURRENCIES[currency], UNITS[unit]
        );
        let mut expected = format!("{digits}{decimals}");
        if !decimals.is_empty() {
            expected = expected.trim_end_matches('0').trim_end_matches('.').to_owned();
        }
        if sign > 0 && expected != "0" {
            expected.insert(0, '-');
        }
        prop_assert_eq!(read("number", &answer), Some(expected), "{:?}", answer);
    }

    #[test]
    fn a_letter_is_read_back_whatever_its_form(
        index in 0_usize..4,
        small in any::<bool>(),
        wrap in 0_usize..6,
        frame in 0_usize..7,
        listed in any::<bool>(),
    ) {
        let letter = dyno_eval::letter(index).expect("below 26");
        let written = if small { letter.to_ascii_lowercase() } else { letter };
        let (open, close) = [("", ""), ("(", ")"), ("**", "**"), ("**(", ")**"), ("[", "]"), ("\\text{", "}")][wrap];
        let (before, behind) = [
            ("", ""),
            ("The answer is ", "."),
            ("The correct option is ", "."),
            ("**Answer:** ", ""),
            ("\\boxed{", "}"),
            ("#### ", ""),
            ("A and D look alike.\nAnswer: ", "\n"),
        ][frame];
        let list = if listed { "\n\nA. Lyon\nB. Bonn\nC. Cork\nD. Delft" } else { "" };
        let answer = format!("{before}{open}{written}{close}{behind}{list}");
        prop_assert_eq!(read("letter", &answer), Some(letter.to_string()), "{:?}", answer);
    }

    #[test]
    fn two_letters_are_no_answer(pair in (0_usize..4, 0_usize..4), joint in 0_usize..5, framed in any::<bool>()) {
        prop_assume!(pair.0 != pair.1);
        let name = |index| dyno_eval::letter(index).expect("below 26");
        let joint = [" or ", " and ", "/", ", ", " & "][joint];
        let pair = format!("{}{joint}{}", name(pair.0), name(pair.1));
        let answer = if framed { format!("The answer is {pair}.") } else { pair };
        prop_assert_eq!(score_text(&choice_item(), &answer, false).outcome, ItemOutcome::Unparsed, "{}", answer);
    }

    #[test]
    fn a_range_is_no_number(from in 1_u32..1000, more in 1_u32..1000, joint in 0_usize..8, framed in any::<bool>()) {
        let joint = ["-", "–", " - ", " to ", " or ", " ± ", " * ", " + "][joint];
        let range = format!("{from}{joint}{}", from + more);
        let answer = if framed { format!("The answer is {range}.") } else { range };
        prop_assert_eq!(read("number", &answer), None, "{}", answer);
    }
}
