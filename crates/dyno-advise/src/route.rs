//! Which model a request goes to, with reasons: a pure function of the request, the policy and the models in order.

use dyno_types::{Choice, Evidence, Priority, ReadingPlan, Role, Standing};
use serde::Serialize;

use crate::explain::bytes;
use crate::routing::{GENERAL, Task};
use crate::{Complexity, RoutingPolicy, reading_plan, runs_role, text_tokens};

/// A request to be routed.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteRequest {
    /// A word for the task; general when absent.
    pub task: Option<String>,
    /// Priority.
    pub priority: Priority,
    /// Complexity.
    pub complexity: Complexity,
    /// Length of the text, tokens.
    pub content_tokens: u64,
}

/// A model that can be used here: it fits.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteModel {
    /// The best way to run it.
    pub choice: Choice,
    /// Longest window it can have here, tokens; absent where it is not known.
    pub window: Option<u32>,
    /// Whether it is loaded now.
    pub loaded: bool,
}

/// A model to try when the first fails.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fallback {
    /// Its name.
    pub model: String,
    /// Quantization.
    pub quantization: String,
    /// How near it is to being used.
    pub standing: Standing,
    /// Score, 0..1.
    pub score: f64,
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Route {
    /// The model, by its name in the catalogue or on this machine.
    pub model: String,
    /// Quantization.
    pub quantization: String,
    /// What to type to run it.
    pub command: Option<String>,
    /// The task as understood.
    pub task: String,
    /// Why, step by step.
    pub reasons: Vec<String>,
    /// What to try when it fails, in the same order: measured here, here, to be fetched; within these by score.
    pub fallbacks: Vec<Fallback>,
    /// How the text is read; absent where windows do not matter.
    pub reading: Option<ReadingPlan>,
}

/// A request that goes nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// A word that means no task.
    #[error("there is no task {given:?}; known: {known}")]
    UnknownTask {
        /// What was given.
        given: String,
        /// All names.
        known: String,
    },
    /// Models for it are run by other programs.
    #[error("dyno does not run models for {role} yet")]
    NotRun {
        /// Role.
        role: &'static str,
    },
    /// Nothing here can do it.
    #[error("no model for {task} fits here")]
    NoModel {
        /// Task.
        task: String,
        /// Role it needs.
        role: &'static str,
    },
}

/// The task of a request, after a general one may have turned into another by complexity and length.
#[derive(Debug, Clone, PartialEq)]
pub struct Understood<'p> {
    task: &'p Task,
    reasons: Vec<String>,
}

impl Understood<'_> {
    /// Role that a model needs for it.
    #[must_use]
    pub fn role(&self) -> Role {
        self.task.role
    }

    /// Name of the task.
    #[must_use]
    pub fn task(&self) -> &str {
        &self.task.name
    }
}

/// The task that a request means.
///
/// # Errors
/// [`RouteError::UnknownTask`]; [`RouteError::NotRun`] for a role that dyno does not run.
pub fn understand<'p>(
    policy: &'p RoutingPolicy,
    request: &RouteRequest,
) -> Result<Understood<'p>, RouteError> {
    let unknown = |given: &str| RouteError::UnknownTask {
        given: given.chars().take(60).collect(),
        known: policy.task_names().join(", "),
    };
    let word = request.task.as_deref().unwrap_or(GENERAL);
    let mut task = policy.task(word).ok_or_else(|| unknown(word))?;
    let mut reasons = Vec::new();
    if task.name == GENERAL {
        let tokens = request.content_tokens;
        let turn = policy.turn.iter().find(|turn| {
            turn.complexity.is_none_or(|complexity| complexity == request.complexity)
                && turn.tokens_above.is_none_or(|least| tokens > least)
                && turn.tokens_below.is_none_or(|most| tokens < most)
        });
        if let Some(turn) = turn {
            reasons.push(turn.because.clone());
            task = policy.task(&turn.into).ok_or_else(|| unknown(&turn.into))?;
        }
    } else {
        reasons.push(format!("{word:?} is a {} task", task.name));
    }
    if !runs_role(task.role) {
        return Err(RouteError::NotRun { role: task.role.name() });
    }
    Ok(Understood { task, reasons })
}

/// Chooses among `models`, which stand in the order of [`crate::ranked`] for the role and the priority.
///
/// Models whose window holds the text and the answer are preferred; when none does, the longest window reads in parts. With
/// the priority on speed, a loaded model comes first among those that are here, because loading costs more than it gains.
///
/// # Errors
/// [`RouteError::NoModel`] when there is none.
pub fn route(
    understood: &Understood<'_>,
    request: &RouteRequest,
    preferred: &[String],
    models: &[RouteModel],
) -> Result<Route, RouteError> {
    let task = understood.task;
    let mut reasons = understood.reasons.clone();
    let mut order = able(request, models, &mut reasons);
    if request.priority == Priority::Speed {
        order.sort_by_key(|model| !(model.loaded && model.choice.standing > Standing::Elsewhere));
    }
    let Some((first, others)) = order.split_first() else {
        return Err(RouteError::NoModel { task: task.name.clone(), role: task.role.name() });
    };
    reasons.push(position(first, task.role));
    reasons.extend(others.first().and_then(|second| comparison(request.priority, first, second)));
    reasons.extend(better_builtin(first, others));
    if preferred.contains(&first.choice.model) {
        reasons.push(format!("the rules for {} name it among those that do about as well", task.name));
    }
    let fallback = |model: &&RouteModel| Fallback {
        model: model.choice.model.clone(),
        quantization: model.choice.quantization.clone(),
        standing: model.choice.standing,
        score: model.choice.score,
    };
    Ok(Route {
        model: first.choice.model.clone(),
        quantization: first.choice.quantization.clone(),
        command: first.choice.command.clone(),
        task: task.name.clone(),
        reasons,
        fallbacks: others.iter().map(fallback).collect(),
        reading: first.window.and_then(|window| reading_plan(request.content_tokens, window, false)),
    })
}

