//! Whole searches with an engine in virtual time, whose answers depend on the sampling alone.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dyno_engine::{ExitCause, FakeEngine, FakeFailure, FakeFault, FakePoint, FakeScript};
use dyno_eval::{Item, ItemKind, Suite, SuiteHeader, strategies};
use dyno_types::{CancelFlag, Event, EventSink, GenerateRequest, Job, ModelFacts, Silent};

use super::*;
use crate::app::Model;
use crate::testing::{app_with, work, work_with};

fn job() -> TuneJob {
    TuneJob {
        model: "x.gguf".to_owned(),
        tasks: Vec::new(),
        suites: Vec::new(),
        strategy: None,
        budget: TUNE_BUDGET,
        candidates: CANDIDATES_USUAL,
        weights: Weights::default(),
        seed: 5,
        max_tokens: 8,
        template: None,
        judge: None,
        unsafe_code: false,
        cache: true,
        save: true,
        settings: EngineSettings { sequences: 4, ..EngineSettings::default() },
        context_given: false,
    }
}

/// Forty sums whose answer is 4, to be searched by from the start of `reasoning`.
fn sums(job: &TuneJob) -> Plan {
    let item = |id: usize| {
        let mut item = Item::new(format!("n{id}"), "sums", ItemKind::Numeric, format!("question {id}?"));
        item.answers = vec!["4".to_owned()];
        item
    };
    of_items(job, "reasoning", (0..40).map(item).collect())
}

/// A search for one task by these questions.
fn of_items(job: &TuneJob, task: &str, items: Vec<Item>) -> Plan {
    let header = SuiteHeader { name: "sums".to_owned(), ..SuiteHeader::default() };
    let suite = Suite {
        header,
        format: "test",
        remarks: Vec::new(),
        items,
        examples: Vec::new(),
        refused: Vec::new(),
        refused_total: 0,
    };
    let id = suite.id("digest");
    let all = (0..suite.items.len()).collect();
    let questions = Questions::new(suite, id, all);
    let pool = Pool { task: task.to_owned(), suites: vec!["sums".to_owned()], questions };
    let tuner = TunerPlan {
        start: start_of(task).unwrap().choice(),
        candidates: job.candidates,
        items: pool.items(),
        budget: job.budget,
        weights: job.weights,
        seed: job.seed,
    };
    let strategy = strategies().into_iter().find(|strategy| strategy.name == "direct").unwrap();
    Plan { strategy, tasks: vec![(pool, tuner)], skipped: Vec::new(), judge: None }
}

fn subject(job: &TuneJob) -> Subject {
    let model = Model {
        path: PathBuf::from("x.gguf"),
        facts: ModelFacts::default(),
        identity: dyno_models::ModelIdentity::default(),
        read_ms: 0.0,
    };
    Subject {
        model,
        sha256: "model-digest".to_owned(),
        settings: job.settings.clone(),
        thread_choice: dyno_types::ThreadChoice::Fixed,
    }
}

/// Three tokens per answer, of which the first is all of it.
fn script(reply: fn(&GenerateRequest, u32) -> String) -> FakeScript {
    FakeScript { reply: Some(reply), eos_after: Some(3), ..FakeScript::default() }
}

/// Right when it takes the likeliest token.
fn greedy_is_right(request: &GenerateRequest, index: u32) -> String {
    match index {
        0 if request.sampling.temperature == 0.0 => "4".to_owned(),
        0 => "5".to_owned(),
        _ => String::new(),
    }
}

fn always_right(_: &GenerateRequest, index: u32) -> String {
    if index == 0 { "4".to_owned() } else { String::new() }
}

async fn tune(folder: &Path, script: FakeScript, job: &TuneJob) -> Result<TuneResult, AppError> {
    work_with(folder, FakeEngine::new(script)).search(job, sums(job), &subject(job)).await
}

