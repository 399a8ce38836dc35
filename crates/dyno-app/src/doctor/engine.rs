//! Checks that run the engine: does it start, compute every quantization, repeat itself, and gain from threads?

use dyno_engine::{Engine, EngineError, Session};
use dyno_types::{
    EngineInfo, EngineSettings, Event, EventSink, GenerateRequest, GenerationEvent, HardwareProfile,
    MeasureReport, MeasureRequest, Prompt, Sampling, TokenId,
};
use futures::StreamExt;

use super::Check;
use crate::loss_clock::LossClock;
use crate::{AppError, Work};

/// Quantizations whose kernels differ; a miscompiled build crashes in at least one of them.
const QUANTIZATIONS: [&str; 4] = ["q4_0", "q4_k_m", "q8_0", "f16"];

/// The model of the thread check: large enough that more threads must help.
const THREAD_CHECK_MODEL: &str = "synth:smollm2-135m@q8_0";

/// All threads must reach at least this part of one thread's rate; less is a pathological build or machine.
const ALL_THREADS_LEAST: f64 = 0.9;

const REBUILD: &str = "rebuild the engine with clang and without OpenMP: cargo clean, then make build";

const THREADS: &str = "engine threads";

/// Every check of the engine, and who it is.
pub(super) async fn checks(work: &Work, machine: &HardwareProfile) -> (Option<EngineInfo>, Vec<Check>) {
    let info = match start(work).await {
        Ok(session) => {
            let info = session.info().clone();
            session.stop().await;
            info
        }
        Err(error) => {
            return (None, vec![Check::problem("engine", error.to_string(), "build it: make build")]);
        }
    };
    let mut checks = vec![build(&info)];
    work.job.emit(Event::PhaseStarted {
        phase: "checking the engine".to_owned(),
        total: QUANTIZATIONS.len() as u64 + 1,
    });
    for (done, quantization) in QUANTIZATIONS.iter().enumerate() {
        work.job.emit(Event::PhaseAdvanced { done: done as u64, detail: (*quantization).to_owned() });
        checks.push(computes(work, quantization, machine.cores_usable.max(1)).await);
    }
    work.job.emit(Event::PhaseAdvanced { done: QUANTIZATIONS.len() as u64, detail: "threads".to_owned() });
    checks.push(threads(work, machine.cores_usable.max(1)).await);
    work.job.emit(Event::PhaseEnded);
    (Some(info), checks)
}

async fn start(work: &Work) -> Result<Box<dyn Session>, AppError> {
    Ok(work.engine()?.start(work.job()).await?)
}

fn build(info: &EngineInfo) -> Check {
    let finding = format!(
        "{} {}, {}, {} build, compiled by {}",
        info.name, info.version, info.backend, info.profile, info.compiler
    );
    if info.profile == "release" {
        Check::ok("engine", finding)
    } else {
        Check::problem("engine", finding, "a debug build is many times slower: make build")
    }
}

/// Greedy text of one tiny model must come, and be the same with one and with all threads.
async fn computes(work: &Work, quantization: &str, cores: u32) -> Check {
    let subject = format!("engine computes {quantization}");
    let model = format!("synth:tiny-llama@{quantization}");
    let (one, all) = (greedy(work, &model, 1).await, greedy(work, &model, cores).await);
    match (one, all) {
        (Ok(one), Ok(all)) if one == all => {
            Check::ok(&subject, format!("same {} tokens with 1 and {cores} threads", one.len()))
        }
        (Ok(_), Ok(_)) => {
            Check::problem(&subject, format!("1 and {cores} threads give different tokens"), REBUILD)
        }
        (Err(error), _) | (_, Err(error)) => Check::problem(&subject, error.to_string(), REBUILD),
    }
}

async fn greedy(work: &Work, model: &str, threads: u32) -> Result<Vec<TokenId>, AppError> {
    let (session, _) = loaded(work, model, threads).await?;
    let request = GenerateRequest {
        id: 1,
        prompt: Prompt::Text("The quick brown fox".to_owned()),
        sampling: Sampling::greedy(),
        max_tokens: 16,
        stop: Vec::new(),
        ignore_eos: true,
        logprobs: 0,
    };
    let tokens = collect(&*session, request).await;
    session.stop().await;
    Ok(tokens?)
}

async fn collect(session: &dyn Session, request: GenerateRequest) -> Result<Vec<TokenId>, EngineError> {
    let mut stream = session.generate(request).await?;
    let mut tokens = Vec::new();
    while let Some(event) = stream.next().await {
        if let GenerationEvent::Token(token) = event? {
            tokens.push(token.token);
        }
    }
    Ok(tokens)
}

