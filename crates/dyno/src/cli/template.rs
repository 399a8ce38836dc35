//! Which chat template prompts are put into.

use clap::Args;

/// Flags of every verb that asks many questions.
#[derive(Debug, Args)]
pub(crate) struct TemplateArgs {
    /// Chat template: `model` for the file's own, `none`, or a known one [default: model, or none where the file has none].
    #[arg(long, value_name = "NAME", help_heading = "Questions")]
    template: Option<String>,
    /// Continue prompts as they stand, without a chat template; the same as --template none.
    #[arg(long, conflicts_with = "template", help_heading = "Questions")]
    raw: bool,
}

impl TemplateArgs {
    /// The template by name; nothing for the model's own, or none.
    pub(crate) fn name(self) -> Option<String> {
        if self.raw { Some("none".to_owned()) } else { self.template }
    }
}
