//! Which chat template prompts are put into.

use clap::Args;

/// Flags of every verb that puts prompts.
#[derive(Debug, Args)]
pub(crate) struct TemplateArgs {
    /// Chat template: `model` for the model's own, `none`, a name listed by `dyno eval --list`, or a Jinja file [default: model, or
    /// none if it has none].
    #[arg(long, value_name = "NAME|FILE", value_parser = super::named::named(), help_heading = "Questions")]
    template: Option<String>,
    /// Continue prompts as they are, without a chat template; same as --template none.
    #[arg(long, conflicts_with = "template", help_heading = "Questions")]
    raw: bool,
}

impl TemplateArgs {
    /// The template by name; nothing for the model's own, or none.
    pub(crate) fn name(self) -> Option<String> {
        if self.raw { Some("none".to_owned()) } else { self.template }
    }
}
