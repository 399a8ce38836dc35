//! Files that are broken, foreign or malicious.

use std::fmt::Write;

use dyno_eval::{
    ItemKind, LINE_BYTES_MAX, LoadOptions, Loaded, REFUSED_MAX, Suite, SuiteError, format_names, load,
};
use proptest::prelude::*;

const HEADER: &str = r#"{"schema":"dyno.suite/1","name":"mine","title":"Mine"}"#;

fn lenient(name: &str, bytes: &[u8]) -> Result<Loaded, SuiteError> {
    load(name, bytes, LoadOptions::default())
}

fn suite_of(lines: &[&str]) -> Result<Suite, SuiteError> {
    let text = format!("{HEADER}\n{}", lines.join("\n"));
    match lenient("mine.jsonl", text.as_bytes()) {
        Ok(Loaded::Suite(suite)) => Ok(suite),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error),
    }
}

/// A line that is right, so that a bad one beside it has something to leave alone.
const GOOD: &str = r#"{"id":"good","task":"t","kind":"numeric","question":"1+1?","answer":2}"#;

fn refusal(line: &str) -> String {
    let suite = suite_of(&[GOOD, line]).expect("one line is good");
    assert_eq!((suite.items.len(), suite.refused_total), (1, 1), "{line}");
    suite.refused[0].to_string()
}

