//! `generate`: one prompt, one answer; with a policy as many attempts as it takes.

mod answer;
mod attempts;
mod judge;
mod policy;
mod preset;
mod reading;
mod window;
mod wishes;

use dyno_advise::WindowLimit;
use dyno_eval::Framing;
use dyno_types::{
    ChatMessage, EngineSettings, Event, EventSink, FinishReason, GenerateRequest, Prompt, Remedy, Sampling,
    TemplateUse, ThreadChoice, TokenId, TokenLogprob, TokenPiece, Wish,
};
use serde::Serialize;

pub use attempts::{AttemptReport, PolicyReport};
pub(crate) use policy::Policy;
pub use policy::PolicyWishes;
pub(crate) use preset::start_of;
pub use reading::{LongPrompt, PartReport, ReadingReport};
pub use window::{ANSWER_TOKENS_USUAL, PromptTooLong};
pub use wishes::SamplingWishes;

use crate::app::Model;
use crate::eval::host::{Host, Loading};
use crate::eval::template::{self, Template};
use crate::{AppError, Work};
use answer::Answer;
pub(crate) use judge::{Answered, JudgeLoading, JudgeModel, VERDICT_TOKENS};
use reading::{Chunks, Matter, Slide, Way};
use window::{AnswerLength, FEEDBACK_TOKENS, Opening, opening};

/// One generation, as asked for.
#[derive(Debug, Clone)]
pub struct GenerateJob {
    /// Model reference.
    pub model: String,
    /// Prompt; must not be empty.
    pub prompt: String,
    /// A text that the prompt asks about; it goes before the prompt.
    pub text: Option<String>,
    /// What to do when prompt and answer fit into no window.
    pub long: LongPrompt,
    /// System message.
    pub system: Option<String>,
    /// Chat template by name; the model's own, or none, without. `none` continues the prompt as it stands.
    pub template: Option<String>,
    /// Sampling, as far as it was asked for; the rest comes from the preset, or is the default.
    pub sampling: SamplingWishes,
    /// A task, whose preset for this model is taken; `none` is like nothing, but without a remark about presets.
    pub preset: Option<String>,
    /// What the answer is held to.
    pub policy: PolicyWishes,
    /// Maximum length of the answer in tokens; [`ANSWER_TOKENS_USUAL`], or less in a small window, where nobody says.
    pub max_tokens: Option<u32>,
    /// Stop strings.
    pub stop: Vec<String>,
    /// Most likely tokens to report per step.
    pub logprobs: u32,
    /// Engine knobs.
    pub settings: EngineSettings,
    /// How the thread counts among them were given.
    pub thread_choice: ThreadChoice,
    /// Whether the context window was asked for explicitly.
    pub context_given: bool,
}

/// One generated token.
#[derive(Debug, Clone, Serialize)]
pub struct GeneratedStep {
    /// Token id.
    pub token: TokenId,
    /// What it stands for, when log-probabilities are asked for.
    #[serde(flatten)]
    pub piece: Option<TokenPiece>,
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
    /// Whether the prompt was put into a chat template.
    pub chat: bool,
    /// The chat template.
    pub template: TemplateUse,
    /// Context window opened for it, tokens.
    pub context: u32,
    /// Threads for decode.
    pub threads: u32,
    /// How their number came about.
    pub thread_choice: ThreadChoice,
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
    /// How a prompt was read that no window holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reading: Option<ReadingReport>,
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

/// What is asked of which model, how tokens are drawn, and what prompts are put into.
#[derive(Clone, Copy)]
struct Question<'a> {
    job: &'a GenerateJob,
    model: &'a Model,
    sampling: &'a Sampling,
    template: &'a Template,
}

/// A model that is asked, and what of it is in use.
struct Asked<'a> {
    host: &'a Host,
    job: &'a GenerateJob,
    model: &'a Model,
    sampling: &'a Sampling,
    /// What prompts are put into.
    template: &'a Template,
    /// What the user says: the prompt with its text, or what reading a long one left of them.
    content: String,
    /// Maximum length of the answer.
    answer_tokens: u32,
}

/// What has to fit into the window.
struct Demand<'a> {
    matter: Matter<'a>,
    answer: AnswerLength,
    /// Tokens beside prompt and answer that are welcome: what later attempts are told.
    beside: u64,
    /// Whether the answer may fill the window and go on.
    grows: bool,
    /// The largest window there can be.
    limit: WindowLimit,
}

/// Who answers, held to what, and judged by whom.
struct Answering<'a> {
    model: &'a Model,
    policy: Option<Policy>,
    judge: Option<JudgeLoading>,
}

