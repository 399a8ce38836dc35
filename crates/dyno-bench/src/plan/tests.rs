//! Plans: what is refused, what is filled in, how many steps it counts.

use super::*;

fn request() -> PlanRequest {
    PlanRequest {
        path: PathBuf::from("model.gguf"),
        facts: ModelFacts { context_train: Some(4096), ..ModelFacts::default() },
        settings: EngineSettings::default(),
        sampling: Sampling::default(),
        runs: 3,
        processes: 3,
        max_tokens: 64,
        contexts: vec![512, 1024, 2048, 4096],
        context_decode_tokens: 32,
    }
}

fn plan_with(change: impl FnOnce(&mut PlanRequest)) -> Result<BenchPlan, PlanError> {
    let mut request = request();
    change(&mut request);
    BenchPlan::new(request)
}

#[test]
fn what_makes_no_sense_is_refused_with_a_sentence() {
    type Change = fn(&mut PlanRequest);
    let cases: &[(Change, &str)] = &[
        (|r| r.runs = 0, "the number of runs is 0, and must be 1"),
        (|r| r.processes = 0, "the number of engine processes is 0"),
        (|r| r.max_tokens = 0, "the maximum answer length is 0"),
        (|r| r.context_decode_tokens = 0, "the number of tokens decoded in each window is 0"),
        (|r| r.runs = u32::MAX, "the number of runs is 4294967295"),
        (|r| r.contexts.clear(), "names no window"),
        (|r| r.contexts.push(32), "a context window of 32 tokens leaves no room"),
        (|r| r.contexts.push(0), "a context window of 0 tokens"),
        (|r| r.contexts.push(u32::MAX), "beyond the largest accepted"),
        (|r| r.settings.context = 64, "a window of 64 tokens leaves no room for a prompt before 64"),
        (|r| r.settings.context = 4097, "beyond the 4096 tokens the model was trained for"),
        (|r| r.settings.batch = 256, "a physical batch of 512 tokens is larger than the batch of 256"),
        (|r| r.sampling.temperature = 7.0, "temperature is 7"),
    ];
    for (change, expected) in cases {
        let error = plan_with(change).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error:?} should contain {expected:?}");
    }
}

#[test]
fn windows_are_sorted_and_each_kept_once() {
    let plan = plan_with(|r| r.contexts = vec![2048, 512, 2048, 1024, 512]).unwrap();
    assert_eq!(plan.contexts(), [512, 1024, 2048]);
}

#[test]
fn the_training_context_joins_when_every_window_is_larger() {
    let small = |train: u64, windows: &[u32]| {
        plan_with(|r| {
            r.facts.context_train = Some(train);
            r.settings.context = 256;
            r.max_tokens = 16;
            r.contexts = windows.to_vec();
        })
        .unwrap()
    };
    assert_eq!(small(256, &[512, 1024]).contexts(), [256, 512, 1024]);
    assert_eq!(small(256, &[512, 1024]).window_order(0), [256]);
    assert_eq!(small(512, &[512, 1024]).contexts(), [512, 1024]);
    assert_eq!(small(512, &[512, 1024]).window_order(0), [512]);
}

#[test]
fn windows_alternate_between_processes_and_a_single_process_goes_both_ways() {
    let three = plan_with(|r| r.contexts = vec![512, 1024, 8192]).unwrap();
    assert_eq!(three.window_order(0), [512, 1024]);
    assert_eq!(three.window_order(1), [1024, 512]);
    assert_eq!(three.window_order(2), [512, 1024]);
    let one = plan_with(|r| r.processes = 1).unwrap();
    assert_eq!(one.window_order(0), [512, 1024, 2048, 4096, 4096, 2048, 1024, 512]);
}

#[test]
fn nothing_is_beyond_training_when_the_header_is_silent() {
    let plan = plan_with(|r| r.facts.context_train = None).unwrap();
    assert!(!plan.is_beyond_training(4_000_000));
}

#[test]
fn every_prompt_takes_every_place() {
    let plan = plan_with(|_| ()).unwrap();
    let firsts: Vec<usize> = (0..3).map(|run| plan.prompt_order(0, run)[0]).collect();
    assert_eq!(firsts, [0, 1, 2]);
    assert_eq!(plan.prompt_order(1, 1), [2, 0, 1]);
    let mut all = plan.prompt_order(5, 7);
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2]);
}

#[test]
fn steps_are_known_ahead() {
    // 1 first load, then 3 × (load, warm-up, 9 requests and 3 long prompts, 4 windows, cleanup).
    assert_eq!(plan_with(|_| ()).unwrap().steps(0), 1 + 3 * 19);
    assert_eq!(plan_with(|r| r.processes = 1).unwrap().steps(7), 1 + 7 + 3 + 12 + 8);
    assert_eq!(
        plan_with(|r| r.settings.context = 512).unwrap().steps(0),
        1 + 3 * 16,
        "no room for the long prompt"
    );
}

#[test]
fn prompts_without_text_are_refused() {
    let plan = || plan_with(|_| ()).unwrap();
    assert_eq!(plan().with_prompts(Vec::new()), Err(PlanError::NoPrompts));
    let blank = BenchPrompt { id: "blank".to_owned(), text: " \n".to_owned() };
    assert_eq!(plan().with_prompts(vec![blank]), Err(PlanError::NoPrompts));
}
