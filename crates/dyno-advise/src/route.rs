//! Which model a request goes to, with reasons: a pure function of the request, the policy and what is known of the models.

use dyno_types::{Priority, ReadingPlan, Role};
use serde::Serialize;

use crate::routing::{GENERAL, Task};
use crate::score::{quality_weight, speed_share};
use crate::{Complexity, RoutingPolicy, reading_plan, text_tokens};

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
    /// Name in the catalogue.
    pub name: String,
    /// What it is for.
    pub roles: Vec<Role>,
    /// Longest window it can have here, tokens; absent where windows do not matter (speech).
    pub window: Option<u32>,
    /// Whether it is loaded now.
    pub loaded: bool,
    /// Decode rate measured here, tokens/s.
    pub measured_decode_tps: Option<f64>,
    /// Quality measured here for the role in question, 0..=1.
    pub measured_quality: Option<f64>,
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Route {
    /// The model, by its name in the catalogue.
    pub model: String,
    /// The task as understood.
    pub task: String,
    /// Why, step by step.
    pub reasons: Vec<String>,
    /// What to try when it fails, the likeliest first.
    pub fallbacks: Vec<String>,
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
    /// Nothing here can do it.
    #[error("no model for {task} fits here; `dyno recommend --role {role}` says what would")]
    NoModel {
        /// Task.
        task: String,
        /// Role it needs.
        role: &'static str,
    },
}

/// Chooses among `models`, which stand best first.
///
/// 1. The word becomes a task; a general request may turn into another by complexity and length.
/// 2. Models whose window holds the text and the answer are preferred; when none does, the longest window reads in parts.
/// 3. Measured records decide: with two or more models measured in what the priority asks for (decode rate for speed,
///    quality for quality, both for balanced), the best of these is taken.
/// 4. Otherwise the policy's rule for the task, its substitutes, the rule for the length, then the first model of the role;
///    with the priority on speed, a loaded one of the rule's models comes first, because loading costs more than it gains.
///
/// # Errors
/// [`RouteError`] for an unknown task, and when no model of the role is there.
pub fn route(
    policy: &RoutingPolicy,
    request: &RouteRequest,
    models: &[RouteModel],
) -> Result<Route, RouteError> {
    let mut reasons = Vec::new();
    let task = understand(policy, request, &mut reasons)?;
    let able = able(request, task, models, &mut reasons);
    if able.is_empty() {
        return Err(RouteError::NoModel { task: task.name.clone(), role: task.role.name() });
    }
    let mut order = by_policy(policy, request, task, &able);
    let first = match measured_best(request, &able) {
        Some((model, reason)) => {
            reasons.push(reason);
            model
        }
        None => {
            let (model, reason) = order.remove(0);
            reasons.push(reason);
            model
        }
    };
    let reading = first.window.and_then(|window| reading_plan(request.content_tokens, window, false));
    let fallbacks =
        order.iter().map(|(model, _)| model.name.clone()).filter(|name| *name != first.name).collect();
    Ok(Route { model: first.name.clone(), task: task.name.clone(), reasons, fallbacks, reading })
}

fn understand<'p>(
    policy: &'p RoutingPolicy,
    request: &RouteRequest,
    reasons: &mut Vec<String>,
) -> Result<&'p Task, RouteError> {
    let unknown = |given: &str| RouteError::UnknownTask {
        given: given.chars().take(60).collect(),
        known: policy.task_names().join(", "),
    };
    let word = request.task.as_deref().unwrap_or(GENERAL);
    let task = policy.task(word).ok_or_else(|| unknown(word))?;
    if task.name != GENERAL {
        reasons.push(format!("{word:?} is a {} task", task.name));
        return Ok(task);
    }
    let tokens = request.content_tokens;
    let turn = policy.turn.iter().find(|turn| {
        turn.complexity.is_none_or(|complexity| complexity == request.complexity)
            && turn.tokens_above.is_none_or(|least| tokens > least)
            && turn.tokens_below.is_none_or(|most| tokens < most)
    });
    let Some(turn) = turn else { return Ok(task) };
    reasons.push(turn.because.clone());
    policy.task(&turn.into).ok_or_else(|| unknown(&turn.into))
}