impl Work {
    /// Generates one answer; `on_text` gets each piece of text as it becomes complete, with a policy the whole text in the end.
    ///
    /// # Errors
    /// [`AppError::Input`] for a request that makes no sense, [`AppError::Model`], [`AppError::Engine`],
    /// [`AppError::Cancelled`]. That no attempt was accepted is part of the result.
    pub async fn generate(
        &self,
        job: &GenerateJob,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Generated, AppError> {
        check(job)?;
        template::known(job.template.as_deref())?;
        let policy = job.policy.policy(&self.job.cancel)?;
        let model = job.model.clone();
        let judge = policy.as_ref().and_then(|policy| policy.judge.clone());
        let (model, judge) = self
            .aside(move |work| {
                let model = work.resolve(&model)?;
                Ok((model, judge.map(|judge| work.judge_loading(&judge)).transpose()?))
            })
            .await?;
        self.answer(job, Answering { model: &model, policy, judge }, on_text).await
    }

    /// The answer of a model that is there.
    async fn answer(
        &self,
        job: &GenerateJob,
        Answering { model, policy, judge }: Answering<'_>,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Generated, AppError> {
        let sampling = self.sampling_for(job, model)?;
        if let Some(policy) = &policy {
            policy.check_sampling(&sampling)?;
        }
        let mut settings = job.settings.clone();
        self.choose_threads(&mut settings);
        let limit = self.window_limit(&settings, &model.facts, job.context_given)?;
        let file = template::file(job.template.as_deref(), &self.job.cancel)?;
        let loading = Loading::of(model, settings).with_template(file);
        let mut host = Host::load(self.engine()?, loading, &self.job).await?;
        let template = match self.template_for(&host, job).await {
            Ok(template) => template,
            Err(error) => {
                host.close().await;
                return Err(error);
            }
        };
        let mut judge = JudgeModel::new(self.engine()?, judge, &self.job);
        let told = policy.as_ref().is_some_and(|policy| policy.policy.feedback);
        let demand = Demand {
            matter: job.matter(),
            answer: AnswerLength::of(job.max_tokens),
            beside: if told {
                u64::from(job.max_tokens.unwrap_or(ANSWER_TOKENS_USUAL)) + FEEDBACK_TOKENS
            } else {
                0
            },
            grows: policy.is_none(),
            limit,
        };
        let question = Question { job, model, sampling: &sampling, template: &template };
        let result = match self.open_window(&mut host, question, &demand).await {
            Ok((way, answer_tokens)) => {
                let asked = Asked::new(&host, question, answer_tokens);
                asked.read_and_answer(way, policy, &mut judge, on_text).await
            }
            Err(error) => Err(error),
        };
        judge.close().await;
        host.close().await;
        result
    }

    /// Opens the smallest window that holds prompt and answer, or the largest there can be and lays out how to read the prompt with it.
    async fn open_window<'t>(
        &self,
        host: &mut Host,
        question: Question<'_>,
        demand: &Demand<'t>,
    ) -> Result<(Option<Way<'t>>, u32), AppError> {
        let limit = demand.limit;
        let asked = Asked::new(host, question, 0);
        let job = asked.job;
        if job.system.is_some() && !asked.is_chat() {
            let what = "a system message needs a chat template, and there is none";
            let remedy = Remedy::Either(vec![Remedy::Give(Wish::Template), Remedy::Omit(vec![Wish::System])]);
            return Err(AppError::refused(what, remedy));
        }
        let prompt_tokens = asked.content_tokens(&asked.content).await?;
        let Some(opening) = opening(prompt_tokens, demand.answer, demand.beside, limit) else {
            let way = asked.way(job.long, demand, limit.tokens).await?;
            let Some(way) = way else {
                let refused = self.too_long(&asked, demand, prompt_tokens).await?;
                return Err(Box::new(refused).into());
            };
            let answer_tokens = match (&way, demand.grows) {
                (Way::Slide(_), true) => demand.answer.tokens,
                _ => demand.answer.least(limit.tokens),
            };
            let settings = EngineSettings { context: limit.tokens, ..host.settings().clone() };
            host.reopen(settings).await?;
            return Ok((Some(way), answer_tokens));
        };
        let Opening { context, answer_tokens } = opening;
        host.reopen(EngineSettings { context, ..host.settings().clone() }).await?;
        Ok((None, answer_tokens))
    }

    /// The template that prompts are put into, with what there is to say of it.
    async fn template_for(&self, host: &Host, job: &GenerateJob) -> Result<Template, AppError> {
        let (template, remark) = Template::choose(job.template.as_deref(), host).await?;
        // Whoever asks for none knows that there is none.
        let remark = match (&template, job.template.as_deref()) {
            (Template::None, Some(_)) => None,
            (Template::None, None) => Some(dyno_bench::NO_TEMPLATE.to_owned()),
            _ => remark,
        };
        let of_system = template.system_remark(host.loaded()).filter(|_| job.system.is_some());
        for remark in remark.into_iter().chain(of_system) {
            self.job.emit(Event::Note(remark));
        }
        Ok(template)
    }

