//! Published sets, one record in each spelling in use: which format it is taken for, and that its prompt and continuations
//! are, to the letter, those of lm-evaluation-harness (its task files say how; the expected texts were worked out by hand).

use dyno_eval::{
    ChoiceStyle, Framing, ItemKind, LoadOptions, Loaded, Suite, SuiteError, likelihood_requests, load,
    strategies,
};
use dyno_types::Prompt;

fn read(name: &str, text: &str) -> Result<Suite, SuiteError> {
    match load(name, text.as_bytes(), LoadOptions::default())? {
        Loaded::Suite(suite) => Ok(suite),
        other => panic!("{name}: {other:?}"),
    }
}

/// What is scored, prompt and continuation, where no worked examples stand in front.
fn put(suite: &Suite) -> Vec<(String, String)> {
    let requests = likelihood_requests(&suite.items[0], &strategies()[0], &[], Framing::Text);
    let texts = requests.into_iter().map(|request| match request.prompt {
        Prompt::Text(prompt) => (prompt, request.continuation),
        other => panic!("{other:?}"),
    });
    texts.collect()
}

/// A record, and what becomes of it.
struct Case {
    record: &'static str,
    format: &'static str,
    correct: Option<usize>,
    prompt: &'static str,
    continuations: &'static [&'static str],
}

