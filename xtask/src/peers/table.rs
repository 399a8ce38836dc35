//! The table a person reads.

use super::{ModelReport, Options, REPETITIONS};

/// Prints one model's comparisons.
pub(crate) fn print(report: &ModelReport, options: &Options) {
    println!("{}", lines(report, options.threads, options.rounds).join("\n"));
}

fn lines(report: &ModelReport, threads: u32, rounds: usize) -> Vec<String> {
    let name = report.comparisons.first().map_or("", |one| one.model.as_str());
    let mut lines = vec![
        format!(
            "{name}: {threads} thread(s), {rounds} pairs of processes, fastest of {REPETITIONS} repetitions each"
        ),
        "  layer       test   llama-bench t/s     dyno t/s   dyno / llama-bench (95 % interval)".to_owned(),
    ];
    for one in &report.comparisons {
        lines.push(format!(
            "  {:<10}  {:<5}  {:>15.1}  {:>11.1}   {:.4} ({:.4} to {:.4})",
            one.layer, one.test, one.llama_bench_tps, one.dyno_tps, one.ratio, one.ratio_low, one.ratio_high
        ));
    }
    let step = &report.step;
    lines.push(format!(
        "  one step of the whole path: {:.0} µs backend, {:.1} µs sampling, {:.1} µs the rest (text, stream, arrival)",
        step.backend_us, step.sampling_us, step.rest_us
    ));
    lines
}

#[cfg(test)]
mod tests {
    use super::super::{Comparison, StepParts};
    use super::*;

    #[test]
    fn the_table_names_everything_it_compares() {
        let comparison = Comparison {
            model: "synth:x@q4_0".into(),
            test: "tg64",
            layer: "backend",
            llama_bench_tps: 100.0,
            dyno_tps: 99.5,
            ratio: 0.995,
            ratio_low: 0.99,
            ratio_high: 1.0,
            pairs: 6,
        };
        let step = StepParts { backend_us: 900.0, sampling_us: 3.0, rest_us: 20.0 };
        let text = lines(&ModelReport { comparisons: vec![comparison], step }, 2, 6).join("\n");
        for part in
            ["synth:x@q4_0: 2 thread(s), 6 pairs", "tg64", "0.9950 (0.9900 to 1.0000)", "900 µs backend"]
        {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }
}
