//! Generations with an engine in virtual time: which attempts are made, what each is told, and what comes of them.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use dyno_engine::{FakeEngine, FakeFailure, FakeFault, FakePoint, FakeScript};
use dyno_eval::SamplingChoice;
use dyno_types::{CancelFlag, Event, ModelFacts, ThreadChoice};

use super::*;
use crate::presets::TunedPreset;
use crate::{Weights, testing};

fn job(policy: PolicyWishes) -> GenerateJob {
    GenerateJob {
        model: "x.gguf".to_owned(),
        prompt: "2 + 2?".to_owned(),
        text: None,
        long: LongPrompt::Refuse,
        system: None,
        template: None,
        sampling: SamplingWishes { seed: Some(10), ..SamplingWishes::default() },
        preset: None,
        policy,
        max_tokens: Some(8),
        stop: Vec::new(),
        logprobs: 0,
        settings: EngineSettings::default(),
        thread_choice: ThreadChoice::Fixed,
        context_given: false,
    }
}

/// One token per answer: a word that depends on what was asked.
fn script(reply: fn(&GenerateRequest, u32) -> String) -> FakeScript {
    FakeScript { reply: Some(reply), eos_after: Some(1), ..FakeScript::default() }
}

/// Everything that was noted.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl EventSink for Notes {
    fn emit(&self, event: Event) {
        match event {
            Event::Note(text) | Event::Warning(text) => self.0.lock().unwrap().push(text),
            Event::Advice { text, remedy, .. } => {
                self.0.lock().unwrap().push(format!("{text}; {remedy:?}"));
            }
            _ => {}
        }
    }
}

async fn generate(script: FakeScript, job: &GenerateJob) -> (Result<Generated, AppError>, Vec<String>, u32) {
    let folder = tempfile::tempdir().unwrap();
    let model = Model {
        path: PathBuf::from("x.gguf"),
        facts: ModelFacts::default(),
        identity: dyno_models::ModelIdentity::default(),
        read_ms: 0.0,
    };
    let policy = job.policy.policy(&CancelFlag::default()).unwrap();
    let judge = policy.as_ref().and_then(|policy| policy.judge.clone());
    let judge = judge.map(|judge| JudgeLoading {
        loading: Loading {
            path: PathBuf::from(judge),
            identity: dyno_models::ModelIdentity::default(),
            settings: EngineSettings::default(),
            template: None,
        },
        limit: WindowLimit { tokens: 8_192, bound: dyno_advise::WindowBound::Trained },
    });
    let (engine, notes) = (Arc::new(FakeEngine::new(script)), Arc::new(Notes::default()));
    let mut shown = String::new();
    let mut show = |text: &str| shown.push_str(text);
    let work =
        testing::app_with(folder.path(), Arc::clone(&engine)).work(testing::job_heard_by(notes.clone()));
    let made = work.answer(job, Answering { model: &model, policy, judge }, &mut show).await;
    if let Ok(generated) = &made {
        assert_eq!(shown, generated.text);
    }
    let said = std::mem::take(&mut *notes.0.lock().unwrap());
    (made, said, engine.processes_started())
}

fn last_message(request: &GenerateRequest) -> &str {
    let Prompt::Chat(messages) = &request.prompt else { panic!("{request:?}") };
    &messages.last().unwrap().content
}

/// Right once it was told what was wrong.
fn mends(request: &GenerateRequest, _: u32) -> String {
    if last_message(request).contains("does not match") { "4".to_owned() } else { "four".to_owned() }
}

#[tokio::test]
async fn a_retry_is_told_what_was_wrong_and_its_cost_is_counted() {
    let policy = PolicyWishes { checks: vec!["match=^[0-9]$".to_owned()], ..PolicyWishes::default() };
    let (made, notes, _) = generate(script(mends), &job(policy)).await;
    let made = made.unwrap();
    assert_eq!((made.text.as_str(), made.sampling.seed, made.sampling.temperature), ("4", 11, 0.8));
    assert_eq!(notes, ["attempt 1 of 3 is not accepted: it does not match ^[0-9]$"]);
    assert!(made.refusal().is_none());
    let report = made.policy.unwrap();
    assert_eq!((report.accepted, report.attempts.len()), (Some(1), 2));
    // Begin, `user: 2 + 2?` and a line end, each byte a token, and the answer's one.
    assert_eq!((report.spent.attempts, report.spent.tokens_of_first), (2, 1 + 13 + 1));
    let feedback = "user: That answer cannot be used:\n- it does not match ^[0-9]$\n\
                    Answer the question again, without these faults.\n";
    let second = (1 + 13 + "four".len() + feedback.len() + 1) as u64;
    assert_eq!((report.attempts[1].tokens, report.spent.tokens), (second, 15 + second));
    assert_eq!(report.attempts[0].problems.len(), 1);
    assert!(report.attempts[1].problems.is_empty());
}

