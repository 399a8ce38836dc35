//! Routing: tasks, the order of models, preferences of the rules, and what happens to long texts.

use dyno_advise::{
    Candidate, Complexity, Request, Route, RouteError, RouteModel, RouteRequest, RoutingPolicy, ranked,
    route, understand,
};
use dyno_types::{Choice, Priority, ReadingPlan, Role, Standing};

use crate::world::{GIB, Laws, candidate, evaluate, family, put_here, request, run};

fn asked(task: &str, priority: Priority, content_tokens: u64) -> RouteRequest {
    let task = (!task.is_empty()).then(|| task.to_owned());
    RouteRequest { task, priority, complexity: Complexity::Normal, content_tokens }
}

/// Candidates for coding: the family, as coders.
fn coders() -> Vec<Candidate> {
    let mut coders = family();
    for coder in &mut coders {
        coder.model.roles = vec![Role::Coding];
        for figure in &mut coder.model.figures {
            "humaneval".clone_into(&mut figure.metric);
        }
    }
    coders
}

fn wanted(role: Role, priority: Priority) -> Request {
    Request { role, ..request(priority, 16 * GIB) }
}

fn models(choices: Vec<Choice>, window: u32) -> Vec<RouteModel> {
    choices.into_iter().map(|choice| RouteModel { choice, window: Some(window), loaded: false }).collect()
}

fn routed(request: &RouteRequest, candidates: &[Candidate]) -> Route {
    let policy = RoutingPolicy::built_in();
    let understood = understand(&policy, request).unwrap();
    let preferred = policy.preferred(understood.task(), request.priority, request.content_tokens);
    let wanted = Request { preferred: preferred.clone(), ..wanted(understood.role(), request.priority) };
    let models = models(ranked(&wanted, candidates, &Laws), 32_768);
    route(&understood, request, &preferred, &models).unwrap()
}

#[test]
fn complexity_and_length_turn_general_requests() {
    let policy = RoutingPolicy::built_in();
    let task = |complexity, tokens| {
        let request = RouteRequest { complexity, ..asked("", Priority::Balanced, tokens) };
        understand(&policy, &request).unwrap().task().to_owned()
    };
    assert_eq!(task(Complexity::Complex, 10), "reasoning");
    assert_eq!(task(Complexity::Simple, 499), "simple");
    assert_eq!(task(Complexity::Simple, 500), "general");
    assert_eq!(task(Complexity::Normal, 2_001), "reasoning");
}

#[test]
fn the_rules_of_the_documents_are_preferences() {
    use Priority::{Balanced, Quality, Speed};
    let policy = RoutingPolicy::built_in();
    let cases = [
        ("reasoning", Quality, 100, "llama-3.2-3b"),
        ("reasoning", Speed, 100, "deepseek-r1-distill-qwen-1.5b"),
        ("mathematical", Speed, 100, "llama-3.2-3b"),
        ("coding", Balanced, 100, "qwen2.5-1.5b"),
        ("multilingual", Balanced, 100, "qwen2.5-1.5b"),
        ("creative", Balanced, 100, "deepseek-r1-distill-qwen-1.5b"),
    ];
    for (task, priority, tokens, first) in cases {
        let preferred = policy.preferred(task, priority, tokens);
        assert_eq!(preferred.first().map(String::as_str), Some(first), "{task} {priority:?}");
    }
    assert_eq!(policy.preferred("coding", Balanced, 3_000), ["qwen2.5-1.5b", "mixtral-4x7b"]);
    assert_eq!(
        policy.preferred("coding", Balanced, 500_000).last().map(String::as_str),
        Some("ayla-light-12b")
    );
}

#[test]
fn a_rule_decides_between_models_that_do_about_as_well_and_not_against_better_ones() {
    let rule =
        |name: &str| Request { preferred: vec![name.to_owned()], ..request(Priority::Quality, 16 * GIB) };
    let first =
        |request: &Request, candidates: &[Candidate]| ranked(request, candidates, &Laws)[0].model.clone();
    assert_eq!(first(&rule("1.5b"), &family()), "14b", "a rule of years ago does not beat a better model");
    let mut twins = family();
    twins.push(candidate("14b-twin", 14.8, &[("mmlu", 79.0)]));
    assert_eq!(first(&rule("1.5b"), &twins), "14b");
    assert_eq!(first(&rule("14b-twin"), &twins), "14b-twin");
}

