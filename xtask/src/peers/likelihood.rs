//! `cargo xtask peers likelihood`: multiple choice in the engine, against one request per choice to llama.cpp's server.
//!
//! The server cannot say how likely a given text is ("Only no echo is supported"), so it is asked for the least that its
//! arithmetic for one choice would cost: to read prompt and choice and to produce one token. It is asked in two ways: one
//! request after another, as lm-eval does by default, and as many at once as it has slots; in both it keeps what prompts
//! share. All sides take turns, A B C C B A.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use dyno_engine::Session;
use dyno_stats::paired_log_ratio;
use dyno_types::{EngineSettings, ScoreItem, ScoreRequest};
use futures::{StreamExt as _, TryStreamExt as _};

use super::{build, model_file, session};

mod questions;
mod server;

use questions::{Question, Workload, workloads};

const USAGE: &str = "\
usage: cargo xtask peers likelihood --llama-server PATH [OPTIONS]
  --llama-server PATH  llama.cpp's server
  --models REF,…       models [default: builtin:micro,synth:smollm2-135m@q8_0]
  --hellaswag FILE     the long endings [default: 40 of them, in the repository]
  --limit N            questions of each kind [default: 100; 12 for models of more than 32 MiB]
  --rounds N           measurements of each side, at least 2 [default: 4]
  --slots N            slots of the server and sequences of dyno [default: 8]";

/// Window of one sequence, tokens.
const WINDOW: u32 = 1024;
/// Largest file that is asked the larger number of questions, bytes.
const SMALL_BYTES: u64 = 32 << 20;
/// Texts that are tokenized at the same time.
const TOKENIZING: usize = 16;

struct Options {
    server: PathBuf,
    models: Vec<String>,
    hellaswag: PathBuf,
    limit: Option<usize>,
    rounds: usize,
    slots: u32,
}

/// Who answers.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    /// The server, by so many requests at once.
    Server(u32),
    Dyno,
}

/// Compares both on every model.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let Some(options) = parse(arguments)? else {
        println!("{USAGE}");
        return Ok(());
    };
    let engine = build::engine_and_peer(&build::LLAMA_BENCH)?.engine;
    println!("choices/s, and dyno / server with a 95 % interval over {} rounds", options.rounds);
    for reference in &options.models {
        let file = model_file(reference)?;
        let small = std::fs::metadata(&file)?.len() <= SMALL_BYTES;
        let limit = options.limit.unwrap_or(if small { 100 } else { 12 });
        for workload in workloads(&options.hellaswag, limit)? {
            println!("{reference}, {}, {} choices", workload.name, workload.choices());
            compare(&options, &engine, &file, &workload)?;
        }
    }
    Ok(())
}

/// Measures all sides on one workload, and prints what came of it.
fn compare(options: &Options, engine: &Path, model: &Path, workload: &Workload) -> anyhow::Result<()> {
    let sides = [Side::Server(1), Side::Server(options.slots), Side::Dyno];
    let mut rates = [const { Vec::new() }; 3];
    for round in 0..options.rounds {
        let mut order: Vec<usize> = (0..sides.len()).collect();
        if round % 2 != 0 {
            order.reverse();
        }
        for side in order {
            // A new process each time, on all sides.
            let seconds = match sides[side] {
                Side::Server(slots) => {
                    server::seconds(&options.server, model, &workload.questions, (slots, WINDOW))?
                }
                Side::Dyno => our_seconds(engine, model, &workload.questions, options.slots)?,
            };
            rates[side].push(workload.choices() as f64 / seconds);
        }
    }
    let [alone, together, ours] = &rates;
    println!("  dyno                              {:8.1}", super::mean(ours));
    for (name, theirs) in [("one request after another", alone), ("as many at once as slots", together)] {
        let ratio = paired_log_ratio(theirs, ours)?;
        println!(
            "  llama-server, {name:25}{:8.1}   ratio {:.2} [{:.2}, {:.2}]",
            super::mean(theirs),
            ratio.ratio,
            ratio.low,
            ratio.high
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
        hellaswag: crate::root().join("crates/dyno-eval/tests/fixtures/hellaswag_eval_subset.json"),
        limit: None,
        rounds: 4,
        slots: 8,
    };
    for (name, value) in pairs {
        let number =
            || value.parse::<u32>().with_context(|| format!("{name} {value:?} is not a whole number"));
        match name {
            "--llama-server" => options.server = PathBuf::from(value),
            "--models" => options.models = list(value),
            "--hellaswag" => options.hellaswag = PathBuf::from(value),
            "--limit" => options.limit = Some(number()? as usize),
            "--rounds" => options.rounds = number()? as usize,
            "--slots" => options.slots = number()?,
            _ => bail!("unknown option {name}\n{USAGE}"),
        }
    }
    ensure!(!options.server.as_os_str().is_empty(), "--llama-server is missing\n{USAGE}");
    ensure!(options.rounds >= 2 && options.slots >= 1, "--rounds must be at least 2, --slots at least 1");
    Ok(Some(options))
}

/// Seconds to tokenize and score everything in a new engine process; loading does not count.
fn our_seconds(engine: &Path, model: &Path, questions: &[Question], sequences: u32) -> anyhow::Result<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let threads = session::threads();
        let settings = EngineSettings {
            context: WINDOW,
            sequences,
            threads,
            threads_prefill: threads,
            ..EngineSettings::default()
        };
        let session = session::open(engine, model, &settings).await?;
        let begun = Instant::now();
        let tokenizing = questions.iter().map(|question| tokenized(&*session, question));
        let items = futures::stream::iter(tokenizing).buffered(TOKENIZING).try_collect().await?;
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
    })
}

async fn tokenized(session: &dyn Session, question: &Question) -> anyhow::Result<ScoreItem> {
    let alone = session.tokenize(&question.prompt, true, false).await?;
    let mut joined = Vec::new();
    for choice in &question.choices {
        joined.push(session.tokenize(&format!("{}{choice}", question.prompt), true, false).await?);
    }
    let start = dyno_eval::common_start(&alone, &joined)?;
    let prefix = joined.first().context("an item has choices")?[..start].to_vec();
    Ok(ScoreItem {
        prefix,
        continuations: joined.into_iter().map(|tokens| tokens[start..].to_vec()).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_have_defaults_and_the_server_must_be_named() {
        let parse = |words: &[&str]| parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        let options = parse(&["--llama-server", "s", "--limit", "7"]).unwrap().unwrap();
        assert_eq!((options.limit, options.rounds, options.models.len()), (Some(7), 4, 2));
        assert!(parse(&["--help"]).unwrap().is_none());
        for wrong in
            [&[][..], &["--llama-server"], &["--llama-server", "s", "--rounds", "1"], &["--turbo", "1"]]
        {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
