//! Checks that run the engine: does it start, compute every quantization, repeat itself, and gain from threads?

use dyno_engine::{Engine, EngineError, Session};
use dyno_types::{
    EngineInfo, EngineSettings, Event, EventSink, GenerateRequest, GenerationEvent, HardwareProfile,
    MeasureRequest, Prompt, Sampling, Silent, TokenId,
};
use futures::StreamExt;

use super::Check;
use crate::{App, AppError};

/// Quantizations whose kernels differ; a miscompiled build crashes in at least one of them.
const QUANTIZATIONS: [&str; 4] = ["q4_0", "q4_k_m", "q8_0", "f16"];

/// The model of the thread check: large enough that more threads must help.
const THREAD_CHECK_MODEL: &str = "builtin:default";

/// All threads must reach at least this part of one thread's rate; less is a pathological build or machine.
const ALL_THREADS_LEAST: f64 = 0.9;

const REBUILD: &str = "rebuild the engine with clang and without OpenMP: make clean build";

/// Every check of the engine, and who it is.
pub(super) async fn checks(
    app: &App,
    machine: &HardwareProfile,
    events: &dyn EventSink,
) -> (Option<EngineInfo>, Vec<Check>) {
    let info = match start(app).await {
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
    events.emit(Event::PhaseStarted {
        phase: "checking the engine".to_owned(),
        total: QUANTIZATIONS.len() as u64 + 1,
    });
    for (done, quantization) in QUANTIZATIONS.iter().enumerate() {
        events.emit(Event::PhaseAdvanced { done: done as u64, detail: (*quantization).to_owned() });
        checks.push(computes(app, quantization, machine.cores_usable.max(1)).await);
    }
    events.emit(Event::PhaseAdvanced { done: QUANTIZATIONS.len() as u64, detail: "threads".to_owned() });
    checks.push(threads(app, machine.cores_usable.max(1)).await);
    events.emit(Event::PhaseEnded);
    (Some(info), checks)
}

async fn start(app: &App) -> Result<Box<dyn Session>, AppError> {
    Ok(app.engine()?.start().await?)
}

fn build(info: &EngineInfo) -> Check {
    let finding = format!(
        "{} {}, {}, {} build, compiled by {}",
        info.name, info.version, info.backend, info.profile, info.compiler
    );
    if info.profile == "release" {
        Check::ok("engine", finding)
    } else {
        Check::problem(
            "engine",
            finding,
            "a debug build is many times slower: cargo build --release -p dyno-engine-llama",
        )
    }
}

/// Greedy text of one tiny model must come, and be the same with one and with all threads.
async fn computes(app: &App, quantization: &str, cores: u32) -> Check {
    let subject = format!("engine computes {quantization}");
    let model = format!("synth:tiny-llama@{quantization}");
    let (one, all) = (greedy(app, &model, 1).await, greedy(app, &model, cores).await);
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

async fn greedy(app: &App, model: &str, threads: u32) -> Result<Vec<TokenId>, AppError> {
    let (session, _) = loaded(app, model, threads).await?;
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
    app: &App,
    model: &str,
    threads: u32,
) -> Result<(Box<dyn Session>, EngineSettings), AppError> {
    let model = app.resolve(model, &Silent)?;
    let settings =
        EngineSettings { threads, threads_prefill: threads, context: 512, ..EngineSettings::default() };
    let session = start(app).await?;
    session.load(&model.path, &settings, &mut |_| true).await?;
    session.open_context(&settings).await?;
    Ok((session, settings))
}

/// One thread against all: a sound build never loses by having more.
async fn threads(app: &App, cores: u32) -> Check {
    let subject = "engine threads";
    if cores == 1 {
        return Check::ok(subject, "one usable processor, nothing to compare");
    }
    match thread_rates(app, cores).await {
        Ok([(prefill_1, prefill_all), (decode_1, decode_all)]) => {
            let finding = format!(
                "{cores} threads against 1: prefill {:.2}x ({prefill_1:.0} -> {prefill_all:.0} tokens/s), decode {:.2}x ({decode_1:.0} -> {decode_all:.0} tokens/s)",
                prefill_all / prefill_1,
                decode_all / decode_1
            );
            if prefill_all < prefill_1 * ALL_THREADS_LEAST || decode_all < decode_1 * ALL_THREADS_LEAST {
                Check::problem(
                    subject,
                    finding,
                    format!("more threads make it slower: close other programs and repeat, else {REBUILD}"),
                )
            } else {
                Check::ok(subject, finding)
            }
        }
        Err(error) => Check::problem(subject, error.to_string(), REBUILD),
    }
}

/// (one thread, all threads) for prefill and decode, tokens/s; best of interleaved repetitions, since disturbance only slows.
async fn thread_rates(app: &App, cores: u32) -> Result<[(f64, f64); 2], AppError> {
    const PREFILL: u32 = 128;
    const DECODE: u32 = 16;
    let (session, _) = loaded(app, THREAD_CHECK_MODEL, cores).await?;
    let mut best = [[0.0_f64; 2]; 2];
    for _ in 0..3 {
        for (column, threads) in [1, cores].into_iter().enumerate() {
            let request = MeasureRequest {
                depth: 0,
                prefill_tokens: PREFILL,
                decode_tokens: DECODE,
                repetitions: 1,
                threads,
                threads_prefill: threads,
                seed: 1,
            };
            let times = session.measure(&request).await?;
            let rate = |tokens: u32, ns: u64| f64::from(tokens) / (ns.max(1) as f64 / 1e9);
            let prefill = times.prefill_ns.iter().map(|ns| rate(PREFILL, *ns)).fold(0.0, f64::max);
            let decode =
                times.decode_ns.iter().map(|steps| rate(DECODE, steps.iter().sum())).fold(0.0, f64::max);
            best[0][column] = best[0][column].max(prefill);
            best[1][column] = best[1][column].max(decode);
        }
    }
    session.stop().await;
    Ok(best.map(|[one, all]| (one, all)))
}