    /// The refusal of a prompt, with every way in which it could be read.
    async fn too_long(
        &self,
        asked: &Asked<'_>,
        demand: &Demand<'_>,
        prompt_tokens: u64,
    ) -> Result<PromptTooLong, AppError> {
        let (facts, limit) = (&asked.model.facts, demand.limit);
        let mut plans = Vec::new();
        for long in [LongPrompt::Chunks, LongPrompt::Slide] {
            plans.extend(asked.way(long, demand, limit.tokens).await?.map(|way| way.plan()));
        }
        Ok(PromptTooLong {
            model: facts.file_name.clone(),
            prompt_tokens,
            answer_tokens: demand.answer.least(limit.tokens),
            limit,
            possible: self.window_limit(asked.host.settings(), facts, false)?,
            plans,
        })
    }

    /// What the judge's process is to load; it is not started before it is asked.
    pub(crate) fn judge_loading(&self, reference: &str) -> Result<JudgeLoading, AppError> {
        let model = self.resolve(reference)?;
        let mut settings = EngineSettings::default();
        self.choose_threads(&mut settings);
        let limit = self.window_limit(&settings, &model.facts, false)?;
        Ok(JudgeLoading { loading: Loading::of(&model, settings), limit })
    }
}

/// Longest text whose tokens are counted at once, bytes; longer ones are counted in pieces.
const COUNTED_AT_ONCE_BYTES: usize = 1 << 20;

impl<'a> Asked<'a> {
    fn new(host: &'a Host, question: Question<'a>, answer_tokens: u32) -> Self {
        let Question { job, model, sampling, template } = question;
        let matter = job.matter();
        Self { host, job, model, sampling, template, content: matter.whole(matter.text), answer_tokens }
    }

    /// Whether prompts are chats.
    fn is_chat(&self) -> bool {
        self.template.framing() == Framing::Chat
    }