/// Models of the role whose window holds the text; those with the longest window when none does.
fn able<'m>(
    request: &RouteRequest,
    task: &Task,
    models: &'m [RouteModel],
    reasons: &mut Vec<String>,
) -> Vec<&'m RouteModel> {
    let mut of_role: Vec<&RouteModel> =
        models.iter().filter(|model| model.roles.contains(&task.role)).collect();
    let holds = |model: &&RouteModel| {
        model.window.is_none_or(|window| request.content_tokens <= u64::from(text_tokens(window)))
    };
    let whole: Vec<&RouteModel> = of_role.iter().copied().filter(holds).collect();
    if !whole.is_empty() || of_role.is_empty() {
        return whole;
    }
    let longest = of_role.iter().filter_map(|model| model.window).max();
    reasons.push(format!(
        "no window here holds {} tokens; the longest, {} tokens, reads it in parts",
        request.content_tokens,
        longest.unwrap_or_default()
    ));
    of_role.retain(|model| model.window == longest);
    of_role
}

/// The best measured model, when at least two are measured in what the priority asks for.
fn measured_best<'m>(request: &RouteRequest, able: &[&'m RouteModel]) -> Option<(&'m RouteModel, String)> {
    let merit = |model: &RouteModel| {
        let speed = model.measured_decode_tps.filter(|rate| rate.is_finite() && *rate > 0.0);
        let quality = model.measured_quality.filter(|quality| (0.0..=1.0).contains(quality));
        let weight = quality_weight(request.priority);
        match request.priority {
            Priority::Speed => speed,
            Priority::Quality => quality,
            Priority::Balanced => Some(quality?.powf(weight) * speed_share(speed?).powf(1.0 - weight)),
        }
    };
    let mut measured: Vec<(f64, &RouteModel)> =
        able.iter().filter_map(|model| Some((merit(model)?, *model))).collect();
    measured.sort_by(|one, other| other.0.total_cmp(&one.0).then_with(|| one.1.name.cmp(&other.1.name)));
    let [(best, model), (second, other), ..] = measured.as_slice() else { return None };
    let reason = match request.priority {
        Priority::Speed => {
            format!("measured here: {} writes {best:.1} tokens/s, {} {second:.1}", model.name, other.name)
        }
        Priority::Quality => format!(
            "measured here: {} answers {:.1} % right, {} {:.1} %",
            model.name,
            best * 100.0,
            other.name,
            second * 100.0
        ),
        Priority::Balanced => {
            format!("measured here: {} balances quality and speed better than {}", model.name, other.name)
        }
    };
    Some((model, reason))
}

/// The able models in the policy's order, each with the reason it stands where it does. Holds every able model once.
fn by_policy<'m>(
    policy: &RoutingPolicy,
    request: &RouteRequest,
    task: &Task,
    able: &[&'m RouteModel],
) -> Vec<(&'m RouteModel, String)> {
    let applies = |priority: Option<Priority>| priority.is_none_or(|wanted| wanted == request.priority);
    let rule = policy.rule.iter().find(|rule| rule.task == task.name && applies(rule.priority));
    let length = policy
        .length
        .iter()
        .find(|length| length.tokens_up_to.is_none_or(|most| request.content_tokens <= most));
    let preferred: Vec<&str> = rule.iter().flat_map(|rule| &rule.models).map(String::as_str).collect();
    let stand_ins =
        policy.substitute.iter().filter(|substitute| preferred.contains(&substitute.model.as_str()));
    let mut order: Vec<(&RouteModel, String)> = Vec::new();
    let mut push = |name: &str, reason: String| {
        let model = able.iter().find(|model| model.name == name);
        if let Some(model) = model.filter(|model| order.iter().all(|(known, _)| known.name != model.name)) {
            order.push((model, reason));
        }
    };
    if request.priority == Priority::Speed {
        for model in able.iter().filter(|model| model.loaded && preferred.contains(&model.name.as_str())) {
            push(
                &model.name,
                format!("{} is among the models for {} and loaded already", model.name, task.name),
            );
        }
    }
    for name in &preferred {
        push(name, format!("the rule for {} names {name}", task.name));
    }
    for substitute in stand_ins {
        push(&substitute.with, format!("{} stands in for {}", substitute.with, substitute.model));
    }
    for name in length.iter().flat_map(|length| &length.models) {
        push(name, format!("{name} is the model for texts of this length"));
    }
    for model in able.iter().filter(|model| model.loaded).chain(able) {
        push(&model.name, format!("{} is what there is for {}", model.name, task.role.name()));
    }
    order
}