#[tokio::test]
async fn the_setting_that_answers_right_wins_holds_up_and_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let job = job();
    let result = tune(folder.path(), script(greedy_is_right), &job).await.unwrap();
    assert!(result.error.is_none() && result.skipped.is_empty(), "{result:?}");
    let task = &result.tasks[0];
    assert_eq!((task.recommended, task.winner.candidate), (SamplingChoice::GREEDY, 1));
    // 50 tokens/s count as fully fast.
    assert_eq!((task.winner.quality, task.winner.objective), (1.0, 1.0));
    let comparison = task.comparison.as_ref().unwrap();
    assert_eq!((comparison.start.quality, comparison.winner.quality), (0.0, 1.0));
    assert_eq!((comparison.quality_difference, comparison.quality_difference_ci95), (1.0, [1.0, 1.0]));
    assert!((comparison.start.objective - 0.3).abs() < 1e-12);
    let shapes: Vec<(usize, usize, bool)> =
        task.rounds.iter().map(|round| (round.settings.len(), round.answers_each, round.fresh)).collect();
    assert_eq!((shapes[0], shapes.len()), ((9, 12, false), 3));
    assert!(shapes[2].0 == 2 && shapes[2].2 && !shapes[1].2, "{shapes:?}");
    let asked: usize = shapes.iter().map(|(settings, each, _)| settings * each).sum();
    assert!(task.generations == asked && asked <= job.budget, "{asked}");
    assert_eq!(task.rounds[0].settings[0].candidate, 1);

    let kept = work(folder.path()).model_presets("model-digest").unwrap();
    let preset = &kept.tasks["reasoning"];
    assert_eq!((preset.choice, preset.quality, preset.seed), (SamplingChoice::GREEDY, 1.0, 5));
    assert_eq!((kept.model.as_str(), preset.generations), ("x.gguf", asked));
}

/// Answers well when it takes the likeliest token; as judge it likes that.
fn greedy_is_liked(request: &GenerateRequest, index: u32) -> String {
    let dyno_types::Prompt::Chat(messages) = &request.prompt else { return String::new() };
    let text = &messages.last().unwrap().content;
    match (index, text.contains("impartial judge")) {
        (0, true) if text.contains("Assistant's Answer]\ngood") => "Rating: [[9]]",
        (0, true) => "Rating: [[2]]",
        (0, false) if request.sampling.temperature == 0.0 => "good",
        (0, false) => "bad",
        _ => "",
    }
    .to_owned()
}

fn a_judge(folder: &Path) -> Judge {
    let loading = Loading {
        path: PathBuf::from("judge.gguf"),
        identity: dyno_models::ModelIdentity::default(),
        settings: EngineSettings::default(),
        template: None,
    };
    let limit = dyno_advise::WindowLimit { tokens: 8_192, bound: dyno_advise::WindowBound::Trained };
    let used = JudgeUse { model: "judge.gguf".to_owned(), sha256: "judge digest".to_owned() };
    let judge_sha256 = used.sha256.clone();
    let verdicts =
        Some(crate::eval::verdicts::VerdictPlace { folder: folder.join("verdicts"), judge_sha256 });
    Judge { used, loading: crate::generate::JudgeLoading { loading, limit }, verdicts }
}

#[tokio::test]
async fn open_tasks_are_searched_by_what_a_judge_says() {
    let folder = tempfile::tempdir().unwrap();
    let job = TuneJob { judge: Some("judge.gguf".to_owned()), ..job() };
    let item = |id: usize| Item::new(format!("o{id}"), "poems", ItemKind::Open, format!("Poem {id}."));
    let plan = || {
        let plan = of_items(&job, "creativity", (0..40).map(item).collect());
        Plan { judge: Some(a_judge(folder.path())), ..plan }
    };
    let work = work_with(folder.path(), FakeEngine::new(script(greedy_is_liked)));
    let result = work.search(&job, plan(), &subject(&job)).await.unwrap();
    assert!(result.error.is_none() && result.skipped.is_empty(), "{result:?}");
    let task = &result.tasks[0];
    assert_eq!((task.recommended, task.rated), (SamplingChoice::GREEDY, true));
    assert!((task.winner.quality - 0.9).abs() < 1e-9, "{:?}", task.winner);
    assert_eq!(result.judge.as_ref().unwrap().model, "judge.gguf");
    let kept = work.model_presets("model-digest").unwrap();
    assert_eq!(kept.tasks["creativity"].judge.as_deref(), Some("judge.gguf"));
    // Without a judge nothing can be said of them.
    let alone = of_items(&job, "creativity", (0..40).map(item).collect());
    let result = work.search(&job, alone, &subject(&job)).await.unwrap();
    assert!(result.tasks.is_empty(), "{result:?}");
}

