//! Quality as pure functions: suites of questions, ways to ask them, reading answers, scoring them, and saying with honest
//! uncertainty what the scores mean. No files, no clock, no engine: those who drive an engine ask here what to ask and
//! hand back what came.

mod builtin;
mod choice_letter;
mod code;
mod compare;
mod continuation;
mod degeneration;
mod error;
mod extract;
mod fields;
mod formats;
mod heuristic;
mod item_check;
mod judged_number;
mod judging;
mod likelihood;
mod load;
mod normalise;
mod number;
mod plain;
mod prompt;
mod reading;
mod reasoning;
mod score;
mod strategy;
mod suite;
mod suite_format;
mod summary;
mod template;
mod today;
mod tuner;
mod validation;

pub use dyno_datasets::{
    DatasetError, FILE_BYTES_MAX as SUITE_BYTES_MAX, LineProblem, Place, RECORD_BYTES_MAX as LINE_BYTES_MAX,
    RECORDS_MAX,
};

pub use builtin::{BuiltinSuite, builtin_suite, builtin_suites};
pub use code::{ProgramShape, ProgramText, program};
pub use compare::{
    Contrast, QualityVerdict, adjust_together, bootstrap_difference, compare, verdict, verdict_sentence,
};
pub use continuation::{CutError, at_word_start, common_start, continuation_start};
pub use degeneration::{
    Loop, by_length, by_position, degeneration, ending_loop, repeated_sequences, verbosity,
};
pub use error::SuiteError;
pub use extract::{Extracted, Extractor, extract};
pub use formats::{SCORES_BY, ScoreBy, SentencePair, example_table, format_names};
pub use heuristic::Heuristic;
pub use judging::{Preference, RATING_MAX, in_both_orders, judging_chats, pairing_chats, preference, rating};
pub use likelihood::{ChunkDivergence, ChunkLikelihood, Divergence, Perplexity, divergence, perplexity};
pub use load::{LoadOptions, Loaded, PairSet, load, load_suite};
pub use normalise::{Normaliser, USUAL_NORMALISERS, normalise};
pub use number::Number;
pub use prompt::{
    ExamplePool, Framing, LikelihoodRequest, follow_up, generation_prompt, likelihood_requests,
    question_text, stop_texts,
};
pub use reading::Reading;
pub use reasoning::{unfinished_reasoning, without_reasoning};
pub use score::{
    ChoiceOutcome, DIRECT_WAYS, F1_METRIC, NUMBER_WAYS, STEPS_WAYS, Scored, score_choices, score_cloze,
    score_text,
};
pub use strategy::{
    BASELINE_STRATEGY, Example, ExamplesFrom, ExamplesPlace, PrefixPlace, STRATEGIES_BYTES_MAX, Strategy,
    StrategyError, pick_strategies, read_strategies, strategies,
};
pub use suite::{
    ChoiceStyle, Demand, EXAMPLE_TAG, Item, ItemKind, REFUSED_MAX, SUITE_SCHEMA, Suite, SuiteHeader,
    TextFrame, letter,
};
pub use suite_format::write_suite;
pub use summary::{
    ACCURACY, ACCURACY_NORM, ACCURACY_PER_CHAR, ALL_ITEMS, JUDGE_METRIC, Measures, chance_level, form_checks,
    heuristic_report, points, refusals, scores, unscored,
};
pub use template::{NamedTemplate, TemplateError, template, template_warning, templates};
pub use today::of_today;
pub use tuner::{
    Draw, DrawResult, FULL_SPEED_TPS, Preset, SamplingChoice, Standing, Trial, Tuner, TunerError,
    TunerOutcome, TunerPlan, Weights, candidates, judged_draws, least_budget, objective, preset, presets,
};
pub use validation::{
    ATTEMPTS_MAX, Attempt, CHECK_SPECS, Check, Decision, Judge, Language, PolicyError, Problem, RetryPolicy,
    Spent, Validator, Verdict, Vote, judge_prompt, judge_verdict, spent,
};
