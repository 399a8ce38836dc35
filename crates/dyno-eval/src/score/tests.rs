//! Scoring against tables of answers and likelihoods.

use proptest::prelude::*;

use super::*;
use crate::{ChoiceStyle, Heuristic};

fn item(kind: ItemKind, answers: &[&str]) -> Item {
    let mut item = Item::new("1", "t", kind, "q");
    item.answers = answers.iter().map(ToString::to_string).collect();
    item
}

fn outcome(item: &Item, answer: &str, steps: bool) -> ItemOutcome {
    score_text(item, answer, steps).outcome
}

#[test]
fn numbers_are_read_and_compared() {
    use ItemOutcome::{Correct, Unparsed, Wrong};
    let sum = item(ItemKind::Numeric, &["1096"]);
    for (answer, expected) in [
        ("1096", Correct),
        ("1,096.", Correct),
        ("47 * 23 = 1081. 1081 + 15 = 1096. The answer is 1096.", Correct),
        ("The answer is 47 * 23 + 15 = 1096", Correct),
        ("#### 1,096", Correct),
        ("\\boxed{1096}", Correct),
        ("The answer is 1096 because 23 is prime.", Correct),
        ("1095", Wrong),
        ("The answer is 1095. Check: 1096", Wrong),
        ("ten hundred", Unparsed),
        ("", Unparsed),
        ("<think>1096", Unparsed),
        ("<think>it is 7</think>1096", Correct),
    ] {
        assert_eq!(outcome(&sum, answer, true), expected, "{answer}");
    }
    let mut rough = item(ItemKind::Numeric, &["2.5"]);
    rough.tolerance = 0.1;
    assert_eq!(outcome(&rough, "about 2.56", false), Correct);
    assert_eq!(outcome(&rough, "about 2.7", false), Wrong);
}

#[test]
fn exact_answers_stand_first_without_steps_and_last_with_steps() {
    use ItemOutcome::{Correct, Unparsed, Wrong};
    let capital = item(ItemKind::Exact, &["Canberra"]);
    for (answer, steps, expected) in [
        ("Canberra\nIt is not Sydney.", false, Correct),
        ("Canberra\nIt is not Sydney.", true, Wrong),
        ("It is not Sydney.\nCanberra", true, Correct),
        ("**Canberra.**", false, Correct),
        ("The answer is Canberra.", false, Correct),
        ("Sydney", false, Wrong),
        ("  \n ", false, Unparsed),
    ] {
        assert_eq!(outcome(&capital, answer, steps), expected, "{answer:?} {steps}");
    }
    let mut shout = item(ItemKind::Exact, &["HELLO"]);
    shout.normalise = vec![Normaliser::Whitespace];
    assert_eq!(outcome(&shout, "hello", false), Wrong);
    assert_eq!(outcome(&shout, "HELLO", false), Correct);
}

#[test]
fn contained_answers_must_be_words_of_their_own() {
    use ItemOutcome::{Correct, Unparsed, Wrong};
    let past = item(ItemKind::Contains, &["ran"]);
    assert_eq!(outcome(&past, "The past tense is \"ran\".", false), Correct);
    assert_eq!(outcome(&past, "He went to France and transferred.", false), Wrong);
    assert_eq!(outcome(&past, " ", false), Unparsed);
    let year = item(ItemKind::Contains, &["1945"]);
    assert_eq!(outcome(&year, "It ended in 1945.", false), Correct);
    assert_eq!(outcome(&year, "In 11945 BC", false), Wrong);
    let two = item(ItemKind::Contains, &["Jane Austen", "Austen"]);
    assert_eq!(outcome(&two, "It was written by jane\nausten", false), Correct);
}

fn choice_item() -> Item {
    let mut item = Item::new("1", "t", ItemKind::Choice, "What is the capital of France?");
    item.choices = ["Berlin", "Paris", "Rome"].map(str::to_owned).to_vec();
    item.correct = Some(1);
    item.style = ChoiceStyle::Letters;
    item
}

#[test]
fn written_choices_are_read_by_letter_and_by_text() {
    use ItemOutcome::{Correct, Unparsed, Wrong};
    let item = choice_item();
    for (answer, expected) in [
        ("B", Correct),
        ("(B) Paris", Correct),
        ("paris", Correct),
        ("The answer is B.", Correct),
        ("The answer is Paris, of course.", Correct),
        ("C", Wrong),
        ("It must be Rome", Wrong),
        ("Paris or Rome", Unparsed),
        ("London", Unparsed),
        ("Z", Unparsed),
    ] {
        assert_eq!(score_text(&item, answer, false).outcome, expected, "{answer}");
    }
}

fn likelihood(logprob: f64, bytes: u32) -> ChoiceScore {
    ChoiceScore { logprob, tokens: 1, bytes, chars: bytes, greedy: false }
}

#[test]
fn the_likeliest_choice_wins_plainly_and_per_byte() {
    use ItemOutcome::{Correct, Wrong};
    let item = choice_item();
    let scores = [likelihood(-3.0, 6), likelihood(-4.0, 20), likelihood(-9.0, 4)];
    let outcome = score_choices(&item, &scores);
    assert_eq!((outcome.plain, outcome.per_char, outcome.per_byte), (Wrong, Correct.clone(), Correct));
}

