//! Long prompts with an engine in virtual time whose tokens are bytes: what is read, what is said about it, and that nothing is lost.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use dyno_engine::{FakeEngine, FakeScript};
use dyno_types::{
    CancelFlag, EngineSettings, Event, EventSink, FinishReason, GenerateRequest, ModelFacts, Prompt,
    ReadingPlan, ThreadChoice,
};

use super::LongPrompt;
use crate::app::Model;
use crate::generate::{Answering, GenerateJob, Generated, PolicyWishes, SamplingWishes};
use crate::{AppError, testing};

const TRAINED: u32 = 512;

/// Everything that was said.
#[derive(Default)]
struct Said(Mutex<Vec<String>>);

impl EventSink for Said {
    fn emit(&self, event: Event) {
        if let Event::Note(text) | Event::Warning(text) = event {
            self.0.lock().unwrap().push(text);
        }
    }
}

fn job(prompt: &str, long: LongPrompt) -> GenerateJob {
    GenerateJob {
        model: "x.gguf".to_owned(),
        prompt: prompt.to_owned(),
        text: None,
        long,
        system: None,
        template: None,
        sampling: SamplingWishes::default(),
        preset: None,
        policy: PolicyWishes::default(),
        max_tokens: None,
        stop: Vec::new(),
        logprobs: 0,
        settings: EngineSettings::default(),
        thread_choice: ThreadChoice::Fixed,
        context_given: false,
    }
}

fn script(reply: fn(&GenerateRequest, u32) -> String, eos_after: Option<u32>) -> FakeScript {
    FakeScript { reply: Some(reply), eos_after, ..FakeScript::default() }
}

async fn generate(
    script: FakeScript,
    job: &GenerateJob,
) -> (Result<Generated, AppError>, Vec<String>, String) {
    let folder = tempfile::tempdir().unwrap();
    let facts = ModelFacts {
        context_train: Some(u64::from(TRAINED)),
        file_name: "x.gguf".to_owned(),
        ..ModelFacts::default()
    };
    let model = Model {
        path: PathBuf::from("x.gguf"),
        facts,
        identity: dyno_models::ModelIdentity::default(),
        read_ms: 0.0,
    };
    let policy = job.policy.policy(&CancelFlag::default()).unwrap();
    let said = Arc::new(Said::default());
    let mut shown = String::new();
    let mut show = |text: &str| shown.push_str(text);
    let app = testing::app_with(folder.path(), FakeEngine::new(script));
    let work = app.work(testing::job_heard_by(said.clone()));
    let made = work.answer(job, Answering { model: &model, policy, judge: None }, &mut show).await;
    let said = std::mem::take(&mut *said.0.lock().unwrap());
    (made, said, shown)
}

/// What the user says in a request.
fn asked(request: &GenerateRequest) -> String {
    match &request.prompt {
        Prompt::Chat(messages) => {
            messages.iter().find(|message| message.role == "user").unwrap().content.clone()
        }
        Prompt::Text(text) => text.clone(),
        Prompt::Tokens(_) => panic!("{request:?}"),
    }
}

/// `0000. 0001. …`: every word can be told from every other.
fn numbered_text(words: u32) -> String {
    (0..words).map(|word| format!("{word:04}. ")).collect()
}

fn words_in(text: &str) -> Vec<u32> {
    text.split_whitespace().filter_map(|word| word.strip_suffix('.')?.parse().ok()).collect()
}

fn says_ok(_: &GenerateRequest, _: u32) -> String {
    "ok".to_owned()
}

#[tokio::test]
async fn the_window_is_what_prompt_and_answer_need() {
    for (prompt, max_tokens, context, answer) in
        [(10, Some(8), 256, 8), (10, None, 512, 494), (300, Some(8), 512, 8)]
    {
        let job = GenerateJob { max_tokens, ..job(&"x".repeat(prompt), LongPrompt::Refuse) };
        let (made, said, _) = generate(script(says_ok, None), &job).await;
        let made = made.unwrap();
        assert_eq!((made.context, made.tokens.len()), (context, answer), "{prompt} {max_tokens:?}");
        assert_eq!(made.finish_reason, FinishReason::Length);
        // A cut is never silent, and its reason is the true one.
        let reason =
            if max_tokens.is_some() { "maximum length, 8 tokens" } else { "window of 512 tokens is full" };
        assert!(said.iter().any(|text| text.contains(reason)), "{said:?}");
    }
    let (_, said, _) = generate(script(says_ok, Some(1)), &job("short", LongPrompt::Refuse)).await;
    assert!(said.is_empty(), "{said:?}");
}

