//! The models inside the program are what their card says, measured by the built engine.

use serde_json::Value;

use crate::dyno::World;

fn evaluation(world: &World, model: &str, more: &[&str]) -> Value {
    let fixed =
        ["eval", model, "--limit", "120", "--format", "json", "--threads", "1", "--threads-prefill", "1"];
    let out = world.run(&[&fixed, more].concat()).ok();
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
}

/// 95 % interval over the whole suite.
fn interval(record: &Value, suite: &str, strategy: &str) -> [f64; 2] {
    let suites = record["suites"].as_array().unwrap();
    let result =
        suites.iter().find(|one| one["suite"]["name"] == suite && one["strategy"] == strategy).unwrap();
    [0, 1].map(|end| result["scores"][0]["ci95"][end].as_f64().unwrap())
}

#[test]
fn micro_is_better_than_nano_and_better_still_with_written_steps() {
    let Some(world) = World::with_engine("the reference models") else { return };
    let suites = ["heldout-single", "heldout-steps", "--strategies", "direct,thinking"];
    let micro = evaluation(&world, "builtin:micro", &suites);
    let nano = evaluation(&world, "builtin:nano", &["heldout-single"]);
    let [single, of_nano] = [&micro, &nano].map(|record| interval(record, "heldout-single", "direct"));
    assert!(single[0] > of_nano[1], "micro {single:?}, nano {of_nano:?}");
    assert!(of_nano[0] > 0.0, "nano {of_nano:?}");
    let comparisons = micro["comparisons"].as_array().unwrap();
    let steps = comparisons
        .iter()
        .find(|one| {
            one["suite"] == "heldout-steps" && one["candidate"] == "thinking" && one["group"] == "all"
        })
        .unwrap();
    assert!(steps["ci95"][0].as_f64().unwrap() > 0.0, "{steps}");
    assert!(steps["p_adjusted"].as_f64().unwrap() < 0.05, "{steps}");
}
