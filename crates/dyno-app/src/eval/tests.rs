//! Whole evaluations with an engine in virtual time: what is asked, kept, resumed and recorded is known exactly.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dyno_engine::{ExitCause, FakeEngine, FakeFailure, FakeFault, FakePoint, FakeScript};
use dyno_eval::{ChoiceStyle, Item, ItemKind, Suite, SuiteHeader, strategies};
use dyno_models::ModelIdentity;
use dyno_types::{
    CancelFlag, EvalRecord, ItemOutcome, ItemResult, Job, KNOBS, Knob, KnobKind, ModelFacts, Sampling,
    ValidityFlag,
};

use super::*;
use crate::PolicyWishes;
use crate::testing::{self, app_with, eval_job as job, work, work_with};

/// Says `4` and ends; likes the letter a.
fn script() -> FakeScript {
    FakeScript {
        text: |_| "4".to_owned(),
        eos_after: Some(1),
        logprob: Some(|_, token| if token == u32::from(b'a') { -1.0 } else { -2.0 }),
        ..FakeScript::default()
    }
}

fn numeric(id: usize, answer: &str) -> Item {
    let mut item = Item::new(format!("n{id}"), "sums", ItemKind::Numeric, format!("question {id}?"));
    item.answers = vec![answer.to_owned()];
    item
}

fn choice(id: usize, choices: &[&str], correct: usize) -> Item {
    let mut item = Item::new(format!("c{id}"), "choices", ItemKind::Choice, format!("which {id}?"));
    item.choices = choices.iter().map(ToString::to_string).collect();
    item.correct = Some(correct);
    item
}

/// Four sums, half of them right, and four choices: right, wrong, tied, right.
fn items() -> Vec<Item> {
    vec![
        numeric(0, "4"),
        numeric(1, "5"),
        numeric(2, "4.0"),
        numeric(3, "-4"),
        choice(0, &["aaa", "bbb"], 0),
        choice(1, &["aaa", "bbb"], 1),
        choice(2, &["cd", "dc"], 1),
        choice(3, &["b", "c", "a"], 2),
    ]
}

fn questions(items: Vec<Item>) -> Questions {
    let header = SuiteHeader { name: "mixed".to_owned(), ..SuiteHeader::default() };
    let chosen = (0..items.len()).collect();
    let suite = Suite {
        header,
        format: "test",
        remarks: Vec::new(),
        items,
        examples: Vec::new(),
        refused: Vec::new(),
        refused_total: 0,
    };
    let id = suite.id("suite digest");
    Questions::new(suite, id, chosen)
}

fn plan(items: Vec<Item>, names: &[&str]) -> EvalPlan {
    let manner = |name: &&str| Manner {
        strategy: strategies().into_iter().find(|strategy| strategy.name == **name).unwrap(),
        few_shot: 0,
        sampling: Sampling::greedy(),
        max_tokens: 8,
        policy: None,
    };
    EvalPlan {
        questions: vec![questions(items)],
        manners: names.iter().map(manner).collect(),
        ..EvalPlan::default()
    }
}

fn subject(job: &EvalJob) -> Subject {
    let model = Model {
        path: PathBuf::from("x.gguf"),
        facts: ModelFacts::default(),
        identity: ModelIdentity::default(),
        read_ms: 0.0,
    };
    Subject {
        model,
        sha256: "model digest".to_owned(),
        settings: job.settings.clone(),
        thread_choice: dyno_types::ThreadChoice::Fixed,
    }
}

/// A value of the knob that is not the one in use.
fn another_value(knob: &Knob, settings: &EngineSettings) -> String {
    let now = (knob.get)(settings);
    let values: Vec<String> = match knob.kind {
        KnobKind::Number { .. } => vec!["128".to_owned(), "64".to_owned()],
        KnobKind::Choice(words) => words.iter().map(ToString::to_string).collect(),
    };
    values.into_iter().find(|value| *value != now).unwrap()
}

