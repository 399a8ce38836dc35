//! Predicted against measured speed of shapes that nobody chose: drawn at random each time, and predicted knowing no other of their
//! family.

use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use dyno_advise::{
    Bias, Correction, Interval, Outcome, PREDICTED_PROMPT_TOKENS, RATE_MODELS, RATE_PROMPT_TOKENS, RawRate,
    RawSpeed, rate_depths, raw_speed, solve_rates,
};
use dyno_bench::{CalibrationModel, Calibrator, LossMeter};
use dyno_engine::{ProcessEngine, ProcessEngineConfig};
use dyno_models::SynthSpec;
use dyno_types::{EngineRates, Job, KvType, RateTiming};

use super::drawn::Draws;
use super::table::{error, print_summary};
use super::{Options, runner};

/// One rate of one model: predicted knowing every family but its own, and measured.
#[derive(serde::Serialize)]
struct Row {
    model: String,
    family: &'static str,
    rate: &'static str,
    raw_tps: f64,
    predicted: Interval,
    measured_tps: f64,
    error: f64,
    inside: bool,
}

/// A model's raw prediction and what was measured.
struct Pair {
    model: String,
    family: &'static str,
    raw: RawSpeed,
    prefill_tps: f64,
    decode_tps: f64,
}

/// Predicts and measures `options.shapes` shapes drawn from `options.seed`, or from the clock.
pub(super) async fn run(options: &Options) -> anyhow::Result<()> {
    let engine = ProcessEngine::new(ProcessEngineConfig::new(runner::engine(options)?));
    let threads = runner::threads();
    let seed = options.seed.unwrap_or_else(seconds);
    let folder = std::env::temp_dir().join(format!("dyno-predictions-{seed}"));
    let drawn = Draws::new(seed).models(options.shapes);
    let outcome = predict_and_measure(&engine, &folder, threads, &drawn).await;
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    let pairs = outcome?;
    let rows: Vec<Row> = pairs.iter().flat_map(|pair| rows(pair, &pairs)).collect();
    if options.json {
        println!("{}", serde_json::to_string_pretty(&rows)?);
    } else {
        println!("{} shapes drawn with --seed {seed}, {threads} threads, tokens/s", options.shapes);
        print(&rows);
    }
    Ok(())
}

/// A seed that nobody chose.
fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

async fn predict_and_measure(
    engine: &ProcessEngine,
    folder: &Path,
    threads: u32,
    drawn: &[SynthSpec],
) -> anyhow::Result<Vec<Pair>> {
    let rates = calibrate(engine, folder, threads).await?;
    eprintln!("{}", serde_json::to_string(&rates)?);
    let mut pairs = Vec::new();
    for (number, spec) in drawn.iter().enumerate() {
        eprintln!("shape {} of {}: {}", number + 1, drawn.len(), describe(spec));
        pairs.push(pair(engine, folder, spec, &rates).await?);
    }
    Ok(pairs)
}