#[tokio::test]
async fn when_nothing_passes_the_best_attempt_is_there_and_the_failure_says_why() {
    let policy =
        PolicyWishes { checks: vec!["words=2..3".to_owned()], retries: Some(1), ..PolicyWishes::default() };
    let (made, notes, _) = generate(script(|_, _| "one".to_owned()), &job(policy)).await;
    let made = made.unwrap();
    assert_eq!((made.text.as_str(), notes.len()), ("one", 2));
    let refusal = made.refusal().unwrap();
    assert_eq!(refusal.exit_code(), 1);
    let said = refusal.to_string();
    assert!(said.contains("none of 2") && said.contains("it has 1 words; 2 to 3"), "{said}");
    assert_eq!(made.policy.unwrap().accepted, None);
}

/// Seeds 10, 12 and 13 say 4, seed 11 says 5.
fn wavers(request: &GenerateRequest, _: u32) -> String {
    if request.sampling.seed == 11 { "I say 5.".to_owned() } else { "It is 4.".to_owned() }
}

#[tokio::test]
async fn votes_end_as_soon_as_the_majority_is_certain() {
    let policy =
        PolicyWishes { votes: Some(5), vote_by: vec!["last_number".to_owned()], ..PolicyWishes::default() };
    let (made, notes, _) = generate(script(wavers), &job(policy)).await;
    let made = made.unwrap();
    assert_eq!(made.text, "It is 4.");
    let report = made.policy.unwrap();
    assert_eq!((report.accepted, report.attempts.len(), notes.len()), (Some(0), 4, 4));
    let greedy = SamplingWishes { temperature: Some(0.0), ..SamplingWishes::default() };
    let policy = PolicyWishes { votes: Some(3), ..PolicyWishes::default() };
    let (refused, ..) = generate(script(wavers), &GenerateJob { sampling: greedy, ..job(policy) }).await;
    assert!(refused.unwrap_err().remedy() == Some(dyno_types::Remedy::Raise(dyno_types::Wish::Temperature)));
}

/// Answers `5` first; as judge, likes only 4.
fn both_roles(request: &GenerateRequest, _: u32) -> String {
    let text = last_message(request);
    if !text.starts_with("Grade an answer") {
        return if text.contains("a reader graded it 2") { "4".to_owned() } else { "5".to_owned() };
    }
    let grade = if text.contains("<<<\n4\n>>>") { 9 } else { 2 };
    format!("Because.\nGrade: {grade}")
}

#[tokio::test]
async fn a_judge_is_another_process_and_only_where_it_is_asked() {
    let policy = PolicyWishes { judge: Some("judge.gguf".to_owned()), ..PolicyWishes::default() };
    let (made, notes, processes) = generate(script(both_roles), &job(policy.clone())).await;
    let made = made.unwrap();
    // One says what it computes with, one answers, one judges.
    assert_eq!((made.text.as_str(), processes), ("4", 3));
    assert_eq!(
        notes,
        [
            "attempt 1 of 3 is not accepted: a reader graded it 2 of 10: Because.",
            "attempt 2 of 3: the judge's grade is 9 of 10"
        ]
    );
    let report = made.policy.unwrap();
    let grades: Vec<Option<u32>> = report.attempts.iter().map(|attempt| attempt.grade).collect();
    assert_eq!(grades, [Some(2), Some(9)]);
    assert_eq!(report.attempts[1].judged.as_deref(), Some("Because.\nGrade: 9"));
    assert!(report.spent.tokens > report.attempts.iter().map(|attempt| attempt.tokens).sum::<u64>());
    // What fails a check is not shown to the judge.
    let strict = PolicyWishes { checks: vec!["match=never".to_owned()], ..policy };
    let (made, _, processes) = generate(script(both_roles), &job(strict)).await;
    assert_eq!((made.unwrap().policy.unwrap().accepted, processes), (None, 2));
}

#[tokio::test]
async fn a_grade_out_of_range_accepts_nothing() {
    let policy = PolicyWishes { judge: Some("judge.gguf".to_owned()), ..PolicyWishes::default() };
    let reply = |request: &GenerateRequest, _: u32| {
        let text = last_message(request);
        assert!(!text.contains("no grade"), "the model is told of its judge: {text}");
        if text.starts_with("Grade an answer") { "Grade: 100".to_owned() } else { "4".to_owned() }
    };
    let (made, notes, _) = generate(script(reply), &job(policy)).await;
    let made = made.unwrap();
    let refusal = made.refusal().unwrap().to_string();
    assert!(refusal.contains("no grade from 1 to 10") && refusal.contains("Grade: 100"), "{refusal}");
    let report = made.policy.unwrap();
    assert_eq!(
        (report.accepted, report.attempts.len(), report.attempts[0].grade),
        (None, 3, None),
        "{notes:?}"
    );
}