/// A new knob counts until somebody says here that it does not.
#[tokio::test]
async fn an_answer_given_under_another_knob_is_no_answer() {
    let without_effect = ["threads", "threads_prefill", "sequences", "mmap", "mlock"];
    let plan = plan(vec![numeric(0, "4")], &["direct"]);
    let base = EngineSettings { ubatch: 32, batch: 512, ..job().settings };
    for knob in KNOBS {
        let folder = tempfile::tempdir().unwrap();
        let first = EvalJob { settings: base.clone(), ..job() };
        let mut second = first.clone();
        knob.set(&mut second.settings, &another_value(knob, &base)).unwrap();
        assert_eq!(evaluate(folder.path(), script(), &first, &plan).await.record.suites[0].items_cached, 0);
        let again = evaluate(folder.path(), script(), &second, &plan).await.record.suites[0].items_cached;
        assert_eq!(again, u64::from(without_effect.contains(&knob.id)), "{}", knob.id);
    }
}

/// Writes to the model file when so many answers are there.
struct Writing {
    file: PathBuf,
    after: u64,
}

impl EventSink for Writing {
    fn emit(&self, event: Event) {
        if matches!(event, Event::PhaseAdvanced { done, .. } if done == self.after) {
            std::fs::write(&self.file, "another model, perhaps").unwrap();
        }
    }
}

/// Answers are kept under the digest of the model that gave them, and under no other.
#[tokio::test]
async fn a_model_written_to_while_it_answers_ends_the_evaluation() {
    let folder = tempfile::tempdir().unwrap();
    let app = app_with(folder.path(), FakeEngine::new(script()));
    let quiet = app.work(testing::job());
    let made = quiet.find("synth:tiny-llama@q8_0").unwrap().path;
    let file = folder.path().join("m.gguf");
    let sums: Vec<Item> = (0..12).map(|id| numeric(id, "4")).collect();
    let plan = plan(sums, &["direct"]);
    let job = EvalJob { settings: EngineSettings { sequences: 1, ..job().settings }, ..job() };
    for (after, whole) in [(5, false), (99, true)] {
        std::fs::copy(&made, &file).unwrap();
        let model = quiet.find(&file.display().to_string()).unwrap();
        let sha256 = quiet.model_sha256(&model.identity).unwrap();
        let subject = Subject { model, sha256, ..subject(&job) };
        let events = Arc::new(Writing { file: file.clone(), after });
        let work = app.work(testing::job_heard_by(events));
        let result = work.evaluate(&job, &plan, &subject).await.unwrap();
        let answered = result.record.suites[0].items.len() as u64;
        let flagged = result.record.validity.flags.contains(&ValidityFlag::ModelChanged);
        assert_eq!((flagged, result.record.validity.valid, result.error.is_none()), (!whole, whole, whole));
        assert_eq!(answered, if whole { 12 } else { after });
        if let Some(error) = result.error {
            assert_eq!(error.exit_code(), 3, "{error}");
        } else {
            // The second time only what was not answered before is asked.
            assert_eq!(result.record.suites[0].items_cached, 5);
        }
    }
}

async fn evaluate(folder: &Path, script: FakeScript, job: &EvalJob, plan: &EvalPlan) -> EvalResult {
    work_with(folder, FakeEngine::new(script)).evaluate(job, plan, &subject(job)).await.unwrap()
}

fn outcomes(record: &EvalRecord, suite: usize) -> Vec<&ItemOutcome> {
    record.suites[suite].items.iter().map(|item| &item.outcome).collect()
}

/// Results as far as they do not depend on when they were obtained.
fn answers(record: &EvalRecord) -> Vec<ItemResult> {
    // Where they come from is no part of what they are.
    let items = record.suites.iter().flat_map(|suite| suite.items.clone());
    items.map(|item| ItemResult { cached: false, ..item }).collect()
}

