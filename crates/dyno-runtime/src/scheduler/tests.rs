//! The scheduler step by step: batches, finishing, cancelling, failing.

use std::collections::BTreeMap;
use std::sync::Arc;

use dyno_types::EngineSettings;
use proptest::prelude::*;

use super::*;
use crate::testing::{BOS, Behaviour, EOS, FakeClock, NONSENSE, POISON, TestBackend, VOCABULARY};

const LIMITS: Limits = Limits { window: 64, batch: 16, sequences: 3, vocabulary: VOCABULARY };

/// A scheduler with its backend and everything it said.
struct Bench {
    scheduler: Scheduler,
    backend: TestBackend,
    clock: Arc<FakeClock>,
    events: Vec<Event>,
}

impl Bench {
    fn new(limits: Limits) -> Self {
        Self::with(limits, Behaviour::default())
    }

    fn with(limits: Limits, behaviour: Behaviour) -> Self {
        let clock = behaviour.clock.clone().unwrap_or_default();
        let mut backend = TestBackend::new(behaviour);
        let settings = EngineSettings {
            context: limits.window,
            batch: limits.batch,
            sequences: limits.sequences,
            ..EngineSettings::default()
        };
        backend.open_context(&settings).unwrap();
        Self { scheduler: Scheduler::new(limits), backend, clock, events: Vec::new() }
    }

    fn step(&mut self) {
        let clock = Arc::clone(&self.clock);
        self.scheduler.step(&mut self.backend, clock.as_ref(), &mut self.events);
    }

    fn run(&mut self) {
        for _ in 0..10_000 {
            if self.scheduler.is_idle() {
                return;
            }
            self.step();
        }
        panic!("the scheduler never became idle");
    }

    fn tokens(&self, id: u64) -> Vec<TokenId> {
        self.generated(id).iter().map(|token| token.token).collect()
    }

    fn text(&self, id: u64) -> String {
        self.generated(id).iter().map(|token| token.text.as_str()).collect()
    }

    fn generated(&self, id: u64) -> Vec<GeneratedToken> {
        let of_id = self.events.iter().filter(|event| event.id == id);
        of_id
            .filter_map(
                |event| if let Outcome::Token(token) = &event.outcome { Some(token.clone()) } else { None },
            )
            .collect()
    }

    /// The one end of a request; checks that nothing follows it.
    fn end(&self, id: u64) -> Outcome {
        let of_id: Vec<&Event> = self.events.iter().filter(|event| event.id == id).collect();
        let (last, before) = of_id.split_last().expect("the request had events");
        assert!(before.iter().all(|event| matches!(event.outcome, Outcome::Token(_))), "{of_id:?}");
        last.outcome.clone()
    }

    fn report(&self, id: u64) -> GenerationReport {
        let Outcome::Finished(report) = self.end(id) else { panic!("{:?}", self.end(id)) };
        report
    }

    fn batch_shapes(&self) -> Vec<Vec<u32>> {
        self.backend
            .recording()
            .batches()
            .iter()
            .map(|batch| batch.iter().map(|item| item.sequence).collect())
            .collect()
    }
}

fn job(id: u64, prompt: &[TokenId]) -> Job {
    Job {
        id,
        prompt: prompt.to_vec(),
        sampling: Sampling { seed: id, ..Sampling::default() },
        max_tokens: 8,
        stop: Vec::new(),
        ignore_eos: true,
        logprobs: 0,
        arrived_ns: 0,
        reasoning_mark: Some("<think>"),
    }
}

fn prompt(length: u32) -> Vec<TokenId> {
    (0..length).map(|index| 97 + index % 26).collect()
}

fn refusal(limits: Limits, job: Job) -> String {
    let failure = Scheduler::new(limits).submit(job).unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadRequest);
    failure.message
}

#[test]
fn requests_that_make_no_sense_are_refused_with_their_values() {
    let long = refusal(LIMITS, job(1, &prompt(65)));
    assert_eq!(
        long,
        "the prompt has 65 tokens, but the context window has 64; shorten the prompt or open a larger window"
    );
    assert!(refusal(LIMITS, job(1, &[])).contains("empty"));
    assert!(refusal(LIMITS, job(1, &[5, 999])).contains("token 999"));
    assert!(refusal(LIMITS, Job { max_tokens: 0, ..job(1, &[5]) }).contains("max_tokens"));
    let hot = Sampling { temperature: 9.0, ..Sampling::default() };
    assert!(refusal(LIMITS, Job { sampling: hot, ..job(1, &[5]) }).contains("temperature is 9"));
}