#[tokio::test]
async fn what_fits_no_window_is_refused_with_the_plan() {
    static ASKED: Mutex<u32> = Mutex::new(0);
    fn counts(_: &GenerateRequest, _: u32) -> String {
        *ASKED.lock().unwrap() += 1;
        String::new()
    }
    let text = numbered_text(300);
    let (made, ..) = generate(script(counts, Some(1)), &job(&text, LongPrompt::Refuse)).await;
    let error = made.unwrap_err();
    assert_eq!((error.exit_code(), *ASKED.lock().unwrap()), (2, 0));
    let said = error.to_string();
    // A beginning of the sequence, `user: `, the text and a line end.
    for part in ["1,808 tokens", "trained for 512", "in ", "parts of", "a sliding window of"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let AppError::TooLong(refused) = error else { panic!("{said}") };
    assert_eq!((refused.prompt_tokens, refused.plans.len(), refused.window_that_fits()), (1_808, 2, None));
    // A window asked for is not made larger in silence, and the one that would fit is named.
    let settings = EngineSettings { context: 256, ..EngineSettings::default() };
    let small = GenerateJob { settings, context_given: true, ..job(&"x".repeat(300), LongPrompt::Refuse) };
    let (made, ..) = generate(script(counts, Some(1)), &small).await;
    let said = made.unwrap_err().to_string();
    assert!(said.contains("asked for holds 256") && said.contains("a window of 512 would fit"), "{said}");
}

#[tokio::test]
async fn every_word_of_a_long_text_is_in_a_part_and_the_answers_come_together() {
    static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());
    fn reads(request: &GenerateRequest, _: u32) -> String {
        let asked = asked(request);
        assert!(asked.len() + 8 + request.max_tokens as usize <= TRAINED as usize, "{asked}");
        let about_answers = asked.starts_with("A long text was read");
        SEEN.lock().unwrap().push(asked);
        // Answers so long that one prompt does not hold them all.
        if about_answers { "together".to_owned() } else { "a part's answer ".repeat(4) }
    }
    let text = numbered_text(300);
    let job = GenerateJob { text: Some(text), ..job("Which?", LongPrompt::Chunks) };
    let (made, said, shown) = generate(script(reads, Some(1)), &job).await;
    let made = made.unwrap();
    assert_eq!((made.text.as_str(), shown.as_str(), made.context), ("together", "together", TRAINED));
    let seen = SEEN.lock().unwrap();
    let parts: Vec<Vec<u32>> =
        seen.iter().filter(|asked| asked.starts_with("Part ")).map(|asked| words_in(asked)).collect();
    let words: std::collections::BTreeSet<u32> = parts.iter().flatten().copied().collect();
    assert_eq!(words, (0..300).collect());
    assert!(
        parts.windows(2).all(|pair| pair[1][0] <= *pair[0].last().unwrap()),
        "neighbours share: {parts:?}"
    );
    assert!(seen.iter().all(|asked| asked.contains("Which?")));
    let reading = made.reading.unwrap();
    let Some(ReadingPlan::Chunks { count, .. }) = Some(reading.plan) else { panic!() };
    let of_level = |level| reading.parts.iter().filter(|part| part.level == level).count();
    assert_eq!((of_level(0), count, reading.text_tokens), (parts.len(), parts.len() as u64, 1_800));
    assert!(of_level(1) > 1, "the answers took two levels: {}", of_level(1));
    assert_eq!(reading.forgotten_tokens, 0);
    assert!(said[0].contains("is read in"), "{said:?}");
}

#[tokio::test]
async fn a_sliding_window_reads_the_newest_and_says_what_it_forgets() {
    static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());
    fn reads(request: &GenerateRequest, _: u32) -> String {
        SEEN.lock().unwrap().push(asked(request));
        "ok".to_owned()
    }
    let job = GenerateJob { text: Some(numbered_text(300)), ..job("Which?", LongPrompt::Slide) };
    let (made, said, _) = generate(script(reads, Some(1)), &job).await;
    let reading = made.unwrap().reading.unwrap();
    let seen = SEEN.lock().unwrap();
    let words = words_in(&seen[0]);
    assert_eq!((seen.len(), *words.last().unwrap()), (1, 299));
    assert!(words[0] > 200 && seen[0].ends_with("Which?"), "{seen:?}");
    assert_eq!(reading.forgotten_tokens, u64::from(words[0]) * 6);
    assert!(
        said[0].contains(&format!(
            "the first {} of 1,800 tokens are not read",
            dyno_report::count_text(reading.forgotten_tokens)
        )),
        "{said:?}"
    );
}

#[tokio::test]
async fn an_answer_slides_on_past_the_window() {
    static LARGEST: Mutex<usize> = Mutex::new(0);
    fn writes(request: &GenerateRequest, index: u32) -> String {
        if index == 0 {
            let Prompt::Text(text) = &request.prompt else { panic!() };
            let mut largest = LARGEST.lock().unwrap();
            *largest = (*largest).max(text.len() + 1 + request.max_tokens as usize);
        }
        "x".to_owned()
    }
    let job = GenerateJob {
        template: Some("none".to_owned()),
        max_tokens: Some(2_000),
        ..job("Once upon a time", LongPrompt::Slide)
    };
    let (made, said, shown) = generate(script(writes, None), &job).await;
    let made = made.unwrap();
    assert_eq!((made.text.len(), shown.len(), made.tokens.len()), (2_000, 2_000, 2_000));
    assert_eq!(made.finish_reason, FinishReason::Length);
    assert!(*LARGEST.lock().unwrap() <= TRAINED as usize);
    assert!(made.tokens.is_sorted_by(|one, next| one.at_ms <= next.at_ms));
    assert!(said.iter().any(|text| text.contains("maximum length, 2000 tokens")), "{said:?}");
    // The same without sliding is refused, not cut.
    let (made, ..) = generate(script(writes, None), &GenerateJob { long: LongPrompt::Refuse, ..job }).await;
    assert_eq!(made.unwrap_err().exit_code(), 2);
}
