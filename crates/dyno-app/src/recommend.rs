//! `recommend` and `route`: what to run on this machine, from the catalogue, predictions and the history.

mod candidates;
mod local;
mod measured;
mod memory_size;
mod side_by_side;

use std::path::{Path, PathBuf};

use dyno_advise::{
    Candidate, Complexity, DetectedTier, Predictor, Request, RoleWays, Route, RouteModel, RouteRequest,
    RoutingPolicy, TierPolicy,
};
use dyno_types::{
    ADVICE_SCHEMA, Advice, CatalogueModel, Choice, HardwareProfile, Loading, MemoryBudget, Priority, Profile,
    Remedy, Role, Stack, StackAdvice, StepWords, Whereabouts, Wish,
};

use self::local::LocalModel;
use self::measured::Measured;
use crate::blocking::read_named_text;
use crate::{AppError, Work};

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
    /// The models asked about: names of the catalogue, files, references. One of the catalogue is shown in every quantization;
    /// several, and files, are compared with each other alone.
    pub models: Vec<String>,
    /// Role; the main role of the first model that the catalogue knows, or general, when absent.
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
    /// How a next step is typed.
    pub words: StepWords,
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
    /// How a next step is typed.
    pub words: StepWords,
}

/// What was named, as far as it is known without the history.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// Models of this machine.
    files: Vec<LocalModel>,
    /// Models of the catalogue.
    catalogue: Vec<&'static CatalogueModel>,
    /// What the models are to be good at.
    role: Role,
}

impl Work {
    /// What to run, and what not.
    ///
    /// # Errors
    /// [`AppError::Input`] for a window or memory nobody can have, [`AppError::Model`] for an unknown model.
    pub fn recommend(&self, job: &RecommendJob) -> Result<Advice, AppError> {
        let asked = self.check_recommend(job)?;
        let machine = dyno_hardware::profile();
        let policy = self.tier_policy(job.tiers.as_deref())?;
        let measured = Measured::read(self, &machine);
        let memory = budget(job.memory, job.profile, &machine)?;
        let request = Request {
            role: asked.role,
            preferred: preferred(asked.role, priority(job)),
            ..job_request(job, memory)
        };
        let (request, candidates) = match (asked.files.as_slice(), asked.catalogue.as_slice()) {
            ([], []) => (request, self.all_candidates(asked.role, &measured)?),
            ([], [one]) => {
                let candidates = self.all_candidates(asked.role, &measured)?;
                (Request { model: Some(one.name.clone()), ..request }, candidates)
            }
            (files, catalogue) => {
                let mut candidates = candidates::of_catalogue(catalogue, &measured);
                candidates.extend(candidates::of_files(files, &measured));
                let among = candidates.iter().map(|candidate| candidate.model.name.clone()).collect();
                (Request { among, ..request }, candidates)
            }
        };
        let predictor = self.predictor(&machine);
        let mut advice = dyno_advise::recommend(&request, &candidates, &predictor);
        advice.not_recommended.sort_by_key(|refusal| dyno_models::asked_rank(&refusal.model));
        advice.notes.extend(self.speed_notes(&predictor, &machine, job.words));
        advice.notes.extend(measured.note());
        advice.notes.push(tier_note(&policy.detect(&machine)));
        advice.notes.extend(free_note(job.memory, &advice, job.words));
        Ok(advice)
    }

    /// Refuses what cannot be asked, before anything takes time; the models asked about, and the role.
    ///
    /// # Errors
    /// As [`Self::recommend`].
    pub fn check_recommend(&self, job: &RecommendJob) -> Result<Asked, AppError> {
        check_context(job.context)?;
        budget(job.memory, job.profile, &dyno_hardware::profile())?;
        self.tier_policy(job.tiers.as_deref())?;
        let (mut files, mut catalogue) = (Vec::new(), Vec::new());
        for name in &job.models {
            match local::named(self, name)? {
                Some(file) => files.push(file),
                None => catalogue.push(dyno_models::find_model(name)?.model),
            }
        }
        let first = catalogue.first().and_then(|model| model.roles.first()).copied();
        let role = job.role.or(first).unwrap_or(Role::General);
        if let Some(other) = catalogue.iter().find(|model| !model.roles.contains(&role)) {
            return Err(not_for(&other.title, &other.roles, role));
        }
        for file in &files {
            let facts = &file.facts;
            if dyno_advise::runs_role(role) && !candidates::can_be_loaded(facts, role) {
                dyno_models::check_runnable(facts)?;
                let name = &facts.file_name;
                return Err(AppError::Input(format!(
                    "{name} has no tokenizer: it is a part of a model (a projector or an adapter); name the model"
                )));
            }
        }
        Ok(Asked { files, catalogue, role })
    }

