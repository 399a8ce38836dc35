//! Policies, attempt by attempt.

use serde_json::json;

use super::*;

fn policy(attempts: u32, checks: Vec<Check>) -> RetryPolicy {
    RetryPolicy { checks, vote: None, judge: None, attempts, temperature_step: 0.0, feedback: false }
}

fn validator(policy: RetryPolicy) -> Validator {
    Validator::new(policy).unwrap()
}

fn said(text: &str) -> Attempt {
    Attempt { text: text.to_owned(), complete: true, tokens: 10, ..Attempt::default() }
}

fn graded(text: &str, written: &str) -> Attempt {
    Attempt { judged: Some(written.to_owned()), judge_tokens: 5, ..said(text) }
}

fn again() -> Decision {
    Decision::Retry { feedback: None }
}

#[test]
fn each_check_says_what_is_wrong() {
    let cut = Attempt { complete: false, ..said("It is") };
    let schema = json!({"type": "object", "required": ["a"]});
    let table: Vec<(Check, Attempt, Option<&str>)> = vec![
        (Check::NotEmpty, said(" \n"), Some("the answer is empty")),
        (Check::NotEmpty, said("<think>hm</think>"), Some("the answer is empty")),
        (Check::NotEmpty, said("x"), None),
        (Check::EndsProperly, cut, Some("it was cut off before its end; be shorter")),
        (Check::EndsProperly, said("```\nx"), Some("its last code block is not closed")),
        (Check::EndsProperly, said("<think>hm"), Some("its reasoning never ended")),
        (Check::EndsProperly, said("First,"), Some("it ends in the middle of a sentence")),
        (Check::EndsProperly, said("Done."), None),
        (Check::Words([2, 3]), said("one"), Some("it has 1 words; 2 to 3 are asked for")),
        (Check::Words([2, 3]), said("one two three four"), Some("it has 4 words; 2 to 3 are asked for")),
        (Check::Words([2, 3]), said("<think>one</think>two three"), None),
        (
            Check::Language(Language::De),
            said("This is the answer to it."),
            Some("it is written in English; German is asked for"),
        ),
        (Check::Matches("^[0-9]+$".into()), said("about 4"), Some("it does not match ^[0-9]+$")),
        (Check::Matches("^[0-9]+$".into()), said(" 4 "), None),
        (Check::Lacks("(?i)as an ai".into()), said("As an AI I"), Some("it must not contain \"As an AI\"")),
        (Check::Lacks("(?i)as an ai".into()), said("Fine."), None),
        (Check::Number, said("It makes 1 000 in all."), None),
        (Check::Number, said("<think>5</think>"), Some("no number can be read out of it")),
        (Check::Number, said("The answer is 5-6"), Some("it states no single number; one is asked for")),
        (Check::Letter(vec!['A', 'B', 'C', 'D']), said("the answer is b"), None),
        (
            Check::Letter(vec!['a', 'b']),
            said("A or B"),
            Some("it names several of the letters A, B; one is asked for"),
        ),
        (Check::Letter(vec!['A', 'B']), said("C"), Some("none of the letters A, B can be read out of it")),
        (Check::OneOf(vec!["yes".into(), "no".into()]), said("**Yes**, it is."), None),
        (Check::OneOf(vec!["yes".into(), "no".into()]), said("Maybe."), Some("it names none of: yes, no")),
        (
            Check::OneOf(vec!["yes".into(), "no".into()]),
            said("Yes and no."),
            Some("it names several of: yes, no; one is asked for"),
        ),
        (Check::Json(schema.clone()), said("```json\n{\"a\": 1}\n```"), None),
        (Check::Json(schema.clone()), said("{}"), Some("the answer lacks the field \"a\"")),
        (
            Check::Json(schema),
            said("Here: {\"a\": 1}"),
            Some("it is not JSON: expected value at line 1 column 1"),
        ),
    ];
    for (check, attempt, problem) in table {
        let problems = validator(policy(1, vec![check.clone()])).problems(&attempt);
        let expected: Vec<Problem> = problem.iter().map(|text| Problem((*text).to_owned())).collect();
        assert_eq!(problems, expected, "{check:?} {attempt:?}");
    }
}

