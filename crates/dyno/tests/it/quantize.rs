//! `dyno quantize`: what it refuses without an engine, and what it makes with the real one.

use std::path::Path;

use crate::dyno::World;

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A small model file with room for every type: `models/tiny-f16.gguf`.
fn source(world: &World) -> String {
    let folder = world.path("models");
    let made = world.run(&["synth", "tiny-llama@f16", "--output", folder.to_str().unwrap()]).ok();
    let file = folder.join("tiny-f16.gguf");
    std::fs::rename(made.trim(), &file).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn unknown_types_missing_files_and_no_types_are_refused() {
    let world = World::new();
    let model = source(&world);
    world.run(&["quantize", &model, "--to", "q4_0,q9_z"]).refused(2, &["q9_z", "q4_k_m", "q8_0"]);
    world.run(&["quantize", &model]).refused(2, &["--to"]);
    world.run(&["quantize", "nowhere.gguf", "--to", "q4_0"]).refused(3, &["nowhere.gguf"]);
    let missing = world.path("none.dat");
    world
        .run(&["quantize", &model, "--to", "q4_0", "--imatrix", missing.to_str().unwrap()])
        .refused(2, &["none.dat", "imatrix"]);
    assert_eq!(names(&world.path("models")), ["tiny-f16.gguf"]);
}

#[test]
fn what_is_there_is_not_replaced_unasked() {
    let world = World::new();
    let model = source(&world);
    world.run(&["quantize", &model, "--to", "f16"]).refused(2, &["tiny-f16.gguf", "replace itself"]);
    let there = world.path("models/tiny-q4_0.gguf");
    std::fs::write(&there, "mine").unwrap();
    world.run(&["quantize", &model, "--to", "q8_0,q4_0"]).refused(2, &["tiny-q4_0.gguf", "--force"]);
    assert_eq!(std::fs::read(&there).unwrap(), b"mine");
    assert_eq!(names(&world.path("models")), ["tiny-f16.gguf", "tiny-q4_0.gguf"], "nothing was begun");
}

#[test]
fn files_are_made_and_say_what_they_are() {
    let Some(world) = World::with_engine("quantize") else { return };
    let model = source(&world);
    let text = world.run(&["quantize", &model, "--to", "q8_0,q4_0", "--quiet"]).ok();
    assert!(text.contains("tiny-q8_0.gguf") && text.contains("dyno bench"), "{text}");
    assert_eq!(names(&world.path("models")), ["tiny-f16.gguf", "tiny-q4_0.gguf", "tiny-q8_0.gguf"]);
    let size = |name: &str| std::fs::metadata(world.path("models").join(name)).unwrap().len();
    assert!(
        size("tiny-q4_0.gguf") < size("tiny-q8_0.gguf") && size("tiny-q8_0.gguf") < size("tiny-f16.gguf")
    );
    let made = world.path("models/tiny-q4_0.gguf");
    let inspected = world.run(&["models", "inspect", made.to_str().unwrap(), "--format", "json"]).ok();
    assert!(inspected.contains("\"q4_0\""), "{inspected}");
}

#[test]
fn force_replaces_and_a_folder_takes_the_files() {
    let Some(world) = World::with_engine("quantize force") else { return };
    let model = source(&world);
    std::fs::write(world.path("models/tiny-q8_0.gguf"), "old").unwrap();
    world.run(&["quantize", &model, "--to", "q8_0", "--force", "-q"]).ok();
    assert!(std::fs::metadata(world.path("models/tiny-q8_0.gguf")).unwrap().len() > 1000);
    let folder = world.path("elsewhere/deep");
    let json = world
        .run(&[
            "quantize",
            &model,
            "--to",
            "Q4_0",
            "--output",
            folder.to_str().unwrap(),
            "--format",
            "json",
            "-q",
        ])
        .ok();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["made"][0]["quantization"], "q4_0");
    assert!(json["made"][0]["size_ratio"].as_f64().unwrap() < 0.9);
    assert_eq!(names(&folder), ["tiny-q4_0.gguf"]);
}

#[test]
fn a_quantized_source_is_refused_unless_asked_for_and_leaves_nothing() {
    let Some(world) = World::with_engine("requantize") else { return };
    let model = source(&world);
    world.run(&["quantize", &model, "--to", "q8_0", "-q"]).ok();
    let quantized = world.path("models/tiny-q8_0.gguf");
    let quantized = quantized.to_str().unwrap();
    let before = names(&world.path("models"));
    world
        .run(&["quantize", quantized, "--to", "q4_0", "-q"])
        .refused(2, &["already quantized (q8_0)", "--requantize"]);
    assert_eq!(names(&world.path("models")), before, "no partial file is left");
    world.run(&["quantize", quantized, "--to", "q4_0", "--requantize", "-q"]).ok();
    assert!(world.path("models/tiny-q4_0.gguf").exists());
}