async fn loaded(
    work: &Work,
    model: &str,
    threads: u32,
) -> Result<(Box<dyn Session>, EngineSettings), AppError> {
    let model = work.resolve(model)?;
    let settings =
        EngineSettings { threads, threads_prefill: threads, context: 512, ..EngineSettings::default() };
    let session = start(work).await?;
    session.load(&model.path, &settings, &mut |_| true).await?;
    session.open_context(&settings).await?;
    Ok((session, settings))
}

/// What one thread and all threads reach, tokens/s, and whether others took from the engine's threads, however often it was repeated.
#[derive(Debug, Clone, Copy)]
struct ThreadRates {
    prefill: [f64; 2],
    decode: [f64; 2],
    disturbed: bool,
}

/// One thread against all: a sound build never loses by having more.
async fn threads(work: &Work, cores: u32) -> Check {
    if cores == 1 {
        return Check::ok(THREADS, "one usable processor, nothing to compare");
    }
    match thread_rates(work, cores).await {
        Ok(rates) => judge_threads(rates, cores),
        Err(error) => Check::problem(THREADS, error.to_string(), REBUILD),
    }
}

fn judge_threads(rates: ThreadRates, cores: u32) -> Check {
    let [prefill, decode] = [rates.prefill, rates.decode].map(|[one, all]| all / one);
    let finding = format!(
        "{cores} threads against 1: prefill {prefill:.2}x ({:.0} -> {:.0} tokens/s), decode {decode:.2}x ({:.0} -> {:.0} tokens/s)",
        rates.prefill[0], rates.prefill[1], rates.decode[0], rates.decode[1]
    );
    if prefill.min(decode) >= ALL_THREADS_LEAST {
        Check::ok(THREADS, finding)
    } else if rates.disturbed {
        let remedy = "other programs took the processors from the engine meanwhile: close them and run dyno doctor again";
        Check::warning(THREADS, finding, remedy)
    } else {
        Check::problem(THREADS, finding, format!("more threads make it slower: {REBUILD}"))
    }
}

/// Rates with one thread and with all; best of interleaved repetitions, since disturbance only slows.
async fn thread_rates(work: &Work, cores: u32) -> Result<ThreadRates, AppError> {
    const ROUNDS: u64 = 3;
    let (session, _) = loaded(work, THREAD_CHECK_MODEL, cores).await?;
    let clock = LossClock::start();
    let meter = clock.meter(cores);
    let mut rates = ThreadRates { prefill: [0.0; 2], decode: [0.0; 2], disturbed: false };
    for seed in 0..ROUNDS {
        for (column, threads) in [1, cores].into_iter().enumerate() {
            let request = thread_request(threads, seed);
            let measured = meter.measure_calmly(&*session, &request).await?;
            let [prefill, decode] = rates_of(&request, &measured.report);
            rates.prefill[column] = rates.prefill[column].max(prefill);
            rates.decode[column] = rates.decode[column].max(decode);
            rates.disturbed |= measured.is_disturbed();
        }
    }
    session.stop().await;
    Ok(rates)
}

fn thread_request(threads: u32, seed: u64) -> MeasureRequest {
    MeasureRequest {
        depth: 0,
        prefill_tokens: 128,
        decode_tokens: 16,
        repetitions: 1,
        threads,
        threads_prefill: threads,
        seed,
    }
}

/// Prefill and decode rate of one bare measurement, tokens/s.
fn rates_of(request: &MeasureRequest, times: &MeasureReport) -> [f64; 2] {
    let rate = |tokens: u32, ns: u64| f64::from(tokens) / (ns.max(1) as f64 / 1e9);
    [
        rate(request.prefill_tokens, times.prefill_ns.iter().sum()),
        rate(request.decode_tokens, times.decode_ns.iter().flatten().sum()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::CheckStatus;

    #[test]
    fn more_threads_that_slow_down_are_a_problem_unless_others_were_at_work() {
        let status = |prefill_all, decode_all, disturbed| {
            let rates = ThreadRates { prefill: [100.0, prefill_all], decode: [40.0, decode_all], disturbed };
            judge_threads(rates, 8)
        };
        assert_eq!(status(390.0, 80.0, false).status, CheckStatus::Ok);
        assert_eq!(status(390.0, 39.0, true).status, CheckStatus::Ok, "bandwidth may be used up by one");
        let slow = status(390.0, 6.0, false);
        assert_eq!(slow.status, CheckStatus::Problem);
        assert!(slow.finding.contains("decode 0.15x (40 -> 6"), "{}", slow.finding);
        assert!(slow.remedy.unwrap().contains("clang"));
        let unclear = status(60.0, 6.0, true);
        assert_eq!(unclear.status, CheckStatus::Warning);
        assert!(unclear.remedy.unwrap().contains("other programs"));
    }
}