#[test]
fn a_judge_makes_open_tasks_searchable_and_has_to_have_something_to_rate() {
    let cancel = CancelFlag::default();
    let judged = |tasks: &[&str]| TuneJob {
        judge: Some("judge.gguf".to_owned()),
        tasks: tasks.iter().map(ToString::to_string).collect(),
        ..job()
    };
    let planned = plan(&judged(&[]), &cancel, &Silent).unwrap();
    assert!(planned.skipped.is_empty(), "{:?}", planned.skipped);
    let open: Vec<&str> = planned
        .tasks
        .iter()
        .filter(|(pool, _)| pool.questions.has_open())
        .map(|(pool, _)| pool.task.as_str())
        .collect();
    assert_eq!(open, ["creativity"]);
    let error = plan(&judged(&["code"]), &cancel, &Silent).err().unwrap();
    assert!(error.to_string().contains("no question here is open"), "{error}");
}

#[tokio::test]
async fn where_nothing_is_better_the_start_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let job = TuneJob { save: false, ..job() };
    let result = tune(folder.path(), script(always_right), &job).await.unwrap();
    let task = &result.tasks[0];
    assert_eq!((task.recommended, task.winner.candidate), (task.start, 0));
    assert!(task.comparison.is_none() && task.kept_in.is_none());
    assert!(task.sentence.contains("no setting did better"), "{}", task.sentence);
    assert!(work(folder.path()).model_presets("model-digest").is_none());
}

/// Raises the flag when so many answers came.
struct CancelsAt {
    cancel: CancelFlag,
    left: AtomicUsize,
    phases: Mutex<Vec<String>>,
}

