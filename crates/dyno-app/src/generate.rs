//! `generate`: one prompt, one answer.

use dyno_engine::{Engine, Session};
use dyno_types::{
    ChatMessage, EngineSettings, Event, EventSink, FinishReason, GenerateRequest, GeneratedToken,
    GenerationEvent, GenerationReport, LoadReport, Prompt, Sampling, TokenId, TokenLogprob,
};
use futures::StreamExt;
use serde::Serialize;

use crate::{App, AppError};

/// One generation, as asked for.
#[derive(Debug, Clone)]
pub struct GenerateJob {
    /// Model reference.
    pub model: String,
    /// Prompt; must not be empty.
    pub prompt: String,
    /// System message.
    pub system: Option<String>,
    /// Continue the prompt as it stands even if the model has a chat template.
    pub raw: bool,
    /// Sampling.
    pub sampling: Sampling,
    /// Most tokens.
    pub max_tokens: u32,
    /// Stop strings.
    pub stop: Vec<String>,
    /// Most likely tokens to report per step.
    pub logprobs: u32,
    /// Engine knobs.
    pub settings: EngineSettings,
    /// Whether the context window was asked for explicitly.
    pub context_given: bool,
}

/// One generated token.
#[derive(Debug, Clone, Serialize)]
pub struct GeneratedStep {
    /// Token id.
    pub token: TokenId,
    /// ms since the submission, on the engine's clock.
    pub at_ms: f64,
    /// ln p, when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logprob: Option<f32>,
    /// Most likely tokens, when asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub top: Vec<TokenLogprob>,
}

/// A finished generation.
#[derive(Debug, Clone, Serialize)]
pub struct Generated {
    /// Model reference.
    pub model: String,
    /// The text.
    pub text: String,
    /// Whether the model's chat template was used.
    pub chat: bool,
    /// Prompt tokens.
    pub prompt_tokens: u32,
    /// Tokens, with times.
    pub tokens: Vec<GeneratedStep>,
    /// Submission to first token, ms.
    pub ttft_ms: Option<f64>,
    /// Prompt tokens / time of the prompt pass.
    pub prefill_tps: Option<f64>,
    /// (n − 1) / (last − first token); absent for fewer than two tokens.
    pub decode_tps: Option<f64>,
    /// Why it ended.
    pub finish_reason: FinishReason,
    /// Sampling used.
    pub sampling: Sampling,
}

impl App {
    /// Generates one answer; `on_text` gets each piece of text as it becomes complete.
    ///
    /// # Errors
    /// [`AppError::Input`] for a request that makes no sense, [`AppError::Model`], [`AppError::Engine`],
    /// [`AppError::Cancelled`].
    pub async fn generate(
        &self,
        job: &GenerateJob,
        events: &dyn EventSink,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Generated, AppError> {
        check(job)?;
        let model = self.resolve(&job.model, events)?;
        let mut settings = job.settings.clone();
        self.fit_context(&mut settings, &model.facts, job.context_given)?;
        self.choose_threads(&mut settings);
        let session = self.engine()?.start().await?;
        events.emit(Event::PhaseStarted { phase: format!("loading {}", model.facts.file_name), total: 100 });
        let mut show = |fraction: f32| {
            events.emit(Event::PhaseAdvanced { done: (fraction * 100.0) as u64, detail: String::new() });
            !self.cancel.is_cancelled()
        };
        let loaded = session.load(&model.path, &settings, &mut show).await;
        events.emit(Event::PhaseEnded);
        let result = match loaded {
            Ok(loaded) => self.run_generation(&*session, job, &settings, (&loaded, on_text)).await,
            Err(error) => Err(error.into()),
        };
        session.stop().await;
        result
    }

    async fn run_generation(
        &self,
        session: &dyn Session,
        job: &GenerateJob,
        settings: &EngineSettings,
        (loaded, on_text): (&LoadReport, &mut (dyn FnMut(&str) + Send)),
    ) -> Result<Generated, AppError> {
        session.open_context(settings).await?;
        let chat = loaded.has_chat_template && !job.raw;
        if job.system.is_some() && !chat {
            return Err(AppError::Input(
                "--system needs a chat template, and this model has none; put it into the prompt".to_owned(),
            ));
        }
        let mut stream = session.generate(request(job, chat)).await?;
        let (mut text, mut tokens) = (String::new(), Vec::new());
        let mut report = None;
        while let Some(event) = tokio::select! {
            event = stream.next() => event,
            () = self.cancel.cancelled() => return Err(AppError::Cancelled),
        } {
            match event? {
                GenerationEvent::Token(token) => {
                    on_text(&token.text);
                    text.push_str(&token.text);
                    tokens.push(step(token));
                }
                GenerationEvent::Finished(finished) => report = Some(finished),
            }
        }
        let report = report.ok_or_else(|| {
            dyno_engine::EngineError::Internal("the stream ended without a report".to_owned())
        })?;
        Ok(assemble(job, text, (chat, tokens), &report))
    }
}

fn check(job: &GenerateJob) -> Result<(), AppError> {
    if job.prompt.is_empty() {
        return Err(AppError::Input(
            "the prompt is empty; say what to continue or answer with --prompt TEXT".to_owned(),
        ));
    }
    if job.max_tokens == 0 {
        return Err(AppError::Input("--max-tokens is 0; ask for at least 1".to_owned()));
    }
    if job.stop.iter().any(String::is_empty) {
        return Err(AppError::Input(
            "--stop got an empty text, which would stop at once; leave it out".to_owned(),
        ));
    }
    job.sampling.validate().map_err(|error| AppError::Input(error.to_string()))
}

fn request(job: &GenerateJob, chat: bool) -> GenerateRequest {
    let message =
        |role: &str, content: &str| ChatMessage { role: role.to_owned(), content: content.to_owned() };
    let prompt = if chat {
        let system = job.system.iter().map(|system| message("system", system));
        Prompt::Chat(system.chain([message("user", &job.prompt)]).collect())
    } else {
        Prompt::Text(job.prompt.clone())
    };
    GenerateRequest {
        id: 1,
        prompt,
        sampling: job.sampling.clone(),
        max_tokens: job.max_tokens,
        stop: job.stop.clone(),
        ignore_eos: false,
        logprobs: job.logprobs,
    }
}

fn step(token: GeneratedToken) -> GeneratedStep {
    GeneratedStep { token: token.token, at_ms: ms(token.at_ns), logprob: token.logprob, top: token.top }
}

fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

fn assemble(
    job: &GenerateJob,
    text: String,
    (chat, tokens): (bool, Vec<GeneratedStep>),
    report: &GenerationReport,
) -> Generated {
    let rate = |count: f64, time_ms: f64| (count > 0.0 && time_ms > 0.0).then(|| count / time_ms * 1e3);
    let computed = report.prompt_tokens.saturating_sub(report.cached_tokens);
    let decode = match tokens.as_slice() {
        [first, .., last] => rate(tokens.len() as f64 - 1.0, last.at_ms - first.at_ms),
        _ => None,
    };
    Generated {
        model: job.model.clone(),
        chat,
        prompt_tokens: report.prompt_tokens,
        ttft_ms: tokens.first().map(|token| token.at_ms),
        prefill_tps: rate(
            f64::from(computed),
            ms(report.prefill_end_ns.saturating_sub(report.prefill_start_ns)),
        ),
        decode_tps: decode,
        finish_reason: report.finish_reason,
        sampling: job.sampling.clone(),
        text,
        tokens,
    }
}
