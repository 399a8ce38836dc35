//! Chat templates: the model's own Jinja source turns a chat into prompt text.
//!
//! The language is [`dyno_jinja`]: what the transformers library renders, with bounds on steps, memory and time, since the source
//! comes from a model file and is hostile until proven otherwise. Names follow Hugging Face's `apply_chat_template`.

use std::time::{Duration, Instant, SystemTime};

use dyno_jinja::{Fault, Host, Input, Limits, Reason, Template};
use dyno_types::ChatMessage;

/// What one rendering may use; real templates need some hundred steps and a few copies of the text for each message.
const LIMITS: Limits = Limits { steps: 20_000_000, bytes_made: 256 << 20, text_bytes: 16 << 20 };

/// How long a rendering may take, whatever else runs on the machine.
const TIME_MAX: Duration = Duration::from_secs(10);

/// Longest template source, bytes; the longest known ones have some 30 KB.
const SOURCE_BYTES_MAX: usize = 1024 * 1024;

/// A chat that could not be turned into a prompt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The source is no template.
    #[error("the model's chat template cannot be read: {0}")]
    Source(String),
    /// The template itself refused the chat.
    #[error("the model's chat template refuses this chat: {0}")]
    Refused(String),
    /// It failed while rendering.
    #[error("the model's chat template failed: {0}")]
    Render(String),
    /// It hit a limit.
    #[error("the model's chat template was stopped: {0}")]
    Limit(String),
    /// Nothing of the last message is in what it rendered.
    #[error("the model's chat template leaves the question out of the prompt")]
    Dropped,
}

/// A compiled chat template.
#[derive(Debug)]
pub struct ChatTemplate {
    template: Template,
    bos_token: String,
    eos_token: String,
}

/// Whether a source is that of a template at all: one that has nothing but white space drops every chat, and counts as none.
#[must_use]
pub fn is_template(source: &str) -> bool {
    !source.trim().is_empty()
}

impl ChatTemplate {
    /// Compiles a template; `bos_token` and `eos_token` are the texts its variables of these names stand for.
    ///
    /// # Errors
    /// When the source is too long or not valid Jinja.
    pub fn compile(source: &str, bos_token: String, eos_token: String) -> Result<Self, TemplateError> {
        if source.len() > SOURCE_BYTES_MAX {
            return Err(TemplateError::Source(format!(
                "it has {} bytes, more than {SOURCE_BYTES_MAX}",
                source.len()
            )));
        }
        let template = Template::compile(source).map_err(|fault| TemplateError::Source(fault.to_string()))?;
        Ok(Self { template, bos_token, eos_token })
    }

    /// Renders a chat up to the point where the assistant answers. `now` is what `strftime_now` formats, in UTC.
    ///
    /// # Errors
    /// When the template refuses the chat, fails, exceeds its limits, or drops the last message.
    pub fn render(&self, messages: &[ChatMessage], now: SystemTime) -> Result<String, TemplateError> {
        let variables = [
            ("messages", Input::List(messages.iter().map(message_input).collect())),
            ("tools", Input::None),
            ("documents", Input::None),
            ("add_generation_prompt", Input::Bool(true)),
            ("bos_token", Input::from(self.bos_token.as_str())),
            ("eos_token", Input::from(self.eos_token.as_str())),
        ];
        let text = self.render_variables(&variables, now)?;
        if messages.last().is_some_and(|last| is_dropped(&last.content, &text)) {
            return Err(TemplateError::Dropped);
        }
        Ok(text)
    }

    /// Renders the template with these variables alone.
    ///
    /// # Errors
    /// When the template refuses, fails, or exceeds its limits.
    pub fn render_variables(
        &self,
        variables: &[(&str, Input)],
        now: SystemTime,
    ) -> Result<String, TemplateError> {
        let host = Clocks { now, begun: Instant::now() };
        self.template.render(variables, &host, LIMITS).map_err(|fault| describe(&fault))
    }
}

fn message_input(message: &ChatMessage) -> Input {
    Input::Map(vec![
        ("role".to_owned(), Input::from(message.role.as_str())),
        ("content".to_owned(), Input::from(message.content.as_str())),
    ])
}

/// Whether no word of a message is in the text. Templates may trim, cut and wrap what they are given; a prompt without any
/// of it asks nothing.
fn is_dropped(message: &str, text: &str) -> bool {
    let mut words = message.split_whitespace().peekable();
    words.peek().is_some() && !words.any(|word| text.contains(word))
}

fn describe(fault: &Fault) -> TemplateError {
    match &fault.reason {
        Reason::Refused(message) => TemplateError::Refused(message.clone()),
        Reason::Limit(_) => TemplateError::Limit(fault.to_string()),
        Reason::Syntax(_) => TemplateError::Source(fault.to_string()),
        Reason::Failed(_) => TemplateError::Render(fault.to_string()),
    }
}

/// The two clocks of a rendering: the date it may print, and the time it may take.
struct Clocks {
    now: SystemTime,
    begun: Instant,
}

impl Host for Clocks {
    fn strftime_now(&self, format: &str) -> Result<String, String> {
        let fail = |error: jiff::Error| format!("strftime_now({format:?}): {error}");
        let timestamp = jiff::Timestamp::try_from(self.now).map_err(fail)?;
        let now = timestamp.to_zoned(jiff::tz::TimeZone::UTC).datetime();
        jiff::fmt::strtime::format(format, now).map_err(fail)
    }

    fn out_of_time(&self) -> Option<String> {
        (self.begun.elapsed() > TIME_MAX).then(|| format!("it did not end within {} s", TIME_MAX.as_secs()))
    }
}

#[cfg(test)]
mod tests;
