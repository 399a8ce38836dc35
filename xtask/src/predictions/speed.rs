//! Predicted against measured speed of shapes that the calibration never saw.

use std::path::Path;

use anyhow::Context as _;
use dyno_advise::{
    Bias, Interval, Outcome, PREDICTED_PROMPT_TOKENS, RATE_MODELS, RATE_PROMPT_TOKENS, RawSpeed, rate_depths,
    raw_speed, solve_rates,
};
use dyno_bench::{CalibrationModel, CancelFlag, time_models};
use dyno_engine::{ProcessEngine, ProcessEngineConfig};
use dyno_types::{EngineRates, KvType, RateTiming};

use super::table::{error, print_summary};
use super::{Options, runner};

/// Shapes to predict.
const MODELS: &[&str] = &[
    "smollm2-135m@q8_0",
    "smollm2-360m@q4_0",
    "qwen2.5-0.5b@q4_k_m",
    "qwen2.5-0.5b@q8_0",
    "qwen3-0.6b@q6_k",
    "llama-3.2-1b@q4_k_m",
    "llama-3.2-1b@q4_0",
    "gemma-3-270m@q8_0",
    "gemma-3-1b@q4_k_m",
    "phi-3-mini-half@q4_k_m",
    "deepseek-v2-tiny@q8_0",
    "mixtral-tiny@q4_k_m",
    "starcoder-164m@f16",
    "lfm2-350m@q5_k_m",
];

/// One rate of one model: predicted knowing every model but this shape, and measured.
#[derive(serde::Serialize)]
struct Row {
    model: &'static str,
    rate: &'static str,
    raw_tps: f64,
    predicted: Interval,
    measured_tps: f64,
    error: f64,
    inside: bool,
}

/// A model's raw prediction and what was measured.
struct Pair {
    model: &'static str,
    raw: RawSpeed,
    measured: RawSpeed,
}

pub(super) async fn run(options: &Options) -> anyhow::Result<()> {
    let engine = runner::engine(options)?;
    let threads = runner::threads();
    let rates = calibrate(&engine, threads).await?;
    eprintln!("{}", serde_json::to_string(&rates)?);
    let references: Vec<&'static str> =
        MODELS.iter().copied().filter(|reference| reference.contains(&options.only)).collect();
    let pairs = pairs(&engine, &references, &rates).await?;
    let rows: Vec<Row> = pairs.iter().flat_map(|pair| rows(pair, &pairs)).collect();
    if options.json {
        println!("{}", serde_json::to_string_pretty(&rows)?);
    } else {
        print(&rows, threads);
    }
    Ok(())
}

async fn calibrate(engine: &Path, threads: u32) -> anyhow::Result<EngineRates> {
    let numbered = RATE_MODELS.iter().enumerate();
    let models: Vec<_> = numbered
        .map(|(index, reference)| model(reference, &rate_depths(index)))
        .collect::<anyhow::Result<_>>()?;
    let timings = time(engine, &models, (threads, RATE_PROMPT_TOKENS)).await?;
    solve_rates(&timings, threads).context("the timings determine no rates")
}

fn model(reference: &str, depths: &[(u32, KvType)]) -> anyhow::Result<CalibrationModel> {
    let file = runner::model_file(&format!("synth:{reference}"))?;
    let facts = dyno_models::read_facts(&file, reference)?;
    Ok(CalibrationModel { file, facts, depths: depths.to_vec() })
}

async fn time(
    engine: &Path,
    models: &[CalibrationModel],
    sizes: (u32, u32),
) -> anyhow::Result<Vec<RateTiming>> {
    let engine = ProcessEngine::new(ProcessEngineConfig::new(engine.to_owned()));
    let timings = time_models(&engine, models, sizes, &CancelFlag::default(), &|_| ()).await?;
    timings.context("cancelled")
}

