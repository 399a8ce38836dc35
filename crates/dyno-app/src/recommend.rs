//! `recommend` and `route`: what to run on this machine, from the catalogue, predictions and the history.

mod candidates;
mod memory_size;

use std::path::{Path, PathBuf};

use dyno_advise::{
    Complexity, DetectedTier, Predictor, Request, Route, RouteError, RouteModel, RouteRequest, RoutingPolicy,
    TierPolicy,
};
use dyno_types::{
    ADVICE_SCHEMA, Advice, Evidence, HardwareProfile, Loading, MemoryBudget, Priority, Profile, Role, Stack,
    StackAdvice,
};

use crate::{App, AppError};

pub use memory_size::parse_memory;

/// Memories that stacks are shown for beside this machine's, bytes.
const STACK_MEMORIES: [u64; 4] = [8 << 30, 16 << 30, 24 << 30, 32 << 30];

/// Roles of a stack. Conversation is left to the reasoning model.
const STACK_ROLES: [Role; 6] =
    [Role::Coding, Role::Reasoning, Role::Vision, Role::Speech, Role::Voice, Role::Embedding];

/// Largest window anybody can ask for, tokens (the bound of the knob).
const CONTEXT_MAX: u32 = 16_777_216;

/// Which memory advice is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryBasis {
    /// All memory this process may use.
    ThisMachine,
    /// What is free right now.
    FreeNow,
    /// So many bytes, of this or another machine.
    Bytes(u64),
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct RecommendJob {
    /// The one model asked about, by any of its names.
    pub model: Option<String>,
    /// Role; the main role of the model, or general, when absent.
    pub role: Option<Role>,
    /// Priority; the profile's when absent: speed for development, quality for production, else balanced.
    pub priority: Option<Priority>,
    /// Profile.
    pub profile: Option<Profile>,
    /// Memory.
    pub memory: MemoryBasis,
    /// Window, tokens.
    pub context: Option<u32>,
    /// A tier policy that replaces the built-in one.
    pub tiers: Option<PathBuf>,
}

/// A request to be routed.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteJob {
    /// A word for the task.
    pub task: Option<String>,
    /// Priority.
    pub priority: Priority,
    /// Complexity.
    pub complexity: Complexity,
    /// Length of the text, tokens.
    pub content_tokens: u64,
    /// Models that are loaded now, by any of their names.
    pub loaded: Vec<String>,
    /// Memory.
    pub memory: MemoryBasis,
}

impl App {
    /// What to run, and what not.
    ///
    /// # Errors
    /// [`AppError::Input`] for a window or memory nobody can have, [`AppError::Model`] for an unknown model.
    pub fn recommend(&self, job: &RecommendJob) -> Result<Advice, AppError> {
        let (asked, role) = self.check_recommend(job)?;
        let machine = dyno_hardware::profile();
        let policy = self.tier_policy(job.tiers.as_deref())?;
        let measured = candidates::Measured::read(self, &machine);
        let request = Request {
            role,
            priority: priority(job),
            profile: job.profile,
            context: job.context,
            model: asked.map(|hit| hit.model.name.clone()),
            budget: budget(job.memory, job.profile, &machine)?,
        };
        let candidates = candidates::for_role(role, &measured);
        let predictor = self.predictor(&machine);
        let mut advice = dyno_advise::recommend(&request, &candidates, &predictor);
        advice.notes.extend(self.speed_notes(&predictor, &machine));
        advice.notes.extend(measured.note());
        advice.notes.push(tier_note(&policy.detect(&machine)));
        advice.notes.extend(free_note(job.memory, &advice));
        Ok(advice)
    }

    /// Refuses what cannot be asked, before anything takes time; the model asked about, and the role.
    ///
    /// # Errors
    /// As [`App::recommend`].
    pub fn check_recommend(
        &self,
        job: &RecommendJob,
    ) -> Result<(Option<dyno_models::CatalogueHit>, Role), AppError> {
        check_context(job.context)?;
        budget(job.memory, job.profile, &dyno_hardware::profile())?;
        self.tier_policy(job.tiers.as_deref())?;
        let asked = job.model.as_deref().map(dyno_models::find_model).transpose()?;
        let role = match (job.role, asked) {
            (Some(role), Some(hit)) if !hit.model.roles.contains(&role) => {
                return Err(AppError::Input(not_for(&hit.model.title, &hit.model.roles, role)));
            }
            (Some(role), _) => role,
            (None, Some(hit)) => hit.model.roles.first().copied().unwrap_or(Role::General),
            (None, None) => Role::General,
        };
        Ok((asked, role))
    }

