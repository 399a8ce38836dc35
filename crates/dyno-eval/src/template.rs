//! Chat templates by name: roles with what stands before and after them.

use dyno_types::ChatMessage;
use serde::{Deserialize, Serialize};

/// The templates that ship.
const BUILT_IN: &str = include_str!("../data/templates.toml");

/// Schema of the template file.
const SCHEMA: &str = "dyno.templates/1";

/// One template.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedTemplate {
    /// Name, as flags and records write it.
    pub name: String,
    /// Other names.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Title for people.
    pub title: String,
    /// Where it comes from.
    pub origin: String,
    /// Text before everything.
    #[serde(default)]
    pub begin: String,
    /// Before and after a system message.
    #[serde(default)]
    pub system: [String; 2],
    /// Before and after a question.
    #[serde(default)]
    pub user: [String; 2],
    /// Before and after an answer.
    #[serde(default)]
    pub assistant: [String; 2],
    /// What stands before the answer that is wanted.
    #[serde(default)]
    pub answer: String,
    /// Whether the system text goes before the first question, for want of a role.
    #[serde(default)]
    pub system_in_user: bool,
    /// Ends of an answer, should the model write them as text.
    #[serde(default)]
    pub stop: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    template: Vec<NamedTemplate>,
}

/// The templates that ship.
///
/// # Panics
/// Never: the file is part of the program, and a test reads it.
#[must_use]
pub fn templates() -> Vec<NamedTemplate> {
    let file: File = toml::from_str(BUILT_IN).expect("the built-in templates are checked by a test");
    assert_eq!(file.schema, SCHEMA, "the built-in templates are of this version");
    file.template
}

/// A template name that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no chat template {name:?}; known are: {known}")]
pub struct TemplateError {
    /// The name given.
    pub name: String,
    /// Every name there is.
    pub known: String,
}

/// The template of this name or alias.
///
/// # Errors
/// For a name that does not occur, listing those that do.
pub fn template(name: &str) -> Result<NamedTemplate, TemplateError> {
    let templates = templates();
    let known: Vec<&str> = templates.iter().map(|template| template.name.as_str()).collect();
    let error = TemplateError { name: name.to_owned(), known: known.join(", ") };
    let named = |template: &NamedTemplate| {
        template.name == name || template.aliases.iter().any(|alias| alias == name)
    };
    templates.iter().find(|template| named(template)).cloned().ok_or(error)
}

impl NamedTemplate {
    /// The prompt of a chat. A last message of the assistant is left open, to be continued; after any other message the
    /// answer begins. Special tokens stand in it as text: tokenise it so that they are recognised, and without another
    /// beginning-of-sequence token where `begin` has one. Messages of tools are written as questions.
    #[must_use]
    pub fn render(&self, messages: &[ChatMessage]) -> String {
        let mut text = self.begin.clone();
        let mut held_back = String::new();
        for (index, message) in messages.iter().enumerate() {
            let last = index + 1 == messages.len();
            let content = message.content.as_str();
            match message.role.as_str() {
                "system" if self.system_in_user => held_back = format!("{content}\n\n"),
                "system" => text.push_str(&format!("{}{content}{}", self.system[0], self.system[1])),
                "assistant" if last => {
                    let gap = if self.answer.ends_with(':') { " " } else { "" };
                    return format!("{text}{}{gap}{content}", self.answer);
                }
                "assistant" => text.push_str(&format!("{}{content}{}", self.assistant[0], self.assistant[1])),
                _ => {
                    text.push_str(&format!("{}{held_back}{content}{}", self.user[0], self.user[1]));
                    held_back.clear();
                }
            }
        }
        format!("{text}{held_back}{}", self.answer)
    }