/// Predicts and measures; the processes of each model are spread over the whole measurement, as in the calibration.
async fn pairs(engine: &Path, references: &[&'static str], rates: &EngineRates) -> anyhow::Result<Vec<Pair>> {
    let shallow = [(0, KvType::F16)];
    let models: Vec<CalibrationModel> =
        references.iter().map(|reference| model(reference, &shallow)).collect::<anyhow::Result<_>>()?;
    let timings = time(engine, &models, (rates.threads, PREDICTED_PROMPT_TOKENS)).await?;
    let pair = |(reference, timing): (&&'static str, &RateTiming)| {
        let raw = raw_speed(&timing.facts, KvType::F16, rates, (0, PREDICTED_PROMPT_TOKENS))
            .context("the header does not determine the work")?;
        let measured = RawSpeed {
            prefill_tps: f64::from(timing.prefill_tokens) / timing.prefill_s,
            decode_tps: 1.0 / timing.decode_s,
        };
        Ok(Pair { model: reference, raw, measured })
    };
    references.iter().zip(&timings).map(pair).collect()
}

/// Both rates of one model, corrected by what all other shapes teach.
fn rows(pair: &Pair, all: &[Pair]) -> [Row; 2] {
    let others: Vec<&Pair> = all.iter().filter(|other| shape(other.model) != shape(pair.model)).collect();
    let row = |rate: &'static str, pick: fn(&RawSpeed) -> f64| {
        let outcome = |other: &&Pair| Outcome {
            subject: other.model.to_owned(),
            raw_tps: pick(&other.raw),
            measured_tps: pick(&other.measured),
        };
        let bias = Bias::learn(&others.iter().map(outcome).collect::<Vec<_>>());
        let (raw_tps, measured_tps) = (pick(&pair.raw), pick(&pair.measured));
        let predicted = bias.apply(raw_tps);
        Row {
            model: pair.model,
            rate,
            raw_tps,
            predicted,
            measured_tps,
            error: error(predicted.likely, measured_tps),
            inside: (predicted.low..=predicted.high).contains(&measured_tps),
        }
    };
    [row("prefill", |speed| speed.prefill_tps), row("decode", |speed| speed.decode_tps)]
}

fn shape(model: &str) -> &str {
    model.split_once('@').map_or(model, |(shape, _)| shape)
}

fn print(rows: &[Row], threads: u32) {
    println!(
        "model                    rate       from rates    predicted (90 % interval)        measured    error   ({threads} threads, tokens/s)"
    );
    for row in rows {
        let Interval { likely, low, high } = row.predicted;
        println!(
            "{:<24} {:<8} {:>12.1} {:>12.1} ({low:.1} to {high:.1}){} {:>10.1}  {:>+6.1} %{}",
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
        let inside = of.iter().filter(|row| row.inside).count();
        print_summary(&format!("{rate}, each shape left out: {inside} of {} inside", of.len()), &errors);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_predicted_without_its_own_runs() {
        let pair = |model, measured: f64| {
            let speed = |tps| RawSpeed { prefill_tps: 10.0 * tps, decode_tps: tps };
            Pair { model, raw: speed(10.0), measured: speed(measured) }
        };
        let all = [pair("a@q8_0", 5.0), pair("a@q4_0", 5.0), pair("b@q8_0", 10.0)];
        let [_, decode] = rows(&all[0], &all);
        assert_eq!(decode.predicted.likely, 10.0, "only b was seen, and b was right");
        assert_eq!((decode.error, decode.inside), (1.0, false));
        let [prefill, _] = rows(&all[2], &all);
        assert!(prefill.predicted.likely < 90.0, "both of a were slow: {:?}", prefill.predicted);
    }

    #[test]
    fn every_model_can_be_predicted() {
        for model in RATE_MODELS.iter().chain(MODELS) {
            let spec = dyno_models::SynthSpec::parse(model, 0).unwrap();
            assert!(!spec.facts().weights.is_empty() && !spec.facts().layer_memory.is_empty(), "{model}");
        }
    }
}