impl EventSink for CancelsAt {
    fn emit(&self, event: Event) {
        match event {
            Event::PhaseStarted { phase, .. } => self.phases.lock().unwrap().push(phase),
            Event::PhaseAdvanced { detail, .. }
                if detail.starts_with("setting") && self.left.fetch_sub(1, Ordering::SeqCst) == 1 =>
            {
                self.cancel.cancel();
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_search_that_was_stopped_goes_on_and_finds_the_same() {
    let job = job();
    let elsewhere = tempfile::tempdir().unwrap();
    let whole = tune(elsewhere.path(), script(greedy_is_right), &job).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cancel = CancelFlag::default();
    let sink = CancelsAt { cancel: cancel.clone(), left: AtomicUsize::new(30), phases: Mutex::default() };
    let sink = Arc::new(sink);
    let app = app_with(folder.path(), FakeEngine::new(script(greedy_is_right)));
    let stopping = Job::new(sink.clone(), cancel, Duration::from_secs(60));
    let stopped = app.work(stopping).search(&job, sums(&job), &subject(&job)).await.unwrap();
    assert!(matches!(stopped.error, Some(AppError::Cancelled)), "{:?}", stopped.error);
    assert!(stopped.tasks.is_empty());
    // One phase per round, named by it, and none per setting.
    let phases = std::mem::take(&mut *sink.phases.lock().unwrap());
    assert_eq!(phases[1..], ["reasoning, round 1: 9 settings, 12 answers each"]);

    let resumed = tune(folder.path(), script(greedy_is_right), &job).await.unwrap();
    let found = |result: &TuneResult| (result.tasks[0].winner.clone(), result.tasks[0].rounds.clone());
    assert_eq!(found(&resumed), found(&whole));
    // An engine that dies when asked anything shows that nothing is asked the third time.
    let deadly = FakeFault {
        process: None,
        point: FakePoint::Token(1),
        failure: FakeFailure::Die(ExitCause::Signal(9)),
    };
    let mute = FakeScript { faults: vec![deadly], ..script(greedy_is_right) };
    let again = tune(folder.path(), mute, &job).await.unwrap();
    assert_eq!(found(&again), found(&whole));
}

#[tokio::test]
async fn answers_that_cannot_be_scored_decide_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let refuse = FakeFault {
        process: None,
        point: FakePoint::PromptOver(1),
        failure: FakeFailure::Refuse("not today".to_owned()),
    };
    let script = FakeScript { faults: vec![refuse], ..script(always_right) };
    let result = tune(folder.path(), script, &job()).await.unwrap();
    assert_nothing_was_judged(folder.path(), &result, "only 0 of 12 questions of a round could be judged");
    assert!(result.skipped[0].reason.ends_with(": not today"), "{:?}", result.skipped);
}

/// Nothing is found, shown as found, or kept, and the command fails.
fn assert_nothing_was_judged(folder: &Path, result: &TuneResult, reason: &str) {
    assert!(result.tasks.is_empty() && result.skipped[0].reason.contains(reason), "{:?}", result.skipped);
    let error = result.error.as_ref().unwrap();
    assert!(matches!(error, AppError::NothingJudged(_)) && error.exit_code() == 1, "{error}");
    assert!(work(folder).model_presets("model-digest").is_none());
}

#[tokio::test]
async fn programs_that_nobody_can_run_are_not_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let job = TuneJob { tasks: vec!["code".to_owned()], ..job() };
    // An app that does not know its own executable has no sandbox.
    let plan = plan(&job, &CancelFlag::default(), &Silent).unwrap();
    let work = work_with(folder.path(), FakeEngine::new(script(always_right)));
    let result = work.search(&job, plan, &subject(&job)).await.unwrap();
    assert_nothing_was_judged(folder.path(), &result, "dyno does not know its own executable");
}

#[test]
fn built_in_questions_suffice_for_every_task() {
    let planned = plan(&job(), &CancelFlag::default(), &Silent).unwrap();
    // Nothing says how good creative answers are; how they look chooses nothing.
    let [skipped] = &planned.skipped[..] else { panic!("{:?}", planned.skipped) };
    assert!(skipped.task == "creativity" && skipped.reason.contains("right or wrong"), "{skipped:?}");
    let tasks: Vec<(&str, bool)> =
        planned.tasks.iter().map(|(pool, _)| (pool.task.as_str(), pool.items() >= 8)).collect();
    assert_eq!(tasks, [("reasoning", true), ("knowledge", true), ("code", true)]);
    let written = |pool: &Pool| {
        pool.questions.suite.items.iter().all(|item| !item.kind.is_likelihood() && item.id.contains('/'))
    };
    assert!(planned.tasks.iter().all(|(pool, _)| written(pool)));
}

#[test]
fn the_rehearsal_is_what_happens_when_the_start_loses() {
    let job = job();
    let folder = tempfile::tempdir().unwrap();
    let work = work(folder.path());
    let tasks = vec!["code".to_owned(), "reasoning".to_owned(), "code".to_owned()];
    let planned = work.tune_plan(&TuneJob { tasks, ..job.clone() }).unwrap();
    let names: Vec<&str> = planned.iter().map(|task| task.task.as_str()).collect();
    assert_eq!(names, ["code", "reasoning"]);
    let rounds = &planned[1].rounds;
    assert_eq!((rounds[0], rounds.len()), (PlannedRound { settings: 9, answers_each: 12 }, 3));
    assert_eq!((planned[1].candidates.len(), planned[1].candidates[0].temperature), (9, 0.3));
}

#[test]
fn what_cannot_be_searched_is_refused_with_what_would_help() {
    let cases: [(TuneJob, &str); 6] = [
        (TuneJob { budget: 20, ..job() }, "AtLeast(Budget"),
        (TuneJob { candidates: 1, ..job() }, "Change(Candidates)"),
        (TuneJob { weights: Weights { quality: 0.0, speed: 0.0 }, ..job() }, "Change(Weights)"),
        (TuneJob { tasks: vec!["cooking".to_owned()], ..job() }, "creativity"),
        (TuneJob { strategy: Some("all".to_owned()), ..job() }, "one strategy"),
        (TuneJob { suites: vec!["three-prompts".to_owned()], ..job() }, "at least 8"),
    ];
    for (job, named) in cases {
        let error = plan(&job, &CancelFlag::default(), &Silent).err().unwrap();
        let told = format!("{error} {:?}", error.remedy());
        assert!(told.contains(named), "{told}");
        assert_eq!(error.exit_code(), 2);
    }
}
