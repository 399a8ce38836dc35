//! `cargo xtask peers likelihood`: multiple choice in the engine, against one request per choice to llama.cpp's server.
//!
//! The server cannot say how likely a given text is ("Only no echo is supported"), so it is asked for the least that its
//! arithmetic for one choice would cost: to read prompt and choice and to produce one token. Both sides hold the same
//! number of sequences, share prompts as well as they can, and take turns, A B B A.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use dyno_engine::Session;
use dyno_eval::{Framing, LikelihoodRequest, LoadOptions, Loaded, likelihood_requests, strategies};
use dyno_stats::paired_log_ratio;
use dyno_types::{EngineSettings, Prompt, ScoreItem, ScoreRequest};
use futures::StreamExt as _;

use super::{build, model_file, session};

const USAGE: &str = "\
usage: cargo xtask peers likelihood --llama-server PATH [OPTIONS]
  --llama-server PATH  llama.cpp's server
  --models REF,…       models [default: builtin:micro,synth:smollm2-135m@q8_0]
  --items FILE         multiple choice [default: the HellaSwag subset in ../shared/data/datasets]
  --limit N            items [default: 100]
  --rounds N           pairs of measurements, at least 2 [default: 4]
  --sequences N        slots of the server, sequences of dyno [default: 8]";

/// Window of one sequence, tokens.
const CONTEXT: u32 = 512;
/// Longest wait for the server to load.
const START_SECONDS: u64 = 120;

struct Options {
    server: PathBuf,
    models: Vec<String>,
    items: PathBuf,
    limit: usize,
    rounds: usize,
    sequences: u32,
}

/// Compares both on every model.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let Some(options) = parse(arguments)? else {
        println!("{USAGE}");
        return Ok(());
    };
    let questions = questions(&options)?;
    let choices: usize = questions.iter().map(Vec::len).sum();
    println!("{} items, {choices} choices, {} sequences", questions.len(), options.sequences);
    let engine = build::engine_and_peer(&build::LLAMA_BENCH)?.engine;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for reference in &options.models {
        let file = model_file(reference)?;
        let (mut theirs, mut ours) = (Vec::new(), Vec::new());
        for round in 0..options.rounds {
            // A new process each time on both sides, and the turns swapped every other round.
            for peer in [round % 2 == 0, round % 2 != 0] {
                if peer {
                    theirs.push(peer_seconds(&options, &file, &questions)?);
                } else {
                    ours.push(runtime.block_on(our_seconds(
                        &engine,
                        &file,
                        &questions,
                        options.sequences,
                    ))?);
                }
            }
        }
        let rate = |seconds: &[f64]| seconds.iter().map(|one| choices as f64 / one).collect::<Vec<_>>();
        let (theirs, ours) = (rate(&theirs), rate(&ours));
        let ratio = paired_log_ratio(&theirs, &ours)?;
        println!(
            "{reference:30} llama-server {:8.1} choices/s   dyno {:8.1} choices/s   dyno / server {:.2} [{:.2}, {:.2}], {} pairs",
            super::mean(&theirs),
            super::mean(&ours),
            ratio.ratio,
            ratio.low,
            ratio.high,
            ratio.n
        );
    }
    Ok(())
}

fn parse(arguments: &[String]) -> anyhow::Result<Option<Options>> {
    let Some(pairs) = session::options(arguments, USAGE)? else { return Ok(None) };
    let list = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
    let mut options = Options {
        server: PathBuf::new(),
        models: list("builtin:micro,synth:smollm2-135m@q8_0"),
        items: crate::root().join("../shared/data/datasets/hellaswag_eval_subset.json"),
        limit: 100,
        rounds: 4,
        sequences: 8,
    };
    for (name, value) in pairs {
        let number =
            || value.parse::<u32>().with_context(|| format!("{name} {value:?} is not a whole number"));
        match name {
            "--llama-server" => options.server = PathBuf::from(value),
            "--models" => options.models = list(value),
            "--items" => options.items = PathBuf::from(value),
            "--limit" => options.limit = number()? as usize,
            "--rounds" => options.rounds = number()? as usize,
            "--sequences" => options.sequences = number()?,
            _ => bail!("unknown option {name}\n{USAGE}"),
        }
    }
    ensure!(!options.server.as_os_str().is_empty(), "--llama-server is missing\n{USAGE}");
    ensure!(
        options.rounds >= 2 && options.sequences >= 1,
        "--rounds must be at least 2, --sequences at least 1"
    );
    Ok(Some(options))
}

