//! Plain questions and answers as people spell them, and what is said where they cannot be read.

use super::*;
use crate::{ChoiceStyle, DatasetError, Loaded, load};

fn read_as(name: &str, text: &str, options: LoadOptions<'_>) -> Suite {
    match load(name, text.as_bytes(), options) {
        Ok(Loaded::Suite(suite)) => suite,
        other => panic!("{name} {text}: {other:?}"),
    }
}

fn read(name: &str, text: &str) -> Suite {
    read_as(name, text, LoadOptions::default())
}

fn refusal(name: &str, text: &str, options: LoadOptions<'_>) -> String {
    load(name, text.as_bytes(), options).unwrap_err().to_string()
}

/// File, text, kind, answers of the first item, and the way the remark names.
const SPELLINGS: [(&str, &str, ItemKind, &[&str], &str); 16] = [
    ("q.csv", "question,answer\nCapital of France?,Paris\n", ItemKind::Contains, &["Paris"], "contains"),
    ("q.csv", "Question,Answer\n\"2, and 2?\",4\n", ItemKind::Numeric, &["4"], "number"),
    ("q.csv", "question;answer\n1+1?;2\n", ItemKind::Numeric, &["2"], "number"),
    ("q.tsv", "prompt\ttarget\nCapital?\tParis\n", ItemKind::Contains, &["Paris"], "contains"),
    ("q.jsonl", r#"{"prompt":"Capital?","answer":"Paris"}"#, ItemKind::Contains, &["Paris"], "contains"),
    ("q.jsonl", r#"{"question":"q","answer":"Paris"}"#, ItemKind::Contains, &["Paris"], "contains"),
    ("q.jsonl", r#"{"question":"q","answer":42}"#, ItemKind::Numeric, &["42"], "number"),
    (
        "q.jsonl",
        r#"{"question":"q","answers":["NYC","New York"]}"#,
        ItemKind::Contains,
        &["NYC", "New York"],
        "contains",
    ),
    (
        "q.csv",
        "input,expected\nCapital?,\"['NYC', 'New York']\"\n",
        ItemKind::Contains,
        &["NYC", "New York"],
        "contains",
    ),
    (
        "q.json",
        r#"[{"question":"q","answers":{"text":["a","b"],"answer_start":[0,1]}}]"#,
        ItemKind::Contains,
        &["a", "b"],
        "contains",
    ),
    (
        "q.json",
        r#"[{"question":"q","answer":{"value":"a","aliases":["b"]}}]"#,
        ItemKind::Contains,
        &["a", "b"],
        "contains",
    ),
    (
        "q.jsonl",
        r#"{"context":"q","answer":"a","aliases":["b"]}"#,
        ItemKind::Contains,
        &["a", "b"],
        "contains",
    ),
    // A word problem without the mark of GSM8K.
    (
        "gsm.jsonl",
        r#"{"context":"How many?","chain_of_thought":"2+2=4","answer":"4"}"#,
        ItemKind::Numeric,
        &["4"],
        "number",
    ),
    (
        "q.jsonl",
        r#"{"question":"Why?","reference":"Because light of short waves is scattered more than light of long waves."}"#,
        ItemKind::F1,
        &["Because light of short waves is scattered more than light of long waves."],
        "f1",
    ),
    (
        "q.jsonl",
        r#"{"messages":[{"role":"system","content":"Be short."},{"role":"user","content":"Capital?"},{"role":"assistant","content":"Paris"}]}"#,
        ItemKind::Contains,
        &["Paris"],
        "contains",
    ),
    (
        "q.jsonl",
        r#"{"input":[{"role":"system","content":"s"},{"role":"user","content":"Capital?"}],"ideal":"Paris"}"#,
        ItemKind::Contains,
        &["Paris"],
        "contains",
    ),
];

#[test]
fn what_people_have_is_read_and_scored_by_its_answers() {
    for (name, text, kind, answers, way) in SPELLINGS {
        let suite = read(name, text);
        assert_eq!((suite.format, suite.items.len(), suite.refused_total), (NAME, 1, 0), "{text}");
        let item = &suite.items[0];
        assert_eq!(
            (item.kind, &item.answers[..]),
            (kind, &answers.iter().map(ToString::to_string).collect::<Vec<_>>()[..]),
            "{text}"
        );
        let remark = &suite.remarks[0];
        assert!(remark.contains(&format!("scored by {way}")) && remark.contains("since"), "{remark}");
    }
}

#[test]
fn what_stands_beside_the_question_is_kept() {
    let suite = read(
        "q.csv",
        ",id,question,answer,category,system,passage\n0,a1,q?,x,geo,Be short.,A text.\n1,a2,r?,y,geo,,\n",
    );
    let item = &suite.items[0];
    assert_eq!((item.id.as_str(), item.task.as_str(), item.context.as_str()), ("a1", "geo", "A text."));
    assert_eq!((item.system.as_deref(), suite.items[1].system.as_deref()), (Some("Be short."), None));
    let alpaca = read(
        "q.json",
        r#"[{"instruction":"Add.","input":"1 and 2","output":"3"},{"instruction":"Say 4.","input":"","output":"4"}]"#,
    );
    let questions: Vec<&str> = alpaca.items.iter().map(|item| item.question.as_str()).collect();
    assert_eq!(questions, ["Add.\n\n1 and 2", "Say 4."]);
    let talk = read(
        "q.jsonl",
        r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"q"}]}],"answer":"a"}"#,
    );
    assert_eq!((talk.items[0].question.as_str(), talk.items[0].system.as_deref()), ("q", Some("s")));
}

