//! Predicted against measured peak memory, over architectures, quantizations, windows and cache types.

use std::path::Path;

use anyhow::Context as _;
use dyno_advise::{MatrixInstructions, MemoryEstimate};
use dyno_types::{EngineSettings, Knob};

use super::table::{error, print_summary};
use super::{Options, runner};

/// The cases: a synthetic model, then knobs that differ from their defaults. Windows are filled to the last token, so the
/// large ones belong to small models.
const CASES: &[&str] = &[
    "smollm2-135m@q8_0 context=512",
    "smollm2-135m@q8_0 context=4096",
    "smollm2-135m@q4_0 context=1024",
    "smollm2-135m@q4_0 context=1024 mmap=off",
    "smollm2-135m@q4_1 context=1024",
    "smollm2-135m@q5_k_m context=2048 kv-type-k=q8_0 kv-type-v=q8_0",
    "smollm2-135m@q8_0 context=1024 flash-attention=off",
    "smollm2-360m@f16 context=512 ubatch=128",
    "smollm2-360m@q4_k_m context=256 sequences=4",
    "llama-3.2-1b@q4_k_m context=256",
    "llama-3.2-1b@q8_0 context=512 kv-type-k=q8_0 kv-type-v=q8_0",
    "mixtral-tiny@q4_k_m context=512",
    "mixtral-tiny@q8_0 context=512 kv-type-k=f32 kv-type-v=f32",
    "qwen2.5-0.5b@q4_k_m context=1024",
    "qwen2.5-0.5b@q8_0 context=2048 kv-type-k=q8_0 kv-type-v=q8_0",
    "qwen2.5-0.5b@q5_1 context=512",
    "qwen2.5-0.5b@f16 context=256",
    "qwen3-0.6b@q4_k_m context=512",
    "qwen3-0.6b@q6_k context=1024 kv-type-k=q4_0 kv-type-v=q4_0",
    "gemma-3-270m@q8_0 context=4096",
    "gemma-3-270m@q4_0 context=1024",
    "gemma-3-1b@q4_k_m context=1024",
    "phi-3-mini-half@q4_k_m context=256",
    "phi-3-mini-half@q4_0 context=256 kv-type-k=q8_0 kv-type-v=q8_0",
    "deepseek-v2-tiny@q8_0 context=1024",
    "deepseek-v2-tiny@q4_k_m context=2048",
    "starcoder-164m@f16 context=1024",
    "starcoder-164m@q5_k_m context=2048",
    "mamba-130m@f16 context=512",
    "mamba-370m@q8_0 context=512",
    "lfm2-350m@q4_k_m context=1024",
    "lfm2-350m@q6_k context=512",
    "granite-4.0-h-350m@q8_0 context=1024",
    "granite-4.0-h-350m@q4_0 context=512",
];

/// A synthetic model and the settings that matter to memory.
struct Case {
    reference: String,
    settings: EngineSettings,
}

/// One compared case.
#[derive(serde::Serialize)]
struct Row {
    case: &'static str,
    architecture: String,
    predicted: MemoryEstimate,
    predicted_bytes: u64,
    measured_bytes: u64,
    /// The engine's own account of the cache and of what it reserved for the graph.
    kv_bytes: u64,
    compute_reserved_bytes: u64,
    anonymous_bytes: u64,
    /// (predicted − measured)/measured: `mem_pred_error`.
    error: f64,
}

pub(super) async fn run(options: &Options) -> anyhow::Result<()> {
    let engine = runner::engine(options)?;
    let instructions = runner::matrix_instructions(&engine).await?;
    let mut rows = Vec::new();
    for text in CASES.iter().filter(|text| text.contains(&options.only)) {
        eprintln!("{text} …");
        let row = compare(&engine, text, instructions).await.with_context(|| (*text).to_owned())?;
        if options.json {
            println!("{}", serde_json::to_string(&row)?);
        } else {
            print_row(&row);
        }
        rows.push(row);
    }
    if !options.json {
        let errors: Vec<f64> = rows.iter().map(|row| row.error).collect();
        let mut architectures: Vec<&str> = rows.iter().map(|row| row.architecture.as_str()).collect();
        architectures.sort_unstable();
        architectures.dedup();
        print_summary(&format!("{} cases, {} architectures", rows.len(), architectures.len()), &errors);
    }
    Ok(())
}

async fn compare(engine: &Path, text: &'static str, instructions: MatrixInstructions) -> anyhow::Result<Row> {
    let case = parse(text)?;
    let file = runner::model_file(&case.reference)?;
    let facts = dyno_models::read_facts(&file, &case.reference)?;
    let predicted =
        dyno_advise::memory(&facts, &case.settings, instructions).context("not determined by the header")?;
    let full = runner::fill(engine, &file, &case.settings).await?;
    let (predicted_bytes, measured_bytes) = (predicted.total_bytes(), full.process.rss_peak_bytes);
    Ok(Row {
        case: text,
        architecture: facts.architecture,
        predicted,
        predicted_bytes,
        measured_bytes,
        kv_bytes: full.breakdown.kv_bytes,
        compute_reserved_bytes: full.breakdown.compute_bytes,
        anonymous_bytes: full.process.anonymous_bytes,
        error: error(predicted_bytes as f64, measured_bytes as f64),
    })
}

fn parse(text: &str) -> anyhow::Result<Case> {
    let mut words = text.split_whitespace();
    let model = words.next().context("a case names a model")?;
    // Memory hardly depends on threads, and one alone is not slowed by what else runs here.
    let mut settings = EngineSettings { threads: 1, threads_prefill: 1, ..EngineSettings::default() };
    for word in words {
        let (flag, value) = word.split_once('=').context("a setting is flag=value")?;
        Knob::find(flag).with_context(|| format!("no knob {flag}"))?.set(&mut settings, value)?;
    }
    Ok(Case { reference: format!("synth:{model}"), settings })
}

fn print_row(row: &Row) {
    let mib = |bytes: u64| bytes as f64 / 1024.0 / 1024.0;
    println!(
        "{:<14} {:<62} predicted {:>7.1} MiB  measured {:>7.1} MiB  {:>+6.1} %",
        row.architecture,
        row.case,
        mib(row.predicted_bytes),
        mib(row.measured_bytes),
        row.error * 100.0
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_is_a_model_and_knobs() {
        for text in CASES {
            let case = parse(text).unwrap();
            let spec = dyno_models::SynthSpec::parse(&case.reference, 0).unwrap();
            assert!(
                dyno_advise::memory(&spec.facts(), &case.settings, MatrixInstructions::Plain).is_some(),
                "{text}"
            );
        }
        assert!(parse("x@q8_0 context").is_err() && parse("x@q8_0 turbo=1").is_err());
    }
}