#[test]
fn a_bad_line_is_named_with_field_and_value_and_costs_only_itself() {
    let choice = |rest: &str| format!(r#"{{"id":"x","task":"t","kind":"choice","question":"q",{rest}}}"#);
    let cases = [
        (
            choice(r#""choices":["a","b","c","d"],"correct":4"#),
            "line 3: `correct` is 4, but there are 4 choices (0 to 3)",
        ),
        (choice(r#""choices":["a"],"correct":0"#), "line 3: `choices` has 1, but must have 2 to 64"),
        (
            choice(r#""choices":["a","b "," b"],"correct":0"#),
            "line 3: `choices` 1 and 2 are equal (\" b\"), so neither can win",
        ),
        (choice(r#""choices":["a","b"]"#), "line 3: `correct` is missing"),
        (
            choice(r#""choices":["a","b"],"correct":-1"#),
            "line 3: `correct` is -1, which is no whole number from 0",
        ),
        (
            choice(r#""choices":["a","b"],"correct":0,"style":"blank""#),
            "line 3: `question` has 0 gaps `_`, but must have one",
        ),
        (
            r#"{"id":"x","task":"t","kind":"numeric","question":"q"}"#.to_owned(),
            "line 3: `answer` is missing",
        ),
        (
            r#"{"id":"x","task":"t","kind":"numeric","question":"q","answer":"many"}"#.to_owned(),
            "line 3: `answer` is \"many\", which is no number",
        ),
        (
            r#"{"id":"x","task":"t","kind":"guess","question":"q"}"#.to_owned(),
            "line 3: `kind` is \"guess\", but must be one of: numeric, exact, choice, code, contains, f1, regex, cloze, open, heuristic",
        ),
        (
            r#"{"id":"x","task":"t","kind":"exact","answer":"a"}"#.to_owned(),
            "line 3: `question` is missing, and there is no `context` either",
        ),
        (r#"{"task":"t","kind":"exact","question":"q","answer":"a"}"#.to_owned(), "line 3: `id` is missing"),
        (
            r#"{"id":"good","task":"t","kind":"exact","question":"q","answer":"a"}"#.to_owned(),
            "line 3: `id` is \"good\", which line 2 already has",
        ),
        (
            r#"{"id":"x","task":"t","kind":"exact","question":"q","answer":"a","position":1.5}"#.to_owned(),
            "line 3: `position` is 1.5, but must be 0 to 1",
        ),
        (
            r#"{"id":"x","task":"t","kind":"exact","question":"q","answer":"a","max_tokens":0}"#.to_owned(),
            "line 3: `max_tokens` is 0, but must be 1 to 32768",
        ),
        (
            r#"{"id":"x","task":"t","kind":"code","question":"q","tests":"assert 1","entry_point":"a b"}"#
                .to_owned(),
            "line 3: `entry_point` is \"a b\", but must be a function name",
        ),
        (
            r#"{"id":"x","task":"t","kind":"heuristic","question":"q"}"#.to_owned(),
            "line 3: `scorer` is missing; a heuristic item names the one that checks its form",
        ),
    ];
    for (line, expected) in cases {
        assert_eq!(refusal(&line), expected, "{line}");
    }
    assert!(
        refusal(r#"{"id":"x","task":"t","kind":"exact","question":"q","anwser":"a"}"#)
            .contains("`anwser` is no field")
    );
    assert!(refusal("{\"id\":").starts_with("line 3: is no JSON"));
    assert!(refusal("[1,2]").contains("a list of 2, but must be an object"));
    let huge = format!(r#"{{"id":"{}"}}"#, "x".repeat(LINE_BYTES_MAX));
    assert!(refusal(&huge).contains("but at most 1048576 are read"));
}

#[test]
fn strict_mode_stops_at_the_first_bad_line() {
    let text = format!("{HEADER}\n{GOOD}\n{{}}\n");
    let error = load("mine.jsonl", text.as_bytes(), LoadOptions { strict: true, ..LoadOptions::default() })
        .unwrap_err();
    assert!(matches!(error, SuiteError::Strict { .. }), "{error}");
    assert!(error.to_string().contains("mine.jsonl: line 3: `kind` is missing"), "{error}");
}

#[test]
fn refusals_are_all_counted_and_some_are_kept() {
    let mut text = format!("{HEADER}\n{GOOD}\n");
    for _ in 0..REFUSED_MAX + 50 {
        writeln!(text, "broken").unwrap();
    }
    let Ok(Loaded::Suite(suite)) = lenient("mine.jsonl", text.as_bytes()) else { panic!("one line is good") };
    assert_eq!((suite.refused.len(), suite.refused_total), (REFUSED_MAX, REFUSED_MAX as u64 + 50));
    assert_eq!(suite.id("ab").refused.len(), REFUSED_MAX);
}

#[test]
fn whole_files_are_refused_with_what_to_do() {
    let cases: [(&str, Vec<u8>, &str); 12] = [
        ("a.jsonl", b"".to_vec(), "a.jsonl is empty"),
        ("a.jsonl", b"\n \n".to_vec(), "is empty"),
        ("a.jsonl", HEADER.as_bytes().to_vec(), "is empty; a suite needs"),
        (
            "a.jsonl",
            format!("{HEADER}\n{{}}\n").into_bytes(),
            "has no usable item: 1 line(s) refused, the first: line 2",
        ),
        (
            "a.jsonl",
            br#"{"schema":"dyno.suite/7","name":"a","title":"A"}"#.to_vec(),
            "this version reads \"dyno.suite/1\"",
        ),
        ("a.jsonl", br#"{"schema":"dyno.suite/1","title":"A"}"#.to_vec(), "`name` is missing"),
        ("a.jsonl", br#"{"schema":"dyno.suite/1","name":"a/b","title":"A"}"#.to_vec(), "`name` is \"a/b\""),
        (
            "a.jsonl",
            br#"{"question":"q","reply":"a"}"#.to_vec(),
            "needs a column for the answer (answer, answers,",
        ),
        ("a.json", b"[{]".to_vec(), "is no JSON list"),
        (
            "a.xlsx",
            b"PK\x03\x04".to_vec(),
            "is a ZIP archive or an Excel workbook; unpack it, or save the sheet as CSV",
        ),
        ("a.csv", b"x,y\n1,2\n".to_vec(), "its first row (\"x\", \"y\") names no column that is known"),
        ("a.txt", b"caf\xe9".to_vec(), "no UTF-8"),
    ];
    for (name, bytes, expected) in cases {
        let error = lenient(name, &bytes).expect_err(expected).to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
    let error = load("a", b"{}", LoadOptions { format: Some("nope"), ..LoadOptions::default() })
        .unwrap_err()
        .to_string();
    assert!(error.contains("gsm8k") && error.contains("lambada"), "{error}");
}

fn only_suite(name: &str, text: &str) -> Suite {
    match lenient(name, text.as_bytes()) {
        Ok(Loaded::Suite(suite)) => suite,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn each_standard_format_is_told_from_the_others() {
    let mmlu_row = "\"What, then?\",w,x,y,z,C\nWhy?,1,2,3,4,E\n";
    let cases: [(&str, &str, &str, usize, Option<usize>); 12] = [
        ("mmlu_test.csv", mmlu_row, "mmlu", 1, Some(2)),
        ("m.csv", "question,subject,A,B,C,D,answer\nq,law,1,2,3,4,B\n", "mmlu", 1, Some(1)),
        (
            "m.jsonl",
            r#"{"question":"q","subject":"law","choices":["1","2","3","4"],"answer":3}"#,
            "mmlu",
            1,
            Some(3),
        ),
        ("m.jsonl", r#"{"question":"q","choices":["1","2"],"answer":"B"}"#, "questions", 1, Some(1)),
        ("h.jsonl", r#"{"ctx":"A man","endings":["sits.","flies."],"label":0}"#, "hellaswag", 1, Some(0)),
        (
            "arc.jsonl",
            r#"{"id":"a","question":{"stem":"q","choices":[{"text":"x","label":"A"},{"text":"y","label":"B"}]},"answerKey":"B"}"#,
            "arc",
            1,
            Some(1),
        ),
        (
            "arc.jsonl",
            r#"{"id":"a","question":"q","choices":{"text":["x","y"],"label":["1","2"]},"answerKey":"1"}"#,
            "arc",
            1,
            Some(0),
        ),
        (
            "w.jsonl",
            r#"{"qID":"3ABC-1","sentence":"The cup hit the plate and _ broke.","option1":"cup","option2":"plate","answer":"2"}"#,
            "winogrande",
            1,
            Some(1),
        ),
        ("t.json", r#"[{"question":"q","mc1_targets":{"No":1,"Yes":0}}]"#, "truthfulqa", 1, Some(0)),
        (
            "t.jsonl",
            r#"{"question":"q","mc1_targets":{"choices":["x","y"],"labels":[0,1]}}"#,
            "truthfulqa",
            1,
            Some(1),
        ),
        ("lambada_test.jsonl", r#"{"text":"He opened the old door"}"#, "lambada", 1, None),
        ("x.jsonl", r##"{"question":"q","answer":"2+2=<<2+2=4>>4\n#### 4"}"##, "gsm8k", 1, None),
    ];
    for (name, text, format, items, correct) in cases {
        let suite = only_suite(name, text);
        assert_eq!(
            (suite.format, suite.items.len(), suite.items[0].correct),
            (format, items, correct),
            "{text}"
        );
    }
    let refused = only_suite("mmlu_test.csv", mmlu_row).refused;
    assert_eq!(refused[0].to_string(), "line 2: `answer` is \"E\", but must be A to D, or 0 to 3");
    let twins = only_suite("w.jsonl", cases_winogrande());
    assert_eq!(twins.items[0].cluster, twins.items[1].cluster);
}

fn cases_winogrande() -> &'static str {
    "{\"qID\":\"3ABC-1\",\"sentence\":\"a _ b.\",\"option1\":\"x\",\"option2\":\"y\",\"answer\":\"1\"}\n\
     {\"qID\":\"3ABC-2\",\"sentence\":\"a _ c.\",\"option1\":\"x\",\"option2\":\"y\",\"answer\":\"2\"}"
}

#[test]
fn texts_and_pairs_are_no_suites() {
    assert_eq!(lenient("book.txt", b"Once upon a time."), Ok(Loaded::Text("Once upon a time.".to_owned())));
    let forced =
        load("x.jsonl", b"{\"a\":1}", LoadOptions { format: Some("text"), ..LoadOptions::default() });
    assert_eq!(forced, Ok(Loaded::Text("{\"a\":1}".to_owned())));
    let table = "score\tsentence1\tsentence2\n2.5\ta\tb\n9\tc\td\n";
    let Ok(Loaded::Pairs(set)) = lenient("sts.tsv", table.as_bytes()) else { panic!("pairs with a header") };
    assert_eq!((set.pairs.len(), set.refused_total), (1, 1));
    assert_eq!(set.refused[0].to_string(), "line 3: `score` is 9, but must be 0 to 5");
}

#[test]
fn windows_files_read_the_same() {
    let unix = format!("{HEADER}\n{GOOD}\n");
    let windows = format!("\u{feff}{}", unix.replace('\n', "\r\n"));
    assert_eq!(only_suite("a.jsonl", &unix), only_suite("a.jsonl", &windows));
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..400), which in 0_usize..20) {
        let names = format_names();
        let format = names.get(which).copied();
        for name in ["a.jsonl", "a.csv", "a.json", "a.gz", "lambada"] {
            let _ = load(name, &bytes, LoadOptions { format, ..LoadOptions::default() });
        }
    }

    #[test]
    fn any_mutation_of_a_suite_is_survived(at in 0_usize..400, byte in any::<u8>()) {
        let mut bytes = format!("{HEADER}\n{GOOD}\n{GOOD}\n").into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(Loaded::Suite(suite)) = lenient("a.jsonl", &bytes) {
            prop_assert!(suite.items.iter().all(|item| item.kind != ItemKind::Numeric || !item.answers.is_empty()));
        }
    }
}