    /// The same as Jinja source, for engines that render templates themselves.
    #[must_use]
    pub fn jinja(&self) -> String {
        let quoted = |text: &str| {
            let escaped = text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n");
            format!("{{{{ '{escaped}' }}}}")
        };
        let message =
            |around: &[String; 2]| format!("{}{{{{ m.content }}}}{}", quoted(&around[0]), quoted(&around[1]));
        let (held, system) = if self.system_in_user {
            (
                "{{ held.text }}{% set held.text = '' %}",
                "{% set held.text = m.content ~ '\\n\\n' %}".to_owned(),
            )
        } else {
            ("", message(&self.system))
        };
        let user = format!("{}{held}{{{{ m.content }}}}{}", quoted(&self.user[0]), quoted(&self.user[1]));
        let gap = if self.answer.ends_with(':') { " " } else { "" };
        format!(
            "{{% set held = namespace(text='') %}}{begin}{{% for m in messages %}}\
             {{% if m.role == 'system' %}}{system}\
             {{% elif m.role == 'assistant' and loop.last %}}{answer}{gap}{{{{ m.content }}}}\
             {{% elif m.role == 'assistant' %}}{assistant}\
             {{% else %}}{user}{{% endif %}}{{% endfor %}}\
             {{% if messages[-1].role != 'assistant' %}}{{{{ held.text }}}}{answer}{{% endif %}}",
            begin = quoted(&self.begin),
            assistant = message(&self.assistant),
            answer = quoted(&self.answer),
            gap = quoted(gap),
        )
    }
}

/// The sentence that belongs beside results made with a template that is not the model's own; `None` where there is
/// nothing to warn of. `own` says whether the model carries a template, `used` names the one that was used (`None` for the
/// model's own).
#[must_use]
pub fn template_warning(used: Option<&str>, own: bool) -> Option<String> {
    match (used, own) {
        (None, true) => None,
        (None, false) => Some(
            "the model carries no chat template, so questions were asked as plain text; name a template if it was \
             trained on one"
                .to_owned(),
        ),
        (Some(name), true) => Some(format!(
            "the chat template `{name}` was used instead of the model's own; scores can be far lower than with its own"
        )),
        (Some(name), false) => Some(format!(
            "the model carries no chat template; `{name}` was used, and whether it is the one it was trained on is not known"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(messages: &[(&str, &str)]) -> Vec<ChatMessage> {
        let message = |(role, content): &(&str, &str)| ChatMessage {
            role: (*role).to_owned(),
            content: (*content).to_owned(),
        };
        messages.iter().map(message).collect()
    }

    #[test]
    fn every_template_renders_its_published_form() {
        let talk = chat(&[("system", "S"), ("user", "Q"), ("assistant", "A"), ("user", "R")]);
        let cases = [
            (
                "llama3",
                "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|>\
                 <|start_header_id|>user<|end_header_id|>\n\nQ<|eot_id|>\
                 <|start_header_id|>assistant<|end_header_id|>\n\nA<|eot_id|>\
                 <|start_header_id|>user<|end_header_id|>\n\nR<|eot_id|>\
                 <|start_header_id|>assistant<|end_header_id|>\n\n",
            ),
            (
                "qwen",
                "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nQ<|im_end|>\n\
                 <|im_start|>assistant\nA<|im_end|>\n<|im_start|>user\nR<|im_end|>\n<|im_start|>assistant\n",
            ),
            ("deepseek-r1", "System: S\n\nUser: Q\n\nAssistant: A\n\nUser: R\n\nAssistant:"),
            (
                "phi",
                "<|system|>\nS<|end|>\n<|user|>\nQ<|end|>\n<|assistant|>\nA<|end|>\n<|user|>\nR<|end|>\n<|assistant|>\n",
            ),
            (
                "generic",
                "### System: S\n\n### Human: Q\n\n### Assistant: A\n\n### Human: R\n\n### Assistant:",
            ),
            ("plain", "S\n\nQ\n\nA\n\nR\n\n"),
        ];
        for (name, expected) in cases {
            assert_eq!(template(name).unwrap().render(&talk), expected, "{name}");
        }
        let names: Vec<String> = templates().into_iter().map(|template| template.name).collect();
        assert_eq!(names.len(), cases.len());
    }

    #[test]
    fn a_begun_answer_stays_open() {
        let talk = chat(&[("user", "Q"), ("assistant", "Step 1:")]);
        assert_eq!(
            template("chatml").unwrap().render(&talk),
            "<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\nStep 1:"
        );
        assert_eq!(template("deepseek-r1").unwrap().render(&talk), "User: Q\n\nAssistant: Step 1:");
    }

    #[test]
    fn unknown_names_list_the_known_and_warnings_fit() {
        let error = template("vicuna").unwrap_err().to_string();
        assert!(error.contains("llama3, chatml, deepseek-r1, phi, generic, plain"), "{error}");
        assert_eq!(template_warning(None, true), None);
        assert!(template_warning(Some("chatml"), true).unwrap().contains("instead of the model's own"));
        assert!(template_warning(Some("chatml"), false).unwrap().contains("not known"));
        assert!(template_warning(None, false).unwrap().contains("plain text"));
    }
}