#[tokio::test]
async fn a_text_that_is_continued_is_told_nothing() {
    let policy = PolicyWishes { checks: vec!["match=x".to_owned()], ..PolicyWishes::default() };
    let raw = GenerateJob { template: Some("none".to_owned()), ..job(policy) };
    let reply = |request: &GenerateRequest, _: u32| {
        assert_eq!(request.prompt, Prompt::Text("2 + 2?".to_owned()));
        format!("seed {}", request.sampling.seed)
    };
    let (made, ..) = generate(script(reply), &raw).await;
    let texts: Vec<String> =
        made.unwrap().policy.unwrap().attempts.into_iter().map(|attempt| attempt.text).collect();
    assert_eq!(texts, ["seed 10", "seed 11", "seed 12"]);
}

fn tuned(choice: SamplingChoice) -> TunedPreset {
    TunedPreset {
        choice,
        quality: 0.5,
        decode_tps: 20.0,
        objective: 0.65,
        weights: Weights::default(),
        strategy: "direct".to_owned(),
        suites: vec!["s".to_owned()],
        judge: None,
        seed: 0,
        generations: 300,
        sentence: "found".to_owned(),
        dyno: "0".to_owned(),
        found_unix_ms: 1,
    }
}

#[test]
fn a_preset_is_taken_where_it_is_named_and_flags_win_over_it() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::app(folder.path());
    let quiet = app.work(testing::job());
    let model = quiet.find("synth:tiny-llama@q8_0").unwrap();
    let sampling = |job: &GenerateJob| {
        let notes = Arc::new(Notes::default());
        let work = app.work(testing::job_heard_by(notes.clone()));
        let sampling = work.sampling_for(job, &model).unwrap();
        let said = std::mem::take(&mut *notes.0.lock().unwrap());
        (sampling, said)
    };
    let named = |preset: Option<&str>, sampling: SamplingWishes| GenerateJob {
        preset: preset.map(str::to_owned),
        sampling,
        ..job(PolicyWishes::default())
    };
    let nothing = SamplingWishes::default();
    assert_eq!(sampling(&named(None, nothing)), (Sampling::default(), vec![]));
    let (start, notes) = sampling(&named(Some("code"), nothing));
    assert_eq!((start.temperature, start.top_p, notes.len()), (0.1, 0.9, 1));
    assert!(notes[0].contains("was not tuned for code") && notes[0].contains("Tune {"), "{notes:?}");

    let choice = SamplingChoice { temperature: 0.5, top_p: 0.8, min_p: 0.05, repetition_penalty: 1.1 };
    let sha256 = quiet.model_sha256(&model.identity).unwrap();
    let file = quiet.keep_preset("m", &sha256, "creativity", tuned(choice)).unwrap();
    quiet.keep_preset("m", &sha256, "code", tuned(SamplingChoice::GREEDY)).unwrap();
    let (found, notes) = sampling(&named(Some("creative"), nothing));
    assert_eq!(found, choice.apply(&Sampling::default(), 0));
    assert!(notes[0].starts_with("preset creativity"), "{notes:?}");
    let hot = SamplingWishes { temperature: Some(1.5), seed: Some(3), ..nothing };
    let (found, _) = sampling(&named(Some("creative"), hot));
    assert_eq!((found.temperature, found.top_p, found.seed), (1.5, 0.8, 3));
    // Nothing named: the defaults, and a word about what there is, unless it is not wanted or the draw is decided.
    let (found, notes) = sampling(&named(None, nothing));
    assert_eq!(found, Sampling::default());
    assert!(notes[0].contains("code, creativity"), "{notes:?}");
    assert!(sampling(&named(Some("none"), nothing)).1.is_empty());
    assert!(sampling(&named(None, hot)).1.is_empty());
    let unknown = quiet.sampling_for(&named(Some("cooking"), nothing), &model).unwrap_err();
    assert!(unknown.to_string().contains("creativity"), "{unknown}");

    std::fs::write(&file, "{}").unwrap();
    let (found, notes) = sampling(&named(Some("creative"), nothing));
    assert!((found.temperature, notes[0].contains("is not used")) == (0.8, true), "{notes:?}");
}