    /// Everything that can be chosen for a role: the catalogue and what is on this machine.
    fn all_candidates(&self, role: Role, measured: &Measured) -> Result<Vec<Candidate>, AppError> {
        let locals = local::on_this_machine(self, measured)?;
        Ok(candidates::for_role(role, &locals, measured))
    }

    /// One model per role, one at a time and together: for 8, 16, 24 and 32 GiB and this machine, or for the memory asked
    /// for.
    ///
    /// # Errors
    /// As [`Self::recommend`].
    pub fn recommend_stacks(&self, job: &RecommendJob) -> Result<StackAdvice, AppError> {
        check_context(job.context)?;
        let machine = dyno_hardware::profile();
        let measured = Measured::read(self, &machine);
        let mut memories = vec![budget(job.memory, job.profile, &machine)?];
        if job.memory == MemoryBasis::ThisMachine {
            let margin = memories[0].margin;
            memories.extend(STACK_MEMORIES.map(|bytes| dyno_advise::budget(bytes, margin)));
        }
        let largest =
            memories.iter().copied().max_by_key(|budget| budget.usable_bytes).unwrap_or(memories[0]);
        let predictor = self.predictor(&machine);
        let locals = local::on_this_machine(self, &measured)?;
        let ways: Vec<RoleWays> = STACK_ROLES
            .into_iter()
            .map(|role| {
                let request = Request { role, ..job_request(job, largest) };
                let candidates = candidates::for_role(role, &locals, &measured);
                let ways = dyno_advise::fitting_ways(&request, &candidates, &predictor);
                RoleWays { role, ways, preferred: preferred(role, request.priority) }
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

    /// The model a request would go to, and why: the first of what `recommend` would choose for the role and the priority.
    ///
    /// # Errors
    /// [`AppError::Route`] for an unknown task, for one whose models dyno does not run, and when nothing of the role fits;
    /// [`AppError::Model`] for unknown loaded models.
    pub fn route(&self, job: &RouteJob) -> Result<Route, AppError> {
        let machine = dyno_hardware::profile();
        let budget = budget(job.memory, None, &machine)?;
        let policy = RoutingPolicy::built_in();
        let request = RouteRequest {
            task: job.task.clone(),
            priority: job.priority,
            complexity: job.complexity,
            content_tokens: job.content_tokens,
        };
        let understood = dyno_advise::understand(&policy, &request)?;
        let measured = Measured::read(self, &machine);
        let mut candidates = self.all_candidates(understood.role(), &measured)?;
        let loaded = job.loaded.iter().map(|name| loaded_model(name, &candidates));
        let loaded: Vec<String> = loaded.collect::<Result<_, AppError>>()?;
        load(&mut candidates, &loaded);
        let rules = policy.preferred(understood.task(), job.priority, job.content_tokens);
        let wanted = Request {
            role: understood.role(),
            priority: job.priority,
            profile: None,
            context: None,
            model: None,
            among: Vec::new(),
            preferred: loaded.iter().chain(&rules).cloned().collect(),
            budget,
            words: job.words,
        };
        let models = route_models(&wanted, &loaded, &candidates, &self.predictor(&machine));
        Ok(dyno_advise::route(&understood, &request, &rules, &models)?)
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
        let most = dyno_advise::TIERS_BYTES_MAX as u64;
        let text = read_named_text(file, most, "tier policy", &self.job.cancel)?;
        TierPolicy::parse(&text).map_err(|error| refused(error.to_string()))
    }
}

/// A loaded model, by its name among the candidates or in the catalogue.
fn loaded_model(name: &str, candidates: &[Candidate]) -> Result<String, AppError> {
    let is_named = |candidate: &&Candidate| {
        let references = candidate.variants.iter().filter_map(|variant| variant.here.as_ref());
        candidate.model.name == name || references.into_iter().any(|here| here.reference == name)
    };
    match candidates.iter().find(is_named) {
        Some(candidate) => Ok(candidate.model.name.clone()),
        None => Ok(dyno_models::find_model(name)?.model.name.clone()),
    }
}

/// What is loaded is here, even where its file was not found.
fn load(candidates: &mut [Candidate], loaded: &[String]) {
    for candidate in candidates.iter_mut().filter(|candidate| loaded.contains(&candidate.model.name)) {
        if candidate.variants.iter().all(|variant| variant.here.is_none()) {
            for variant in &mut candidate.variants {
                let reference = candidate.model.name.clone();
                variant.here = Some(Whereabouts { reference, place: "loaded".to_owned(), builtin: false });
            }
        }
    }
}

/// The models that fit, in the order in which they should be taken, with the longest window each can have here.
fn route_models(
    request: &Request,
    loaded: &[String],
    candidates: &[Candidate],
    predictor: &dyn Predictor,
) -> Vec<RouteModel> {
    let known = dyno_advise::ranked(request, candidates, predictor).into_iter().map(|choice| {
        let candidate = candidates.iter().find(|candidate| candidate.model.name == choice.model);
        let window = candidate.and_then(|candidate| window(request, candidate, &choice, predictor));
        RouteModel { loaded: loaded.contains(&choice.model), window, choice }
    });
    known.collect()
}

/// The longest window of a choice that fits, tokens; absent where its header is not known.
fn window(
    request: &Request,
    candidate: &Candidate,
    choice: &Choice,
    predictor: &dyn Predictor,
) -> Option<u32> {
    let variant = candidate.variants.iter().find(|variant| variant.quantization == choice.quantization)?;
    let facts = variant.facts.as_ref()?;
    let stated = facts.context_train.and_then(|tokens| u32::try_from(tokens).ok());
    let longest = candidate.model.context.or(stated).unwrap_or(choice.settings.context);
    let settings = dyno_advise::engine_settings(&choice.settings);
    let usable = request.budget.usable_bytes;
    let largest = dyno_advise::largest_context(facts, &settings, usable, longest, predictor);
    Some(largest.unwrap_or(choice.settings.context))
}

/// Models that the rules prefer for the main task of a role.
fn preferred(role: Role, priority: Priority) -> Vec<String> {
    RoutingPolicy::built_in().preferred(role.name(), priority, 0)
}

/// What a job asks for, for general use and without a model; the role is filled in by the caller.
fn job_request(job: &RecommendJob, budget: MemoryBudget) -> Request {
    Request {
        role: Role::General,
        priority: priority(job),
        profile: job.profile,
        context: job.context,
        model: None,
        among: Vec::new(),
        preferred: Vec::new(),
        budget,
        words: job.words,
    }
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
        let remedy = Remedy::Use(Wish::Memory, "16GB".to_owned());
        return Err(AppError::refused("how much memory there is could not be read", remedy));
    }
    Ok(dyno_advise::budget(memory_bytes, dyno_advise::margin(profile)))
}

fn check_context(context: Option<u32>) -> Result<(), AppError> {
    match context {
        Some(tokens) if !(8..=CONTEXT_MAX).contains(&tokens) => Err(AppError::refused(
            format!("a window of {tokens} tokens is out of range"),
            Remedy::Between(Wish::Knob("context"), 8, CONTEXT_MAX.into()),
        )),
        _ => Ok(()),
    }
}

fn not_for(title: &str, roles: &[Role], asked: Role) -> AppError {
    let known: Vec<&str> = roles.iter().map(|role| role.name()).collect();
    let what = format!("{title} is a model for {}, not for {}", known.join(", "), asked.name());
    AppError::refused(what, Remedy::Either(vec![Remedy::Omit(vec![Wish::Role]), Remedy::Change(Wish::Role)]))
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
fn free_note(basis: MemoryBasis, advice: &Advice, words: StepWords) -> Option<String> {
    let need = advice.choices.first()?.memory.as_ref()?.total_bytes;
    let free = dyno_hardware::state().ram_available_bytes;
    (basis == MemoryBasis::ThisMachine && free > 0 && free < need).then(|| {
        format!(
            "only {} are free right now: close something first, or {}",
            dyno_advise::readable_bytes(free),
            words.remedy(Remedy::Use(Wish::Memory, "free".to_owned()))
        )
    })
}

fn stack_headline(stacks: &[Stack]) -> String {
    let Some(stack) = stacks.first() else { return "There is nothing to choose from.".to_owned() };
    let memory = dyno_advise::readable_bytes(stack.budget.memory_bytes);
    if stack.choices.is_empty() {
        return format!("With {memory}, no memory of any model is predicted or published that would fit.");
    }
    let named = |runs_here: bool| {
        let of = stack.choices.iter().filter(|(_, choice)| choice.runs_with.is_none() == runs_here);
        let named: Vec<String> =
            of.map(|(role, choice)| format!("{} for {}", choice.title, role.name())).collect();
        named.join(", ")
    };
    let others = named(false);
    let others = if others.is_empty() { others } else { format!(" Other programs can run {others}.") };
    match named(true).as_str() {
        "" => format!("With {memory}, nothing that dyno runs fits.{others}"),
        models => format!("With {memory}, loaded one at a time, use {models}.{others}"),
    }
}
