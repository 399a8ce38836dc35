//! `cargo xtask peers perplexity`: does dyno find the same perplexity as `llama-perplexity` for the same text and settings?

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use dyno_types::{EngineSettings, PerplexityRequest};
use futures::TryStreamExt as _;

use super::{build, model_file, session};

const USAGE: &str = "\
usage: cargo xtask peers perplexity [OPTIONS]
  --models REF,…  models [default: builtin:micro,builtin:nano,synth:tiny-llama@q4_0]
  --text FILE     text [default: the README]
  --context N     tokens per chunk [default: 512]";

/// Largest relative difference that counts as the same result.
const TOLERANCE: f64 = 1e-3;

/// Compares both on every model.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let Some(options) = session::options(arguments, USAGE)? else {
        println!("{USAGE}");
        return Ok(());
    };
    let mut models = "builtin:micro,builtin:nano,synth:tiny-llama@q4_0";
    let (mut text, mut context) = (crate::root().join("README.md"), 512);
    for (name, value) in options {
        match name {
            "--models" => models = value,
            "--text" => text = PathBuf::from(value),
            "--context" => context = value.parse().context("--context is not a whole number")?,
            _ => bail!("unknown option {name}\n{USAGE}"),
        }
    }
    let built = build::engine_and_peer(&build::LLAMA_PERPLEXITY)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    println!("{:30} {:>16} {:>16} {:>12}", "model", "llama-perplexity", "dyno", "difference");
    let mut largest: f64 = 0.0;
    for reference in models.split(',') {
        let file = model_file(reference)?;
        let theirs = peer(&built.peer, &file, &text, context)?;
        let ours = runtime.block_on(ours(&built.engine, &file, &text, context))?;
        let difference = ours / theirs - 1.0;
        largest = largest.max(difference.abs());
        println!("{reference:30} {theirs:16.4} {ours:16.4} {:11.4} %", difference * 100.0);
    }
    ensure!(largest <= TOLERANCE, "a difference of {:.3} % is more than 0.1 %", largest * 100.0);
    Ok(())
}

/// What `llama-perplexity` finds.
fn peer(executable: &Path, model: &Path, text: &Path, context: u32) -> anyhow::Result<f64> {
    let number = context.to_string();
    let output = Command::new(executable)
        .arg("-m")
        .arg(model)
        .arg("-f")
        .arg(text)
        .args(["-c", &number, "-b", &number, "-t", &session::threads().to_string(), "-ngl", "0"])
        .stderr(Stdio::piped())
        .output()
        .with_context(|| format!("cannot run {}", executable.display()))?;
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    final_estimate(&said).with_context(|| format!("llama-perplexity ended with {}: {said}", output.status))
}

/// The number in `Final estimate: PPL = 12.3456 +/- 0.1234`.
fn final_estimate(said: &str) -> Option<f64> {
    let rest = said.split("Final estimate: PPL =").nth(1)?;
    rest.split_whitespace().next()?.parse().ok()
}

/// What dyno finds.
async fn ours(engine: &Path, model: &Path, text: &Path, context: u32) -> anyhow::Result<f64> {
    let threads = session::threads();
    let settings = EngineSettings {
        context,
        batch: context,
        threads,
        threads_prefill: threads,
        ..EngineSettings::default()
    };
    let mut text = std::fs::read_to_string(text).with_context(|| text.display().to_string())?;
    // As llama.cpp reads a file of text.
    if text.ends_with('\n') {
        text.pop();
    }
    let session = session::open(engine, model, &settings).await?;
    let request = PerplexityRequest { text, context, ..PerplexityRequest::default() };
    let mut chunks = session.perplexity(request).await?;
    let (mut nll, mut tokens) = (0.0, 0.0);
    while let Some(chunk) = chunks.try_next().await? {
        nll += chunk.nll;
        tokens += f64::from(chunk.tokens);
    }
    drop(chunks);
    session.stop().await;
    Ok((nll / tokens).exp())
}

#[cfg(test)]
mod tests {
    use super::final_estimate;

    #[test]
    fn the_final_estimate_is_read() {
        let said = "[1]9.5,[2]10.1,\nFinal estimate: PPL = 10.1234 +/- 0.98765\n\nllama_perf";
        assert_eq!(final_estimate(said), Some(10.1234));
        assert_eq!(final_estimate("error: too short"), None);
    }
}
