//! Another model as judge, in a process of its own that is started when it is first asked.

use std::sync::Arc;

use dyno_advise::WindowLimit;
use dyno_engine::Engine;
use dyno_eval::judge_prompt;
use dyno_types::{
    ChatMessage, EngineSettings, Event, EventSink as _, FinishReason, GenerateRequest, Job, Prompt, Sampling,
};

use super::answer::answer;
use super::message;
use super::window::{AnswerLength, opening};
use crate::AppError;
use crate::eval::host::{Host, Loading, is_death, is_refusal};
use crate::eval::verdicts::{JudgeAsked, VerdictPlace, Verdicts, Written, chat_id};

/// Maximum length of a verdict in tokens: an explanation and a grade, with room for thoughts before.
pub(crate) const VERDICT_TOKENS: u32 = 1024;

/// A judge to be started.
#[derive(Debug, Clone)]
pub(crate) struct JudgeLoading {
    /// What its process is to load.
    pub(crate) loading: Loading,
    /// The largest window it can have.
    pub(crate) limit: WindowLimit,
}

/// The judge, started or not.
pub(crate) struct JudgeModel {
    engine: Arc<dyn Engine>,
    job: Job,
    judge: Option<JudgeLoading>,
    host: Option<Host>,
    /// Window it has open, tokens; 0 for none.
    window: u32,
    /// Where its verdicts are kept; without it nothing is looked up or kept.
    place: Option<VerdictPlace>,
    /// The verdicts kept there, from the first question on.
    verdicts: Option<Verdicts>,
    /// Verdicts that had been given before.
    remembered: u64,
}

/// What became of a question to the judge.
#[derive(Debug)]
pub(crate) enum Answered {
    /// It wrote something.
    Written(Written),
    /// It could not be asked; why.
    NotAsked(String),
}

impl JudgeModel {
    /// Without anything to load there is no judge.
    pub(crate) fn new(engine: Arc<dyn Engine>, judge: Option<JudgeLoading>, job: &Job) -> Self {
        let (place, verdicts) = (None, None);
        Self { engine, job: job.clone(), judge, host: None, window: 0, place, verdicts, remembered: 0 }
    }

    /// The same, with verdicts looked up and kept there.
    pub(crate) fn remembering(self, place: Option<VerdictPlace>) -> Self {
        Self { place, ..self }
    }

    /// How many of its answers had been given before.
    pub(crate) fn remembered(&self) -> u64 {
        self.remembered
    }

    /// What it says about an answer. Where it cannot be asked (both may be too long for it), it says nothing.
    pub(super) async fn verdict(&mut self, question: &str, text: &str) -> Result<Written, AppError> {
        let asked = vec![message("user", &judge_prompt(question, text))];
        Ok(match self.ask(asked).await? {
            Answered::Written(written) => written,
            Answered::NotAsked(reason) => {
                self.job.emit(Event::Warning(format!("the judge could not be asked: {reason}")));
                Written::default()
            }
        })
    }

    /// What it answers to this, or answered before. After its process died another one is started with the next question.
    pub(crate) async fn ask(&mut self, chat: Vec<ChatMessage>) -> Result<Answered, AppError> {
        let id = chat_id(&chat);
        self.look_up().await?;
        if let Some(known) = self.verdicts.as_ref().and_then(|verdicts| verdicts.get(&id)) {
            self.remembered += 1;
            return Ok(Answered::Written(known.clone()));
        }
        let answered = self.survived(chat).await?;
        if let (Answered::Written(written), Some(verdicts)) = (&answered, &mut self.verdicts)
            && let Err(error) = verdicts.keep(&id, written)
        {
            self.forget(&error);
        }
        Ok(answered)
    }

    /// Opens what is kept, once. The engine tells who it is without loading a model.
    async fn look_up(&mut self) -> Result<(), AppError> {
        let (Some(place), None, Some(judge)) = (&self.place, &self.verdicts, &self.judge) else {
            return Ok(());
        };
        let session = self.engine.start(&self.job).await?;
        let backend = session.info().backend.clone();
        session.stop().await;
        let asked = JudgeAsked {
            sampling: &Sampling::greedy(),
            max_tokens: VERDICT_TOKENS,
            backend: &backend,
            settings: &judge.loading.settings,
        };
        match Verdicts::open(place, &asked) {
            Ok(verdicts) => self.verdicts = Some(verdicts),
            Err(error) => self.forget(&error),
        }
        Ok(())
    }

    /// Judges on without keeping anything.
    fn forget(&mut self, error: &AppError) {
        self.job.emit(Event::Warning(format!("verdicts are not kept from here on: {error}")));
        (self.place, self.verdicts) = (None, None);
    }

    /// What it answers; a death leaves it ready to be started again.
    async fn survived(&mut self, chat: Vec<ChatMessage>) -> Result<Answered, AppError> {
        match self.asked(chat).await {
            Err(AppError::Engine(error)) if is_refusal(&error) => Ok(Answered::NotAsked(error.to_string())),
            Err(AppError::Engine(error)) if is_death(&error) => {
                if let Some(host) = self.host.take() {
                    host.close().await;
                }
                self.window = 0;
                Err(AppError::Engine(error))
            }
            other => other,
        }
    }

    async fn asked(&mut self, chat: Vec<ChatMessage>) -> Result<Answered, AppError> {
        let Some(judge) = &self.judge else { return Ok(Answered::NotAsked("there is none".to_owned())) };
        let host = match &mut self.host {
            Some(host) => host,
            none => {
                none.insert(Host::load(Arc::clone(&self.engine), judge.loading.clone(), &self.job).await?)
            }
        };
        let (prompt, tokens) = if host.loaded().has_chat_template {
            let tokens = host.session().tokenize_chat(&chat).await?.len();
            (Prompt::Chat(chat), tokens)
        } else {
            let text = chat.into_iter().map(|message| message.content).collect::<Vec<_>>().join("\n\n");
            let tokens = host.session().tokenize(&text, true, true).await?.len();
            (Prompt::Text(text), tokens)
        };
        let verdict = AnswerLength { tokens: VERDICT_TOKENS, given: true };
        let Some(opening) = opening(tokens as u64, verdict, 0, judge.limit) else {
            return Ok(Answered::NotAsked(format!(
                "{tokens} tokens and a verdict of up to {VERDICT_TOKENS} do not fit into its largest window, {} tokens",
                judge.limit.tokens
            )));
        };
        if opening.context > self.window {
            host.reopen(EngineSettings { context: opening.context, ..host.settings().clone() }).await?;
            self.window = opening.context;
        }
        let request = GenerateRequest {
            id: 1,
            prompt,
            sampling: Sampling::greedy(),
            max_tokens: VERDICT_TOKENS,
            stop: Vec::new(),
            ignore_eos: false,
            logprobs: 0,
        };
        let answer = answer(host.session(), request, &self.job.cancel, &mut |_| {}).await?;
        let cut = matches!(answer.report.finish_reason, FinishReason::Length | FinishReason::ContextFull);
        Ok(Answered::Written(Written { tokens: answer.all_tokens(), text: answer.marked_text(), cut }))
    }

    /// Ends its process, if there is one.
    pub(crate) async fn close(self) {
        if let Some(host) = self.host {
            host.close().await;
        }
    }
}
