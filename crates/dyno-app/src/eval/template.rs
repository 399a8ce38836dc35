//! How a chat becomes what a model reads: by its own template, by a known one, or not at all.

use dyno_engine::{EngineError, Session};
use dyno_eval::{Framing, NamedTemplate, template, template_warning, templates};
use dyno_types::{
    CancelFlag, ChatMessage, LoadReport, Prompt, Remedy, TEMPLATE_BYTES_MAX, TemplateFile, TemplateUse,
    TokenId, Wish,
};

use crate::AppError;
use crate::blocking::read_named_text;
use crate::eval::host::Host;

/// What is said of a template that takes no system message.
const SYSTEM_IN_USER: &str = "the chat template takes no system message; the system text is put in front of the first message of the user";

/// The template in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Template {
    /// The model's own, rendered in the engine.
    Model,
    /// None: text is continued as it stands.
    None,
    /// A known one, and whether the model's own gives the same.
    Known(Box<NamedTemplate>, bool),
    /// That of a file, rendered in the engine.
    File(Box<TemplateFile>),
}

/// Names that can be asked for, beside `model` and `none`.
pub(crate) fn known_names() -> Vec<String> {
    templates().into_iter().map(|template| template.name).collect()
}

/// Endings of files of templates.
const FILE_ENDINGS: [&str; 4] = [".jinja", ".jinja2", ".j2", ".txt"];

/// Whether this is a file, not a name; one that is written like a file need not be there.
fn is_file(name: &str) -> bool {
    let written_so = name.contains('/') || FILE_ENDINGS.iter().any(|ending| name.ends_with(ending));
    template(name).is_err() && (written_so || dyno_models::named_path(name).is_file())
}

/// The template of a file, where one is named.
///
/// # Errors
/// [`AppError::Input`] with the file that cannot be read or is too long, [`AppError::Cancelled`].
pub(crate) fn file(name: Option<&str>, cancel: &CancelFlag) -> Result<Option<TemplateFile>, AppError> {
    let Some(name) = name.filter(|name| is_file(name)) else { return Ok(None) };
    let path = dyno_models::named_path(name);
    let source = read_named_text(&path, TEMPLATE_BYTES_MAX as u64, "chat template", cancel)?;
    Ok(Some(TemplateFile { name: name.to_owned(), source }))
}

/// The known template of this name; `None` for no name, `model`, `none` and files.
pub(crate) fn known(name: Option<&str>) -> Result<Option<NamedTemplate>, AppError> {
    match name {
        None | Some("model" | "none") => Ok(None),
        Some(name) if is_file(name) => Ok(None),
        Some(name) => {
            let found = template(name);
            let told = |error| format!("{error}, model, none, or a file");
            found.map(Some).map_err(|error| AppError::refused(told(error), Remedy::Change(Wish::Template)))
        }
    }
}

impl Template {
    /// The template of this name, or of the file that the host was told of; without a name the model's own, or none where it has none.
    /// And what is to be said of it.
    pub(crate) async fn choose(name: Option<&str>, host: &Host) -> Result<(Self, Option<String>), AppError> {
        let (session, loaded) = (host.session(), host.loaded());
        if let Some(file) = host.template_file() {
            let warning = template_warning(Some(&file.name), true);
            return Ok((Self::File(Box::new(file.clone())), warning));
        }
        Ok(match (name, known(name)?) {
            (_, Some(known)) => {
                let own = loaded.has_chat_template && same_as_own(&known, session).await?;
                let warning = template_warning(Some(&known.name), loaded.has_chat_template).filter(|_| !own);
                (Self::Known(Box::new(known), own), warning)
            }
            (Some("none"), None) => {
                let warning = "questions are put as text, although the model has a chat template".to_owned();
                (Self::None, loaded.has_chat_template.then_some(warning))
            }
            (Some("model"), None) if !loaded.has_chat_template => {
                return Err(without_own());
            }
            _ if loaded.has_chat_template => (Self::Model, None),
            _ => (Self::None, template_warning(None, false)),
        })
    }

    /// As records state it.
    pub(crate) fn used(&self, loaded: &LoadReport) -> TemplateUse {
        let (name, own, system_in_user) = match self {
            Self::Model => ("model", true, loaded.system_in_user),
            Self::None => ("none", false, false),
            Self::Known(known, own) => (known.name.as_str(), *own, known.system_in_user),
            Self::File(file) => (file.name.as_str(), false, loaded.system_in_user),
        };
        TemplateUse { name: name.to_owned(), own, system_in_user }
    }

    /// What to say where system texts are to be put into a template that takes none.
    pub(crate) fn system_remark(&self, loaded: &LoadReport) -> Option<String> {
        self.used(loaded).system_in_user.then(|| SYSTEM_IN_USER.to_owned())
    }