#[test]
fn a_prompt_goes_in_pieces_of_the_batch_and_only_its_last_token_wants_logits() {
    let mut bench = Bench::new(LIMITS);
    bench.scheduler.submit(Job { max_tokens: 2, ..job(1, &prompt(37)) }).unwrap();
    bench.run();
    let batches = bench.backend.recording().batches();
    assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [16, 16, 5, 1]);
    let wanting: Vec<u32> =
        batches.iter().flatten().filter(|item| item.wants_logits).map(|item| item.position).collect();
    assert_eq!(wanting, [36, 37]);
}

#[test]
fn decoding_sequences_come_first_and_prompt_pieces_fill_the_rest() {
    let mut bench = Bench::new(LIMITS);
    bench.scheduler.submit(Job { max_tokens: 20, ..job(1, &prompt(3)) }).unwrap();
    bench.step();
    bench.scheduler.submit(Job { max_tokens: 20, ..job(2, &prompt(20)) }).unwrap();
    bench.step();
    bench.step();
    bench.step();
    let first = vec![0_u32; 3];
    let mixed: Vec<u32> = std::iter::once(0).chain([1; 15]).collect();
    let rest: Vec<u32> = std::iter::once(0).chain([1; 5]).collect();
    assert_eq!(bench.batch_shapes(), [first, mixed, rest, vec![0, 1]]);
}

#[test]
fn requests_beyond_the_sequences_wait_for_a_free_one() {
    let mut bench = Bench::new(LIMITS);
    for id in 1..=5 {
        bench.scheduler.submit(job(id, &prompt(4))).unwrap();
    }
    bench.step();
    assert_eq!(bench.batch_shapes()[0].len(), 12, "three prompts of four tokens");
    bench.run();
    for id in 1..=5 {
        assert_eq!(bench.report(id).finish_reason, FinishReason::Length);
        assert_eq!(bench.tokens(id).len(), 8);
    }
}

#[test]
fn the_queue_is_bounded() {
    let mut scheduler = Scheduler::new(LIMITS);
    for id in 0..WAITING_MAX as u64 {
        scheduler.submit(job(id, &[1])).unwrap();
    }
    assert!(scheduler.submit(job(u64::MAX, &[1])).unwrap_err().message.contains("waiting"));
}

#[test]
fn times_are_exact() {
    let clock = Arc::new(FakeClock::new(1));
    let mut bench = Bench::with(
        LIMITS,
        Behaviour { clock: Some(Arc::clone(&clock)), token_ns: 1000, ..Behaviour::default() },
    );
    clock.advance(500);
    bench.scheduler.submit(Job { max_tokens: 3, arrived_ns: 100, ..job(7, &prompt(20)) }).unwrap();
    bench.run();
    // Readings tick by 1: one for the cancellations of a step, two around each decode, two around each choice.
    // Step 1: 500; decode 501 → 16,502. Step 2: 16,503; decode 16,504 → 20,505; choice 20,506 → 20,507.
    // Step 3: 20,508; decode 20,509 → 21,510; choice 21,511 → 21,512. Step 4: 21,513; 21,514 → 22,515; 22,516 → 22,517; end 22,518.
    let at: Vec<u64> = bench.generated(7).iter().map(|token| token.at_ns).collect();
    assert_eq!(at, [20_407, 21_412, 22_417]);
    let expected = GenerationReport {
        prompt_tokens: 20,
        cached_tokens: 0,
        prefill_start_ns: 401,
        prefill_end_ns: 20_405,
        end_ns: 22_418,
        decode_backend_ns: 2002,
        sampling_ns: 3,
        generated_tokens: 3,
        finish_reason: FinishReason::Length,
        reasoning_mark: Some("<think>".to_owned()),
    };
    assert_eq!(bench.report(7), expected);
}

#[test]
fn a_full_window_ends_a_generation() {
    let mut bench = Bench::new(LIMITS);
    bench.scheduler.submit(Job { max_tokens: 1000, ..job(1, &prompt(60)) }).unwrap();
    bench.scheduler.submit(Job { max_tokens: 1000, ..job(2, &prompt(64)) }).unwrap();
    bench.run();
    // 60 in the window, 4 more fit, and the last token needs no room.
    assert_eq!((bench.tokens(1).len(), bench.report(1).finish_reason), (5, FinishReason::ContextFull));
    assert_eq!((bench.tokens(2).len(), bench.report(2).finish_reason), (1, FinishReason::ContextFull));
}