#[tokio::test]
async fn every_item_is_judged_by_its_kind() {
    use ItemOutcome::{Correct, Tied, Wrong};
    let folder = tempfile::tempdir().unwrap();
    let result = evaluate(folder.path(), script(), &job(), &plan(items(), &["direct"])).await;
    assert!(result.error.is_none(), "{:?}", result.error);
    let record = result.record;
    assert_eq!(outcomes(&record, 0), [&Correct, &Wrong, &Correct, &Wrong, &Correct, &Wrong, &Tied, &Correct]);
    let suite = &record.suites[0];
    let first = &suite.items[0];
    assert_eq!((first.answer.as_str(), first.extracted.as_deref(), first.tokens_out), ("4", Some("4"), 1));
    // The space before a choice is scored, but no byte of its text.
    let weighed = &suite.items[4].choices;
    assert_eq!((weighed[0].tokens, weighed[0].bytes), (3, 3));
    assert_eq!((weighed[0].logprob, weighed[1].logprob), (-3.0, -6.0));
    let all = &suite.scores[0];
    assert_eq!((all.metric.as_str(), all.group.as_str(), all.n, all.tied), ("accuracy", "all", 7, 1));
    assert!((all.value - 4.0 / 7.0).abs() < 1e-12);
    assert_eq!((suite.items_cached, suite.speed.items), (0, 8));
    let speed = &suite.speeds[0];
    assert_eq!((speed.group.as_str(), speed.written + speed.scored, speed.cached), ("all", 8, 0));
    assert!(
        speed.joint_tps.is_some() && speed.ttft_ms.is_some() && speed.rss_peak_bytes.is_some(),
        "{speed:?}"
    );
    assert!(first.time_ms >= first.ttft_ms && first.ttft_ms > Some(0.0), "{first:?}");
    assert!(record.validity.valid && record.validity.flags.is_empty());
    assert_eq!((record.model_sha256.as_str(), record.template.name.as_str()), ("model digest", "model"));
}

#[tokio::test]
async fn the_same_again_asks_nothing_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(items(), &["direct"]);
    let first = evaluate(folder.path(), script(), &job(), &plan).await.record;
    // An engine that dies when asked anything shows that nothing is asked.
    let deadly = |point| FakeFault { process: None, point, failure: FakeFailure::Die(ExitCause::Signal(9)) };
    let script = FakeScript {
        faults: vec![deadly(FakePoint::Token(1)), deadly(FakePoint::ScoredItem(1))],
        ..script()
    };
    let again = evaluate(folder.path(), script, &job(), &plan).await;
    assert!(again.error.is_none());
    assert_eq!(answers(&again.record), answers(&first));
    assert_eq!((again.record.suites[0].items_cached, again.record.suites[0].speed.items), (8, 0));
    let speed = &again.record.suites[0].speeds[0];
    assert_eq!((speed.written, speed.scored, speed.cached), (0, 0, 8));
    assert_eq!((speed.time_ms, speed.decode_tps, speed.rss_peak_bytes), (None, None, None));
    assert_eq!(again.record.suites[0].scores, first.suites[0].scores);
    assert!(again.record.notes.iter().any(|note| note.contains("cache")), "{:?}", again.record.notes);
    let without = EvalJob { cache: false, ..job() };
    let fresh = evaluate(folder.path(), self::script(), &without, &plan).await.record;
    assert_eq!((fresh.suites[0].items_cached, answers(&fresh)), (0, answers(&first)));
}

/// Raises the flag when so many items were answered.
struct CancelsAt {
    cancel: CancelFlag,
    left: AtomicUsize,
    phase: Mutex<String>,
}