    /// All that answers depend on: a known template is more than its name, and the model's own is what is put into it.
    pub(crate) fn identity(&self, loaded: &LoadReport) -> serde_json::Value {
        match self {
            Self::Known(known, _) => serde_json::to_value(known).expect("a template is plain data"),
            // Wherever the file is, its words are what counts.
            Self::File(file) => {
                serde_json::json!({ "source": file.source, "system_in_user": loaded.system_in_user })
            }
            Self::Model if loaded.system_in_user => "model, system text in the user's message".into(),
            Self::Model | Self::None => self.used(loaded).name.into(),
        }
    }

    /// How questions are framed for it.
    pub(crate) fn framing(&self) -> Framing {
        if *self == Self::None { Framing::Text } else { Framing::Chat }
    }

    /// Texts that end an answer, beside those of the question.
    pub(crate) fn stops(&self) -> &[String] {
        match self {
            Self::Known(known, _) => &known.stop,
            Self::Model | Self::None | Self::File(_) => &[],
        }
    }

    /// What to submit for a prompt.
    pub(crate) async fn submission(
        &self,
        session: &dyn Session,
        prompt: Prompt,
    ) -> Result<Prompt, EngineError> {
        match (self, &prompt) {
            (Self::Known(..), Prompt::Chat(_)) => self.tokens(session, &prompt).await.map(Prompt::Tokens),
            _ => Ok(prompt),
        }
    }

    /// A prompt as tokens.
    pub(crate) async fn tokens(
        &self,
        session: &dyn Session,
        prompt: &Prompt,
    ) -> Result<Vec<TokenId>, EngineError> {
        match (self, prompt) {
            (_, Prompt::Tokens(tokens)) => Ok(tokens.clone()),
            // As a generation of it reads it.
            (_, Prompt::Text(text)) => session.tokenize(text, true, true).await,
            (Self::Known(known, _), Prompt::Chat(messages)) => {
                // A template that writes the beginning of the sequence itself needs no second one.
                session.tokenize(&known.render(messages), known.begin.is_empty(), true).await
            }
            (_, Prompt::Chat(messages)) => session.tokenize_chat(messages).await,
        }
    }
}

/// The model's own template was asked for, and there is none.
pub(crate) fn without_own() -> AppError {
    let remedy = Remedy::Either(vec![Remedy::Change(Wish::Template), Remedy::Give(Wish::Raw)]);
    AppError::refused("the model has no chat template of its own", remedy)
}

/// Whether a known template gives the very tokens of the model's own, for a chat that shows all roles.
async fn same_as_own(known: &NamedTemplate, session: &dyn Session) -> Result<bool, AppError> {
    let turns = [("system", "Be brief."), ("user", "Hi."), ("assistant", "Hello."), ("user", "2 + 2?")];
    let message =
        |(role, content): (&str, &str)| ChatMessage { role: role.to_owned(), content: content.to_owned() };
    let chat = Prompt::Chat(turns.map(message).to_vec());
    let theirs = match Template::Model.tokens(session, &chat).await {
        Ok(tokens) => tokens,
        // A template that refuses this chat is another one.
        Err(EngineError::BadRequest(_) | EngineError::Template(_)) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    Ok(theirs == Template::Known(Box::new(known.clone()), false).tokens(session, &chat).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_names_list_the_known() {
        assert_eq!((known(None).unwrap(), known(Some("none")).unwrap()), (None, None));
        assert_eq!(known(Some("chatml")).unwrap().unwrap().name, "chatml");
        let error = known(Some("chatlm")).unwrap_err();
        assert!(error.to_string().contains("chatml") && error.to_string().contains("model, none"), "{error}");
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn files_are_read_by_their_names_and_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let (path, cancel) = (folder.path().join("own.jinja"), CancelFlag::default());
        let name = path.display().to_string();
        let error = file(Some(&name), &cancel).unwrap_err();
        assert!(error.to_string().contains("own.jinja") && error.exit_code() == 2, "{error}");
        std::fs::write(&path, "{{ messages[0].content }}").unwrap();
        let found = file(Some(&name), &cancel).unwrap().unwrap();
        assert_eq!(
            (found.name.as_str(), found.source.as_str()),
            (name.as_str(), "{{ messages[0].content }}")
        );
        assert_eq!(known(Some(&name)).unwrap(), None);
        for other in ["chatml", "model", "none"] {
            assert_eq!(file(Some(other), &cancel).unwrap(), None);
        }
        std::fs::write(&path, " ".repeat(TEMPLATE_BYTES_MAX + 1)).unwrap();
        assert!(file(Some(&name), &cancel).unwrap_err().to_string().contains("own.jinja"));
    }
}
