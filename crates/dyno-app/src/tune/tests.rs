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
    let header = SuiteHeader { name: "sums".to_owned(), ..SuiteHeader::default() };
    let items: Vec<Item> = (0..40).map(item).collect();
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
    let pool = Pool { task: "reasoning".to_owned(), suites: vec!["sums".to_owned()], questions };
    let tuner = TunerPlan {
        start: start_of("reasoning").unwrap().choice(),
        candidates: job.candidates,
        items: pool.items(),
        budget: job.budget,
        weights: job.weights,
        seed: job.seed,
    };
    let strategy = strategies().into_iter().find(|strategy| strategy.name == "direct").unwrap();
    Plan { strategy, tasks: vec![(pool, tuner)], skipped: Vec::new() }
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
fn what_cannot_be_searched_is_refused_with_the_flag() {
    let cases: [(TuneJob, &str); 6] = [
        (TuneJob { budget: 20, ..job() }, "--budget"),
        (TuneJob { candidates: 1, ..job() }, "--candidates"),
        (TuneJob { weights: Weights { quality: 0.0, speed: 0.0 }, ..job() }, "--weights"),
        (TuneJob { tasks: vec!["cooking".to_owned()], ..job() }, "creativity"),
        (TuneJob { strategy: Some("all".to_owned()), ..job() }, "one strategy"),
        (TuneJob { suites: vec!["seed-002".to_owned()], ..job() }, "at least 8"),
    ];
    for (job, named) in cases {
        let error = plan(&job, &CancelFlag::default(), &Silent).err().unwrap();
        assert!(error.to_string().contains(named), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
}
