//! `cargo xtask peers`: is dyno as fast as `llama-bench` on the same file, threads, batch, sources, compiler and flags?
//!
//! Two layers of dyno are compared, each in its own engine process like everywhere else: the bare backend (random tokens,
//! no sampling; what `llama-bench` times), and the whole path (tokens sampled greedily and streamed to this process, timed
//! on arrival). Peer and dyno take turns, A B B A …, so that drift of the machine cancels, and each round is one pair.

mod build;
mod dyno;
mod likelihood;
mod llama_bench;
mod perplexity;
mod session;
mod table;
mod templates;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use dyno_stats::paired_log_ratio;

const USAGE: &str = "\
usage: cargo xtask peers [OPTIONS]                 speed, against llama-bench
       cargo xtask peers perplexity [OPTIONS]      the same perplexity as llama-perplexity?
       cargo xtask peers likelihood [OPTIONS]      multiple choice, against llama.cpp's server
       cargo xtask peers templates FOLDER          chat templates, against Python's Jinja2
  --models REF,…     models to run [default: synth:smollm2-135m@q4_0,synth:qwen2.5-0.5b@q4_0,synth:llama-3.2-1b@q4_k_m]
  --rounds N         pairs of measurements per model, at least 2 [default: 6]
  --threads N        threads for prefill and decode [default: all processors]
  --format text|json [default: text]";

const MODELS: &str = "synth:smollm2-135m@q4_0,synth:qwen2.5-0.5b@q4_0,synth:llama-3.2-1b@q4_k_m";

/// Prompt tokens of the prefill test, as llama-bench's pp512.
const PREFILL_TOKENS: u32 = 512;
/// Generated tokens of the decode test, as llama-bench's tg64.
const DECODE_TOKENS: u32 = 64;
/// Timed repetitions within one process; the fastest counts, on both sides, since disturbance only slows.
const REPETITIONS: u32 = 4;

/// What was asked for.
#[derive(Debug, PartialEq)]
struct Options {
    models: Vec<String>,
    rounds: usize,
    threads: u32,
    json: bool,
}

/// Tokens per second of one process, each in its fastest repetition.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rates {
    prefill_tps: f64,
    decode_tps: f64,
}

/// Where the time of one decode step of the whole path goes, means in µs.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
struct StepParts {
    /// Inside the backend's decode call.
    backend_us: f64,
    /// Choosing the token.
    sampling_us: f64,
    /// Everything else: scheduling, text, stream, arrival.
    rest_us: f64,
}

/// One process of each side.
struct Round {
    peer: Rates,
    bare: Rates,
    path: Rates,
    parts: StepParts,
}

/// A ratio dyno / llama-bench with its 95 % interval.
#[derive(Debug, Clone, serde::Serialize)]
struct Comparison {
    model: String,
    test: &'static str,
    layer: &'static str,
    llama_bench_tps: f64,
    dyno_tps: f64,
    ratio: f64,
    ratio_low: f64,
    ratio_high: f64,
    pairs: usize,
}

/// All of one model.
#[derive(Debug, Clone, serde::Serialize)]
struct ModelReport {
    comparisons: Vec<Comparison>,
    step: StepParts,
}

/// Runs the command with the arguments after its name.
///
/// # Errors
/// For unknown arguments, and when something cannot be built, made or run.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    match arguments.split_first() {
        Some((name, rest)) if name == "perplexity" => return perplexity::run(rest),
        Some((name, rest)) if name == "likelihood" => return likelihood::run(rest),
        Some((name, rest)) if name == "templates" => return templates::run(rest),
        _ => {}
    }
    let Some(options) = Options::parse(arguments)? else {
        println!("{USAGE}");
        return Ok(());
    };
    let built = build::engine_and_peer(&build::LLAMA_BENCH)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut reports = Vec::new();
    for reference in &options.models {
        let file = model_file(reference)?;
        let rounds = runtime.block_on(measure(&built, &file, &options)).with_context(|| reference.clone())?;
        reports.push(compare(reference, &rounds)?);
        if !options.json {
            table::print(reports.last().expect("just pushed"), &options);
        }
    }
    if options.json {
        println!("{}", serde_json::to_string_pretty(&reports)?);
    }
    Ok(())
}

/// The engine executable, built in release.
pub(crate) fn engine() -> anyhow::Result<PathBuf> {
    Ok(build::engine_and_peer(&build::LLAMA_BENCH)?.engine)
}

impl Options {
    /// Nothing when help was asked for.
    fn parse(arguments: &[String]) -> anyhow::Result<Option<Self>> {
        let threads =
            std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(1));
        let list = |text: &str| text.split(',').map(str::to_owned).collect();
        let mut options = Self { models: list(MODELS), rounds: 6, threads, json: false };
        let mut arguments = arguments.iter();
        while let Some(name) = arguments.next() {
            if name == "--help" {
                return Ok(None);
            }
            let value = arguments.next().with_context(|| format!("{name} needs a value\n{USAGE}"))?;
            let number =
                || value.parse::<u32>().with_context(|| format!("{name} {value:?} is not a whole number"));
            match name.as_str() {
                "--models" => options.models = list(value),
                "--rounds" => options.rounds = number()? as usize,
                "--threads" => options.threads = number()?,
                "--format" if value == "json" || value == "text" => options.json = value == "json",
                "--format" => bail!("--format {value:?} is not text or json"),
                _ => bail!("unknown option {name}\n{USAGE}"),
            }
        }
        if options.rounds < 2 || options.threads == 0 {
            bail!("--rounds must be at least 2 (an interval needs two pairs) and --threads at least 1");
        }
        Ok(Some(options))
    }
}

