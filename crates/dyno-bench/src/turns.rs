//! Several models measured in turn, forwards and backwards (A B B A …), each time in a new process: drift of the machine falls
//! on all of them alike, and processes are the independent repetitions.

use std::path::PathBuf;

use dyno_engine::{Engine, EngineError, Session};
use dyno_types::{
    CancelFlag, DiscardedProcess, EngineInfo, EngineMemory, EngineSettings, GenerateRequest, InferenceStage,
    Job, ProcessLoss, Prompt, RequestSample, Sampling, Stages, TokenId,
};

use crate::prompt::{CORPUS, Filling, Nonces};
use crate::repetition::{Retries, measured_again};
use crate::sample::{Asked, collect};
use crate::{BenchError, LossMeter, WarmUp};

/// Name of the prompt in samples.
const PROMPT: &str = "prose";

/// A model that takes part.
#[derive(Debug, Clone)]
pub struct TurnModel {
    /// First (or only) file.
    pub file: PathBuf,
    /// Name for people.
    pub name: String,
    /// Engine knobs; threads chosen, the window large enough for prompt and answer.
    pub settings: EngineSettings,
}

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TurnPlan {
    /// Engine processes of each model.
    pub processes: u32,
    /// Tokens of each prompt: English prose behind a line of its own.
    pub prompt_tokens: u32,
    /// Tokens generated after each prompt, at least 2.
    pub max_tokens: u32,
    /// Fewest and most measured requests in a process.
    pub requests: [u32; 2],
    /// Between the two, requests go on until their prompt passes and answers took so long together, ms.
    pub measured_ms: f64,
    /// When the warm-up of a process is over.
    pub warm_up: WarmUp,
}

/// What one model gave.
#[derive(Debug, Clone, Default)]
pub struct Turns {
    /// Measured requests, numbered by process; [`crate::summarize`] makes figures of them.
    pub stages: Stages,
    /// Memory at the end of the last process.
    pub memory: EngineMemory,
    /// The engine.
    pub engine: EngineInfo,
    /// Whether every warm-up became steady within its limit.
    pub warm: bool,
    /// Processor time of all its processes, s; 0 where it is not to be had.
    pub cpu_s: f64,
    /// What each process lost to others; empty where the system does not say.
    pub losses: Vec<ProcessLoss>,
    /// Processes that lost too much and were measured again.
    pub discarded: Vec<DiscardedProcess>,
}

impl Turns {
    /// Remarks on processes that were measured again.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        // Rounds count from 0, and people from 1.
        let counted = |loss: ProcessLoss| ProcessLoss { process: loss.process + 1, ..loss };
        self.discarded.iter().map(|one| measured_again(&counted(one.loss))).collect()
    }
}

/// What all models gave, in their order, as far as it went.
#[derive(Debug)]
pub struct TurnsOutcome {
    /// One for each model.
    pub models: Vec<Turns>,
    /// Why it ended early.
    pub error: Option<BenchError>,
}

/// What the caller watches and lends.
#[derive(Clone, Copy)]
pub struct TurnWatch<'a> {
    /// Hears how many processes are done, and what comes next.
    pub advance: &'a (dyn Fn(u32, &str) + Sync),
    /// Processor time a live process has used so far, s.
    pub process_cpu_s: &'a (dyn Fn(u32) -> Option<f64> + Sync),
    /// Looks at what processes lose to others.
    pub meter: LossMeter<'a>,
}

/// Order of so many models in a round, counted from 0: every second round goes backwards.
fn order(round: u32, models: usize) -> Vec<usize> {
    if round.is_multiple_of(2) { (0..models).collect() } else { (0..models).rev().collect() }
}