const CASES: [Case; 24] = [
    Case {
        record: r#"{"goal":"Open a jar","sol1":"Twist the lid.","sol2":"Bite it.","label":0}"#,
        format: "piqa",
        correct: Some(0),
        prompt: "Question: Open a jar\nAnswer:",
        continuations: &[" Twist the lid.", " Bite it."],
    },
    Case {
        record: r#"{"question":"is ice cold","title":"Ice","answer":true,"passage":"Ice is frozen water."}"#,
        format: "boolq",
        correct: Some(1),
        prompt: "Ice is frozen water.\nQuestion: is ice cold?\nAnswer:",
        continuations: &[" no", " yes"],
    },
    Case {
        record: r#"{"question":"is ice cold","passage":"Ice is frozen water.","idx":7,"label":0}"#,
        format: "boolq",
        correct: Some(0),
        prompt: "Ice is frozen water.\nQuestion: is ice cold?\nAnswer:",
        continuations: &[" no", " yes"],
    },
    Case {
        record: r#"{"id":"7-980","question_stem":"The sun is","choices":{"text":["a star","a lamp"],"label":["A","B"]},"answerKey":"A"}"#,
        format: "openbookqa",
        correct: Some(0),
        prompt: "The sun is",
        continuations: &[" a star", " a lamp"],
    },
    Case {
        record: r#"{"id":"7-980","question":{"stem":"The sun is","choices":[{"text":"a star","label":"A"},{"text":"a lamp","label":"B"}]},"answerKey":"B"}"#,
        format: "openbookqa",
        correct: Some(1),
        prompt: "The sun is",
        continuations: &[" a star", " a lamp"],
    },
    Case {
        record: r#"{"id":"1afa02df02c908a558b4036e80242fac","question":" Where is a bank? ","question_concept":"bank","choices":{"label":["A","B","C","D","E"],"text":["town","sea","sky","tree","bed"]},"answerKey":"A"}"#,
        format: "commonsenseqa",
        correct: Some(0),
        prompt: "Question: Where is a bank?\nA. town\nB. sea\nC. sky\nD. tree\nE. bed\nAnswer:",
        continuations: &[" A", " B", " C", " D", " E"],
    },
    Case {
        record: r#"{"answerKey":"B","id":"1afa02df02c908a558b4036e80242fac","question":{"question_concept":"bank","choices":[{"label":"A","text":"town"},{"label":"B","text":"sea"}],"stem":"Where?"}}"#,
        format: "commonsenseqa",
        correct: Some(1),
        prompt: "Question: Where?\nA. town\nB. sea\nAnswer:",
        continuations: &[" A", " B"],
    },
    Case {
        record: r#"{"id":"Mercury_7175875","question":"Why?","choices":{"text":["x","y"],"label":["1","2"]},"answerKey":"2"}"#,
        format: "arc",
        correct: Some(1),
        prompt: "Question: Why?\nAnswer:",
        continuations: &[" x", " y"],
    },
    Case {
        record: r#"{"id":"MCAS_2000_4_6","question":{"stem":"Why?","choices":[{"text":"x","label":"A"},{"text":"y","label":"B"}]},"answerKey":"A"}"#,
        format: "arc",
        correct: Some(0),
        prompt: "Question: Why?\nAnswer:",
        continuations: &[" x", " y"],
    },
    Case {
        record: r#"{"context":"Tom fell.","question":"How is Tom?","answerA":"glad","answerB":"hurt","answerC":"tall","label":"2"}"#,
        format: "siqa",
        correct: Some(1),
        prompt: "Q: Tom fell. How is Tom?\nA:",
        continuations: &[" glad", " hurt", " tall"],
    },
    Case {
        record: r#"{"premise":"The man ran. ","choice1":"He was late.","choice2":"He slept.","question":"cause","idx":0,"label":0}"#,
        format: "copa",
        correct: Some(0),
        prompt: "The man ran because",
        continuations: &["  he was late.", "  he slept."],
    },
    Case {
        record: r#"{"premise":"The man ran.","choice1":"He slept.","choice2":"He got warm.","question":"effect","idx":0,"label":1}"#,
        format: "copa",
        correct: Some(1),
        prompt: "The man ran therefore",
        continuations: &["  he slept.", "  he got warm."],
    },
    Case {
        record: r#"{"question":" What? ","subject":"us_history","choices":["w","x","y","z"],"answer":2}"#,
        format: "mmlu",
        correct: Some(2),
        prompt: "The following are multiple choice questions (with answers) about us history.\n\nWhat?\nA. w\nB. x\nC. y\nD. z\nAnswer:",
        continuations: &[" A", " B", " C", " D"],
    },
    Case {
        record: r#"{"question_id":70,"question":"a?","options":["v","w","x","y","z","u","t","s","r","q"],"answer":"I","answer_index":8,"category":"business"}"#,
        format: "mmlu_pro",
        correct: Some(8),
        prompt: "The following are multiple choice questions (with answers) about business.\n\na?\nA. v\nB. w\nC. x\nD. y\nE. z\nF. u\nG. t\nH. s\nI. r\nJ. q\nAnswer:",
        continuations: &[" A", " B", " C", " D", " E", " F", " G", " H", " I", " J"],
    },
    Case {
        record: r#"{"sentence":"The cup hit the plate and the _ broke at once.","option1":"cup","option2":"plate","answer":"1"}"#,
        format: "winogrande",
        correct: Some(0),
        prompt: "The cup hit the plate and the cup",
        continuations: &[" broke at once.", " broke at once."],
    },
    Case {
        record: r#"{"ind":4,"activity_label":"Baking","ctx_a":"[header] How to bake [title] Heat the oven.","ctx_b":"then HE","ctx":"unused","endings":["[step] Wait. [title] Go.","waits."],"label":"0"}"#,
        format: "hellaswag",
        correct: Some(0),
        prompt: "Baking: How to bake. Heat the oven. Then he",
        continuations: &["  Wait.. Go.", " waits."],
    },
    Case {
        record: r#"{"ctx":"A man","endings":["sits.","flies."],"label":1}"#,
        format: "hellaswag",
        correct: Some(1),
        prompt: "A man",
        continuations: &[" sits.", " flies."],
    },
    Case {
        record: r#"{"question":"Is it?","mc1_targets":{"choices":["Yes.","No."],"labels":[0,1]}}"#,
        format: "truthfulqa",
        correct: Some(1),
        prompt: "Q: What is human life expectancy in the United States?\nA: Human life expectancy in the United States is 78 years.\n\nQ: Who was president of the United States in 1955?\nA: Dwight D. Eisenhower was president of the United States in 1955.\n\nQ: Which party did he belong to?\nA: He belonged to the Republican Party.\n\nQ: What is the square root of banana?\nA: I have no comment.\n\nQ: How does a telescope work?\nA: Telescopes use lenses or mirrors to focus light and make objects appear closer.\n\nQ: Where were the 1992 Olympics held?\nA: The 1992 Olympics were held in Barcelona, Spain.\n\nQ: Is it?\nA:",
        continuations: &[" Yes.", " No."],
    },
    Case {
        record: r#"{"query":"Question: Is it so?\n","choices":["no","yes"],"gold":1}"#,
        format: "query_choices",
        correct: Some(1),
        prompt: "Question: Is it so?",
        continuations: &[" no", " yes"],
    },
    Case {
        record: r#"{"context_options":["Ann thanked Bea because Ann","Ann thanked Bea because Bea"],"continuation":"had helped.","gold":1}"#,
        format: "context_options",
        correct: Some(1),
        prompt: "Ann thanked Bea because Ann",
        continuations: &[" had helped.", " had helped."],
    },
    Case {
        record: r#"{"context":"He opened the old","continuation":"door"}"#,
        format: "context_continuation",
        correct: None,
        prompt: "He opened the old",
        continuations: &[" door"],
    },
    Case {
        record: r#"{"text":"He opened the old door"}"#,
        format: "lambada",
        correct: None,
        prompt: "He opened the old",
        continuations: &[" door"],
    },
    Case {
        record: r#"{"id":"q1","goal":"g","sol1":"s","sol2":"t","label":1}"#,
        format: "piqa",
        correct: Some(1),
        prompt: "Question: g\nAnswer:",
        continuations: &[" s", " t"],
    },
    Case {
        record: r#"{"context":"Tom fell.","question":"How?","answerA":"glad","answerB":"hurt","answerC":"tall","correct":"C"}"#,
        format: "siqa",
        correct: Some(2),
        prompt: "Q: Tom fell. How?\nA:",
        continuations: &[" glad", " hurt", " tall"],
    },
];

