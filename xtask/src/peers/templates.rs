//! `cargo xtask peers templates`: does dyno render chat templates as Python's Jinja2 does, set up like the transformers library?

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, bail, ensure};
use dyno_jinja::Input;
use dyno_models::gguf::GgufHeader;
use dyno_runtime::template::{ChatTemplate, TemplateError};
use serde::Deserialize;

const USAGE: &str = "\
usage: cargo xtask peers templates FOLDER [OPTIONS]
  FOLDER          *.jinja files, tokenizer_config.json files and GGUF models, also in folders below
  --python PATH   a Python that has jinja2 [default: one made under target/peers, with jinja2 from PyPI]
  --chats FILE    chats to render, as JSON [default: xtask/src/peers/templates/chats.json]
  --write FILE    write what Python renders, for a test, instead of comparing";

/// The peer, pinned so that a difference is ours.
const JINJA: &str = "jinja2==3.1.6";

/// The time that both sides take for now: 2024-07-26 12:34:56.
const NOW: &str = "2024-07-26T12:34:56";
const NOW_UNIX_S: u64 = 1_721_997_296;

const SCRIPT: &str = include_str!("templates/render.py");
const CHATS: &str = include_str!("templates/chats.json");

/// A template and where it was found.
struct Found {
    name: String,
    source: String,
}

/// A chat as both sides get it.
#[derive(Deserialize)]
struct Chat {
    name: String,
    variables: Variables,
}

/// Variables in their order.
struct Variables(Vec<(String, Input)>);

impl<'de> Deserialize<'de> for Variables {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Input::deserialize(deserializer)? {
            Input::Map(entries) => Ok(Self(entries)),
            _ => Err(serde::de::Error::custom("variables must be an object")),
        }
    }
}

/// What one side made of a template and a chat.
#[derive(Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(untagged)]
enum Rendering {
    Text { text: String },
    Failed { error: String, refused: bool },
}

/// Compares both on every template.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let Some((folder, rest)) = arguments.split_first().filter(|(folder, _)| *folder != "--help") else {
        println!("{USAGE}");
        return Ok(());
    };
    let Some(options) = super::session::options(rest, USAGE)? else {
        println!("{USAGE}");
        return Ok(());
    };
    let (mut python, mut chats, mut written) = (None, CHATS.to_owned(), None);
    for (name, value) in options {
        match name {
            "--python" => python = Some(PathBuf::from(value)),
            "--write" => written = Some(Path::new(value)),
            "--chats" => chats = std::fs::read_to_string(value).with_context(|| value.to_owned())?,
            _ => bail!("unknown option {name}\n{USAGE}"),
        }
    }
    let templates = templates_in(Path::new(folder))?;
    ensure!(
        !templates.is_empty(),
        "{folder} has no *.jinja, tokenizer_config.json or *.gguf with a chat template"
    );
    let python = match python {
        Some(python) => python,
        None => python_with_jinja()?,
    };
    let theirs = peer(&python, &templates, &chats)?;
    if let Some(written) = written {
        return write(written, &templates, &chats, &theirs);
    }
    let chats: Vec<Chat> = serde_json::from_str(&chats).context("the chats")?;
    let differences = compare(&templates, &chats, &theirs);
    let pairs = templates.len() * chats.len();
    println!("{} templates, {pairs} renderings, {differences} differences", templates.len());
    ensure!(differences == 0, "{differences} of {pairs} renderings differ");
    Ok(())
}

/// All templates in a folder and those below, in order.
fn templates_in(folder: &Path) -> anyhow::Result<Vec<Found>> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .with_context(|| folder.display().to_string())?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            found.extend(templates_in(&path)?);
            continue;
        }
        for (variant, source) in templates_of(&path)? {
            found.push(Found { name: format!("{}{variant}", path.display()), source });
        }
    }
    Ok(found)
}

/// The templates of a file, each with the name of its variant.
fn templates_of(path: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let text = || std::fs::read_to_string(path).with_context(|| path.display().to_string());
    let single = |source: String| vec![(String::new(), source)];
    match extension {
        "jinja" => Ok(single(text()?)),
        "gguf" => {
            let header = GgufHeader::read(path).with_context(|| path.display().to_string())?;
            let source = header.scalar("tokenizer.chat_template").and_then(|value| value.as_str());
            Ok(source.map(|source| single(source.to_owned())).unwrap_or_default())
        }
        "json" => {
            let value: serde_json::Value =
                serde_json::from_str(&text()?).with_context(|| path.display().to_string())?;
            Ok(match &value["chat_template"] {
                serde_json::Value::String(source) => single(source.clone()),
                serde_json::Value::Array(variants) => variants
                    .iter()
                    .filter_map(|one| {
                        Some((format!("#{}", one["name"].as_str()?), one["template"].as_str()?.to_owned()))
                    })
                    .collect(),
                _ => Vec::new(),
            })
        }
        _ => Ok(Vec::new()),
    }
}

/// A Python of our own, with the peer in it.
fn python_with_jinja() -> anyhow::Result<PathBuf> {
    let folder = crate::root().join("target/peers/templates-python");
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let has_jinja = |python: &Path| {
        let version = Command::new(python).args(["-c", "import jinja2; print(jinja2.__version__)"]).output();
        version.is_ok_and(|said| {
            JINJA.ends_with(String::from_utf8_lossy(&said.stdout).trim()) && said.status.success()
        })
    };
    if has_jinja(&python) {
        return Ok(python);
    }
    let advice = "install Python 3 with venv, or name a Python that has jinja2 with --python";
    let done =
        |command: &mut Command| command.stdout(Stdio::null()).status().is_ok_and(|status| status.success());
    ensure!(
        done(Command::new("python3").args(["-m", "venv"]).arg(&folder)),
        "python3 -m venv failed: {advice}"
    );
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", JINJA];
    ensure!(done(Command::new(&python).args(install)), "pip could not install {JINJA}: {advice}");
    Ok(python)
}