#[test]
fn ties_are_no_answers_and_broken_figures_are_failures() {
    let item = choice_item();
    let same = [likelihood(-5.0, 5), likelihood(-5.0, 5), likelihood(-5.0, 5)];
    assert_eq!(score_choices(&item, &same).plain, ItemOutcome::Tied);
    let two_best = [likelihood(-1.0, 5), likelihood(-1.0, 10), likelihood(-5.0, 5)];
    let outcome = score_choices(&item, &two_best);
    assert_eq!((outcome.plain, outcome.per_byte), (ItemOutcome::Tied, ItemOutcome::Correct));
    for broken in [f64::NAN, f64::NEG_INFINITY, 0.5] {
        let outcome =
            score_choices(&item, &[likelihood(-1.0, 5), likelihood(broken, 5), likelihood(-2.0, 5)]);
        assert!(matches!(outcome.plain, ItemOutcome::Failed { .. }), "{broken}");
    }
    assert!(matches!(score_choices(&item, &same[..2]).plain, ItemOutcome::Failed { .. }));
}

#[test]
fn cloze_needs_every_token_to_be_the_likeliest() {
    let mut ending = likelihood(-0.5, 3);
    assert_eq!(score_cloze(&[ending]), ItemOutcome::Wrong);
    ending.greedy = true;
    assert_eq!(score_cloze(&[likelihood(-2.0, 3), ending]), ItemOutcome::Correct);
    assert!(matches!(score_cloze(&[]), ItemOutcome::Failed { .. }));
}

#[test]
fn open_answers_and_code_are_not_scored_by_reading() {
    let mut open = item(ItemKind::Heuristic, &[]);
    open.scorer = Some(Heuristic::Seed001Suite);
    for open in [open, item(ItemKind::Open, &[])] {
        assert_eq!(score_text(&open, "It is so.", false).outcome, ItemOutcome::Open);
    }
    assert!(matches!(
        outcome(&item(ItemKind::Code, &[]), "def f(): pass", false),
        ItemOutcome::Failed { .. }
    ));
}

proptest! {
    #[test]
    fn any_answer_is_scored(text in "\\PC{0,200}", steps in any::<bool>()) {
        for item in [
            item(ItemKind::Numeric, &["7"]),
            item(ItemKind::Exact, &["seven"]),
            item(ItemKind::Contains, &["sieben"]),
            choice_item(),
        ] {
            let scored = score_text(&item, &text, steps);
            let failed = matches!(scored.outcome, ItemOutcome::Failed { .. });
            prop_assert!(!failed);
        }
    }

    #[test]
    fn adding_a_constant_to_all_choices_changes_nothing(
        logs in proptest::collection::vec(-50.0_f64..-1.0, 3),
        shift in 0.0_f64..1.0,
    ) {
        let item = choice_item();
        let scores = |shift: f64| logs.iter().map(|log| likelihood(log - shift, 5)).collect::<Vec<_>>();
        prop_assert_eq!(score_choices(&item, &scores(0.0)).plain, score_choices(&item, &scores(shift)).plain);
    }
}

#[test]
fn shared_words_are_graded_as_squad_does() {
    use crate::Normaliser as N;
    let mut item = Item::new("1", "t", ItemKind::F1, "q");
    item.answers = vec!["the light of short waves".to_owned(), "a short wave".to_owned()];
    item.normalise = vec![N::Lowercase, N::Punctuation, N::Articles, N::Whitespace];
    // Left: an answer; right: the larger of 2·shared/(given + right), by hand.
    for (answer, grade) in [
        ("Light of short waves.", 1.0),
        ("short waves short waves", 0.5),
        ("A short wave!", 1.0),
        ("So: the answer is short light", 2.0 / 3.0),
        ("nothing", 0.0),
    ] {
        let Scored { outcome: ItemOutcome::Graded { grade: found }, .. } = score_text(&item, answer, false)
        else {
            panic!("{answer}")
        };
        assert!((found - grade).abs() < 1e-12, "{answer}: {found}");
    }
    // No answer is worth nothing, in the same mean as the others.
    assert_eq!(score_text(&item, "<think>short wave", false).outcome, ItemOutcome::Graded { grade: 0.0 });
}

#[test]
fn patterns_match_somewhere_in_the_answer_and_not_in_its_reasoning() {
    use ItemOutcome::{Correct, Unparsed, Wrong};

    let mut item = Item::new("1", "t", ItemKind::Regex, "q");
    item.answers = vec![r"(?i)\bparis\b".to_owned(), r"^Lut".to_owned()];
    for (answer, expected) in [
        ("It is PARIS.", Correct),
        ("Lutetia", Correct),
        ("Parisian", Wrong),
        ("<think>Paris</think>Rome", Wrong),
        (" ", Unparsed),
    ] {
        assert_eq!(score_text(&item, answer, false).outcome, expected, "{answer}");
    }
}

#[test]
fn no_is_an_answer_and_not_every_no_is_one() {
    let choices = ["yes".to_owned(), "no".to_owned()];
    for (answer, read) in [
        ("No", Reading::One(1)),
        ("No.", Reading::One(1)),
        ("No it is not.", Reading::One(1)),
        ("I would say no.", Reading::One(1)),
        ("It is 7 times 13, so no, it is not.", Reading::One(1)),
        ("The answer is no because it is 7 times 13.", Reading::One(1)),
        ("Hm. **No**", Reading::One(1)),
        ("A prime has no divisors but 1 and itself.", Reading::Nothing),
        ("Yes, it has no divisors.", Reading::One(0)),
        ("yes or no?", Reading::Several),
    ] {
        assert_eq!(choice_in_answer(answer, &choices), read, "{answer:?}");
    }
}
