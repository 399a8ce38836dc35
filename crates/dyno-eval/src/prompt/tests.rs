//! What a model is given, written out.

use super::*;
use crate::{EXAMPLE_TAG, SuiteHeader, strategies};

fn strategy(name: &str) -> Strategy {
    strategies().into_iter().find(|strategy| strategy.name == name).unwrap()
}

fn question() -> Item {
    let mut item = Item::new("1", "sums", ItemKind::Numeric, "What is 2 + 3?");
    item.answers = vec!["5".to_owned()];
    item
}

fn choice(style: ChoiceStyle, question: &str, choices: &[&str]) -> Item {
    let mut item = Item::new("1", "t", ItemKind::Choice, question);
    item.style = style;
    item.choices = choices.iter().map(ToString::to_string).collect();
    item.correct = Some(0);
    item
}

fn roles(prompt: &Prompt) -> Vec<(String, String)> {
    let Prompt::Chat(messages) = prompt else { panic!("{prompt:?}") };
    messages.iter().map(|message| (message.role.clone(), message.content.clone())).collect()
}

fn pair(role: &str, content: &str) -> (String, String) {
    (role.to_owned(), content.to_owned())
}

#[test]
fn strategies_shape_the_chat() {
    let direct = generation_prompt(&question(), &strategy("direct"), &[], Framing::Chat);
    assert_eq!(roles(&direct), [pair("user", "What is 2 + 3?")]);
    let thinking = generation_prompt(&question(), &strategy("thinking"), &[], Framing::Chat);
    assert_eq!(
        roles(&thinking),
        [
            pair("system", "Think step by step and explain your reasoning."),
            pair("user", "Let me think about this carefully: What is 2 + 3?")
        ]
    );
    let mut begun = strategy("direct");
    begun.prefix = "Step 1:".to_owned();
    begun.prefix_place = PrefixPlace::Answer;
    let begun = generation_prompt(&question(), &begun, &[], Framing::Chat);
    assert_eq!(roles(&begun), [pair("user", "What is 2 + 3?"), pair("assistant", "Step 1:")]);
}

#[test]
fn examples_become_turns_or_text() {
    let examples = [Example { question: "1 + 1?".to_owned(), answer: "2".to_owned() }];
    let turns = generation_prompt(&question(), &strategy("few_shot"), &examples, Framing::Chat);
    assert_eq!(
        roles(&turns)[1..],
        [pair("user", "1 + 1?"), pair("assistant", "2"), pair("user", "What is 2 + 3?")]
    );
    let inside = generation_prompt(&question(), &strategy("few_shot_reasoning"), &examples, Framing::Chat);
    let expected = "Question: 1 + 1?\nAnswer: 2\n\nNow solve: What is 2 + 3?";
    assert_eq!(roles(&inside)[1], pair("user", expected));
    let text = generation_prompt(&question(), &strategy("direct"), &examples, Framing::Text);
    let expected = "Question: 1 + 1?\nAnswer: 2\n\nQuestion: What is 2 + 3?\nAnswer:";
    assert_eq!(text, Prompt::Text(expected.to_owned()));
}

