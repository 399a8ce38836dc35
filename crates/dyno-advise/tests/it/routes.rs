//! Routing: the built-in rules, what overrides them, and what happens to long texts.

use dyno_advise::{Complexity, Route, RouteError, RouteModel, RouteRequest, RoutingPolicy, route};
use dyno_types::{Priority, ReadingPlan, Role};

fn model(name: &str, roles: &[Role], window: u32) -> RouteModel {
    RouteModel {
        name: name.to_owned(),
        roles: roles.to_vec(),
        window: Some(window),
        loaded: false,
        measured_decode_tps: None,
        measured_quality: None,
    }
}

fn models() -> Vec<RouteModel> {
    use Role::{Coding, General, Reasoning, Vision};
    vec![
        model("llama-3.2-3b", &[General, Reasoning], 131_072),
        model("deepseek-r1-distill-qwen-1.5b", &[Reasoning, General], 32_768),
        model("qwen2.5-1.5b", &[General, Coding, Reasoning], 32_768),
        model("qwen2.5-7b", &[General, Coding, Reasoning], 32_768),
        model("qwen2.5-coder-7b", &[Coding], 32_768),
        model("qwen2-vl-7b", &[Vision], 32_768),
        model("wizardlm-7b", &[General], 2_048),
    ]
}

fn request(task: &str, priority: Priority, tokens: u64) -> RouteRequest {
    let task = (!task.is_empty()).then(|| task.to_owned());
    RouteRequest { task, priority, complexity: Complexity::Normal, content_tokens: tokens }
}

fn routed(request: &RouteRequest, models: &[RouteModel]) -> Route {
    route(&RoutingPolicy::built_in(), request, models).unwrap()
}

#[test]
fn the_built_in_rules_are_those_of_the_documents() {
    use Priority::{Balanced, Quality, Speed};
    let cases = [
        ("reasoning", Quality, 100, "llama-3.2-3b"),
        ("reasoning", Speed, 100, "deepseek-r1-distill-qwen-1.5b"),
        ("reasoning", Balanced, 100, "deepseek-r1-distill-qwen-1.5b"),
        ("mathematical", Speed, 100, "llama-3.2-3b"),
        ("code", Balanced, 100, "qwen2.5-1.5b"),
        ("manim_code", Balanced, 100, "qwen2.5-1.5b"),
        ("multilingual", Balanced, 100, "qwen2.5-1.5b"),
        ("detailed-analysis", Balanced, 100, "llama-3.2-3b"),
        ("creative", Balanced, 100, "deepseek-r1-distill-qwen-1.5b"),
        ("diagram", Quality, 100, "qwen2-vl-7b"),
        ("", Balanced, 100, "qwen2.5-1.5b"),
        ("chat", Balanced, 1_500, "qwen2.5-1.5b"),
        ("chat", Balanced, 2_001, "deepseek-r1-distill-qwen-1.5b"),
    ];
    for (task, priority, tokens, expected) in cases {
        let route = routed(&request(task, priority, tokens), &models());
        assert_eq!(route.model, expected, "{task} {priority:?} {tokens}: {:?}", route.reasons);
        assert!(!route.reasons.is_empty() && !route.fallbacks.contains(&route.model));
    }
}

#[test]
fn complexity_and_length_turn_general_requests() {
    let task = |complexity, tokens| {
        let request = RouteRequest { complexity, ..request("", Priority::Balanced, tokens) };
        routed(&request, &models()).task
    };
    assert_eq!(task(Complexity::Complex, 10), "reasoning");
    assert_eq!(task(Complexity::Simple, 499), "simple");
    assert_eq!(task(Complexity::Simple, 500), "general");
    assert_eq!(task(Complexity::Normal, 2_001), "reasoning");
}

#[test]
fn what_was_measured_overrides_the_rules() {
    let mut models = models();
    let code = request("code", Priority::Speed, 100);
    models[3].measured_decode_tps = Some(9.0);
    assert_eq!(routed(&code, &models).model, "qwen2.5-1.5b", "one measured model is no comparison");
    models[4].measured_decode_tps = Some(8.0);
    let route = routed(&code, &models);
    assert_eq!(route.model, "qwen2.5-7b");
    assert!(route.reasons.iter().any(|reason| reason.contains("9.0 tokens/s")), "{:?}", route.reasons);
    assert!(route.fallbacks.contains(&"qwen2.5-1.5b".to_owned()));
    let quality = request("code", Priority::Quality, 100);
    assert_eq!(routed(&quality, &models).model, "qwen2.5-1.5b", "speed says nothing about quality");
    (models[3].measured_quality, models[4].measured_quality) = (Some(0.7), Some(0.9));
    assert_eq!(routed(&quality, &models).model, "qwen2.5-coder-7b");
    assert_eq!(routed(&request("code", Priority::Balanced, 100), &models).model, "qwen2.5-coder-7b");
}

#[test]
fn a_loaded_model_of_the_rule_saves_the_load_when_speed_matters() {
    let mut models = models();
    models.push(model("llava-7b", &[Role::Vision], 32_768));
    models.push(model("blip-2", &[Role::Vision], 32_768));
    models[7].loaded = true;
    let balanced = request("image", Priority::Balanced, 10);
    assert_eq!(routed(&balanced, &models).model, "blip-2");
    let speed = request("image", Priority::Speed, 10);
    let route = routed(&speed, &models);
    assert_eq!(route.model, "llava-7b", "nothing of the rule is there; the loaded one comes first");
}

#[test]
fn long_texts_go_where_they_fit_or_are_read_in_parts() {
    let route = routed(&request("reasoning", Priority::Balanced, 100_000), &models());
    assert_eq!(
        (route.model.as_str(), route.reading),
        ("llama-3.2-3b", Some(ReadingPlan::Whole { window: 131_072 }))
    );
    let route = routed(&request("reasoning", Priority::Balanced, 1_000_000), &models());
    assert_eq!(route.model, "llama-3.2-3b");
    assert!(
        matches!(route.reading, Some(ReadingPlan::Chunks { count, .. }) if count > 7),
        "{:?}",
        route.reading
    );
    assert!(route.reasons.iter().any(|reason| reason.contains("in parts")), "{:?}", route.reasons);
}

#[test]
fn what_is_missing_is_substituted_or_said() {
    let only = [model("qwen2.5-14b", &[Role::General, Role::Reasoning], 32_768)];
    assert_eq!(routed(&request("reasoning", Priority::Quality, 10), &only).model, "qwen2.5-14b");
    let policy = RoutingPolicy::built_in();
    let none = route(&policy, &request("image", Priority::Speed, 10), &only).unwrap_err();
    assert!(
        matches!(none, RouteError::NoModel { .. }) && none.to_string().contains("--role vision"),
        "{none}"
    );
    let unknown = route(&policy, &request("dancing", Priority::Speed, 10), &only).unwrap_err();
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