/// What Python renders, for each template the chats in their order.
fn peer(python: &Path, templates: &[Found], chats: &str) -> anyhow::Result<Vec<Rendering>> {
    let sources: Vec<&str> = templates.iter().map(|found| found.source.as_str()).collect();
    // The chats go as they are written: reading them here would sort their keys.
    let task =
        format!("{{\"templates\":{},\"chats\":{chats},\"now\":\"{NOW}\"}}", serde_json::to_string(&sources)?);
    let mut child = Command::new(python)
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", python.display()))?;
    let mut input = child.stdin.take().context("no pipe to Python")?;
    let writer = std::thread::spawn(move || input.write_all(task.as_bytes()));
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "Python failed; does {} have jinja2?", python.display());
    writer.join().expect("writing does not panic")?;
    let lines = String::from_utf8(output.stdout)?;
    lines.lines().map(|line| serde_json::from_str(line).context("Python's answer")).collect()
}

/// Writes the peer's renderings beside the chats they are of.
fn write(path: &Path, templates: &[Found], chats: &str, theirs: &[Rendering]) -> anyhow::Result<()> {
    let each = theirs.len() / templates.len();
    let renderings: Vec<serde_json::Value> = templates
        .iter()
        .zip(theirs.chunks(each))
        .map(|(found, renderings)| {
            let name = Path::new(&found.name).file_name().unwrap_or_default().to_string_lossy();
            serde_json::json!({ "template": name, "renderings": renderings })
        })
        .collect();
    // The chats go as they are written: reading them here would sort their keys.
    let templates = serde_json::to_string_pretty(&renderings)?;
    let text = format!("{{\"peer\": \"{JINJA}\", \"chats\": {chats},\n\"templates\": {templates}}}\n");
    std::fs::write(path, text).with_context(|| path.display().to_string())
}

/// Prints every difference; gives their number.
fn compare(templates: &[Found], chats: &[Chat], theirs: &[Rendering]) -> usize {
    let mut differences = 0;
    for (template, theirs) in templates.iter().zip(theirs.chunks(chats.len())) {
        let compiled = ChatTemplate::compile(&template.source, String::new(), String::new());
        for (chat, theirs) in chats.iter().zip(theirs) {
            let ours = match &compiled {
                Ok(compiled) => ours(compiled, chat),
                Err(error) => Rendering::Failed { error: error.to_string(), refused: false },
            };
            if !agree(&ours, theirs) {
                differences += 1;
                println!(
                    "{}, chat {:?}:\n  dyno:   {ours:?}\n  Python: {theirs:?}",
                    template.name, chat.name
                );
            }
        }
    }
    differences
}

fn ours(template: &ChatTemplate, chat: &Chat) -> Rendering {
    let variables: Vec<(&str, Input)> =
        chat.variables.0.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW_UNIX_S);
    match template.render_variables(&variables, now) {
        Ok(text) => Rendering::Text { text },
        Err(TemplateError::Refused(error)) => Rendering::Failed { error, refused: true },
        Err(error) => Rendering::Failed { error: error.to_string(), refused: false },
    }
}

/// Texts and refusals must be the same to the letter; errors are worded by each side.
fn agree(ours: &Rendering, theirs: &Rendering) -> bool {
    match (ours, theirs) {
        (Rendering::Failed { refused: false, .. }, Rendering::Failed { refused: false, .. }) => true,
        _ => ours == theirs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_refusals_agree_to_the_letter_and_errors_in_kind() {
        let text = |text: &str| Rendering::Text { text: text.to_owned() };
        let failed = |error: &str, refused| Rendering::Failed { error: error.to_owned(), refused };
        assert!(agree(&text("a"), &text("a")) && !agree(&text("a"), &text("a ")));
        assert!(agree(&failed("a", false), &failed("b", false)));
        assert!(
            !agree(&failed("a", true), &failed("b", true)) && agree(&failed("a", true), &failed("a", true))
        );
        assert!(!agree(&failed("a", true), &failed("a", false)) && !agree(&text("a"), &failed("a", false)));
    }

    #[test]
    fn templates_are_found_in_every_kind_of_file() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("a.jinja", "A");
        write("b.txt", "no template");
        std::fs::create_dir(folder.path().join("below")).unwrap();
        write(
            "below/tokenizer_config.json",
            r#"{"chat_template": [{"name": "x", "template": "X"}, {"name": "y", "template": "Y"}]}"#,
        );
        write("c.json", r#"{"chat_template": "C"}"#);
        let found = templates_in(folder.path()).unwrap();
        let sources: Vec<&str> = found.iter().map(|found| found.source.as_str()).collect();
        assert_eq!(sources, ["A", "X", "Y", "C"]);
        assert!(found[2].name.ends_with("tokenizer_config.json#y"), "{}", found[2].name);
    }

    #[test]
    fn the_chats_that_ship_keep_their_order() {
        let chats: Vec<Chat> = serde_json::from_str(CHATS).unwrap();
        assert!(chats.len() >= 10);
        assert_eq!(chats[0].variables.0[0].0, "messages");
        assert_eq!(chats[0].variables.0[1].0, "tools");
    }
}