#[test]
fn the_ending_token_ends_unless_ignored() {
    let backend = || Behaviour { favourite: Some(EOS), ..Behaviour::default() };
    let drawn = |ignore_eos| Job {
        sampling: Sampling { temperature: 1.0, top_k: 0, top_p: 1.0, ..Sampling::default() },
        ignore_eos,
        max_tokens: 60,
        ..job(1, &[65])
    };
    let mut stops = Bench::with(LIMITS, backend());
    stops.scheduler.submit(drawn(false)).unwrap();
    stops.run();
    assert_eq!(stops.report(1).finish_reason, FinishReason::Eos);
    assert_eq!(stops.tokens(1).last(), Some(&EOS));
    assert_eq!(stops.generated(1).last().unwrap().text, "");
    let mut goes_on = Bench::with(LIMITS, backend());
    goes_on.scheduler.submit(drawn(true)).unwrap();
    goes_on.run();
    assert_eq!((goes_on.tokens(1).len(), goes_on.report(1).finish_reason), (60, FinishReason::Length));
    assert!(goes_on.tokens(1).contains(&EOS));
}

#[test]
fn a_stop_string_cuts_the_text_and_ends_the_generation() {
    let mut free = Bench::new(LIMITS);
    let ascii =
        |stop: Vec<String>| Job { stop, max_tokens: 30, sampling: Sampling::greedy(), ..job(1, &prompt(5)) };
    free.scheduler.submit(ascii(Vec::new())).unwrap();
    free.run();
    let whole: Vec<char> = free.text(1).chars().collect();
    let stop: String = whole[10..13].iter().collect();
    let text: String = whole.iter().collect();
    let mut stopped = Bench::new(LIMITS);
    stopped.scheduler.submit(ascii(vec![stop.clone()])).unwrap();
    stopped.run();
    assert_eq!(stopped.report(1).finish_reason, FinishReason::Stop);
    assert_eq!(Some(stopped.text(1).as_str()), text.split(&stop).next());
}

#[test]
fn text_withheld_for_a_stop_string_is_not_lost_at_the_end() {
    let backend = Behaviour { favourite: Some(TokenId::from(b'a')), ..Behaviour::default() };
    let mut bench = Bench::with(LIMITS, backend);
    let stop = vec!["a".repeat(50)];
    bench
        .scheduler
        .submit(Job { stop, max_tokens: 5, sampling: Sampling::greedy(), ..job(1, &prompt(5)) })
        .unwrap();
    bench.run();
    assert_eq!(bench.text(1), "aaaaa");
    assert_eq!(bench.generated(1)[0].text, "");
}

#[test]
fn cancelling_takes_effect_at_the_next_step_and_frees_the_sequence() {
    let mut bench = Bench::new(Limits { sequences: 1, ..LIMITS });
    bench.scheduler.submit(Job { max_tokens: 50, ..job(1, &prompt(4)) }).unwrap();
    bench.scheduler.submit(Job { max_tokens: 50, ..job(2, &prompt(4)) }).unwrap();
    bench.scheduler.submit(job(3, &prompt(4))).unwrap();
    bench.step();
    bench.scheduler.cancel(1);
    bench.scheduler.cancel(2);
    bench.scheduler.cancel(99);
    bench.step();
    assert_eq!(
        (bench.report(1).finish_reason, bench.report(1).generated_tokens),
        (FinishReason::Cancelled, 1)
    );
    assert_eq!(
        (bench.report(2).finish_reason, bench.report(2).generated_tokens),
        (FinishReason::Cancelled, 0)
    );
    bench.run();
    assert_eq!(bench.report(3).finish_reason, FinishReason::Length);
}

#[test]
fn a_failing_request_does_not_take_the_others_with_it() {
    let mut bench = Bench::new(LIMITS);
    bench.scheduler.submit(job(1, &prompt(4))).unwrap();
    bench.scheduler.submit(job(2, &[65, POISON, 66])).unwrap();
    bench.scheduler.submit(job(3, &[65, NONSENSE])).unwrap();
    bench.run();
    assert_eq!(bench.report(1).finish_reason, FinishReason::Length);
    assert!(matches!(bench.end(2), Outcome::Failed(failure) if failure.kind == FailureKind::Internal));
    assert!(matches!(bench.end(3), Outcome::Failed(failure) if failure.kind == FailureKind::Model));
    let mut alone = Bench::new(LIMITS);
    alone.scheduler.submit(job(1, &prompt(4))).unwrap();
    alone.run();
    assert_eq!(bench.tokens(1), alone.tokens(1));
    // All numbers are free again.
    for id in 10..13 {
        bench.scheduler.submit(job(id, &prompt(2))).unwrap();
    }
    bench.step();
    assert_eq!(bench.batch_shapes().last().unwrap().len(), 6);
}