/// The file of a model reference, made in the user's cache when it is a synthetic one that is not there yet.
pub(crate) fn model_file(reference: &str) -> anyhow::Result<PathBuf> {
    let cache = dyno_models::default_cache_dir(|name| std::env::var_os(name))
        .context("no cache folder: set XDG_CACHE_HOME or HOME")?;
    let mut told = false;
    let mut progress = |_done, bytes| {
        if !std::mem::replace(&mut told, true) {
            eprintln!("making {reference} ({bytes} bytes) …");
        }
        true
    };
    dyno_models::resolve(reference, &cache, &mut progress).with_context(|| reference.to_owned())
}

async fn measure(built: &build::Built, file: &Path, options: &Options) -> anyhow::Result<Vec<Round>> {
    let mut rounds = Vec::new();
    for number in 0..options.rounds {
        eprintln!("{}: round {} of {}", file.display(), number + 1, options.rounds);
        let peer_first = number % 2 == 0;
        let mut peer = None;
        if peer_first {
            peer = Some(llama_bench::measure(&built.peer, file, options.threads)?);
        }
        let (bare, path, parts) = dyno::measure(&built.engine, file, options.threads).await?;
        let peer = match peer {
            Some(peer) => peer,
            None => llama_bench::measure(&built.peer, file, options.threads)?,
        };
        rounds.push(Round { peer, bare, path, parts });
    }
    Ok(rounds)
}

fn compare(model: &str, rounds: &[Round]) -> anyhow::Result<ModelReport> {
    type Pick = fn(&Rates) -> f64;
    type Layer = fn(&Round) -> &Rates;
    let tests: [(&'static str, Pick); 2] =
        [("pp512", |rates| rates.prefill_tps), ("tg64", |rates| rates.decode_tps)];
    let layers: [(&'static str, Layer); 2] =
        [("backend", |round| &round.bare), ("whole path", |round| &round.path)];
    let mut comparisons = Vec::new();
    for (layer, of) in layers {
        for (test, pick) in tests {
            let peer: Vec<f64> = rounds.iter().map(|round| pick(&round.peer)).collect();
            let dyno: Vec<f64> = rounds.iter().map(|round| pick(of(round))).collect();
            let ratio = paired_log_ratio(&peer, &dyno)?;
            comparisons.push(Comparison {
                model: model.to_owned(),
                test,
                layer,
                llama_bench_tps: mean(&peer),
                dyno_tps: mean(&dyno),
                ratio: ratio.ratio,
                ratio_low: ratio.low,
                ratio_high: ratio.high,
                pairs: ratio.n,
            });
        }
    }
    let part = |pick: fn(&StepParts) -> f64| {
        mean(&rounds.iter().map(|round| pick(&round.parts)).collect::<Vec<_>>())
    };
    let step = StepParts {
        backend_us: part(|parts| parts.backend_us),
        sampling_us: part(|parts| parts.sampling_us),
        rest_us: part(|parts| parts.rest_us),
    };
    Ok(ModelReport { comparisons, step })
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(words: &[&str]) -> anyhow::Result<Option<Options>> {
        Options::parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn options_have_defaults_and_refuse_nonsense() {
        assert_eq!(options(&[]).unwrap().unwrap().models.len(), 3);
        let given =
            options(&["--models", "a.gguf,b.gguf", "--rounds", "2", "--threads", "1", "--format", "json"]);
        let expected =
            Options { models: vec!["a.gguf".into(), "b.gguf".into()], rounds: 2, threads: 1, json: true };
        assert_eq!(given.unwrap().unwrap(), expected);
        assert!(options(&["--help"]).unwrap().is_none());
        for wrong in [
            &["--rounds"][..],
            &["--rounds", "1"],
            &["--rounds", "x"],
            &["--threads", "0"],
            &["--turbo", "1"],
            &["--format", "xml"],
        ] {
            assert!(options(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn every_layer_is_compared_with_the_peer_of_its_own_round() {
        let rates = |prefill_tps: f64, decode_tps: f64| Rates { prefill_tps, decode_tps };
        let round = |drift: f64| Round {
            peer: rates(100.0 * drift, 10.0 * drift),
            bare: rates(99.0 * drift, 10.1 * drift),
            path: rates(97.0 * drift, 9.6 * drift),
            parts: StepParts { backend_us: 1.0, sampling_us: 2.0, rest_us: 3.0 },
        };
        let report = compare("m", &[round(1.0), round(2.0), round(4.0)]).unwrap();
        let found: Vec<(&str, &str, f64)> =
            report.comparisons.iter().map(|one| (one.layer, one.test, (one.ratio * 1e3).round())).collect();
        let expected = [
            ("backend", "pp512", 990.0),
            ("backend", "tg64", 1010.0),
            ("whole path", "pp512", 970.0),
            ("whole path", "tg64", 960.0),
        ];
        assert_eq!(found, expected);
        // Drift that both sides share leaves no doubt about the ratio.
        assert!(report.comparisons.iter().all(|one| one.ratio_high - one.ratio_low < 1e-6 && one.pairs == 3));
    }
}