async fn calibrate(engine: &ProcessEngine, folder: &Path, threads: u32) -> anyhow::Result<EngineRates> {
    eprintln!("calibrating with {} models …", RATE_MODELS.len());
    let specs = RATE_MODELS.iter().map(|name| SynthSpec::parse(name, 0).map_err(anyhow::Error::from));
    let models = specs
        .enumerate()
        .map(|(index, spec)| model(folder, &spec?, rate_depths(index)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let timings = time(engine, &models, threads, RATE_PROMPT_TOKENS).await?;
    remove(&models)?;
    solve_rates(&timings, threads).context("the timings determine no rates")
}

fn model(folder: &Path, spec: &SynthSpec, depths: Vec<(u32, KvType)>) -> anyhow::Result<CalibrationModel> {
    let file = dyno_models::synthesize(spec, folder, &mut |_, _| true)?;
    let facts = dyno_models::read_facts(&file, &spec.to_string())?;
    Ok(CalibrationModel { file, facts, depths })
}

fn remove(models: &[CalibrationModel]) -> anyhow::Result<()> {
    models
        .iter()
        .try_for_each(|model| std::fs::remove_file(&model.file))
        .context("removing a model that was timed")
}

async fn time(
    engine: &ProcessEngine,
    models: &[CalibrationModel],
    threads: u32,
    prompt_tokens: u32,
) -> anyhow::Result<Vec<RateTiming>> {
    let start = Instant::now();
    let calibrator = Calibrator {
        engine,
        meter: LossMeter {
            scheduling: &dyno_hardware::scheduling,
            clock_ms: &|| start.elapsed().as_secs_f64() * 1e3,
            processors: threads,
        },
        threads,
        prompt_tokens,
        job: &Job::default(),
    };
    let calibration = calibrator.time(models, &|_| ()).await?.context("cancelled")?;
    if calibration.disturbed > 0 {
        eprintln!(
            "other programs disturbed {} of {} timings",
            calibration.disturbed,
            calibration.timings.len()
        );
    }
    Ok(calibration.timings)
}

/// Predicts and measures one model.
async fn pair(
    engine: &ProcessEngine,
    folder: &Path,
    spec: &SynthSpec,
    rates: &EngineRates,
) -> anyhow::Result<Pair> {
    let models = [model(folder, spec, vec![(0, KvType::F16)])?];
    let timings = time(engine, &models, rates.threads, PREDICTED_PROMPT_TOKENS).await?;
    remove(&models)?;
    let timing = timings.first().context("nothing was timed")?;
    let raw = raw_speed(&timing.facts, KvType::F16, rates, 0, PREDICTED_PROMPT_TOKENS)
        .context("the header does not determine the work")?;
    Ok(Pair {
        model: describe(spec),
        family: spec.shape.family.architecture(),
        raw,
        prefill_tps: f64::from(timing.prefill_tokens) / timing.prefill_s,
        decode_tps: 1.0 / timing.decode_s,
    })
}

/// A drawn shape in a few words: family, layers × width, experts, quantization.
fn describe(spec: &SynthSpec) -> String {
    let shape = spec.shape;
    let experts = if shape.experts.is_some() { " experts" } else { "" };
    format!(
        "{} {}x{}{experts} {}",
        shape.family.architecture(),
        shape.layers,
        shape.embedding,
        spec.file_type.label
    )
}

/// Both rates of one model, corrected by what all other families teach.
fn rows(pair: &Pair, all: &[Pair]) -> [Row; 2] {
    let others = all.iter().filter(|other| other.family != pair.family);
    let outcome = |other: &Pair, raw: RawRate, measured_tps| Outcome {
        subject: other.model.clone(),
        raw_tps: raw.tps,
        measured_tps,
    };
    let prefill: Vec<Outcome> =
        others.clone().map(|other| outcome(other, other.raw.prefill, other.prefill_tps)).collect();
    let decode: Vec<Outcome> =
        others.map(|other| outcome(other, other.raw.decode, other.decode_tps)).collect();
    let correction = Correction::learn(&prefill, &decode);
    let row = |rate: &'static str, raw: RawRate, bias: Bias, measured_tps: f64| {
        let predicted = bias.apply(raw);
        Row {
            model: pair.model.clone(),
            family: pair.family,
            rate,
            raw_tps: raw.tps,
            predicted,
            measured_tps,
            error: error(predicted.likely, measured_tps),
            inside: (predicted.low..=predicted.high).contains(&measured_tps),
        }
    };
    [
        row("prefill", pair.raw.prefill, correction.prefill, pair.prefill_tps),
        row("decode", pair.raw.decode, correction.decode, pair.decode_tps),
    ]
}

fn print(rows: &[Row]) {
    println!(
        "model                            rate       from rates    predicted (90 % interval)        measured    error"
    );
    for row in rows {
        let Interval { likely, low, high } = row.predicted;
        println!(
            "{:<32} {:<8} {:>12.1} {:>12.1} ({low:.1} to {high:.1}){} {:>10.1}  {:>+6.1} %{}",
            row.model,
            row.rate,
            row.raw_tps,
            likely,
            " ".repeat(20_usize.saturating_sub(format!("{low:.1}{high:.1}").len())),
            row.measured_tps,
            row.error * 100.0,
            if row.inside { "" } else { "  outside" }
        );
    }
    for rate in ["prefill", "decode"] {
        let of: Vec<&Row> = rows.iter().filter(|row| row.rate == rate).collect();
        let errors: Vec<f64> = of.iter().map(|row| row.error).collect();
        let inside = of.iter().filter(|row| row.inside).count() as u64;
        let share = dyno_stats::wilson_95(inside, of.len() as u64).map_or_else(
            |_| String::new(),
            |share| format!(" (a share of {:.0} to {:.0} %)", share.low * 100.0, share.high * 100.0),
        );
        let of = of.len();
        let what =
            format!("{rate}, each family left out: {inside} of {of} inside their 90 % interval{share}");
        print_summary(&what, &errors);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_predicted_without_its_family() {
        let pair = |model: &str, family, measured: f64| {
            let rate = |tps| RawRate { tps, borrowed: 0.0 };
            Pair {
                model: model.to_owned(),
                family,
                raw: RawSpeed { prefill: rate(100.0), decode: rate(10.0) },
                prefill_tps: 10.0 * measured,
                decode_tps: measured,
            }
        };
        let all = [pair("a", "llama", 5.0), pair("b", "llama", 5.0), pair("c", "qwen2", 10.0)];
        let [_, decode] = rows(&all[0], &all);
        assert_eq!(decode.predicted.likely, 10.0, "only c was seen, and c was right");
        assert_eq!((decode.error, decode.inside), (1.0, false));
        let [prefill, _] = rows(&all[2], &all);
        assert!(prefill.predicted.likely < 90.0, "both of llama were slow: {:?}", prefill.predicted);
    }

    #[test]
    fn models_of_the_calibration_and_drawn_ones_can_be_predicted() {
        let fixed = RATE_MODELS.iter().map(|name| SynthSpec::parse(name, 0).unwrap());
        for spec in fixed.chain(Draws::new(1).models(20)) {
            let facts = spec.outline();
            assert!(!facts.weights.is_empty() && !facts.layer_memory.is_empty(), "{}", describe(&spec));
        }
    }
}
