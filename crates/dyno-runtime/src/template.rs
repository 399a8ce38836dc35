//! Chat templates: the model's own Jinja source turns a chat into prompt text.
//!
//! The source comes from a model file and is hostile until proven otherwise: there is no loader, instructions are
//! counted, and output is limited, so that an endless or exploding template ends in an error. (A template that doubles a
//! variable can still exhaust this process's memory; that ends the engine process, which is what the process is for.)
//! Whitespace and names follow Hugging Face's `apply_chat_template`.

use std::collections::BTreeMap;
use std::time::SystemTime;

use dyno_types::ChatMessage;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Kwargs;
use minijinja::{Environment, Error, ErrorKind, Value};

/// Instructions a template may execute; real ones need a hundred or two per message.
const FUEL: u64 = 1_000_000;

/// Longest rendered prompt, bytes.
const OUTPUT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Longest template source, bytes; the longest known ones have some 30 KB.
const SOURCE_BYTES_MAX: usize = 1024 * 1024;

/// Name under which the template appears in its error messages.
const NAME: &str = "chat";

/// A chat that could not be turned into a prompt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The source is no template.
    #[error("the model's chat template cannot be read: {0}; use --raw to continue the prompt as it stands")]
    Source(String),
    /// The template itself refused the chat.
    #[error("the model's chat template refuses this chat: {0}")]
    Refused(String),
    /// It failed while rendering, or hit a limit.
    #[error("the model's chat template failed: {0}; use --raw to continue the prompt as it stands")]
    Render(String),
}

/// A compiled chat template.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    bos_token: String,
    eos_token: String,
}

impl ChatTemplate {
    /// Compiles a template; `bos_token` and `eos_token` are the texts its variables of these names stand for.
    ///
    /// # Errors
    /// When the source is too long or not valid Jinja.
    pub fn compile(source: String, bos_token: String, eos_token: String) -> Result<Self, TemplateError> {
        if source.len() > SOURCE_BYTES_MAX {
            return Err(TemplateError::Source(format!(
                "it has {} bytes, more than {SOURCE_BYTES_MAX}",
                source.len()
            )));
        }
        let mut environment = Environment::new();
        environment.set_debug(false);
        environment.set_fuel(Some(FUEL));
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment
            .set_syntax(hugging_face_syntax().map_err(|error| TemplateError::Source(error.to_string()))?);
        environment.add_filter("tojson", to_json);
        environment.add_function("raise_exception", raise_exception);
        environment
            .add_template_owned(NAME, source)
            .map_err(|error| TemplateError::Source(error.to_string()))?;
        Ok(Self { environment, bos_token, eos_token })
    }

    /// Renders a chat up to the point where the assistant answers. `now` is what `strftime_now` formats, in UTC.
    ///
    /// # Errors
    /// When the template refuses the chat, fails, or exceeds its limits.
    pub fn render(&self, messages: &[ChatMessage], now: SystemTime) -> Result<String, TemplateError> {
        let context = Value::from_pairs([
            ("messages", messages.iter().map(message_value).collect()),
            ("tools", Value::from(())),
            ("documents", Value::from(())),
            ("add_generation_prompt", Value::from(true)),
            ("bos_token", Value::from(self.bos_token.as_str())),
            ("eos_token", Value::from(self.eos_token.as_str())),
            ("strftime_now", Value::from_function(move |format: String| strftime(now, &format))),
        ]);
        let template =
            self.environment.get_template(NAME).map_err(|error| TemplateError::Source(error.to_string()))?;
        let mut output = Limited::default();
        let outcome = template.render_captured_to(context, &mut output).map(drop);
        if output.exceeded {
            return Err(TemplateError::Render(format!("it produced more than {OUTPUT_BYTES_MAX} bytes")));
        }
        outcome.map_err(|error| describe(&error))?;
        String::from_utf8(output.bytes).map_err(|error| TemplateError::Render(error.to_string()))
    }
}

fn hugging_face_syntax() -> Result<SyntaxConfig, Error> {
    SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()
}

fn message_value(message: &ChatMessage) -> Value {
    Value::from_pairs([
        ("role", Value::from(message.role.as_str())),
        ("content", Value::from(message.content.as_str())),
    ])
}

fn describe(error: &Error) -> TemplateError {
    match (error.kind(), error.detail().and_then(|detail| detail.strip_prefix(REFUSAL))) {
        (_, Some(refusal)) => TemplateError::Refused(refusal.to_owned()),
        (ErrorKind::OutOfFuel, None) => {
            TemplateError::Render(format!("it did not end within {FUEL} instructions"))
        }
        _ => TemplateError::Render(error.to_string()),
    }
}

/// Marks errors a template raised itself.
const REFUSAL: &str = "refused by the template: ";

fn raise_exception(message: &str) -> Result<Value, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, format!("{REFUSAL}{message}")))
}

/// Python's `json.dumps(value, ensure_ascii=False)`: unlike Jinja's own filter it escapes nothing for HTML.
fn to_json(value: &Value, indent: Option<Value>, options: Kwargs) -> Result<Value, Error> {
    // Accepted by Hugging Face's filter; the defaults are the only values templates use.
    for ignored in ["ensure_ascii", "sort_keys", "separators"] {
        options.get::<Option<Value>>(ignored)?;
    }
    let indent = match indent {
        Some(indent) => Some(indent),
        None => options.get::<Option<Value>>("indent")?,
    };
    options.assert_all_used()?;
    let none = Kwargs::from_iter(BTreeMap::<String, Value>::new());
    let escaped = minijinja::filters::tojson(value, indent.filter(|indent| !indent.is_none()), none)?;
    Ok(Value::from(without_html_escapes(escaped.as_str().unwrap_or_default())))
}

/// Undoes the escapes of `<`, `>`, `&` and `'` in JSON text, and only those.
fn without_html_escapes(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        let escape = &rest[at..];
        let plain = [("\\u003c", '<'), ("\\u003e", '>'), ("\\u0026", '&'), ("\\u0027", '\'')]
            .into_iter()
            .find(|(code, _)| escape.get(..code.len()).is_some_and(|head| head.eq_ignore_ascii_case(code)));
        // Any other escape is kept with the character after the backslash, so that `\\u003c` stays what it is.
        let taken = match plain {
            Some((code, character)) => {
                text.push(character);
                code.len()
            }
            None => {
                let length = escape.chars().take(2).map(char::len_utf8).sum();
                text.push_str(&escape[..length]);
                length
            }
        };
        rest = &escape[taken..];
    }
    text.push_str(rest);
    text
}

fn strftime(now: SystemTime, format: &str) -> Result<String, Error> {
    let fail = |error: jiff::Error| {
        Error::new(ErrorKind::InvalidOperation, format!("strftime_now({format:?}): {error}"))
    };
    let timestamp = jiff::Timestamp::try_from(now).map_err(fail)?;
    jiff::fmt::strtime::format(format, timestamp.to_zoned(jiff::tz::TimeZone::UTC).datetime()).map_err(fail)
}

/// Collects output up to the limit.
#[derive(Default)]
struct Limited {
    bytes: Vec<u8>,
    exceeded: bool,
}

impl std::io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.bytes.len() + bytes.len() > OUTPUT_BYTES_MAX {
            self.exceeded = true;
            return Err(std::io::Error::other("output limit"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