    /// One model per role, one at a time and together: for 8, 16, 24 and 32 GiB and this machine, or for the memory asked
    /// for.
    ///
    /// # Errors
    /// As [`App::recommend`].
    pub fn recommend_stacks(&self, job: &RecommendJob) -> Result<StackAdvice, AppError> {
        check_context(job.context)?;
        let machine = dyno_hardware::profile();
        let measured = candidates::Measured::read(self, &machine);
        let mut memories = vec![budget(job.memory, job.profile, &machine)?];
        if job.memory == MemoryBasis::ThisMachine {
            let margin = memories[0].margin;
            memories.extend(STACK_MEMORIES.map(|bytes| dyno_advise::budget(bytes, margin)));
        }
        let largest =
            memories.iter().copied().max_by_key(|budget| budget.usable_bytes).unwrap_or(memories[0]);
        let predictor = self.predictor(&machine);
        let ways: Vec<_> = STACK_ROLES
            .into_iter()
            .map(|role| {
                let request = Request {
                    role,
                    priority: priority(job),
                    profile: job.profile,
                    context: job.context,
                    model: None,
                    budget: largest,
                };
                (
                    role,
                    dyno_advise::fitting_ways(&request, &candidates::for_role(role, &measured), &predictor),
                )
            })
            .collect();
        let both = [Loading::OneAtATime, Loading::Together];
        let stacks: Vec<Stack> = memories
            .iter()
            .flat_map(|budget| both.map(|loading| dyno_advise::stack(&ways, *budget, loading)))
            .collect();
        Ok(StackAdvice {
            schema: ADVICE_SCHEMA.to_owned(),
            headline: stack_headline(&stacks),
            priority: priority(job),
            profile: job.profile,
            stacks,
            notes: measured.note().into_iter().collect(),
        })
    }

    /// The model a request would go to, and why.
    ///
    /// # Errors
    /// [`AppError::Input`] for an unknown task, and when nothing of the role fits; [`AppError::Model`] for unknown loaded
    /// models.
    pub fn route(&self, job: &RouteJob) -> Result<Route, AppError> {
        let loaded = job.loaded.iter().map(|name| Ok(dyno_models::find_model(name)?.model.name.as_str()));
        let loaded: Vec<&str> = loaded.collect::<Result<_, AppError>>()?;
        let machine = dyno_hardware::profile();
        let measured = candidates::Measured::read(self, &machine);
        let budget = budget(job.memory, None, &machine)?;
        let policy = RoutingPolicy::built_in();
        let request = RouteRequest {
            task: job.task.clone(),
            priority: job.priority,
            complexity: job.complexity,
            content_tokens: job.content_tokens,
        };
        // The task, and with it the role, is not known before routing: one model of every role shows the role wanted.
        let role = role_of(&policy, &request)?;
        let predictor = self.predictor(&machine);
        let wanted =
            Request { role, priority: job.priority, profile: None, context: None, model: None, budget };
        let models = route_models(&wanted, &loaded, &measured, &predictor);
        dyno_advise::route(&policy, &request, &models).map_err(|error| AppError::Input(error.to_string()))
    }

    /// The tier of this machine under the built-in policy, or under the one in this file.
    ///
    /// # Errors
    /// [`AppError::Input`] when the file cannot be read or is no policy.
    pub fn tier(&self, file: Option<&Path>) -> Result<DetectedTier, AppError> {
        Ok(self.tier_policy(file)?.detect(&dyno_hardware::profile()))
    }

    fn tier_policy(&self, file: Option<&Path>) -> Result<TierPolicy, AppError> {
        let Some(file) = file else { return Ok(TierPolicy::built_in()) };
        let refused = |reason: String| AppError::Input(format!("{}: {reason}", file.display()));
        let size = std::fs::metadata(file).map_err(|error| refused(error.to_string()))?.len();
        if size > dyno_advise::TIERS_BYTES_MAX as u64 {
            return Err(refused(format!("a tier policy is at most {} bytes", dyno_advise::TIERS_BYTES_MAX)));
        }
        let text = std::fs::read_to_string(file).map_err(|error| refused(error.to_string()))?;
        TierPolicy::parse(&text).map_err(|error| refused(error.to_string()))
    }
}