#[test]
fn choices_are_named_by_text_letter_or_number() {
    let cases: [(&str, &str, usize); 11] = [
        ("q.csv", ",question,subject,choices,answer\n0,Capital?,geo,\"['Paris' 'Rome' 'Berlin']\",1\n", 1),
        ("q.json", "{\n \"question\": \"a?\",\n \"choices\": [\"x\", \"y\"],\n \"answer\": 0\n}\n", 0),
        ("q.jsonl", r#"{"question":"a?","choices":["x","y"],"answer":"B"}"#, 1),
        ("q.jsonl", r#"{"question":"a?","options":["x","y"],"answer":"(b)"}"#, 1),
        ("q.jsonl", r#"{"question":"a?","choices":["x","y"],"answer":"y"}"#, 1),
        ("q.jsonl", r#"{"question":"a?","choices":["2","1"],"answer":"1"}"#, 1),
        ("q.jsonl", r#"{"question":"a?","choices":["2","1"],"answer":1}"#, 1),
        // The largest number is the number of choices and none is 0: they count from 1.
        (
            "q.jsonl",
            "{\"question\":\"a?\",\"choices\":[\"x\",\"y\"],\"answer\":1}\n{\"question\":\"b?\",\"choices\":[\"x\",\"y\"],\"answer\":2}",
            0,
        ),
        ("q.csv", "question,A,B,C,answer\nq,1,2,3,C\n", 2),
        ("q.csv", "question,option1,option2,answer\nq,u,v,v\n", 1),
        ("q.csv", "question,answer\nIs it?,no\nIs that?,Yes\n", 1),
    ];
    for (name, text, correct) in cases {
        let suite = read(name, text);
        let item = &suite.items[0];
        assert_eq!(
            (item.kind, item.correct, suite.format),
            (ItemKind::Choice, Some(correct), NAME),
            "{text}"
        );
        assert!(suite.remarks[0].contains("scored by choice"), "{}", suite.remarks[0]);
    }
    let listed = read("q.jsonl", cases_listed()).items.remove(0);
    assert_eq!(listed.style, ChoiceStyle::Letters);
    let wrong = read(
        "q.jsonl",
        &format!("{}\n{}", cases_listed(), cases_listed().replace("\"y\"}", "\"w\"}").replace("a?", "c?")),
    );
    assert_eq!(
        wrong.refused[0].to_string(),
        "line 2: `answer` is \"w\", which is none of the 2 choices, nor A to B"
    );
}

fn cases_listed() -> &'static str {
    r#"{"question":"a?","choices":["x","y"],"answer":"y"}"#
}

#[test]
fn columns_and_scores_can_be_chosen() {
    let table = "frage,antwort,note\nHauptstadt?,Paris,x\n";
    let options = LoadOptions {
        question_column: Some("Frage"),
        answer_column: Some("antwort"),
        ..LoadOptions::default()
    };
    let suite = read_as("q.csv", table, options);
    assert_eq!(
        (suite.items[0].question.as_str(), suite.items[0].answers[0].as_str()),
        ("Hauptstadt?", "Paris")
    );
    assert!(
        suite.remarks[0].starts_with("questions from `frage`, answers from `antwort`"),
        "{}",
        suite.remarks[0]
    );
    for (_, by, _) in SCORES_BY.iter().filter(|(_, by, _)| !matches!(by, ScoreBy::Choice | ScoreBy::Number)) {
        let suite = read_as(
            "q.csv",
            "question,answer\nq,a b\n",
            LoadOptions { score: Some(*by), ..LoadOptions::default() },
        );
        assert!(!suite.remarks[0].contains("since"), "{}", suite.remarks[0]);
    }
    // A published set asked as plain questions, since its score was chosen.
    let gsm = read_as(
        "g.jsonl",
        r##"{"question":"q","answer":"2+2=<<2+2=4>>4\n#### 4"}"##,
        LoadOptions { score: Some(ScoreBy::Number), ..LoadOptions::default() },
    );
    assert_eq!((gsm.format, gsm.items[0].answers[0].as_str()), (NAME, "4"));
    let choice = LoadOptions { score: Some(ScoreBy::Choice), ..LoadOptions::default() };
    assert!(refusal("q.csv", "question,answer\nq,a\n", choice).contains("where each question lists them"));
    let number = LoadOptions { score: Some(ScoreBy::Number), ..LoadOptions::default() };
    assert!(
        refusal("q.csv", "question,answer\nq,a\n", number).contains("`answer` is \"a\", which is no number")
    );
    let regex = LoadOptions { score: Some(ScoreBy::Regex), ..LoadOptions::default() };
    assert!(refusal("q.csv", "question,answer\nq,(a\n", regex).contains("is no regular expression"));
}

#[test]
fn errors_name_what_is_there_what_is_needed_and_the_nearest_way() {
    let plain = LoadOptions::default();
    let cases: [(&str, &str, LoadOptions<'_>, &[&str]); 7] = [
        (
            "a.jsonl",
            r#"{"frage":"q","antwort":"a"}"#,
            plain,
            &["antwort", "frage", "needs a column for the question (question, prompt,", "say which it is"],
        ),
        (
            "a.csv",
            "question,reply\nq,a\n",
            plain,
            &["needs a column for the answer (answer, answers,", "reply"],
        ),
        (
            "a.csv",
            "What is 2+2?,4\n",
            plain,
            &["(\"What is 2+2?\", \"4\") names no column", "question,answer"],
        ),
        (
            "a.csv",
            "question,answer\nq,a\n",
            LoadOptions { answer_column: Some("antwort"), ..plain },
            &["no column \"antwort\"; there are: "],
        ),
        (
            "a.jsonl",
            r#"{"goal":"g","sol1":"a","sol2":"b"}"#,
            plain,
            &["nearest published format is piqa, which also needs `label`"],
        ),
        (
            "a.jsonl",
            r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}],"answer":"x"}"#,
            plain,
            &["has 2 messages of the user, but one can be asked"],
        ),
        (
            "a.jsonl",
            r#"{"question":"q","answer":"a"}"#,
            LoadOptions { format: Some("gsm8k"), answer_column: Some("answer"), ..plain },
            &["for plain questions, not for a published format"],
        ),
    ];
    for (name, text, options, words) in cases {
        let error = refusal(name, text, options);
        for word in words {
            assert!(error.contains(word), "{word:?} is not in {error}");
        }
        assert!(words[0].contains("gsm8k") || !error.contains("####"), "{error}");
    }
}

#[test]
fn an_example_is_what_it_is_an_example_of() {
    for ending in ["csv", "tsv", "json", "jsonl"] {
        let example = example_table(ending).unwrap();
        let suite = read(&format!("example.{ending}"), &example);
        assert_eq!((suite.items.len(), suite.refused_total), (3, 0), "{example}");
        assert_eq!(suite.items[2].answers, ["Atlantic", "Atlantic Ocean"], "{example}");
        assert_eq!(suite.items[1].system.as_deref(), Some("Answer in one line."), "{example}");
    }
    assert_eq!(example_table("xlsx"), None);
    let excel = load("q.xlsx", b"PK\x03\x04rest", LoadOptions::default()).unwrap_err();
    assert!(matches!(excel, SuiteError::Dataset(DatasetError::Foreign { .. })), "{excel}");
}

#[test]
fn a_judge_needs_no_answers_and_takes_those_there_are() {
    let judged = LoadOptions { score: Some(ScoreBy::Judge), ..LoadOptions::default() };
    let alone = read_as("q.csv", "question\nWrite a haiku.\nExplain rain.\n", judged);
    assert_eq!((alone.items.len(), alone.items[0].kind), (2, ItemKind::Open));
    assert!(alone.items[0].answers.is_empty());
    assert!(
        alone.remarks[0].starts_with("questions from `question`, without answers, scored by judge"),
        "{:?}",
        alone.remarks
    );
    let some = read_as("q.csv", "question,answer\nWrite a haiku.,\n2 + 2?,4\nExplain rain.,\n", judged);
    let answers: Vec<usize> = some.items.iter().map(|item| item.answers.len()).collect();
    assert_eq!(answers, [0, 1, 0]);
    let said = refusal("q.csv", "prompt,target\nWrite a haiku.,\nExplain rain.,\n", LoadOptions::default());
    assert!(said.contains("has prompt, target (empty); rename one, have what is written rated"), "{said}");
    assert!(said.contains("by a judge"), "{said}");
}
