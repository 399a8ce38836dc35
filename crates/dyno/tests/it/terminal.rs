//! What a terminal would act on reaches no terminal, whoever said it, and every pipe and file as it is.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::dyno::{World, finished};

/// A title for the window, ten bytes like the name it takes the place of.
const EVIL: &str = "\u{1b}]0;evil!\u{7}";
const SPELLED_OUT: &str = "\\u{1b}]0;evil!\\u{7}";

/// A synthetic model whose name in the header, and whose file name, are escape sequences.
fn evil_model(world: &World) -> PathBuf {
    let made = world.run(&["synth", "tiny-llama@q8_0", "--output", "made", "-q"]).ok();
    let mut bytes = std::fs::read(world.path("").join(made.trim())).unwrap();
    let (name, key) = (b"tiny-llama", b"general.name");
    let key_at = bytes.windows(key.len()).position(|window| window == key).unwrap();
    // The key is followed by a type and a length.
    let at = key_at + key.len() + 4 + 8;
    assert_eq!(&bytes[at..at + name.len()], name);
    bytes[at..at + name.len()].copy_from_slice(EVIL.as_bytes());
    let file = world.path(&format!("{EVIL}.gguf"));
    std::fs::write(&file, bytes).unwrap();
    file
}

/// What a terminal gets of a command, both streams together; `None` (said loudly) where there is no way to make one.
fn on_a_terminal(world: &World, arguments: &[&str], log: &str) -> Option<String> {
    let quote = |word: &str| format!("'{}'", word.replace('\'', "'\\''"));
    let dyno = world.command(arguments);
    let program = dyno.get_program().to_str().unwrap().to_owned();
    let line: Vec<String> =
        std::iter::once(program.as_str()).chain(arguments.iter().copied()).map(quote).collect();
    let mut script = Command::new("script");
    script.args(["-qec", &line.join(" "), "/dev/null"]).current_dir(world.path(""));
    for (name, value) in dyno.get_envs() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    script.env("RUST_LOG", log).env("TERM", "xterm-256color").stdin(Stdio::null());
    match script.output() {
        Ok(output) => Some(String::from_utf8_lossy(&output.stdout).into_owned()),
        Err(error) => {
            eprintln!("SKIPPED: on_a_terminal: no `script` to make a terminal with: {error}");
            None
        }
    }
}

#[test]
fn escapes_are_spelled_out_for_a_terminal_and_kept_for_a_pipe() {
    let world = World::new();
    let model = evil_model(&world);
    let model = model.to_str().unwrap();
    std::fs::write(world.path("config.toml"), "[models]\nfolders = [\".\"]\n").unwrap();
    let missing = format!("{EVIL}-none.gguf");
    let cases: [&[&str]; 7] = [
        &["models", "inspect", model],
        &["models", "inspect", &missing],
        &["--config", "config.toml", "models", "list"],
        &["recommend", "--no-measure", model],
        &["report", EVIL],
        &["generate", model, "-p", "x", "--check", EVIL],
        &["bench", model, "--format", EVIL],
    ];
    for arguments in cases {
        let piped = finished(world.command(arguments).output().unwrap());
        let piped = format!("{}{}", piped.out, piped.err);
        assert!(piped.contains(EVIL) || piped.contains(SPELLED_OUT), "{arguments:?}: {piped:?}");
        let Some(shown) = on_a_terminal(&world, arguments, "debug") else { return };
        assert!(!shown.contains("\u{1b}]") && !shown.contains('\u{7}'), "{arguments:?}: {shown:?}");
        assert!(shown.contains("evil!"), "{arguments:?}: {shown:?}");
    }
    // Names in reports are data: a pipe gets them whole.
    let piped = world.run(&["models", "inspect", model]).ok();
    assert!(piped.contains(EVIL), "{piped:?}");
    let json: serde_json::Value =
        serde_json::from_str(&world.run(&["models", "inspect", model, "--format", "json"]).ok()).unwrap();
    assert!(json["facts"]["name"].as_str().unwrap().starts_with(EVIL), "{json}");
}

#[test]
fn a_remark_does_not_go_on_in_the_line_of_an_answer() {
    let Some(world) = World::with_engine("terminal") else { return };
    let model = World::stories();
    let arguments = [
        "generate",
        model.to_str().unwrap(),
        "--raw",
        "-p",
        "Once upon a time",
        "--max-tokens",
        "8",
        "--temperature",
        "0",
        "--stream",
    ];
    let Some(shown) = on_a_terminal(&world, &arguments, "error") else { return };
    let remark = "the answer was cut at its maximum length";
    let lines: Vec<&str> = shown.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert!(lines.iter().any(|line| line.starts_with(remark)), "{lines:?}");
    assert!(
        lines.iter().any(|line| line.ends_with("there was a little") || line.contains("there was")),
        "{lines:?}"
    );
    assert!(!shown.trim_end_matches(['\r', '\n']).is_empty() && !shown.ends_with("\r\n\r\n"), "{shown:?}");
}