/// Models whose window holds the text; those with the longest window when none does.
fn able<'m>(
    request: &RouteRequest,
    models: &'m [RouteModel],
    reasons: &mut Vec<String>,
) -> Vec<&'m RouteModel> {
    let holds = |model: &&RouteModel| {
        model.window.is_none_or(|window| request.content_tokens <= u64::from(text_tokens(window)))
    };
    let whole: Vec<&RouteModel> = models.iter().filter(holds).collect();
    if !whole.is_empty() || models.is_empty() {
        return whole;
    }
    let longest = models.iter().filter_map(|model| model.window).max();
    reasons.push(format!(
        "no window here holds {} tokens; the longest, {} tokens, reads it in parts",
        request.content_tokens,
        longest.unwrap_or_default()
    ));
    models.iter().filter(|model| model.window == longest).collect()
}

/// Why the first stands first.
fn position(first: &RouteModel, role: Role) -> String {
    let choice = &first.choice;
    let need = choice.memory.as_ref();
    let fits = need.map_or_else(
        || "may fit".to_owned(),
        |need| format!("fits ({} {})", need.evidence.name(), bytes(need.total_bytes)),
    );
    let place = choice.here.as_ref().map_or("this machine", |here| here.place.as_str());
    let loaded = if first.loaded { ", is loaded" } else { "" };
    match choice.standing {
        Standing::Measured => format!("{} is here ({place}){loaded}, {fits}, and was measured", choice.model),
        Standing::Here => {
            format!(
                "{} is here ({place}){loaded} and {fits}; what was measured decides, once it is",
                choice.model
            )
        }
        Standing::Builtin => {
            format!(
                "{} is inside dyno and was measured; nothing else for {} is here",
                choice.model,
                role.name()
            )
        }
        Standing::Elsewhere => format!(
            "nothing for {} is here; of what could be fetched, {} {fits} and scores highest or about as high, by predicted and \
             published figures",
            role.name(),
            choice.model
        ),
    }
}

/// Why a built-in model that was measured to be better does not stand first.
fn better_builtin(first: &RouteModel, others: &[&RouteModel]) -> Option<String> {
    let share = |model: &RouteModel| {
        let figure = model.choice.quality.as_ref().filter(|figure| figure.evidence == Evidence::Measured)?;
        Some((figure.value, figure.label.clone()))
    };
    let (value, label) = share(first)?;
    let is_builtin = |model: &&&RouteModel| model.choice.standing == Standing::Builtin;
    let better = others
        .iter()
        .filter(is_builtin)
        .find(|model| share(model).is_some_and(|(other, _)| other > value))?;
    let (other, _) = share(better)?;
    Some(format!(
        "{} answers {other:.1} % of {label} right and not {value:.1} %, but is there to test dyno: files of yours go first",
        better.choice.model
    ))
}

/// The first beside the second, where both were measured in what decides.
fn comparison(priority: Priority, first: &RouteModel, second: &RouteModel) -> Option<String> {
    let (one, other) = (&first.choice, &second.choice);
    if one.standing != other.standing || one.standing == Standing::Elsewhere {
        return None;
    }
    let (name, second_name) = (&one.model, &other.model);
    if priority == Priority::Speed {
        let measured = |choice: &Choice| {
            let rate = choice.decode.as_ref().filter(|rate| rate.evidence == Evidence::Measured)?;
            Some(rate.likely_tps)
        };
        let (rate, second_rate) = (measured(one)?, measured(other)?);
        return Some(format!(
            "measured here: {name} writes {rate:.1} tokens/s, {second_name} {second_rate:.1}"
        ));
    }
    let measured =
        |choice: &'_ Choice| choice.quality.clone().filter(|figure| figure.evidence == Evidence::Measured);
    let (quality, second_quality) = (measured(one)?, measured(other)?);
    let speeds = match (priority, &one.decode, &other.decode) {
        (Priority::Balanced, Some(rate), Some(second_rate)) => format!(
            ", at {:.1} and {:.1} tokens/s ({}, {})",
            rate.likely_tps,
            second_rate.likely_tps,
            rate.evidence.name(),
            second_rate.evidence.name()
        ),
        _ => String::new(),
    };
    Some(format!(
        "measured here: {name} answers {:.1} % of {} right, {second_name} {:.1} %{speeds}",
        quality.value, quality.label, second_quality.value
    ))
}
