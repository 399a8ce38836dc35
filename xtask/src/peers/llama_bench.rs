//! One run of `llama-bench`.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use serde::Deserialize;

use super::{DECODE_TOKENS, PREFILL_TOKENS, REPETITIONS, Rates};

/// The fields of one of its JSON lines that matter here.
#[derive(Debug, Deserialize)]
struct Line {
    n_prompt: u32,
    n_gen: u32,
    /// Time of each repetition, ns.
    samples_ns: Vec<u64>,
}

/// Runs it on a file with its default batch sizes, which are dyno's too.
pub(crate) fn measure(executable: &Path, file: &Path, threads: u32) -> anyhow::Result<Rates> {
    let number = |n: u32| n.to_string();
    let output = Command::new(executable)
        .arg("-m")
        .arg(file)
        .args(["-p", &number(PREFILL_TOKENS), "-n", &number(DECODE_TOKENS), "-r", &number(REPETITIONS)])
        .args(["-t", &number(threads), "-lm", "mmap", "-ngl", "0", "-o", "jsonl"])
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {}", executable.display()))?;
    if !output.status.success() {
        bail!("llama-bench ended with {}", output.status);
    }
    rates(&String::from_utf8_lossy(&output.stdout))
}

/// Rates of the fastest repetition of both tests.
fn rates(lines: &str) -> anyhow::Result<Rates> {
    let lines: Vec<Line> =
        lines.lines().map(serde_json::from_str).collect::<Result<_, _>>().context("llama-bench's output")?;
    let rate = |prompt: u32, generated: u32| -> anyhow::Result<f64> {
        let line = lines.iter().find(|line| (line.n_prompt, line.n_gen) == (prompt, generated));
        let line =
            line.with_context(|| format!("llama-bench reported no test of {prompt} + {generated} tokens"))?;
        let fastest_ns = line.samples_ns.iter().min().context("llama-bench reported no repetition")?;
        Ok(f64::from(prompt + generated) / (*fastest_ns as f64 / 1e9))
    };
    Ok(Rates { prefill_tps: rate(PREFILL_TOKENS, 0)?, decode_tps: rate(0, DECODE_TOKENS)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fastest_repetition_counts() {
        let lines = "{\"n_prompt\": 512, \"n_gen\": 0, \"samples_ns\": [500000000, 1500000000], \"other\": 1}\n\
                     {\"n_prompt\": 0, \"n_gen\": 64, \"samples_ns\": [2000000000]}\n";
        assert_eq!(rates(lines).unwrap(), Rates { prefill_tps: 1024.0, decode_tps: 32.0 });
        assert!(rates("").unwrap_err().to_string().contains("512"));
        assert!(rates("llama-bench: error").is_err());
    }
}