#[test]
fn the_first_sound_attempt_is_accepted_and_the_best_one_given_up_with() {
    let validator =
        validator(policy(3, vec![Check::NotEmpty, Check::Words([2, 9]), Check::Lacks("no".into())]));
    assert_eq!(validator.next(&[]), again());
    assert_eq!(validator.next(&[said("two words")]), Decision::Accept(0));
    assert_eq!(validator.next(&[said("")]), again());
    assert_eq!(validator.next(&[said(""), said("two words")]), Decision::Accept(1));
    let problems = vec![Problem("it must not contain \"no\"".to_owned())];
    let given_up = Decision::GiveUp { best: Some(1), problems };
    assert_eq!(validator.next(&[said(""), said("no no"), said("no yes no")]), given_up);
}

#[test]
fn feedback_names_the_faults_of_the_last_attempt() {
    let policy = RetryPolicy { feedback: true, ..policy(3, vec![Check::NotEmpty, Check::Words([2, 9])]) };
    let text = "That answer cannot be used:\n- it has 1 words; 2 to 9 are asked for\nAnswer the question again, without these faults.";
    let expected = Decision::Retry { feedback: Some(text.to_owned()) };
    assert_eq!(validator(policy.clone()).next(&[said(""), said("one")]), expected);
    assert_eq!(validator(policy).next(&[]), again());
}

#[test]
fn a_vote_ends_when_its_result_is_certain() {
    let vote = Some(Vote { voters: 5, ways: vec!["last_number".to_owned()] });
    let validator = validator(RetryPolicy { vote, ..policy(6, vec![Check::NotEmpty]) });
    let texts = |answers: &[&str]| answers.iter().map(|text| said(text)).collect::<Vec<_>>();
    let table: [(&[&str], Decision); 8] = [
        (&["7"], again()),
        (&["7", "It is 7."], again()),
        (&["7", "It is 7.", "so 7.0"], Decision::Accept(0)),
        (&["7", "8", "7", "8"], again()),
        (&["7", "8", "8", "7", "8"], Decision::Accept(1)),
        // What gives no answer does not vote; another attempt replaces it while there is one.
        (&["7", "", "none", "8", "7"], again()),
        (&["8", "", "none", "7", "7", "9"], Decision::Accept(3)),
        // A tie goes to the answer that came first.
        (&["8", "7", "7", "8", "9"], Decision::Accept(0)),
    ];
    for (answers, decision) in table {
        assert_eq!(validator.next(&texts(answers)), decision, "{answers:?}");
    }
    // A slot that gave no answer is filled by the next attempt that gives one.
    let vote = Some(Vote { voters: 2, ways: vec!["last_number".to_owned()] });
    let pair = Validator::new(RetryPolicy { vote, ..policy(9, vec![]) }).unwrap();
    assert_eq!(pair.next(&texts(&["none", "8"])), again());
    assert_eq!(pair.next(&texts(&["none", "8", "8"])), Decision::Accept(1));
    let nothing = Decision::GiveUp { best: Some(0), problems: vec![] };
    assert_eq!(validator.next(&texts(&["a", "b", "c", "d", "e", "f"])), nothing);
}

#[test]
fn a_judge_is_asked_once_about_each_sound_attempt() {
    let judge = Some(Judge { least_grade: 6 });
    let validator = validator(RetryPolicy { judge, feedback: true, ..policy(2, vec![Check::NotEmpty]) });
    assert_eq!(validator.next(&[said("")]), validator.next(&[said(" ")]));
    assert_eq!(validator.next(&[said("4")]), Decision::Ask(0));
    assert_eq!(validator.next(&[graded("4", "Right.\nGrade: 6")]), Decision::Accept(0));
    // What a judge babbles accepts no answer, and is no fault that the model could mend.
    for unread in ["I like it.", "Grade: 100", "Grade: 8 to 9", ""] {
        let problems = validator.problems(&graded("4", unread));
        let [problem] = problems.as_slice() else { panic!("{problems:?}") };
        assert!(problem.0.contains("no grade from 1 to 10"), "{problem}");
        assert_eq!(validator.next(&[graded("4", unread)]), Decision::Retry { feedback: None }, "{unread}");
    }
    let refused = graded("5", "Off by one.\nGrade: 2");
    let Decision::Retry { feedback: Some(feedback) } = validator.next(std::slice::from_ref(&refused)) else {
        panic!()
    };
    assert!(feedback.contains("- a reader graded it 2 of 10: Off by one."), "{feedback}");
    assert_eq!(validator.next(&[refused.clone(), said("4")]), Decision::Ask(1));
    assert!(matches!(validator.next(&[refused.clone(), refused]), Decision::GiveUp { best: Some(0), .. }));
}

