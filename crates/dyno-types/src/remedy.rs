//! What would help after a refusal, as data: whoever talks to people words it, the command with flags and verbs.

use crate::Knob;

/// Something that can be wished for in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wish {
    /// Run programs of a model although they cannot be isolated.
    AllowUnsafeCode,
    /// All models that are not recommended, with reasons.
    AllRefusals,
    /// Which column of a file holds the answers.
    AnswerColumn,
    /// Generations of a search.
    Budget,
    /// Folder of the model cache.
    CacheFolder,
    /// Most bytes of the model cache.
    CacheSize,
    /// Settings that a search tries.
    Candidates,
    /// Checks of an answer.
    Checks,
    /// Tokens of a chunk of a text.
    Chunk,
    /// Tokens decoded in each window of a benchmark.
    ContextDecodeTokens,
    /// Windows that a benchmark fills.
    Contexts,
    /// Time that an engine may take for an answer.
    Deadline,
    /// Replace files that are there.
    Force,
    /// File of the history.
    History,
    /// Model that judges.
    Judge,
    /// An engine knob, by its id.
    Knob(&'static str),
    /// Least grade of an accepted answer.
    LeastGrade,
    /// Tokens of an answer.
    MaxTokens,
    /// Memory to count with.
    Memory,
    /// Where files are written.
    OutputFolder,
    /// A text whose perplexity is measured.
    Perplexity,
    /// What answers are held to, as a file.
    Policy,
    /// Tuned sampling settings of a task.
    Preset,
    /// Engine processes of a measurement.
    Processes,
    /// Prompts as they stand, without a chat template.
    Raw,
    /// Which column of a file holds the questions.
    QuestionColumn,
    /// Further attempts at an answer.
    Retries,
    /// What a model is for.
    Role,
    /// Measured requests of a process.
    Runs,
    /// How answers are scored.
    Score,
    /// Texts that end an answer.
    Stop,
    /// Prompt strategy.
    Strategy,
    /// Format of a file of questions.
    SuiteFormat,
    /// System message.
    System,
    /// Chat template.
    Template,
    /// Sampling temperature.
    Temperature,
    /// Quantizations to make.
    To,
    /// Choices that are shown.
    Top,
    /// Answers that are voted on.
    Votes,
    /// What counts how much in a search.
    Weights,
}

impl std::fmt::Display for Wish {
    /// As it is named in the middle of a sentence.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::AllowUnsafeCode => "the permission to run code that is not isolated",
            Self::AllRefusals => "the list of what is not recommended",
            Self::AnswerColumn => "the column of answers",
            Self::Budget => "the budget of generations",
            Self::CacheFolder => "the folder of the model cache",
            Self::CacheSize => "the size of the model cache",
            Self::Candidates => "the number of settings to try",
            Self::Checks => "a check of the answer",
            Self::Chunk => "the tokens of a chunk",
            Self::ContextDecodeTokens => "the number of tokens decoded in each window",
            Self::Contexts => "the list of windows",
            Self::Deadline => "the deadline of the engine",
            Self::Force => "the permission to replace files",
            Self::History => "the history file",
            Self::Judge => "the judge",
            Self::Knob(id) => return f.write_str(Knob::find(id).map_or(id, |knob| knob.label)),
            Self::LeastGrade => "the minimum grade",
            Self::MaxTokens => "the maximum answer length",
            Self::Memory => "the memory",
            Self::OutputFolder => "the output folder",
            Self::Perplexity => "the text for perplexity",
            Self::Policy => "the policy",
            Self::Preset => "the preset",
            Self::Processes => "the number of engine processes",
            Self::Raw => "the prompt without a template",
            Self::QuestionColumn => "the column of questions",
            Self::Retries => "the number of retries",
            Self::Role => "the role",
            Self::Runs => "the number of runs",
            Self::Score => "the way of scoring",
            Self::Stop => "a stop text",
            Self::Strategy => "the prompt strategy",
            Self::SuiteFormat => "the format of the questions",
            Self::System => "the system message",
            Self::Template => "the chat template",
            Self::Temperature => "the temperature",
            Self::To => "the list of quantizations",
            Self::Top => "the number of choices shown",
            Self::Votes => "the number of votes",
            Self::Weights => "the weights",
        })
    }
}

/// What would help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// Ask for a number within these bounds.
    Between(Wish, u64, u64),
    /// Ask for this many at least.
    AtLeast(Wish, u64),
    /// Ask for this many at most.
    AtMost(Wish, u64),
    /// Ask for more.
    Raise(Wish),
    /// Ask for less.
    Lower(Wish),
    /// Ask for something else.
    Change(Wish),
    /// Say it.
    Give(Wish),
    /// Ask for this.
    Use(Wish, String),
    /// Do not ask for it.
    Omit(Vec<Wish>),
    /// Ask for one thing only.
    OnlyOne(Wish),
    /// It shows the rest.
    Shows(Wish),
    /// Any of these.
    Either(Vec<Remedy>),
    /// Give a longer text.
    LongerText,
    /// Ask with questions of one's own that a judge rates.
    RateOwnQuestions,
    /// Have the engine measured.
    MeasureEngine,
    /// Choose other places for dyno's files.
    OtherPlaces,
    /// Search sampling settings of this model for a task.
    Tune {
        /// The model.
        model: String,
        /// The task.
        task: String,
    },
    /// Drop a record.
    RemoveRecord(String),
}
