//! Engine knobs as flags, made from their one definition in `dyno_types::KNOBS`.

use std::collections::BTreeMap;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use dyno_app::{EVAL_CONTEXT, EVAL_SEQUENCES};
use dyno_types::{EngineSettings, KNOBS, Knob, KnobKind, ThreadChoice};

use super::threads::{ThreadsAsked, threads_asked};

/// Values typed for each knob, ranges expanded; absent knobs keep their default.
#[derive(Debug, Clone, Default)]
pub(crate) struct KnobArgs {
    /// Knob id → values.
    pub(crate) values: BTreeMap<&'static str, Vec<String>>,
    /// Where the thread count comes from, when one is given.
    pub(crate) thread_choice: ThreadChoice,
    /// What of the environment could not be used.
    pub(crate) warnings: Vec<String>,
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

    /// The same with the threads that the environment asks for, where no flag does. Prefill follows where it was not typed either.
    fn with_threads(mut self, asked: ThreadsAsked) -> Self {
        self.warnings.extend(asked.warnings);
        if let Some((count, choice)) = asked.count
            && !self.has("threads")
        {
            self.values.insert("threads", vec![count.clone()]);
            self.values.entry("threads_prefill").or_insert_with(|| vec![count]);
            self.thread_choice = choice;
        }
        self
    }

    /// Whether the knob was typed.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.values.contains_key(id)
    }
}

/// Values typed for one knob, ranges expanded.
#[derive(Debug, Clone)]
struct Values(Vec<String>);

fn argument(knob: &'static Knob) -> Arg {
    let value_name = match knob.kind {
        KnobKind::Number { .. } => "N",
        KnobKind::Choice(_) => "WORD",
    };
    Arg::new(knob.id)
        .long(knob.flag)
        .value_name(value_name)
        .value_parser(move |text: &str| {
            knob.values(text).map(Values).map_err(|error| format!("expected {}", error.expected))
        })
        .help(knob.help)
        .help_heading("Engine (lists and ranges such as 1,2,4 or 1-8 are measured value by value)")
}

/// Knobs of verbs that measure nothing by them: one value each, and threads are not tried out.
pub(crate) fn single_valued(arg: Arg) -> Arg {
    let Some(knob) = Knob::find(arg.get_id().as_str()) else { return arg };
    let arg = arg.help_heading("Engine");
    match knob.id {
        "threads" => arg.help(
            "Threads for decode; `auto` uses every usable core [default: DYNO_THREADS, else OMP_NUM_THREADS, else auto]",
        ),
        "threads_prefill" => {
            arg.help("Threads for prefill; `auto` uses every usable core [default: DYNO_THREADS, else OMP_NUM_THREADS, else auto]")
        }
        _ => arg,
    }
}

/// Knobs of a single answer, whose window follows from the prompt.
pub(crate) fn for_one_answer(arg: Arg) -> Arg {
    let arg = single_valued(arg);
    match arg.get_id().as_str() {
        "context" => arg.help(
            "Context window, in tokens [default: what prompt and answer need, within training context and free memory]",
        ),
        _ => arg,
    }
}

/// Knobs of verbs that ask questions, with the defaults of [`KnobArgs::for_questions`].
pub(crate) fn for_questions(arg: Arg) -> Arg {
    let arg = single_valued(arg);
    match arg.get_id().as_str() {
        "context" => arg.help(format!(
            "Context window per question, in tokens [default: {EVAL_CONTEXT}, or the training context if smaller]"
        )),
        "sequences" => arg.help(format!("Questions to ask at the same time [default: {EVAL_SEQUENCES}]")),
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
            if let Some(Values(expanded)) = matches.get_one::<Values>(knob.id) {
                values.insert(knob.id, expanded.clone());
            }
        }
        let asked =
            threads_asked(|name| std::env::var_os(name).map(|text| text.to_string_lossy().into_owned()));
        Ok(Self { values, thread_choice: ThreadChoice::Fixed, warnings: Vec::new() }.with_threads(asked))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