impl EventSink for CancelsAt {
    fn emit(&self, event: Event) {
        match event {
            Event::PhaseStarted { phase, .. } => *self.phase.lock().unwrap() = phase,
            Event::PhaseAdvanced { .. }
                if self.phase.lock().unwrap().starts_with("mixed")
                    && self.left.fetch_sub(1, Ordering::SeqCst) == 1 =>
            {
                self.cancel.cancel();
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn stopped_at_any_item_it_goes_on_from_there() {
    let plan = plan(items(), &["direct", "thinking"]);
    let elsewhere = tempfile::tempdir().unwrap();
    let whole = evaluate(elsewhere.path(), script(), &job(), &plan).await.record;
    assert_eq!(answers(&whole).len(), 16);
    for at in 1..16 {
        let folder = tempfile::tempdir().unwrap();
        let cancel = CancelFlag::default();
        let sink = CancelsAt { cancel: cancel.clone(), left: AtomicUsize::new(at), phase: Mutex::default() };
        let (job, app) = (job(), app_with(folder.path(), FakeEngine::new(script())));
        let work = app.work(Job::new(Arc::new(sink), cancel, Duration::from_secs(60)));
        let stopped = work.evaluate(&job, &plan, &subject(&job)).await.unwrap();
        assert!(matches!(stopped.error, Some(AppError::Cancelled)), "at {at}: {:?}", stopped.error);
        assert!(!stopped.record.validity.valid);
        assert_eq!(stopped.record.validity.flags, [ValidityFlag::Incomplete]);
        assert_eq!(answers(&stopped.record).len(), at);
        let resumed = evaluate(folder.path(), script(), &job, &plan).await;
        assert!(resumed.error.is_none());
        let cached: u64 = resumed.record.suites.iter().map(|suite| suite.items_cached).sum();
        assert_eq!((cached, answers(&resumed.record)), (at as u64, answers(&whole)), "at {at}");
        assert_eq!(resumed.record.comparisons, whole.comparisons);
    }
}

#[tokio::test]
async fn neither_order_nor_batching_changes_an_answer() {
    let sorted = |record: &EvalRecord| {
        let mut answers = answers(record);
        answers.sort_by(|left, right| left.id.cmp(&right.id));
        answers
    };
    let run = async |items: Vec<Item>, sequences: u32| {
        let folder = tempfile::tempdir().unwrap();
        let settings = EngineSettings { sequences, ..EngineSettings::default() };
        let job = EvalJob { settings, ..job() };
        sorted(&evaluate(folder.path(), script(), &job, &plan(items, &["direct"])).await.record)
    };
    let expected = run(items(), 4).await;
    let mut reversed = items();
    reversed.reverse();
    assert_eq!(run(reversed, 1).await, expected);
    assert_eq!(run(items(), 32).await, expected);
}

fn dies(process: Option<u32>, point: FakePoint) -> FakeScript {
    let failure = FakeFailure::Die(ExitCause::Signal(6));
    FakeScript { faults: vec![FakeFault { process, point, failure }], ..script() }
}

#[tokio::test]
async fn an_engine_that_dies_once_is_noted_and_changes_nothing() {
    let plan = plan(items(), &["direct"]);
    let expected = {
        let folder = tempfile::tempdir().unwrap();
        answers(&evaluate(folder.path(), script(), &job(), &plan).await.record)
    };
    for point in [FakePoint::Token(1), FakePoint::ScoredItem(2)] {
        let folder = tempfile::tempdir().unwrap();
        let result = evaluate(folder.path(), dies(Some(0), point), &job(), &plan).await;
        assert!(result.error.is_none(), "{:?}", result.error);
        assert_eq!(answers(&result.record), expected);
        assert_eq!(result.record.validity.flags, [ValidityFlag::EngineRestarted]);
        assert!(result.record.validity.valid, "answers do not suffer from a restart");
    }
}

#[tokio::test]
async fn a_question_that_kills_engines_fails_alone_and_is_tried_again_next_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut items = items();
    items[1].question = "long ".repeat(100);
    let plan = plan(items, &["direct"]);
    let result = evaluate(folder.path(), dies(None, FakePoint::PromptOver(200)), &job(), &plan).await;
    assert!(result.error.is_none(), "{:?}", result.error);
    let failed = |record: &EvalRecord| -> Vec<usize> {
        let outcomes = outcomes(record, 0);
        let is_failed = |index: &usize| matches!(outcomes[*index], ItemOutcome::Failed { .. });
        (0..outcomes.len()).filter(is_failed).collect()
    };
    assert_eq!(failed(&result.record), [1]);
    assert_eq!(result.record.suites[0].scores[0].failed, 1);
    let healed = evaluate(folder.path(), script(), &job(), &plan).await.record;
    assert_eq!((failed(&healed), healed.suites[0].items_cached), (vec![], 7));
}

#[tokio::test]
async fn what_does_not_fit_the_window_fails_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let mut items = items();
    items[0].question = "x".repeat(5000);
    items[4].question = "x".repeat(5000);
    let record = evaluate(folder.path(), script(), &job(), &plan(items, &["direct"])).await.record;
    for index in [0, 4] {
        let outcome = &record.suites[0].items[index].outcome;
        let ItemOutcome::Failed { reason } = outcome else { panic!("{outcome:?}") };
        assert!(reason.contains("4096"), "{reason}");
    }
    // Six of eight, one of them tied: too few for a score, and the reason is that of the failures.
    let void = &record.suites[0].unscored[0];
    assert!(void.reason.starts_with("only 6 of 8 items") && void.reason.contains("4096"), "{void:?}");
    assert!(record.suites[0].main_score().is_none());
}

#[tokio::test]
async fn strategies_are_compared_with_direct_on_the_same_items() {
    let folder = tempfile::tempdir().unwrap();
    let items: Vec<Item> = (0..40).map(|id| numeric(id, if id % 2 == 0 { "4" } else { "5" })).collect();
    let record = evaluate(folder.path(), script(), &job(), &plan(items, &["direct", "thinking", "concise"]))
        .await
        .record;
    assert_eq!(record.suites.len(), 3);
    let names: Vec<(&str, &str, u64)> = record
        .comparisons
        .iter()
        .map(|found| (found.baseline.as_str(), found.candidate.as_str(), found.n))
        .collect();
    assert_eq!(names, [("direct", "thinking", 40), ("direct", "concise", 40)]);
    assert!(record.comparisons.iter().all(|found| found.difference == 0.0 && found.p_adjusted == 1.0));
}

#[tokio::test]
async fn without_a_template_questions_are_text_and_a_gap_is_filled() {
    let folder = tempfile::tempdir().unwrap();
    let mut blank = choice(9, &["b", "a"], 1);
    blank.style = ChoiceStyle::Blank;
    blank.question = "before _ aaa".to_owned();
    let bare = FakeScript { has_chat_template: false, ..script() };
    let record =
        evaluate(folder.path(), bare, &job(), &plan(vec![numeric(0, "4"), blank], &["direct"])).await.record;
    assert_eq!((record.template.name.as_str(), record.template.own), ("none", false));
    assert_eq!(outcomes(&record, 0), [&ItemOutcome::Correct, &ItemOutcome::Tied]);
    assert_eq!(record.suites[0].items[1].choices.len(), 2);
}

/// Says 5 first, and 4 once it was told that this is wrong.
fn mends(request: &dyno_types::GenerateRequest, _: u32) -> String {
    let dyno_types::Prompt::Chat(messages) = &request.prompt else { return String::new() };
    if messages.iter().any(|message| message.content.contains("That answer cannot be used")) {
        "4"
    } else {
        "5"
    }
    .to_owned()
}

#[tokio::test]
async fn a_policy_is_measured_beside_the_plain_answers_with_what_it_cost() {
    let folder = tempfile::tempdir().unwrap();
    let suite = folder.path().join("sums.jsonl");
    let header = r#"{"schema":"dyno.suite/1","name":"sums","title":"t","description":"d","source":"s","license":"MIT"}"#;
    let line = |id: usize| {
        format!(r#"{{"id":"n{id}","task":"sums","kind":"numeric","question":"question {id}?","answer":"4"}}"#)
    };
    let lines: Vec<String> = (0..20).map(line).collect();
    std::fs::write(&suite, format!("{header}\n{}\n", lines.join("\n"))).unwrap();
    let policy = PolicyWishes { checks: vec!["lacks=5".to_owned()], ..PolicyWishes::default() };
    let job = EvalJob { suites: vec![suite.display().to_string()], policy, ..job() };
    let plan = work(folder.path()).eval_plan(&job).unwrap();
    let script = || FakeScript { reply: Some(mends), ..script() };
    let record = evaluate(folder.path(), script(), &job, &plan).await.record;
    let names: Vec<&str> = record.suites.iter().map(|suite| suite.strategy.as_str()).collect();
    assert_eq!(names, ["direct", "direct+policy"]);
    let values: Vec<f64> = record.suites.iter().map(|suite| suite.scores[0].value).collect();
    assert_eq!(values, [0.0, 1.0]);
    let [found] = &record.comparisons[..] else { panic!("{:?}", record.comparisons) };
    assert_eq!((found.kind.as_str(), found.gained, found.lost, found.difference), ("policy", 20, 0, 1.0));
    let (plain, held) = (&record.suites[0].items[0], &record.suites[1].items[0]);
    assert_eq!((plain.tokens_out, held.tokens_out), (1, 2));
    assert!(held.tokens_in > 2 * plain.tokens_in && held.prefill_ms > plain.prefill_ms);
    assert!(record.notes.iter().any(|note| note.contains("improves by 100.0 points")), "{:?}", record.notes);
    // Both are known the next time.
    let again = evaluate(folder.path(), script(), &job, &plan).await.record;
    assert!(again.suites.iter().all(|suite| suite.items_cached == 20));
    assert_eq!(answers(&again), answers(&record));

    let graded = PolicyWishes { least_grade: Some(5), ..PolicyWishes::default() };
    let refused = work(folder.path()).eval_plan(&EvalJob { policy: graded, ..job });
    assert!(refused.unwrap_err().remedy() == Some(Remedy::Omit(vec![Wish::LeastGrade])));
}

#[tokio::test]
async fn reasoning_that_the_template_opens_and_nothing_ends_is_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let thinks = FakeScript { reasoning_mark: Some("<think>"), ..script() };
    let result = evaluate(folder.path(), thinks, &job(), &plan(vec![numeric(0, "4")], &["direct"])).await;
    let suite = &result.record.suites[0];
    assert_eq!(
        (&suite.items[0].outcome, suite.items[0].answer.as_str()),
        (&ItemOutcome::Unparsed, "<think>\n4")
    );
    let notes = result.record.notes.join("\n");
    assert!(
        notes.contains("1 of 1 answers ended inside their reasoning") && notes.contains("more tokens than 8"),
        "{notes}"
    );
    // What ends it counts.
    let folder = tempfile::tempdir().unwrap();
    let ends =
        FakeScript { text: |_| "is it 5?</think>4".to_owned(), reasoning_mark: Some("<think>"), ..script() };
    let result = evaluate(folder.path(), ends, &job(), &plan(vec![numeric(0, "4")], &["direct"])).await;
    assert_eq!(result.record.suites[0].items[0].outcome, ItemOutcome::Correct);
}

/// A program is asked for, and the model writes one, or says it in words.
fn program_item(id: usize) -> Item {
    let mut item = Item::new(format!("p{id}"), "code", ItemKind::Code, "write f".to_owned());
    (item.entry_point, item.tests) = ("f".to_owned(), "assert f() == 4".to_owned());
    item
}

#[tokio::test]
async fn programs_that_nobody_can_run_are_not_wrong_whatever_the_model_wrote() {
    let wordy = FakeScript { text: |_| "I would rather not.".to_owned(), ..script() };
    let program = FakeScript { text: |_| "def f():\n    return 4".to_owned(), ..script() };
    for script in [wordy, program] {
        let folder = tempfile::tempdir().unwrap();
        let items = vec![program_item(0), program_item(1), numeric(0, "4")];
        let result = evaluate(folder.path(), script, &job(), &plan(items, &["direct"])).await;
        let suite = &result.record.suites[0];
        assert!(suite.items[..2].iter().all(|item| matches!(item.outcome, ItemOutcome::Failed { .. })));
        assert_eq!(suite.main_score(), None, "{:?}", suite.scores);
        let void = &suite.unscored[0];
        assert_eq!((void.group.as_str(), void.items, void.judged), ("all", 3, 1));
        assert!(void.reason.contains("does not know its own executable"), "{void:?}");
        // One of the three was judged: the record is noted, not void, and nothing failed as a whole.
        assert!(result.record.validity.flags.contains(&ValidityFlag::TooFewJudged));
        assert!(result.record.validity.valid && nothing_judged(&[result.record]).is_none());
    }
}

#[tokio::test]
async fn a_record_in_which_nothing_was_judged_is_invalid_and_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(vec![program_item(0), program_item(1)], &["direct"]);
    let record = evaluate(folder.path(), script(), &job(), &plan).await.record;
    assert!(!record.validity.valid && record.suites[0].scores.is_empty());
    let error = nothing_judged(std::slice::from_ref(&record)).unwrap();
    assert_eq!(error.exit_code(), 1);
    assert!(error.to_string().contains("mixed, direct: none of 2 items"), "{error}");
    let table = dyno_report::eval_table(&[record], dyno_report::Color::Never);
    assert!(table.contains("not scored") && table.contains("none of 2 items"), "{table}");
}

#[tokio::test]
async fn programs_that_cannot_be_run_are_asked_for_only_where_somebody_named_them() {
    let of = |by_default, items| Questions { by_default, ..questions(items) };
    for (by_default, asked) in [(true, 1), (false, 2)] {
        let folder = tempfile::tempdir().unwrap();
        let programs = of(by_default, vec![program_item(0), program_item(1)]);
        let plan =
            EvalPlan { questions: vec![of(by_default, items()), programs], ..plan(Vec::new(), &["direct"]) };
        let record = evaluate(folder.path(), script(), &job(), &plan).await.record;
        assert_eq!(record.suites.len(), asked);
        assert!(record.suites[0].main_score().is_some());
        let said = record
            .notes
            .iter()
            .any(|note| note.contains("mixed was left out, because programs cannot be run"));
        assert_eq!(said, by_default, "{:?}", record.notes);
        let error = nothing_judged(std::slice::from_ref(&record));
        assert_eq!(error.map(|error| error.exit_code()), (!by_default).then_some(1));
    }
}

#[tokio::test]
async fn a_template_without_system_messages_is_said_where_a_question_has_one() {
    let takes_none = || FakeScript { system_in_user: true, ..script() };
    for (strategy, said) in [("direct", 0), ("expert", 1)] {
        let folder = tempfile::tempdir().unwrap();
        let plan = plan(vec![numeric(0, "4")], &[strategy]);
        let record = evaluate(folder.path(), takes_none(), &job(), &plan).await.record;
        assert!(record.template.system_in_user);
        let remarks = record.notes.iter().filter(|note| note.contains("takes no system message")).count();
        assert_eq!(remarks, said, "{strategy}: {:?}", record.notes);
    }
}

fn open_item(id: usize) -> Item {
    let mut item = Item::new(format!("o{id}"), "talk", ItemKind::Heuristic, format!("Say {id}."));
    (item.scorer, item.turns) = (Some(dyno_eval::Heuristic::Seed001Suite), vec!["And then?".to_owned()]);
    item
}

/// Answers questions; as judge rates them: the first turn 4, the second 8, and the answers to question 1 not at all.
fn talks_and_judges(request: &dyno_types::GenerateRequest, _: u32) -> String {
    let dyno_types::Prompt::Chat(messages) = &request.prompt else { return String::new() };
    let text = &messages.last().unwrap().content;
    match (text.contains("Assistant"), text.contains("Say 1.")) {
        (false, _) => "It is so, because it is.",
        (true, true) => "I cannot say.",
        (true, false) if text.starts_with("<|The Start") => "Better. Rating: [[8]]",
        (true, false) => "Short. Rating: [[4]]",
    }
    .to_owned()
}

fn a_judge(folder: &Path) -> Judge {
    let loading = Loading {
        path: PathBuf::from("judge.gguf"),
        identity: ModelIdentity::default(),
        settings: EngineSettings::default(),
        template: None,
    };
    let limit = dyno_advise::WindowLimit { tokens: 8_192, bound: dyno_advise::WindowBound::Trained };
    let used = dyno_types::JudgeUse { model: "judge.gguf".to_owned(), sha256: "judge digest".to_owned() };
    let judge_sha256 = used.sha256.clone();
    let verdicts = Some(verdicts::VerdictPlace { folder: folder.join("verdicts"), judge_sha256 });
    Judge { used, loading: crate::generate::JudgeLoading { loading, limit }, verdicts }
}

#[tokio::test]
async fn open_answers_are_not_scored_without_a_judge_and_rated_by_one() {
    let talks = || FakeScript { reply: Some(talks_and_judges), ..script() };
    let items: Vec<Item> = (0..8).map(open_item).collect();
    let folder = tempfile::tempdir().unwrap();
    let alone =
        evaluate(folder.path(), talks(), &job(), &plan(items.clone(), &["direct", "thinking"])).await.record;
    let suite = &alone.suites[0];
    assert!(suite.scores.is_empty() && suite.main_score().is_none() && alone.comparisons.is_empty());
    assert_eq!((suite.form_checks[0].n, suite.items[0].turns.len()), (8, 2));
    assert!(alone.validity.valid && nothing_judged(std::slice::from_ref(&alone)).is_none());
    let table = dyno_report::eval_table(&[alone], dyno_report::Color::Never);
    assert!(table.contains("not scored") && table.contains("Form checks") && !table.contains('%'), "{table}");

    let judged = EvalPlan { judge: Some(a_judge(folder.path())), ..plan(items, &["direct"]) };
    let record = evaluate(folder.path(), talks(), &job(), &judged).await.record;
    let suite = &record.suites[0];
    assert_eq!((suite.items_cached, suite.judge.as_ref().unwrap().model.as_str()), (8, "judge.gguf"));
    let score = suite.main_score().unwrap();
    // The mean of 4 and 8; one of eight was not judged.
    assert_eq!((score.metric.as_str(), score.n, score.failed), ("judge", 7, 1));
    assert!((score.value - 0.6).abs() < 1e-12, "{score:?}");
    let ratings: Vec<Option<f64>> = suite.items[0].ratings.iter().map(|rating| rating.rating).collect();
    assert_eq!(ratings, [Some(4.0), Some(8.0)]);
    let ItemOutcome::Failed { reason } = &suite.items[1].outcome else { panic!("{:?}", suite.items[1]) };
    assert!(reason.contains("no rating from 1 to 10") && reason.contains("I cannot say"), "{reason}");
    let table = dyno_report::eval_table(std::slice::from_ref(&record), dyno_report::Color::Never);
    assert!(table.contains("6.0 of 10") && table.contains("rated by judge.gguf"), "{table}");
    // Whoever is asked now would say something else: nobody is.
    let mute = FakeScript { reply: Some(|_, _| "Rating: [[1]]".to_owned()), ..script() };
    let again = evaluate(folder.path(), mute, &job(), &judged).await.record;
    let kept = |record: &EvalRecord| {
        record.suites[0].items.iter().map(|item| item.ratings.clone()).collect::<Vec<_>>()
    };
    assert_eq!(kept(&again), kept(&record));
    // Another judge is asked.
    let mut other = judged;
    if let Some(place) = other.judge.as_mut().and_then(|judge| judge.verdicts.as_mut()) {
        "other".clone_into(&mut place.judge_sha256);
    }
    let mute = FakeScript { reply: Some(|_, _| "Rating: [[1]]".to_owned()), ..script() };
    let fresh = evaluate(folder.path(), mute, &job(), &other).await.record;
    assert_eq!(fresh.suites[0].items[0].ratings[0].rating, Some(1.0));
}

#[test]
fn a_judge_is_asked_for_where_it_has_something_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.csv");
    std::fs::write(&file, "question,answer\nWhy?,Because it is so\n").unwrap();
    let refused = |score, judge: Option<&str>| {
        let reading = crate::QuestionReading { score, ..crate::QuestionReading::default() };
        let policy = PolicyWishes { judge: judge.map(str::to_owned), ..PolicyWishes::default() };
        let job = EvalJob { suites: vec![file.display().to_string()], reading, policy, ..job() };
        work(folder.path()).eval_plan(&job).unwrap_err()
    };
    assert_eq!(refused(Some(ScoreBy::Judge), None).remedy(), Some(Remedy::Give(Wish::Judge)));
    assert!(refused(None, Some("m.gguf")).to_string().contains("no question here is open"));
    // A judge that is named is looked for.
    assert!(refused(Some(ScoreBy::Judge), Some("nowhere.gguf")).to_string().contains("nowhere.gguf"));
}
