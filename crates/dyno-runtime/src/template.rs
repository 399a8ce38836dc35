//! Chat templates: the model's own Jinja source turns a chat into prompt text.
//!
//! The language is [`dyno_jinja`]: what the transformers library renders, with bounds on steps, memory and time, since the source
//! comes from a model file and is hostile until proven otherwise. Names follow Hugging Face's `apply_chat_template`.

use std::time::{Duration, Instant, SystemTime};

use dyno_jinja::{Fault, Host, Input, Limits, Reason, Template};
use dyno_types::{ChatMessage, TEMPLATE_BYTES_MAX};

/// What one rendering may use; real templates need some hundred steps and a few copies of the text for each message.
const LIMITS: Limits = Limits { steps: 20_000_000, bytes_made: 256 << 20, text_bytes: 16 << 20 };

/// What finding out about a template may use: such chats are short, and a template that needs more says nothing about itself.
const PROBE_LIMITS: Limits = Limits { steps: 200_000, bytes_made: 4 << 20, text_bytes: 1 << 20 };

/// A text that no template has of its own.
const PROBE: &str = "d7n0-pr0be";

/// How long a rendering may take, whatever else runs on the machine.
const TIME_MAX: Duration = Duration::from_secs(10);

/// A chat that could not be turned into a prompt, worded as what the template does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The source is no template.
    #[error("cannot be read: {0}")]
    Source(String),
    /// The template itself refused the chat.
    #[error("refuses this chat: {0}")]
    Refused(String),
    /// It failed while rendering.
    #[error("failed: {0}")]
    Render(String),
    /// It hit a limit.
    #[error("was stopped: {0}")]
    Limit(String),
    /// Nothing of the last message is in what it rendered.
    #[error("leaves the question out of the prompt")]
    Dropped,
}

/// A compiled chat template.
#[derive(Debug)]
pub struct ChatTemplate {
    template: Template,
    bos_token: String,
    eos_token: String,
    /// Whether it takes no system message, and takes its text in front of the user's.
    system_in_user: bool,
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
        if source.len() > TEMPLATE_BYTES_MAX {
            return Err(TemplateError::Source(format!(
                "it has {} bytes, more than {TEMPLATE_BYTES_MAX}",
                source.len()
            )));
        }
        let template = Template::compile(source).map_err(|fault| TemplateError::Source(fault.to_string()))?;
        let mut template = Self { template, bos_token, eos_token, system_in_user: false };
        template.system_in_user = !template.shows("system") && template.shows("user");
        Ok(template)
    }

    /// Whether it takes no system message (it refuses one, fails, or leaves it out), so that the text of one is put in front of the
    /// first message of the user.
    #[must_use]
    pub fn system_in_user(&self) -> bool {
        self.system_in_user
    }

    /// Whether the text of a first message of this role is in the prompt. Of a template that hits a limit this is taken for granted.
    fn shows(&self, role: &str) -> bool {
        let message =
            |role: &str, content: &str| ChatMessage { role: role.to_owned(), content: content.to_owned() };
        let answered = [message("user", "1"), message("assistant", "2"), message("user", "3")];
        let chat = match role {
            "user" => vec![message("user", PROBE)],
            _ => [vec![message(role, PROBE)], answered.to_vec()].concat(),
        };
        let variables = self.variables(&chat);
        let host = Clocks { now: SystemTime::UNIX_EPOCH, begun: Instant::now() };
        match self.template.render(&variables, &host, PROBE_LIMITS) {
            Ok(text) => text.contains(PROBE),
            Err(fault) => matches!(fault.reason, Reason::Limit(_)),
        }
    }

    /// Renders a chat up to the point where the assistant answers. `now` is what `strftime_now` formats, in UTC.
    ///
    /// # Errors
    /// When the template refuses the chat, fails, exceeds its limits, or drops the last message.
    pub fn render(&self, messages: &[ChatMessage], now: SystemTime) -> Result<String, TemplateError> {
        let merged = if self.system_in_user { with_system_in_user(messages) } else { None };
        let messages = merged.as_deref().unwrap_or(messages);
        let text = self.render_variables(&self.variables(messages), now)?;
        if messages.last().is_some_and(|last| is_dropped(&last.content, &text)) {
            return Err(TemplateError::Dropped);
        }
        Ok(text)
    }

    fn variables(&self, messages: &[ChatMessage]) -> [(&'static str, Input); 6] {
        [
            ("messages", Input::List(messages.iter().map(message_input).collect())),
            ("tools", Input::None),
            ("documents", Input::None),
            ("add_generation_prompt", Input::Bool(true)),
            ("bos_token", Input::from(self.bos_token.as_str())),
            ("eos_token", Input::from(self.eos_token.as_str())),
        ]
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

/// The chat with the text of its system messages in front of the first message of the user; a chat without one gets one. `None`
/// without system messages.
fn with_system_in_user(messages: &[ChatMessage]) -> Option<Vec<ChatMessage>> {
    let (system, mut others): (Vec<ChatMessage>, Vec<ChatMessage>) =
        messages.iter().cloned().partition(|message| message.role == "system");
    if system.is_empty() {
        return None;
    }
    let mut text = system.into_iter().map(|message| message.content).collect::<Vec<_>>().join("\n\n");
    match others.iter_mut().find(|message| message.role == "user") {
        Some(first) => {
            text.push_str("\n\n");
            first.content.insert_str(0, &text);
        }
        None => others.insert(0, ChatMessage { role: "user".to_owned(), content: text }),
    }
    Some(others)
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