#[tokio::test]
async fn the_template_of_a_file_makes_chats_of_prompts_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.jinja");
    std::fs::write(&file, "{{ messages[0].content }}").unwrap();
    let bare = || FakeScript { has_chat_template: false, ..script(|_, _| "hm".to_owned()) };
    let own = GenerateJob { template: Some(file.display().to_string()), ..job(PolicyWishes::default()) };
    let (made, notes, _) = generate(bare(), &own).await;
    let made = made.unwrap();
    assert!(made.chat && !made.template.own, "{:?}", made.template);
    assert!(made.template.name.ends_with("own.jinja") && notes[0].contains("own.jinja"), "{notes:?}");
    std::fs::write(&file, "{% broken").unwrap();
    let error = generate(bare(), &own).await.0.unwrap_err();
    assert!(error.to_string().contains("own.jinja") && error.exit_code() == 2, "{error}");
}

#[tokio::test]
async fn reasoning_that_never_ends_fails_a_check() {
    let policy =
        PolicyWishes { checks: vec!["not-empty".to_owned()], retries: Some(0), ..PolicyWishes::default() };
    let thinks = FakeScript { reasoning_mark: Some("[THINK]"), ..script(|_, _| "hm".to_owned()) };
    let (made, notes, _) = generate(thinks, &job(policy)).await;
    let generated = made.unwrap();
    assert_eq!((generated.text.as_str(), generated.policy.unwrap().accepted), ("hm", None), "{notes:?}");
}

#[tokio::test]
async fn a_named_template_stands_around_the_prompt_and_ends_the_answer() {
    let reply = |request: &GenerateRequest, _: u32| {
        // Begin, and a token each byte.
        let Prompt::Tokens(tokens) = &request.prompt else { panic!("{request:?}") };
        let text: String =
            tokens.iter().filter_map(|token| u8::try_from(*token).ok()).map(char::from).collect();
        assert!(text.contains("<|im_start|>user\n2 + 2?<|im_end|>"), "{text}");
        assert!(request.stop.contains(&"<|im_end|>".to_owned()), "{:?}", request.stop);
        "4".to_owned()
    };
    let named = |name: &str| GenerateJob { template: Some(name.to_owned()), ..job(PolicyWishes::default()) };
    let (made, notes, _) = generate(script(reply), &named("chatml")).await;
    let made = made.unwrap();
    assert_eq!((made.text.as_str(), made.template.name.as_str(), made.template.own), ("4", "chatml", false));
    assert!(notes[0].contains("`chatml` was used instead of the model's own"), "{notes:?}");
    let error = generate(script(reply), &named("chatlm")).await.0.unwrap_err();
    assert!(error.exit_code() == 2 && error.to_string().contains("chatml"), "{error}");
}

#[tokio::test]
async fn where_the_template_takes_no_system_message_that_is_said_once_and_in_the_result() {
    let takes_none = |system_in_user| FakeScript { system_in_user, ..script(|_, _| "4".to_owned()) };
    for (system, system_in_user, said) in
        [(Some("Be brief."), true, 1), (Some("Be brief."), false, 0), (None, true, 0)]
    {
        let job = GenerateJob { system: system.map(str::to_owned), ..job(PolicyWishes::default()) };
        let (made, notes, _) = generate(takes_none(system_in_user), &job).await;
        assert_eq!(made.unwrap().template.system_in_user, system_in_user);
        let remarks = notes.iter().filter(|note| note.contains("takes no system message")).count();
        assert_eq!(remarks, said, "{notes:?}");
    }
}

#[tokio::test]
async fn the_window_of_a_judge_is_as_large_as_what_it_reads_and_writes() {
    let policy = PolicyWishes { judge: Some("judge.gguf".to_owned()), ..PolicyWishes::default() };
    let reply = |request: &GenerateRequest, _: u32| match last_message(request).starts_with("Grade an answer")
    {
        true => "Good.\nGrade: 9".to_owned(),
        false => "4".repeat(if request.max_tokens > 8 { 4_000 } else { 1 }),
    };
    // A window of no use is not opened.
    let over = |tokens| FakeFault {
        process: None,
        point: FakePoint::ContextOver(tokens),
        failure: FakeFailure::OutOfMemory,
    };
    let small = FakeScript { faults: vec![over(2_047)], ..script(reply) };
    let accepted = |made: Result<Generated, AppError>| made.unwrap().policy.unwrap().accepted;
    assert_eq!(accepted(generate(small, &job(policy.clone())).await.0), Some(0));
    // Four thousand tokens are read whole, in a window that nobody would open for a word.
    let long = GenerateJob { max_tokens: Some(9), ..job(policy) };
    let (made, notes, _) = generate(script(reply), &long).await;
    assert_eq!(accepted(made), Some(0), "{notes:?}");
}