/// The models that fit, best first, with the longest window each can have here.
fn route_models(
    request: &Request,
    loaded: &[&str],
    measured: &candidates::Measured,
    predictor: &dyn Predictor,
) -> Vec<RouteModel> {
    let candidates = candidates::for_role(request.role, measured);
    let advice = dyno_advise::recommend(request, &candidates, predictor);
    let usable = advice.choices.iter().chain(&advice.beaten);
    let known = usable.filter_map(|choice| {
        let candidate = candidates.iter().find(|candidate| candidate.model.name == choice.model)?;
        let variant = candidate.variants.iter().find(|variant| variant.quantization == choice.quantization);
        let window = variant.and_then(|variant| variant.facts.as_ref()).map(|facts| {
            let stated = facts.context_train.and_then(|tokens| u32::try_from(tokens).ok());
            let longest = candidate.model.context.or(stated).unwrap_or(choice.settings.context);
            let settings = dyno_advise::engine_settings(&choice.settings);
            dyno_advise::largest_context(facts, &settings, request.budget.usable_bytes, longest, predictor)
                .unwrap_or(choice.settings.context)
        });
        let here = choice.decode.as_ref().filter(|rate| rate.evidence == Evidence::Measured);
        Some(RouteModel {
            name: choice.model.clone(),
            roles: candidate.model.roles.clone(),
            window,
            loaded: loaded.contains(&choice.model.as_str()),
            measured_decode_tps: here.map(|rate| rate.likely_tps),
            measured_quality: None,
        })
    });
    known.collect()
}

/// The role that the request's task needs, found by routing among models that can do everything.
fn role_of(policy: &RoutingPolicy, request: &RouteRequest) -> Result<Role, AppError> {
    let anything = RouteModel {
        name: String::new(),
        roles: Role::ALL.map(|(_, role)| role).to_vec(),
        window: None,
        loaded: false,
        measured_decode_tps: None,
        measured_quality: None,
    };
    let refused = |error: RouteError| AppError::Input(error.to_string());
    let task = dyno_advise::route(policy, request, &[anything]).map_err(refused)?.task;
    Ok(policy.task(&task).map_or(Role::General, |task| task.role))
}

fn priority(job: &RecommendJob) -> Priority {
    job.priority.unwrap_or(match job.profile {
        Some(Profile::Development) => Priority::Speed,
        Some(Profile::Production) => Priority::Quality,
        None => Priority::Balanced,
    })
}

fn budget(
    basis: MemoryBasis,
    profile: Option<Profile>,
    machine: &HardwareProfile,
) -> Result<MemoryBudget, AppError> {
    let memory_bytes = match basis {
        MemoryBasis::ThisMachine => machine.ram_limit_bytes,
        MemoryBasis::FreeNow => dyno_hardware::state().ram_available_bytes.min(machine.ram_limit_bytes),
        MemoryBasis::Bytes(bytes) => bytes,
    };
    if memory_bytes == 0 {
        return Err(AppError::Input(
            "how much memory there is could not be read; say it with --memory, for example --memory 16GB"
                .to_owned(),
        ));
    }
    Ok(dyno_advise::budget(memory_bytes, dyno_advise::margin(profile)))
}

fn check_context(context: Option<u32>) -> Result<(), AppError> {
    match context {
        Some(tokens) if !(8..=CONTEXT_MAX).contains(&tokens) => Err(AppError::Input(format!(
            "--context {tokens} is no window anybody uses; give tokens from 8 to {CONTEXT_MAX}"
        ))),
        _ => Ok(()),
    }
}

fn not_for(title: &str, roles: &[Role], asked: Role) -> String {
    let known: Vec<&str> = roles.iter().map(|role| role.name()).collect();
    format!(
        "{title} is a model for {}, not for {}; leave --role out or name one of these",
        known.join(", "),
        asked.name()
    )
}

pub(crate) fn tier_note(detected: &DetectedTier) -> String {
    let limits: Vec<&str> = detected.limits.iter().map(|limit| limit.sentence.as_str()).collect();
    let tier = &detected.tier;
    let limited =
        if limits.is_empty() { String::new() } else { format!(", limited by {}", limits.join("; and by ")) };
    format!(
        "This machine is in tier {}{limited}. The tier plans for models of up to {} GiB, {} of them loaded, and at least {} \
         tokens/s.",
        tier.name, tier.max_model_size_gb, tier.max_loaded_models, tier.least_tps
    )
}

/// A warning when the first choice needs more than is free at the moment.
fn free_note(basis: MemoryBasis, advice: &Advice) -> Option<String> {
    let need = advice.choices.first()?.memory.as_ref()?.total_bytes;
    let free = dyno_hardware::state().ram_available_bytes;
    (basis == MemoryBasis::ThisMachine && free > 0 && free < need).then(|| {
        format!(
            "only {} are free right now: close something first, or ask again with --memory free",
            dyno_advise::readable_bytes(free)
        )
    })
}

fn stack_headline(stacks: &[Stack]) -> String {
    let Some(stack) = stacks.first() else { return "There is nothing to choose from.".to_owned() };
    let memory = dyno_advise::readable_bytes(stack.budget.memory_bytes);
    if stack.choices.is_empty() {
        return format!("With {memory}, no memory of any model is predicted or published that would fit.");
    }
    let models: Vec<String> =
        stack.choices.iter().map(|(role, choice)| format!("{} for {}", choice.title, role.name())).collect();
    format!("With {memory}, loaded one at a time, use {}.", models.join(", "))
}