#[test]
fn retries_are_hotter_with_seeds_of_their_own_up_to_a_bound() {
    let policy = RetryPolicy { temperature_step: 0.75, ..policy(9, vec![]) };
    let base = Sampling { temperature: 0.0, seed: u64::MAX, ..Sampling::default() };
    let validator = validator(policy);
    let settings: Vec<(f32, u64)> =
        (0..4).map(|attempt| validator.sampling(&base, attempt)).map(|s| (s.temperature, s.seed)).collect();
    assert_eq!(settings, [(0.0, u64::MAX), (0.75, 0), (1.5, 1), (2.0, 2)]);
    assert_eq!(validator.sampling(&base, 0), base);
}

#[test]
fn the_cost_is_counted_with_the_judge() {
    let attempts = [graded("5", "Grade: 2"), graded("4", "Grade: 9")];
    assert_eq!(spent(&attempts), Spent { attempts: 2, tokens: 30, tokens_of_first: 10 });
    assert_eq!(spent(&[]), Spent::default());
}

#[test]
fn policies_that_make_no_sense_are_refused_by_field() {
    let vote = |voters, way: &str| Some(Vote { voters, ways: vec![way.to_owned()] });
    let base = || policy(3, vec![]);
    let table = [
        (policy(0, vec![]), "attempts = 0: choose 1 to 32"),
        (policy(33, vec![]), "attempts = 33: choose 1 to 32"),
        (RetryPolicy { temperature_step: f32::NAN, ..base() }, "temperature_step = NaN: "),
        (RetryPolicy { vote: vote(1, "whole"), ..base() }, "vote.voters = 1: choose 2 to 32"),
        (RetryPolicy { vote: vote(4, "whole"), ..base() }, "vote.voters = 4: only 3 attempts are allowed"),
        (RetryPolicy { vote: vote(3, "guess"), ..base() }, "vote.ways = guess: choose from hashes, boxed"),
        (
            RetryPolicy { judge: Some(Judge { least_grade: 11 }), ..base() },
            "judge.least_grade = 11: choose 1 to 10",
        ),
        (policy(1, vec![Check::Words([3, 2])]), "words = 3..2: put the smaller number first"),
        (policy(1, vec![Check::Letter(vec!['1'])]), "letter = 1: give letters"),
        (policy(1, vec![Check::OneOf(vec!["a".into()])]), "one-of = a: give at least two texts"),
        (
            policy(1, vec![Check::OneOf(vec!["a.".into(), "A".into(), "b".into()])]),
            "one-of = a.|A|b: two of these",
        ),
        (policy(1, vec![Check::Matches("(".into())]), "matches = (: regex parse error"),
        (policy(1, vec![Check::Lacks("x{1000}{1000}".into())]), "lacks = x{1000}{1000}: "),
        (policy(1, vec![Check::Lacks("x".repeat(1001))]), "lacks = xxx"),
        (policy(1, vec![Check::Json(json!({"format": "date"}))]), "json = format: "),
    ];
    for (policy, text) in table {
        let error = Validator::new(policy).unwrap_err().to_string();
        assert!(error.starts_with(text), "{error}");
    }
}

#[test]
fn a_policy_is_data() {
    let text = "attempts = 3\nfeedback = true\nchecks = ['not_empty', { words = [1, 50] }, { language = 'fr' }, { json = { type = 'object' } }]\n\
        [vote]\nvoters = 3\nways = ['answer_is', 'last_number']\n";
    let policy: RetryPolicy = toml::from_str(text).unwrap();
    assert_eq!(policy.checks[..3], [Check::NotEmpty, Check::Words([1, 50]), Check::Language(Language::Fr)]);
    let back: RetryPolicy = serde_json::from_value(serde_json::to_value(&policy).unwrap()).unwrap();
    assert_eq!(back, policy);
    assert!(toml::from_str::<RetryPolicy>("attempts = 1\nretries = 2").is_err());
}