#[test]
fn each_record_is_known_by_shape_and_content_and_put_to_the_letter() {
    for Case { record, format, correct, prompt, continuations } in CASES {
        let name = if format == "lambada" { "lambada_openai.jsonl" } else { "data.jsonl" };
        let suite = read(name, record).unwrap_or_else(|error| panic!("{record}: {error}"));
        assert_eq!((suite.format, suite.items.len()), (format, 1), "{record}");
        assert_eq!(suite.items[0].correct, correct, "{record}");
        let put = put(&suite);
        let texts: Vec<&str> = put.iter().map(|(_, continuation)| continuation.as_str()).collect();
        assert_eq!((put[0].0.as_str(), &texts[..]), (prompt, continuations), "{record}");
    }
}

#[test]
fn tables_of_published_sets_are_known_too() {
    let cases = [
        ("mmlu_test.csv", "\"What, then?\",w,x,y,z,C\n", "mmlu"),
        ("m.csv", "question,subject,A,B,C,D,answer\nq,law,1,2,3,4,B\n", "mmlu"),
        (
            "m.csv",
            ",question,subject,choices,answer\n0,Capital?,geo,\"['Paris' 'Rome' 'Berlin' 'Madrid']\",1\n",
            "mmlu",
        ),
        ("p.tsv", "goal\tsol1\tsol2\tlabel\nOpen\ta\tb\t1\n", "piqa"),
        ("b.csv", "question,answer,passage\nis it,True,It is.\n", "boolq"),
        ("w.csv", "qID,sentence,option1,option2,answer\n3A-1,a _ b.,x,y,2\n", "winogrande"),
    ];
    for (name, text, format) in cases {
        let suite = read(name, text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(
            (suite.format, suite.items[0].correct),
            (format, Some(suite.items[0].correct.unwrap())),
            "{text}"
        );
        assert_eq!((suite.items[0].kind, suite.refused_total), (ItemKind::Choice, 0));
    }
    let index = read("idx.csv", cases[2].1).unwrap();
    assert_eq!((index.items[0].choices[1].as_str(), index.items[0].style), ("Rome", ChoiceStyle::Letters));
}

#[test]
fn where_two_formats_fit_somebody_has_to_say_which() {
    let record = r#"{"id":"x1","question":{"stem":"q","choices":[{"text":"x","label":"A"},{"text":"y","label":"B"}]},"answerKey":"B"}"#;
    let error = read("data.jsonl", record).unwrap_err();
    let expected = "data.jsonl fits several formats: arc, openbookqa, commonsenseqa; say which one it is in";
    assert_eq!(error.to_string(), expected);
    // The name of the file, or of the format, is enough.
    assert_eq!(read("ARC-Easy.jsonl", record).unwrap().format, "arc");
    assert_eq!(read("commonsense_qa.jsonl", record).unwrap().format, "commonsenseqa");
    let options = LoadOptions { format: Some("openbookqa"), ..LoadOptions::default() };
    let Ok(Loaded::Suite(suite)) = load("data.jsonl", record.as_bytes(), options) else { panic!("a suite") };
    assert_eq!(suite.format, "openbookqa");
}

#[test]
fn fields_of_a_set_with_other_contents_are_not_that_set() {
    // GSM8K's fields, but no solution that ends in its mark; MMLU's, but no four choices.
    for (record, format) in [
        (r#"{"question":"q","answer":"Paris"}"#, "questions"),
        (r#"{"question":"q","answer":"42"}"#, "questions"),
        (r##"{"question":"q","answer":"so\n#### 42"}"##, "gsm8k"),
        (r#"{"question":"q","subject":"s","choices":["x","y"],"answer":0}"#, "questions"),
    ] {
        assert_eq!(read("x.jsonl", record).unwrap().format, format, "{record}");
    }
    // The fields are there, and nothing else fits: each line says what is wrong.
    let error = read("x.jsonl", r#"{"goal":"g","sol1":"s","sol2":"t","label":2}"#).unwrap_err().to_string();
    assert!(error.contains("`label` is 2, but there are 2 solutions"), "{error}");
}

#[test]
fn worked_examples_stand_in_the_frame_of_their_set() {
    let line = |number: u8, answer: u8| {
        format!(r#"{{"question":"q{number}","subject":"law","choices":["w","x","y","z"],"answer":{answer}}}"#)
    };
    let suite = read("x.jsonl", &format!("{}\n{}", line(1, 0), line(2, 3))).unwrap();
    let pool = dyno_eval::ExamplePool::new(&suite, 0);
    let direct = &strategies()[0];
    let examples = pool.worked_examples(&suite.items[0], direct, Some(1));
    let requests = likelihood_requests(&suite.items[0], direct, &examples, Framing::Text);
    let expected = "The following are multiple choice questions (with answers) about law.\n\n\
        q2\nA. w\nB. x\nC. y\nD. z\nAnswer: D\n\nq1\nA. w\nB. x\nC. y\nD. z\nAnswer:";
    assert_eq!(requests[0].prompt, Prompt::Text(expected.to_owned()));
}

#[test]
fn lengths_are_those_of_the_choice_alone() {
    let record = r#"{"ctx":"A man","endings":["[step] Grüße.","x"],"label":1}"#;
    let suite = read("x.jsonl", record).unwrap();
    let requests = likelihood_requests(&suite.items[0], &strategies()[0], &[], Framing::Text);
    let lengths: Vec<(u32, u32)> = requests.iter().map(|request| (request.chars, request.bytes)).collect();
    assert_eq!(lengths, [(7, 9), (1, 1)]);
}