#[test]
fn sequences_that_cannot_be_cut_are_used_again_after_a_clear() {
    let mut bench = Bench::with(LIMITS, Behaviour { cannot_trim: true, ..Behaviour::default() });
    for id in 0..8 {
        bench.scheduler.submit(job(id, &prompt(3))).unwrap();
    }
    bench.run();
    assert!((0..8).all(|id| bench.report(id).finish_reason == FinishReason::Length));
}

#[test]
fn two_requests_with_one_id_end_both() {
    let mut bench = Bench::new(LIMITS);
    bench.scheduler.submit(job(1, &prompt(3))).unwrap();
    bench.step();
    assert!(bench.scheduler.submit(job(1, &prompt(3))).unwrap_err().message.contains("id 1"));
    bench.run();
    assert_eq!(bench.report(1).finish_reason, FinishReason::Cancelled);
}

#[test]
fn failing_all_tells_everybody_once_and_leaves_an_idle_scheduler() {
    let mut bench = Bench::new(LIMITS);
    for id in 1..=4 {
        bench.scheduler.submit(job(id, &prompt(3))).unwrap();
    }
    bench.step();
    bench.scheduler.fail_all(&Failure::cancelled("gone"), &mut bench.events);
    assert!(bench.scheduler.is_idle());
    assert!((1..=4).all(|id| bench.end(id) == Outcome::Failed(Failure::cancelled("gone"))));
}

#[test]
fn log_probabilities_come_when_asked_for() {
    let mut bench = Bench::new(LIMITS);
    bench.scheduler.submit(Job { logprobs: 3, sampling: Sampling::greedy(), ..job(1, &[BOS, 65]) }).unwrap();
    bench.scheduler.submit(job(2, &[BOS, 65])).unwrap();
    bench.run();
    for token in bench.generated(1) {
        assert_eq!(token.top.len(), 3);
        assert_eq!((token.top[0].token, Some(token.top[0].logprob)), (token.token, token.logprob));
        assert_eq!(Some(&token.top[0].piece), token.piece.as_ref());
        for likely in &token.top {
            let spelled = match likely.token {
                BOS => b"<bos>".to_vec(),
                EOS => b"<eos>".to_vec(),
                byte => vec![u8::try_from(byte).unwrap()],
            };
            assert_eq!(likely.piece, spelled.into(), "{likely:?}");
        }
    }
    assert!(bench.generated(2).iter().all(|token| token.logprob.is_none() && token.top.is_empty()));
}

proptest! {
    /// Whatever shares a batch, each request gets the tokens it would get alone.
    #[test]
    fn a_shared_batch_gives_the_same_tokens_as_each_alone(
        requests in prop::collection::vec((1_u32..40, 1_u32..30, 0_usize..6), 1..7),
        sequences in 1_u32..4,
        batch in 4_u32..20,
    ) {
        let limits = Limits { sequences, batch, ..LIMITS };
        let jobs: Vec<Job> = requests.iter().zip(1..).map(|((length, max_tokens, _), id)| Job {
            max_tokens: *max_tokens,
            ..job(id, &prompt(*length))
        }).collect();
        let mut together = Bench::new(limits);
        for (job, (_, _, steps_before)) in jobs.iter().zip(&requests) {
            for _ in 0..*steps_before {
                together.step();
            }
            together.scheduler.submit(job.clone()).unwrap();
        }
        together.run();
        let mut alone = BTreeMap::new();
        for job in &jobs {
            let mut bench = Bench::new(limits);
            bench.scheduler.submit(job.clone()).unwrap();
            bench.run();
            alone.insert(job.id, (bench.tokens(job.id), bench.text(job.id), bench.report(job.id).finish_reason));
        }
        for job in &jobs {
            let shared = (together.tokens(job.id), together.text(job.id), together.report(job.id).finish_reason);
            prop_assert_eq!(&shared, &alone[&job.id]);
        }
    }
}
