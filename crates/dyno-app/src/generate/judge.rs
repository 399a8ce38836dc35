//! Another model as judge, in a process of its own that is started when it is first asked.

use dyno_advise::WindowLimit;
use dyno_bench::CancelFlag;
use dyno_engine::Engine;
use dyno_eval::judge_prompt;
use dyno_types::{EngineSettings, Event, EventSink, GenerateRequest, Prompt, Sampling};

use super::answer::answer;
use super::message;
use super::window::{AnswerLength, opening};
use crate::AppError;
use crate::eval::host::{Host, Loading, is_refusal};

/// Most tokens of a verdict: a line for the reason and one for the grade, with room for a thought before.
const VERDICT_TOKENS: u32 = 512;

/// A judge to be started.
#[derive(Debug, Clone)]
pub(crate) struct JudgeLoading {
    /// What its process is to load.
    pub(crate) loading: Loading,
    /// The largest window it can have.
    pub(crate) limit: WindowLimit,
}

/// The judge, started or not.
pub(crate) struct JudgeModel<'a> {
    engine: &'a dyn Engine,
    judge: Option<JudgeLoading>,
    host: Option<Host<'a>>,
    /// Window it has open, tokens; 0 for none.
    window: u32,
}

/// What it wrote.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) text: String,
    pub(crate) tokens: u64,
}

impl<'a> JudgeModel<'a> {
    /// Without anything to load there is no judge.
    pub(crate) fn new(engine: &'a dyn Engine, judge: Option<JudgeLoading>) -> Self {
        Self { engine, judge, host: None, window: 0 }
    }

    /// What it says about an answer. Where it cannot be asked (both may be too long for it), it says nothing.
    pub(super) async fn verdict(
        &mut self,
        question: &str,
        text: &str,
        cancel: &CancelFlag,
        events: &dyn EventSink,
    ) -> Result<Written, AppError> {
        match self.ask(&judge_prompt(question, text), cancel, events).await {
            Err(AppError::Engine(error)) if is_refusal(&error) => {
                events.emit(Event::Warning(format!("the judge could not be asked: {error}")));
                Ok(Written::default())
            }
            other => other,
        }
    }

    /// What it answers to this. It says nothing where no window holds both.
    pub(crate) async fn ask(
        &mut self,
        prompt: &str,
        cancel: &CancelFlag,
        events: &dyn EventSink,
    ) -> Result<Written, AppError> {
        let Some(judge) = &self.judge else { return Ok(Written::default()) };
        let host = match &mut self.host {
            Some(host) => host,
            none => none.insert(Host::load(self.engine, judge.loading.clone(), cancel, events).await?),
        };
        let (prompt, tokens) = if host.loaded().has_chat_template {
            let chat = vec![message("user", prompt)];
            let tokens = host.session().tokenize_chat(&chat).await?.len();
            (Prompt::Chat(chat), tokens)
        } else {
            let tokens = host.session().tokenize(prompt, true, false).await?.len();
            (Prompt::Text(prompt.to_owned()), tokens)
        };
        let verdict = AnswerLength { tokens: VERDICT_TOKENS, given: true };
        let Some(opening) = opening(tokens as u64, verdict, 0, judge.limit) else {
            events.emit(Event::Warning(format!(
                "the judge could not be asked: {tokens} tokens and a verdict of up to {VERDICT_TOKENS} do not fit into its largest \
                 window, {} tokens",
                judge.limit.tokens
            )));
            return Ok(Written::default());
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
        let answer = answer(host.session(), request, cancel, &mut |_| {}).await?;
        Ok(Written { tokens: answer.all_tokens(), text: answer.marked_text() })
    }

    /// Ends its process, if there is one.
    pub(crate) async fn close(self) {
        if let Some(host) = self.host {
            host.close().await;
        }
    }
}