#[test]
fn what_is_here_goes_before_what_would_have_to_be_fetched_and_what_was_measured_before_that() {
    let code = asked("code", Priority::Quality, 100);
    let mut candidates = coders();
    let route = routed(&code, &candidates);
    assert_eq!((route.model.as_str(), route.task.as_str()), ("14b", "coding"));
    assert!(
        route.reasons.iter().any(|reason| reason.contains("nothing for coding is here")),
        "{:?}",
        route.reasons
    );
    put_here(&mut candidates[1], "q4_k_m");
    put_here(&mut candidates[2], "q4_k_m");
    let route = routed(&code, &candidates);
    assert_eq!((route.model.as_str(), route.quantization.as_str()), ("3b", "q4_k_m"));
    assert!(route.command.unwrap().contains("models/3b-q4_k_m.gguf"));
    // One measured model goes first, as long as it is the only one.
    evaluate(&mut candidates[1], "q4_k_m", "heldout-code", 120);
    assert_eq!(routed(&code, &candidates).model, "1.5b");
    // The better of two measured ones goes first, whatever is published.
    evaluate(&mut candidates[2], "q4_k_m", "heldout-code", 100);
    let route = routed(&code, &candidates);
    assert_eq!(route.model, "1.5b");
    let reason = "1.5b answers 60.0 % of heldout-code right, 3b 50.0 %";
    assert!(route.reasons.iter().any(|text| text.contains(reason)), "{:?}", route.reasons);
    candidates[2].variants.iter_mut().for_each(|variant| variant.evaluated.clear());
    evaluate(&mut candidates[2], "q4_k_m", "heldout-code", 140);
    assert_eq!(routed(&code, &candidates).model, "3b");
    // An evaluation of code says nothing about mathematics.
    for coder in &mut candidates {
        coder.model.roles.push(Role::Reasoning);
    }
    let order = ranked(&wanted(Role::Reasoning, Priority::Quality), &candidates, &Laws);
    assert_eq!(order[0].standing, Standing::Here, "both are here, and neither was measured");
}

#[test]
fn evaluations_are_compared_over_the_same_questions_only() {
    let mut candidates = coders();
    for (at, suite, right) in [(1, "heldout-code", 90), (2, "heldout-code", 100), (3, "easy-code", 200)] {
        put_here(&mut candidates[at], "q4_k_m");
        evaluate(&mut candidates[at], "q4_k_m", suite, right);
    }
    let order = ranked(&wanted(Role::Coding, Priority::Quality), &candidates, &Laws);
    let standings: Vec<(&str, Standing)> =
        order.iter().take(3).map(|choice| (choice.model.as_str(), choice.standing)).collect();
    assert_eq!(
        standings,
        [("3b", Standing::Measured), ("1.5b", Standing::Measured), ("7b", Standing::Here)],
        "the suite that most models have in common decides"
    );
}

#[test]
fn plain_questions_decide_where_models_were_asked_in_several_ways() {
    let mut candidates = coders();
    for (at, plain, steps) in [(1, 100, 60), (2, 80, 190)] {
        put_here(&mut candidates[at], "q4_k_m");
        evaluate(&mut candidates[at], "q4_k_m", "heldout-code", steps);
        let variant = candidates[at].variants.iter_mut().find(|variant| variant.here.is_some()).unwrap();
        "chain_of_thought".clone_into(&mut variant.evaluated[0].strategy);
        evaluate(&mut candidates[at], "q4_k_m", "heldout-code", plain);
    }
    assert_eq!(routed(&asked("code", Priority::Quality, 100), &candidates).model, "1.5b");
}

#[test]
fn evaluations_of_a_few_questions_decide_nothing() {
    let mut candidates = coders();
    put_here(&mut candidates[1], "q4_k_m");
    evaluate(&mut candidates[1], "q4_k_m", "heldout-code", 200);
    let variant = candidates[1].variants.iter_mut().find(|variant| variant.here.is_some()).unwrap();
    variant.evaluated[0].items = dyno_advise::YARDSTICK_ITEMS_MIN - 1;
    let order = ranked(&wanted(Role::Coding, Priority::Quality), &candidates, &Laws);
    assert_eq!((order[0].model.as_str(), order[0].standing), ("1.5b", Standing::Here));
    let published = order[0].quality.as_ref().unwrap();
    assert_eq!(published.evidence, dyno_types::Evidence::Published);
}

#[test]
fn a_built_in_model_comes_after_the_files_of_the_user_and_that_is_said() {
    let mut candidates = coders();
    for (at, right) in [(1, 60), (0, 120)] {
        put_here(&mut candidates[at], "q4_k_m");
        evaluate(&mut candidates[at], "q4_k_m", "heldout-code", right);
    }
    let builtin = candidates[0].variants.iter_mut().find(|variant| variant.here.is_some()).unwrap();
    builtin.here.as_mut().unwrap().builtin = true;
    let route = routed(&asked("code", Priority::Quality, 100), &candidates);
    assert_eq!((route.model.as_str(), route.fallbacks[0].model.as_str()), ("1.5b", "0.5b"));
    let reason = "0.5b answers 60.0 % of heldout-code right and not 30.0 %, but is there to test dyno";
    assert!(route.reasons.iter().any(|text| text.contains(reason)), "{:?}", route.reasons);
}