    /// How to read a long prompt; `None` where it is to be refused, or cannot be read so.
    async fn way<'t>(
        &self,
        long: LongPrompt,
        demand: &Demand<'t>,
        window: u32,
    ) -> Result<Option<Way<'t>>, AppError> {
        let (matter, answer) = (demand.matter, demand.answer.least(window));
        Ok(match long {
            LongPrompt::Refuse => None,
            LongPrompt::Chunks => Chunks::lay_out(self, matter, window, answer).await?.map(Way::Chunks),
            LongPrompt::Slide => {
                Slide::lay_out(self, matter, window, answer, demand.grows).await?.map(Way::Slide)
            }
        })
    }

    /// Reads what has to be read first, then lets the model answer.
    async fn read_and_answer(
        mut self,
        way: Option<Way<'_>>,
        policy: Option<Policy>,
        judge: &mut JudgeModel,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Generated, AppError> {
        let mut reading = None;
        match &way {
            None => {}
            Some(Way::Chunks(chunks)) => {
                self.host.job().emit(Event::Note(format!(
                    "the prompt is read {}",
                    dyno_report::reading_text(&chunks.plan())
                )));
                let (content, report) = chunks.read(&self).await?;
                (self.content, reading) = (content, Some(report));
            }
            Some(Way::Slide(slide)) => {
                let report = slide.report(slide.start());
                warn_of_forgotten(&report, self.host.job());
                (self.content, reading) = (slide.content(), Some(report));
            }
        }
        let mut generated = match (policy, &way) {
            (Some(policy), _) => {
                let made = self.attempts(&policy, judge).await;
                made.inspect(|generated| on_text(&generated.text))?
            }
            (None, Some(Way::Slide(slide))) => {
                let (answer, report) = slide.answer(&self, on_text).await?;
                reading = Some(report);
                self.generated(answer, self.sampling.clone(), None)
            }
            (None, _) => self.one_answer(on_text).await?,
        };
        self.say_where_cut(&generated);
        generated.reading = reading;
        Ok(generated)
    }

    /// A cut answer is never silent; one that nobody accepted is not shown.
    fn say_where_cut(&self, generated: &Generated) {
        let events = self.host.job();
        let tokens = generated.tokens.len();
        if generated.policy.as_ref().is_some_and(|report| report.accepted.is_none()) {
            return;
        }
        match generated.finish_reason {
            FinishReason::Length if self.answer_tokens == AnswerLength::of(self.job.max_tokens).tokens => {
                events
                    .emit(Event::Note(format!("the answer was cut at its maximum length, {tokens} tokens")));
            }
            FinishReason::Length | FinishReason::ContextFull => {
                let window = self.host.settings().context;
                events.emit(Event::Warning(format!(
                    "the answer was cut after {tokens} tokens: the window of {window} tokens is full"
                )));
            }
            FinishReason::Eos | FinishReason::Stop | FinishReason::Cancelled | FinishReason::Unknown => {}
        }
    }

    async fn one_answer(&self, on_text: &mut (dyn FnMut(&str) + Send)) -> Result<Generated, AppError> {
        let request = self.request(self.prompt(), self.sampling.clone()).await?;
        let answer = answer::answer(self.host.session(), request, self.host.cancel(), on_text).await?;
        Ok(self.generated(answer, self.sampling.clone(), None))
    }

    /// The question, as the model gets it.
    fn prompt(&self) -> Prompt {
        self.put(self.content.clone(), "")
    }

    /// What the user says and the beginning of an answer, as the model gets them.
    fn put(&self, content: String, begun: &str) -> Prompt {
        if !self.is_chat() {
            return Prompt::Text(content + begun);
        }
        let system = self.job.system.iter().map(|system| message("system", system));
        let begun = (!begun.is_empty()).then(|| message("assistant", begun));
        Prompt::Chat(system.chain([message("user", &content)]).chain(begun).collect())
    }

    /// Tokens of a prompt.
    async fn tokens(&self, prompt: &Prompt) -> Result<u64, AppError> {
        Ok(self.template.tokens(self.host.session(), prompt).await?.len() as u64)
    }

    /// Tokens of the prompt that says this.
    async fn content_tokens(&self, content: &str) -> Result<u64, AppError> {
        if content.len() <= COUNTED_AT_ONCE_BYTES {
            return self.tokens(&self.put(content.to_owned(), "")).await;
        }
        let mut tokens = self.tokens(&self.put(" ".to_owned(), "")).await?;
        for piece in reading::cut(content, COUNTED_AT_ONCE_BYTES) {
            tokens += self.host.session().tokenize(piece, false, false).await?.len() as u64;
        }
        Ok(tokens)
    }

    async fn request(&self, prompt: Prompt, sampling: Sampling) -> Result<GenerateRequest, AppError> {
        Ok(GenerateRequest {
            id: 1,
            prompt: self.template.submission(self.host.session(), prompt).await?,
            sampling,
            max_tokens: self.answer_tokens,
            stop: self.job.stop.iter().chain(self.template.stops()).cloned().collect(),
            ignore_eos: false,
            logprobs: self.job.logprobs,
        })
    }

    fn generated(&self, answer: Answer, sampling: Sampling, policy: Option<PolicyReport>) -> Generated {
        Generated {
            model: self.job.model.clone(),
            chat: self.is_chat(),
            template: self.template.used(self.host.loaded()),
            context: self.host.settings().context,
            threads: self.host.settings().threads,
            thread_choice: crate::app::thread_choice(&self.job.settings, self.job.thread_choice),
            prompt_tokens: answer.report.prompt_tokens,
            ttft_ms: answer.ttft_ms(),
            prefill_tps: answer.prefill_tps(),
            decode_tps: answer.decode_tps(),
            finish_reason: answer.report.finish_reason,
            sampling,
            text: answer.text,
            tokens: answer.tokens,
            reading: None,
            policy,
        }
    }
}

fn warn_of_forgotten(report: &ReadingReport, events: &dyn EventSink) {
    let ReadingReport { plan, text_tokens, forgotten_tokens, .. } = report;
    if *forgotten_tokens == 0 {
        return;
    }
    events.emit(Event::Warning(format!(
        "the first {} of {} tokens are not read; the prompt is read {}",
        dyno_report::count_text(*forgotten_tokens),
        dyno_report::count_text(*text_tokens),
        dyno_report::reading_text(plan)
    )));
}

impl GenerateJob {
    /// The text that may be long, and the question beside it.
    fn matter(&self) -> Matter<'_> {
        match &self.text {
            Some(text) => Matter { text, question: Some(&self.prompt) },
            None => Matter { text: &self.prompt, question: None },
        }
    }
}

fn message(role: &str, content: &str) -> ChatMessage {
    ChatMessage { role: role.to_owned(), content: content.to_owned() }
}

fn check(job: &GenerateJob) -> Result<(), AppError> {
    if job.max_tokens == Some(0) {
        let remedy = Remedy::AtLeast(Wish::MaxTokens, 1);
        return Err(AppError::refused("an answer of 0 tokens is none", remedy));
    }
    if job.stop.iter().any(String::is_empty) {
        let what = "an empty stop text would stop at once";
        return Err(AppError::refused(what, Remedy::Omit(vec![Wish::Stop])));
    }
    job.sampling.over(Sampling::default()).validate().map_err(|error| AppError::Input(error.to_string()))
}

#[cfg(test)]
mod tests;