/// Prompt and choice of every item, as texts.
fn questions(options: &Options) -> anyhow::Result<Vec<Vec<(String, String)>>> {
    let name = options.items.display().to_string();
    let bytes = std::fs::read(&options.items).with_context(|| name.clone())?;
    let Loaded::Suite(suite) = dyno_eval::load(&name, &bytes, LoadOptions::default())? else {
        bail!("{name} holds no questions");
    };
    let known = strategies();
    let direct = known.first().context("there are strategies")?;
    let texts = |request: LikelihoodRequest| match request.prompt {
        Prompt::Text(prompt) => Some((prompt, request.continuation)),
        _ => None,
    };
    let questions: Vec<Vec<_>> = suite
        .items
        .iter()
        .map(|item| {
            likelihood_requests(item, direct, &[], Framing::Text).into_iter().filter_map(texts).collect()
        })
        .filter(|choices: &Vec<_>| !choices.is_empty())
        .take(options.limit)
        .collect();
    ensure!(!questions.is_empty(), "{name} holds no multiple choice");
    Ok(questions)
}

/// Seconds to tokenize and score everything in a new engine process; loading does not count.
async fn our_seconds(
    engine: &Path,
    model: &Path,
    questions: &[Vec<(String, String)>],
    sequences: u32,
) -> anyhow::Result<f64> {
    let threads = session::threads();
    let settings = EngineSettings {
        context: CONTEXT,
        sequences,
        threads,
        threads_prefill: threads,
        ..EngineSettings::default()
    };
    let session = session::open(engine, model, &settings).await?;
    let begun = Instant::now();
    let mut items = Vec::new();
    for choices in questions {
        items.push(tokenized(&*session, choices).await?);
    }
    let mut scored = session.score(ScoreRequest { items }).await?;
    let mut count = 0;
    while let Some(item) = scored.next().await {
        item?.outcome.map_err(|refusal| anyhow::anyhow!("an item was refused: {refusal}"))?;
        count += 1;
    }
    let seconds = begun.elapsed().as_secs_f64();
    drop(scored);
    session.stop().await;
    ensure!(count == questions.len(), "{count} of {} items came back", questions.len());
    Ok(seconds)
}

async fn tokenized(session: &dyn Session, choices: &[(String, String)]) -> anyhow::Result<ScoreItem> {
    let prompt = choices.first().map_or("", |(prompt, _)| prompt.as_str());
    let alone = session.tokenize(prompt, true, false).await?;
    let mut joined = Vec::new();
    for (prompt, choice) in choices {
        joined.push(session.tokenize(&format!("{prompt}{choice}"), true, false).await?);
    }
    let start = dyno_eval::common_start(&alone, &joined)?;
    let prefix = joined.first().context("an item has choices")?[..start].to_vec();
    Ok(ScoreItem {
        prefix,
        continuations: joined.into_iter().map(|tokens| tokens[start..].to_vec()).collect(),
    })
}

/// A server that ends with this value.
struct Server {
    process: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Seconds for one request per choice to a new server, as many at once as it has slots; loading does not count.
fn peer_seconds(options: &Options, model: &Path, questions: &[Vec<(String, String)>]) -> anyhow::Result<f64> {
    let server = start_server(options, model)?;
    let url = format!("http://127.0.0.1:{}/completion", server.port);
    let queue = Mutex::new(questions.iter().flatten());
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let client = || -> anyhow::Result<()> {
            let agent = ureq::Agent::new_with_defaults();
            loop {
                let next = queue.lock().expect("no client panics while it takes the next").next();
                let Some((prompt, choice)) = next else { return Ok(()) };
                let body = serde_json::json!({
                    "prompt": format!("{prompt}{choice}"), "n_predict": 1, "temperature": 0.0, "cache_prompt": true,
                });
                agent.post(&url).send_json(&body)?.body_mut().read_to_string()?;
            }
        };
        let clients: Vec<_> = (0..options.sequences).map(|_| scope.spawn(client)).collect();
        clients.into_iter().try_for_each(|client| client.join().expect("a client does not panic"))
    })?;
    Ok(begun.elapsed().as_secs_f64())
}

fn start_server(options: &Options, model: &Path) -> anyhow::Result<Server> {
    // Free a moment ago, which is as good as it gets for a program that takes no socket.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let slots = options.sequences.to_string();
    let process = Command::new(&options.server)
        .arg("-m")
        .arg(model)
        .args([
            "--port",
            &port.to_string(),
            "-np",
            &slots,
            "-t",
            &session::threads().to_string(),
            "-ngl",
            "0",
        ])
        .args(["-c", &(CONTEXT * options.sequences).to_string(), "--no-webui", "--log-disable"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot run {}", options.server.display()))?;
    let mut server = Server { process, port };
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(START_SECONDS) {
        if let Some(status) = server.process.try_wait()? {
            bail!("llama-server ended with {status}");
        }
        if ureq::get(format!("http://127.0.0.1:{port}/health")).call().is_ok() {
            return Ok(server);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    bail!("llama-server did not get ready within {START_SECONDS} s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_have_defaults_and_the_server_must_be_named() {
        let parse = |words: &[&str]| parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        let options = parse(&["--llama-server", "s", "--limit", "7"]).unwrap().unwrap();
        assert_eq!((options.limit, options.rounds, options.models.len()), (7, 4, 2));
        assert!(parse(&["--help"]).unwrap().is_none());
        for wrong in
            [&[][..], &["--llama-server"], &["--llama-server", "s", "--rounds", "1"], &["--turbo", "1"]]
        {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
