//! `generate`: one prompt, one answer; with a policy as many attempts as it takes.

mod answer;
mod attempts;
mod judge;
mod policy;
mod preset;
mod wishes;

use dyno_engine::Engine;
use dyno_types::{
    ChatMessage, EngineSettings, EventSink, FinishReason, GenerateRequest, Prompt, Sampling, TokenId,
    TokenLogprob,
};
use serde::Serialize;

pub use attempts::{AttemptReport, PolicyReport};
pub(crate) use policy::Policy;
pub use policy::PolicyWishes;
pub(crate) use preset::start_of;
pub use wishes::SamplingWishes;

use crate::app::Model;
use crate::eval::host::{Host, Loading};
use crate::{App, AppError};
use answer::Answer;
use judge::JudgeModel;

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
    /// Sampling, as far as it was asked for; the rest comes from the preset, or is the default.
    pub sampling: SamplingWishes,
    /// A task, whose preset for this model is taken; `none` is like nothing, but without a remark about presets.
    pub preset: Option<String>,
    /// What the answer is held to.
    pub policy: PolicyWishes,
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
    /// The text; with a policy that of the accepted attempt, or of the best one where none was.
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
    /// What the policy made of it, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyReport>,
}

impl Generated {
    /// The failure that a policy without an accepted attempt is.
    #[must_use]
    pub fn refusal(&self) -> Option<AppError> {
        let report = self.policy.as_ref().filter(|report| report.accepted.is_none())?;
        let problems: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
        Some(AppError::NotAccepted { attempts: report.attempts.len(), problems: problems.join("; ") })
    }
}

/// Where progress goes, and where text goes.
type Shown<'a> = (&'a dyn EventSink, &'a mut (dyn FnMut(&str) + Send));

/// A model that is asked, and what of it is in use.
struct Asked<'a> {
    host: &'a Host<'a>,
    job: &'a GenerateJob,
    sampling: &'a Sampling,
    /// Whether prompts are chats.
    chat: bool,
}

impl App {
    /// Generates one answer; `on_text` gets each piece of text as it becomes complete, with a policy the whole text in the end.
    ///
    /// # Errors
    /// [`AppError::Input`] for a request that makes no sense, [`AppError::Model`], [`AppError::Engine`],
    /// [`AppError::Cancelled`]. That no attempt was accepted is part of the result.
    pub async fn generate(
        &self,
        job: &GenerateJob,
        events: &dyn EventSink,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Generated, AppError> {
        check(job)?;
        let policy = job.policy.policy()?;
        let model = self.resolve(&job.model, events)?;
        let judge = policy.as_ref().and_then(|policy| policy.judge.as_deref());
        let judge = judge.map(|judge| self.judge_loading(judge, events)).transpose()?;
        let engine = self.engine()?;
        self.generate_with(&engine, (job, &model), (policy, judge), (events, on_text)).await
    }

    /// The same with this engine.
    async fn generate_with(
        &self,
        engine: &dyn Engine,
        (job, model): (&GenerateJob, &Model),
        (policy, judge): (Option<Policy>, Option<Loading>),
        (events, on_text): Shown<'_>,
    ) -> Result<Generated, AppError> {
        let sampling = self.sampling_for(job, &model.path, events)?;
        if let Some(policy) = &policy {
            policy.check_sampling(&sampling)?;
        }
        let mut settings = job.settings.clone();
        self.fit_context(&mut settings, &model.facts, job.context_given)?;
        self.choose_threads(&mut settings);
        let loading = Loading { path: model.path.clone(), settings };
        let host = Host::open(engine, loading, &self.cancel, events).await?;
        let chat = host.loaded().has_chat_template && !job.raw;
        let asked = Asked { host: &host, job, sampling: &sampling, chat };
        let result = match policy {
            _ if job.system.is_some() && !chat => Err(AppError::Input(
                "--system needs a chat template, and this model has none; put it into the prompt".to_owned(),
            )),
            None => self.one_answer(&asked, on_text).await,
            Some(policy) => {
                let mut judge = JudgeModel::new(engine, judge);
                let made = asked.attempts(&policy, &mut judge, events).await;
                judge.close().await;
                made.inspect(|generated| on_text(&generated.text))
            }
        };
        host.close().await;
        result
    }

    async fn one_answer(
        &self,
        asked: &Asked<'_>,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Generated, AppError> {
        let request = asked.request(asked.prompt(), asked.sampling.clone());
        let answer = answer::answer(asked.host.session(), request, &self.cancel, on_text).await?;
        Ok(asked.generated(answer, asked.sampling.clone(), None))
    }

    /// What the judge's process is to load; it is not started before it is asked.
    fn judge_loading(&self, reference: &str, events: &dyn EventSink) -> Result<Loading, AppError> {
        let model = self.resolve(reference, events)?;
        let mut settings = EngineSettings::default();
        self.fit_context(&mut settings, &model.facts, false)?;
        self.choose_threads(&mut settings);
        Ok(Loading { path: model.path, settings })
    }
}

impl Asked<'_> {
    /// The question, as the model gets it.
    fn prompt(&self) -> Prompt {
        if !self.chat {
            return Prompt::Text(self.job.prompt.clone());
        }
        let system = self.job.system.iter().map(|system| message("system", system));
        Prompt::Chat(system.chain([message("user", &self.job.prompt)]).collect())
    }

    fn request(&self, prompt: Prompt, sampling: Sampling) -> GenerateRequest {
        GenerateRequest {
            id: 1,
            prompt,
            sampling,
            max_tokens: self.job.max_tokens,
            stop: self.job.stop.clone(),
            ignore_eos: false,
            logprobs: self.job.logprobs,
        }
    }

    fn generated(&self, answer: Answer, sampling: Sampling, policy: Option<PolicyReport>) -> Generated {
        Generated {
            model: self.job.model.clone(),
            chat: self.chat,
            prompt_tokens: answer.report.prompt_tokens,
            ttft_ms: answer.ttft_ms(),
            prefill_tps: answer.prefill_tps(),
            decode_tps: answer.decode_tps(),
            finish_reason: answer.report.finish_reason,
            sampling,
            text: answer.text,
            tokens: answer.tokens,
            policy,
        }
    }
}

fn message(role: &str, content: &str) -> ChatMessage {
    ChatMessage { role: role.to_owned(), content: content.to_owned() }
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
    job.sampling.over(Sampling::default()).validate().map_err(|error| AppError::Input(error.to_string()))
}

#[cfg(test)]
mod tests;