/// Measures. What was measured before an error stands; a process that failed leaves nothing.
pub async fn measure_in_turn(
    engine: &dyn Engine,
    models: &[TurnModel],
    plan: &TurnPlan,
    job: &Job,
    watch: TurnWatch<'_>,
) -> TurnsOutcome {
    let mut found = vec![Turns { warm: true, ..Turns::default() }; models.len()];
    let mut retries = vec![Retries::default(); models.len()];
    let mut done = 0;
    for round in 0..plan.processes {
        for index in order(round, models.len()) {
            let model = &models[index];
            (watch.advance)(done, &format!("{}, process {} of {}", model.name, round + 1, plan.processes));
            let turn = TurnOf { engine, model, plan, round, job, watch };
            retries[index].next_process();
            if let Err(error) = turn.until_calm(&mut retries[index], &mut found[index]).await {
                return TurnsOutcome { models: found, error: Some(error) };
            }
            done += 1;
        }
    }
    (watch.advance)(done, "");
    TurnsOutcome { models: found, error: None }
}

/// The turn of one model in a round.
#[derive(Clone, Copy)]
struct TurnOf<'a> {
    engine: &'a dyn Engine,
    model: &'a TurnModel,
    plan: &'a TurnPlan,
    round: u32,
    job: &'a Job,
    watch: TurnWatch<'a>,
}

impl TurnOf<'_> {
    /// A process that others disturb is measured again, within bounds.
    async fn until_calm(&self, retries: &mut Retries, into: &mut Turns) -> Result<(), BenchError> {
        loop {
            let measured = self.once(into).await?;
            if retries.again(measured.loss.as_ref()) {
                let stages = Stages { inference: Some(measured.inference), ..Stages::default() };
                into.discarded.push(DiscardedProcess { loss: measured.loss.unwrap_or_default(), stages });
                continue;
            }
            into.warm &= measured.warm;
            into.memory = measured.memory;
            into.losses.extend(measured.loss);
            let inference = into.stages.inference.get_or_insert_default();
            inference.warmup_discarded.extend(measured.inference.warmup_discarded);
            inference.samples.extend(measured.inference.samples);
            return Ok(());
        }
    }

    /// One process from start to end.
    async fn once(&self, into: &mut Turns) -> Result<Measured, BenchError> {
        let Self { engine, plan, round, job, watch, .. } = *self;
        let session = ask(&job.cancel, "starting the engine", engine.start(job)).await?;
        let mut turn = Turn { session: &*session, plan, round, job, meter: watch.meter, loss: None };
        let measured = turn.measure(self.model).await;
        into.cpu_s += (watch.process_cpu_s)(session.info().pid).unwrap_or(0.0);
        into.engine = session.info().clone();
        session.stop().await;
        measured
    }
}

async fn ask<T>(
    cancel: &CancelFlag,
    doing: &str,
    work: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, BenchError> {
    match cancel.race(work).await {
        None | Some(Err(EngineError::Cancelled)) => Err(BenchError::Cancelled),
        Some(Err(source)) => Err(BenchError::Engine { doing: doing.to_owned(), source }),
        Some(Ok(answer)) => Ok(answer),
    }
}

/// One process under way.
struct Turn<'a> {
    session: &'a dyn Session,
    plan: &'a TurnPlan,
    round: u32,
    job: &'a Job,
    meter: LossMeter<'a>,
    loss: Option<ProcessLoss>,
}

/// What one process gave.
struct Measured {
    inference: InferenceStage,
    memory: EngineMemory,
    warm: bool,
    loss: Option<ProcessLoss>,
}

/// Prompts of a process: no two begin alike.
struct Prompts {
    nonces: Nonces,
    corpus: Vec<TokenId>,
    given: u64,
}

