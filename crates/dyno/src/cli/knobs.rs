//! Engine knobs as flags, made from their one definition in `dyno_types::KNOBS`.

use std::collections::BTreeMap;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, error::ErrorKind};
use dyno_app::{EVAL_CONTEXT, EVAL_SEQUENCES};
use dyno_types::{EngineSettings, KNOBS, Knob, KnobKind};

/// Values typed for each knob, ranges expanded; absent knobs keep their default.
#[derive(Debug, Clone, Default)]
pub(crate) struct KnobArgs {
    /// Knob id → values.
    pub(crate) values: BTreeMap<&'static str, Vec<String>>,
}

impl KnobArgs {
    /// The single setting these flags mean, or the first knob that was given several values.
    pub(crate) fn single(&self) -> Result<EngineSettings, String> {
        let mut settings = EngineSettings::default();
        for (id, values) in &self.values {
            let knob = Knob::find(id).expect("ids come from KNOBS");
            let [value] = values.as_slice() else {
                return Err(format!("--{} takes one value here; lists are for `dyno bench`", knob.flag));
            };
            knob.set(&mut settings, value).map_err(|error| error.to_string())?;
        }
        Ok(settings)
    }

    /// The setting for asking questions: several at once, in windows of the usual length, unless typed otherwise.
    pub(crate) fn for_questions(&self) -> Result<EngineSettings, String> {
        let mut settings = self.single()?;
        if !self.has("sequences") {
            settings.sequences = EVAL_SEQUENCES;
        }
        if !self.has("context") {
            settings.context = EVAL_CONTEXT;
        }
        Ok(settings)
    }

    /// Whether the knob was typed.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.values.contains_key(id)
    }
}

fn argument(knob: &'static Knob) -> Arg {
    let value_name = match knob.kind {
        KnobKind::Number { .. } => "N",
        KnobKind::Choice(_) => "WORD",
    };
    Arg::new(knob.id)
        .long(knob.flag)
        .value_name(value_name)
        .help(knob.help)
        .help_heading("Engine knobs (lists and ranges sweep)")
}

/// Knobs of verbs that measure nothing by them: one value each, and threads are not tried out.
pub(crate) fn single_valued(arg: Arg) -> Arg {
    let Some(knob) = Knob::find(arg.get_id().as_str()) else { return arg };
    let arg = arg.help_heading("Engine knobs");
    match knob.id {
        "threads" => arg.help("Threads for decode; auto takes every usable core [default: auto]"),
        "threads_prefill" => arg.help("Threads for prefill; auto takes every usable core [default: auto]"),
        _ => arg,
    }
}

/// Knobs of verbs that ask questions, with the defaults of [`KnobArgs::for_questions`].
pub(crate) fn for_questions(arg: Arg) -> Arg {
    let arg = single_valued(arg);
    match arg.get_id().as_str() {
        "context" => arg.help(format!(
            "Context window of one question, tokens [default: {EVAL_CONTEXT}, or the training context when smaller]"
        )),
        "sequences" => arg.help(format!("Questions asked at the same time [default: {EVAL_SEQUENCES}]")),
        _ => arg,
    }
}

impl Args for KnobArgs {
    fn augment_args(command: Command) -> Command {
        KNOBS.iter().fold(command, |command, knob| command.arg(argument(knob)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for KnobArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut values = BTreeMap::new();
        for knob in KNOBS {
            if let Some(text) = matches.get_one::<String>(knob.id) {
                let expanded = knob
                    .values(text)
                    .map_err(|error| clap::Error::raw(ErrorKind::ValueValidation, format!("{error}\n")))?;
                values.insert(knob.id, expanded);
            }
        }
        Ok(Self { values })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