#[test]
fn measured_speed_decides_where_speed_is_asked_for() {
    let mut candidates = coders();
    for (at, tps) in [(0, 5.0), (3, 9.0)] {
        put_here(&mut candidates[at], "q4_k_m");
        let variant =
            candidates[at].variants.iter_mut().find(|variant| variant.quantization == "q4_k_m").unwrap();
        variant.measured = vec![run("r", tps, GIB)];
    }
    let route = routed(&asked("code", Priority::Speed, 100), &candidates);
    assert_eq!(route.model, "7b");
    assert!(
        route.reasons.iter().any(|reason| reason.contains("7b writes 9.0 tokens/s, 0.5b 5.0")),
        "{:?}",
        route.reasons
    );
}

#[test]
fn the_others_stand_in_the_same_order() {
    let mut candidates = coders();
    put_here(&mut candidates[0], "q8_0");
    put_here(&mut candidates[3], "q4_k_m");
    for (_, priority) in Priority::ALL {
        let route = routed(&asked("code", priority, 100), &candidates);
        let key = |fallback: &dyno_advise::Fallback| (fallback.standing, fallback.score);
        assert!(
            route.fallbacks.windows(2).all(|pair| key(&pair[0]) >= key(&pair[1])),
            "{priority:?}: {:?}",
            route.fallbacks
        );
        assert!(route.fallbacks.iter().all(|fallback| fallback.model != route.model));
    }
}

#[test]
fn a_loaded_model_saves_the_load_when_speed_matters() {
    let mut candidates = coders();
    for at in [0, 3] {
        put_here(&mut candidates[at], "q4_k_m");
    }
    let policy = RoutingPolicy::built_in();
    let first = |priority| {
        let request = asked("code", priority, 10);
        let understood = understand(&policy, &request).unwrap();
        let mut models = models(ranked(&wanted(Role::Coding, priority), &candidates, &Laws), 32_768);
        for model in &mut models {
            model.loaded = model.choice.model == "7b" || model.choice.model == "70b";
        }
        route(&understood, &request, &[], &models).unwrap().model
    };
    assert_eq!(first(Priority::Speed), "7b");
    let mut unloaded = coders();
    put_here(&mut unloaded[0], "q4_k_m");
    put_here(&mut unloaded[3], "q4_k_m");
    assert_eq!(routed(&asked("code", Priority::Speed, 10), &unloaded).model, "0.5b");
}

#[test]
fn long_texts_go_where_they_fit_or_are_read_in_parts() {
    let policy = RoutingPolicy::built_in();
    let choices = ranked(&wanted(Role::General, Priority::Quality), &family(), &Laws);
    let models: Vec<RouteModel> = choices
        .into_iter()
        .map(|choice| {
            let window = if choice.model == "1.5b" { 131_072 } else { 8_192 };
            RouteModel { choice, window: Some(window), loaded: false }
        })
        .collect();
    let routed = |tokens| {
        let request = asked("chat", Priority::Quality, tokens);
        let request = RouteRequest { task: Some("multilingual".to_owned()), ..request };
        route(&understand(&policy, &request).unwrap(), &request, &[], &models).unwrap()
    };
    assert_eq!(routed(100).model, "14b");
    let whole = routed(100_000);
    assert_eq!((whole.model.as_str(), whole.reading), ("1.5b", Some(ReadingPlan::Whole { window: 131_072 })));
    let parts = routed(1_000_000);
    assert_eq!(parts.model, "1.5b");
    assert!(
        matches!(parts.reading, Some(ReadingPlan::Chunks { count, .. }) if count > 7),
        "{:?}",
        parts.reading
    );
    assert!(parts.reasons.iter().any(|reason| reason.contains("in parts")), "{:?}", parts.reasons);
}

#[test]
fn what_cannot_be_done_is_said() {
    let policy = RoutingPolicy::built_in();
    for (task, role) in
        [("image", "vision"), ("speech", "speech"), ("narration", "voice"), ("search", "embedding")]
    {
        let error = understand(&policy, &asked(task, Priority::Speed, 10)).unwrap_err();
        assert!(matches!(error, RouteError::NotRun { role: named } if named == role), "{task}: {error}");
    }
    let request = asked("code", Priority::Speed, 10);
    let none = route(&understand(&policy, &request).unwrap(), &request, &[], &[]).unwrap_err();
    assert!(matches!(none, RouteError::NoModel { role: "coding", .. }), "{none}");
    let unknown = understand(&policy, &asked("dancing", Priority::Speed, 10)).unwrap_err();
    assert!(unknown.to_string().contains("coding"), "{unknown}");
}

#[test]
fn policies_are_checked_strictly() {
    let text = include_str!("../../data/routing.toml");
    assert!(RoutingPolicy::parse(text).is_ok());
    for (from, to) in [
        ("dyno.routing/1", "dyno.routing/7"),
        ("because =", "why ="),
        ("task = \"creative\"", "task = \"creation\""),
        ("into = \"simple\"", "into = \"easy\""),
        ("role = \"coding\"", "role = \"codeing\""),
    ] {
        assert!(text.contains(from), "{from}");
        assert!(RoutingPolicy::parse(&text.replacen(from, to, 1)).is_err(), "{from} → {to}");
    }
}