impl Turn<'_> {
    async fn measure(&mut self, model: &TurnModel) -> Result<Measured, BenchError> {
        let doing = format!("loading {}", model.name);
        let cancel = self.job.cancel.clone();
        let mut go_on = move |_| !cancel.is_cancelled();
        let load = self.session.load(&model.file, &model.settings, &mut go_on);
        ask(&self.job.cancel, &doing, load).await?;
        ask(&self.job.cancel, "opening the context", self.session.open_context(&model.settings)).await?;
        let corpus =
            ask(&self.job.cancel, "tokenizing prose", self.session.tokenize(CORPUS, false, false)).await?;
        let nonces = Nonces::new(&format!("{} {}", model.name, self.round));
        let mut prompts = Prompts { nonces, corpus, given: 0 };
        let (discarded, warm) = self.warm_up(&mut prompts).await?;
        self.loss = None;
        let mut samples: Vec<RequestSample> = Vec::new();
        let [fewest, most] = self.plan.requests;
        let mut measured_ms = 0.0;
        for run in 0..most.max(1) {
            if run >= fewest && measured_ms >= self.plan.measured_ms {
                break;
            }
            let sample = self.request(&mut prompts, run).await?;
            measured_ms += sample.prefill_ms + sample.decode_ms().unwrap_or(0.0);
            samples.push(sample);
        }
        let memory = ask(&self.job.cancel, "reading its memory", self.session.memory()).await?;
        let inference = InferenceStage { warmup_discarded: vec![discarded], samples };
        Ok(Measured { inference, memory, warm, loss: self.loss })
    }

    /// Requests until the decode rates of the latest ones agree, or the limit: how many, and whether they did.
    async fn warm_up(&mut self, prompts: &mut Prompts) -> Result<(u32, bool), BenchError> {
        let limits = self.plan.warm_up;
        let mut rates = Vec::new();
        for request in 0..limits.requests_max {
            let sample = self.request(prompts, request).await?;
            let ms = sample.decode_ms().filter(|ms| *ms > 0.0);
            rates.push(ms.map_or(0.0, |ms| f64::from(sample.n_out.saturating_sub(1)) / ms));
            if dyno_stats::steady(&rates, limits.last as usize, limits.variation_max) {
                return Ok((request + 1, true));
            }
        }
        Ok((limits.requests_max, false))
    }

    async fn request(&mut self, prompts: &mut Prompts, run: u32) -> Result<RequestSample, BenchError> {
        let doing = "generating";
        let prompt = self.prompt(prompts).await?;
        ask(&self.job.cancel, "emptying the context", self.session.clear_context()).await?;
        prompts.given += 1;
        let max_tokens = self.plan.max_tokens;
        let request = GenerateRequest {
            id: prompts.given,
            prompt: Prompt::Tokens(prompt),
            sampling: Sampling::greedy(),
            max_tokens,
            stop: Vec::new(),
            ignore_eos: true,
            logprobs: 0,
        };
        let before = self.meter.look(self.session.info().pid);
        let generation = async { collect(self.session.generate(request).await?, max_tokens).await };
        let generation = ask(&self.job.cancel, doing, generation).await?;
        self.meter.add(before, self.round, &mut self.loss);
        let memory = ask(&self.job.cancel, "reading its memory", self.session.memory()).await?;
        let asked = Asked { process: self.round, run, prompt: PROMPT.to_owned(), max_tokens };
        let sample = generation.into_sample(asked, memory.process);
        sample.map_err(|source| BenchError::Engine { doing: doing.to_owned(), source })
    }

    /// Real text of exactly the planned length by the model's own tokenizer.
    async fn prompt(&self, prompts: &mut Prompts) -> Result<Vec<TokenId>, BenchError> {
        let line = format!("{}\n\n", prompts.nonces.next_line());
        let head =
            ask(&self.job.cancel, "tokenizing prose", self.session.tokenize(&line, true, false)).await?;
        let mut filling = Filling::new(head, self.plan.prompt_tokens as usize);
        while !filling.is_full() {
            if prompts.corpus.is_empty() {
                let reason = "its tokenizer makes no tokens from English prose".to_owned();
                let source = EngineError::Internal(reason);
                return Err(BenchError::Engine { doing: "tokenizing prose".to_owned(), source });
            }
            filling.extend(&prompts.corpus);
        }
        Ok(filling.into_tokens())
    }
}

#[cfg(test)]
mod tests {
    use super::order;

    #[test]
    fn every_second_round_goes_backwards() {
        assert_eq!((order(0, 3), order(1, 3), order(2, 3)), (vec![0, 1, 2], vec![2, 1, 0], vec![0, 1, 2]));
        assert!(order(1, 0).is_empty());
    }
}