fn texts(requests: &[LikelihoodRequest]) -> Vec<(&str, &str)> {
    requests
        .iter()
        .map(|request| match &request.prompt {
            Prompt::Text(prefix) => (prefix.as_str(), request.continuation.as_str()),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn each_style_scores_its_own_stretch_of_text() {
    let direct = strategy("direct");
    let requests = |item: &Item| likelihood_requests(item, &direct, &[], Framing::Text);
    let answer = requests(&choice(ChoiceStyle::Answer, "Capital of France?", &["Paris", "Rome"]));
    assert_eq!(
        texts(&answer),
        [
            ("Question: Capital of France?\nAnswer:", " Paris"),
            ("Question: Capital of France?\nAnswer:", " Rome")
        ]
    );
    let letters = requests(&choice(ChoiceStyle::Letters, "Capital of France?", &["Paris", "Rome"]));
    let prefix = "Question: Capital of France?\nA. Paris\nB. Rome\nAnswer:";
    assert_eq!(texts(&letters), [(prefix, " A"), (prefix, " B")]);
    let ending = requests(&choice(ChoiceStyle::Ending, "A man sits. He", &["stands up.", " falls."]));
    // White space that a choice begins with is scored with it.
    assert_eq!(texts(&ending), [("A man sits. He", " stands up."), ("A man sits. He", "  falls.")]);
    let blank = choice(
        ChoiceStyle::Blank,
        "The cup fell off the table because _ was wet.",
        &["the cup", "the table"],
    );
    assert_eq!(
        texts(&requests(&blank)),
        [
            ("The cup fell off the table because the cup", " was wet."),
            ("The cup fell off the table because the table", " was wet.")
        ]
    );
    let mut cloze = Item::new("1", "t", ItemKind::Cloze, "");
    cloze.context = "She opened the".to_owned();
    cloze.answers = vec!["door".to_owned()];
    assert_eq!(texts(&requests(&cloze)), [("She opened the", " door")]);
    assert!(requests(&question()).is_empty());
}

#[test]
fn chats_score_the_choice_without_a_space_and_passages_stay_texts() {
    let direct = strategy("direct");
    let answer = choice(ChoiceStyle::Answer, "Capital of France?", &["Paris", "Rome"]);
    let requests = likelihood_requests(&answer, &direct, &[], Framing::Chat);
    assert_eq!(requests[0].continuation, "Paris");
    assert_eq!(roles(&requests[0].prompt), [pair("user", "Capital of France?")]);
    let ending = choice(ChoiceStyle::Ending, "He", &["stands.", "falls."]);
    let requests = likelihood_requests(&ending, &direct, &[], Framing::Chat);
    assert_eq!(texts(&requests)[0], ("He", " stands."));
}

#[test]
fn programs_are_asked_for_or_continued() {
    let mut item = Item::new("1", "t", ItemKind::Code, "Complete this Python function.");
    item.code_start = "def f(x):\n    \"\"\"Doubles.\"\"\"\n".to_owned();
    let text = generation_prompt(&item, &strategy("direct"), &[], Framing::Text);
    assert_eq!(text, Prompt::Text(item.code_start.clone()));
    assert!(stop_texts(&item, Framing::Text).contains(&"\ndef ".to_owned()));
    let chat = roles(&generation_prompt(&item, &strategy("direct"), &[], Framing::Chat));
    assert!(chat[0].1.starts_with("Complete this Python function.\n\n```python\ndef f(x):"), "{chat:?}");
}

fn suite(items: Vec<Item>, examples: Vec<Item>) -> Suite {
    let header = SuiteHeader::default();
    Suite {
        header,
        format: crate::SUITE_SCHEMA,
        remarks: vec![],
        items,
        examples,
        refused: vec![],
        refused_total: 0,
    }
}

fn numbered(id: u32, task: &str) -> Item {
    let mut item = Item::new(id.to_string(), task, ItemKind::Numeric, format!("question {id}"));
    item.answers = vec![id.to_string()];
    item.solution = Some(format!("steps to {id}"));
    item
}

#[test]
fn examples_are_never_the_item_itself_and_prefer_its_task() {
    let items: Vec<Item> = (0..20).map(|id| numbered(id, if id < 10 { "a" } else { "b" })).collect();
    let suite = suite(items, vec![]);
    for item in &suite.items {
        let found = ExamplePool::new(&suite, 7).worked_examples(item, &strategy("few_shot"), Some(4));
        assert_eq!(found.len(), 4);
        assert!(found.iter().all(|example| example.question != item.question));
        let same_task = |example: &Example| {
            let id: u32 = example.answer.parse().unwrap();
            (id < 10) == (item.task == "a")
        };
        assert!(found.iter().all(same_task), "{found:?}");
    }
    let first = ExamplePool::new(&suite, 7).worked_examples(&suite.items[0], &strategy("direct"), Some(3));
    assert_eq!(
        first,
        ExamplePool::new(&suite, 7).worked_examples(&suite.items[0], &strategy("direct"), Some(3))
    );
    assert_ne!(
        first,
        ExamplePool::new(&suite, 8).worked_examples(&suite.items[0], &strategy("direct"), Some(3))
    );
    let steps = ExamplePool::new(&suite, 7).worked_examples(&suite.items[0], &strategy("thinking"), Some(1));
    assert!(steps[0].answer.starts_with("steps to"), "{steps:?}");
}

#[test]
fn tagged_examples_come_first_and_own_ones_are_the_last_resort() {
    let mut example = numbered(99, "z");
    example.tags = vec![EXAMPLE_TAG.to_owned()];
    let with = suite(vec![numbered(1, "a"), numbered(2, "a")], vec![example]);
    let found = ExamplePool::new(&with, 0).worked_examples(&with.items[0], &strategy("few_shot"), None);
    assert_eq!(found.iter().map(|example| example.answer.as_str()).collect::<Vec<_>>(), ["99"]);
    let alone = suite(vec![numbered(1, "a")], vec![]);
    let found = ExamplePool::new(&alone, 0).worked_examples(&alone.items[0], &strategy("few_shot"), None);
    assert_eq!(found, strategy("few_shot").examples);
    assert!(
        ExamplePool::new(&alone, 0).worked_examples(&alone.items[0], &strategy("direct"), None).is_empty()
    );
}

#[test]
fn follow_ups_keep_the_conversation() {
    let Prompt::Chat(messages) = generation_prompt(&question(), &strategy("direct"), &[], Framing::Chat)
    else {
        panic!("a chat was asked for");
    };
    let next = Prompt::Chat(follow_up(messages, "5", "And plus one?"));
    assert_eq!(
        roles(&next),
        [pair("user", "What is 2 + 3?"), pair("assistant", "5"), pair("user", "And plus one?")]
    );
}

#[test]
fn an_example_never_shows_the_answer_of_the_question_that_is_asked() {
    // The same question under three ids, once with white space around it, and one that is asked of another text.
    let mut items: Vec<Item> = (0..3).map(|id| numbered(id, "a")).collect();
    for item in &mut items {
        item.question = "How many?".to_owned();
    }
    items[1].question = " How many?\n".to_owned();
    let mut other = numbered(7, "a");
    (other.question, other.context) = ("How many?".to_owned(), "Seven dwarfs.".to_owned());
    items.push(other);
    let suite = suite(items, vec![]);
    let found = ExamplePool::new(&suite, 7).worked_examples(&suite.items[0], &strategy("direct"), Some(3));
    let answers: Vec<&str> = found.iter().map(|example| example.answer.as_str()).collect();
    assert_eq!(answers, ["7"]);
}
