//! Which model, at which quantization, with which settings: ranked by score, with what decided and what not to run.

use std::cmp::{Ordering, Reverse};

use dyno_types::{
    ADVICE_SCHEMA, Advice, AdviceRequest, CatalogueModel, Choice, Constraint, MemoryBudget, Priority,
    Profile, Refusal, RefusalReason, Role, Standing, StepWords,
};

use crate::evaluate::{Question, engine_settings, evaluate};
use crate::explain::{choice_sentence, refusal_sentence};
use crate::next_step::next_step;
use crate::quality::{kept_by_quantization, quality_share};
use crate::score::LEAST_TPS;
use crate::yardstick::{Yardstick, yardstick};
use crate::{Candidate, Predictor, headline, largest_context, reading_plan};

/// Context that is planned for when none is asked for, tokens.
pub const DEFAULT_CONTEXT: u32 = 4096;

/// Scores that differ by less than this share count as alike: no prediction is that exact.
pub const NEAR_SHARE: f64 = 0.05;

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Role.
    pub role: Role,
    /// Priority.
    pub priority: Priority,
    /// Profile, when one was named.
    pub profile: Option<Profile>,
    /// Window asked for, tokens; otherwise [`DEFAULT_CONTEXT`], or less for models made for less.
    pub context: Option<u32>,
    /// The one model asked about; the others serve as alternatives.
    pub model: Option<String>,
    /// Where only these are compared: their names, all of them candidates.
    pub among: Vec<String>,
    /// Models that go first among those that score about alike (see [`NEAR_SHARE`]), the most preferred first.
    pub preferred: Vec<String>,
    /// Memory.
    pub budget: MemoryBudget,
    /// How a next step is typed.
    pub words: StepWords,
}

/// What became of one candidate.
struct Verdict<'a> {
    candidate: &'a Candidate,
    /// Every way to run it, in a fixed order.
    ways: Vec<Choice>,
    trained: Option<u32>,
}

/// The advice for these candidates (all of them for the role asked for). Deterministic: the same input gives the same
/// advice, whatever the order of the candidates.
#[must_use]
pub fn recommend(request: &Request, candidates: &[Candidate], predictor: &dyn Predictor) -> Advice {
    let verdicts = verdicts(request, candidates, predictor);
    let best = ordered(request, &verdicts);
    let asked = |model: &str| request.model.as_deref().is_none_or(|asked| asked == model);
    let (choices, beaten) = match &request.model {
        Some(model) => (ways_of(request, &verdicts, model), Vec::new()),
        None if request.among.is_empty() => pareto(best.clone()),
        None => (best.clone(), Vec::new()),
    };
    let alternative = alternative(&best);
    let mut not_recommended: Vec<Refusal> = verdicts
        .iter()
        .filter(|verdict| asked(&verdict.candidate.model.name))
        .filter_map(|verdict| refusal(request, verdict, alternative))
        .collect();
    not_recommended.sort_by(|one, other| one.model.cmp(&other.model));
    let context = request.context.unwrap_or(DEFAULT_CONTEXT);
    let mut advice = Advice {
        schema: ADVICE_SCHEMA.to_owned(),
        headline: String::new(),
        request: AdviceRequest {
            role: request.role,
            priority: request.priority,
            profile: request.profile,
            context,
            model: request.model.clone(),
            among: request.among.clone(),
        },
        budget: request.budget,
        choices,
        beaten,
        not_recommended,
        reading: None,
        notes: Vec::new(),
    };
    let promised = advice.choices.iter().any(|choice| choice.memory.is_some());
    let fallback = (!promised && request.context.is_some())
        .then(|| longest_window(request, candidates, predictor))
        .flatten();
    if let Some((choice, window)) = &fallback {
        advice.reading = reading_plan(u64::from(context), *window, false);
        advice.notes.push(headline::window_note(choice, *window, context));
    }
    advice.notes.extend(headline::order_notes(&advice, &best));
    advice.headline = headline::headline(&advice, alternative);
    advice
}

/// The best way to run each candidate that can be used, in the order in which they should be taken: what [`recommend`] shows
/// and what requests are routed by.
#[must_use]
pub fn ranked(request: &Request, candidates: &[Candidate], predictor: &dyn Predictor) -> Vec<Choice> {
    ordered(request, &verdicts(request, candidates, predictor))
}

fn ordered(request: &Request, verdicts: &[Verdict<'_>]) -> Vec<Choice> {
    let mut best: Vec<Choice> = verdicts.iter().filter_map(|verdict| best_way(request, verdict)).collect();
    best.sort_by(better_first);
    preferred_first(best, &request.preferred)
}

/// What to take instead of something that is refused: the best answers that are known to fit, of a model that dyno runs where
/// there is one.
fn alternative(best: &[Choice]) -> Option<&Choice> {
    let known = || best.iter().filter(|choice| choice.memory.is_some());
    let runs_here = known().filter(|choice| choice.runs_with.is_none());
    runs_here.max_by(|one, other| by_quality(one, other)).or_else(|| known().next())
}

fn verdicts<'a>(
    request: &Request,
    candidates: &'a [Candidate],
    predictor: &dyn Predictor,
) -> Vec<Verdict<'a>> {
    let yardstick = yardstick(request.role, candidates);
    let judged = |candidate| verdict(request, candidate, predictor, yardstick.as_ref());
    candidates.iter().map(judged).collect()
}

/// Every fitting way to run each candidate, with its explanation: what stacks are made from.
#[must_use]
pub fn fitting_ways(request: &Request, candidates: &[Candidate], predictor: &dyn Predictor) -> Vec<Choice> {
    let ways = verdicts(request, candidates, predictor).into_iter().flat_map(|verdict| {
        let fitting: Vec<Choice> = verdict.ways.iter().filter(|way| usable(request, way)).cloned().collect();
        fitting.into_iter().map(move |way| finished(request, &verdict, way)).collect::<Vec<_>>()
    });
    ways.collect()
}

fn trained(model: &CatalogueModel, candidate: &Candidate) -> Option<u32> {
    let stated = candidate
        .variants
        .iter()
        .find_map(|variant| variant.facts.as_ref()?.context_train)
        .map(|tokens| u32::try_from(tokens).unwrap_or(u32::MAX));
    model.context.or(stated)
}

fn verdict<'a>(
    request: &Request,
    candidate: &'a Candidate,
    predictor: &dyn Predictor,
    yardstick: Option<&Yardstick>,
) -> Verdict<'a> {
    let trained = trained(&candidate.model, candidate);
    let longest = trained.unwrap_or(u32::MAX);
    let context = request.context.unwrap_or(DEFAULT_CONTEXT.min(longest));
    let question = Question { role: request.role, priority: request.priority, context, predictor, yardstick };
    let ways = if context > longest { Vec::new() } else { evaluate(question, candidate) };
    Verdict { candidate, ways, trained }
}

fn fits(request: &Request, way: &Choice) -> bool {
    way.memory.as_ref().is_some_and(|need| need.total_bytes <= request.budget.usable_bytes)
}

fn fast_enough(way: &Choice) -> bool {
    way.decode.as_ref().is_none_or(|rate| rate.likely_tps >= LEAST_TPS)
}

/// Whether the way is known to fit and to be fast enough, as far as its speed is known.
fn usable(request: &Request, way: &Choice) -> bool {
    fits(request, way) && fast_enough(way)
}

/// Whether the way might fit: its memory is not predicted, but its weights alone are not too much.
fn possible(request: &Request, way: &Choice) -> bool {
    let weights = way.weights_bytes.is_some_and(|weights| weights <= request.budget.usable_bytes);
    way.memory.is_none() && weights && fast_enough(way)
}

/// The best way to run a candidate: one that is known to fit before one that might.
fn best_way(request: &Request, verdict: &Verdict<'_>) -> Option<Choice> {
    let ways = verdict.ways.iter().filter(|way| usable(request, way) || possible(request, way));
    let best = ways.min_by(|one, other| better_first(one, other))?;
    Some(finished(request, verdict, best.clone()))
}

/// Ways to run the one model asked about: the best of each quantization, without those beaten in everything.
fn ways_of(request: &Request, verdicts: &[Verdict<'_>], model: &str) -> Vec<Choice> {
    let Some(verdict) = verdicts.iter().find(|verdict| verdict.candidate.model.name == model) else {
        return Vec::new();
    };
    let mut ways: Vec<Choice> = Vec::new();
    for variant in &verdict.candidate.variants {
        let of_it = verdict.ways.iter().filter(|way| way.quantization == variant.quantization);
        let fitting = of_it.filter(|way| usable(request, way) || possible(request, way));
        let best = fitting.min_by(|one, other| better_first(one, other)).cloned();
        ways.extend(best.map(|way| finished(request, verdict, way)));
    }
    ways.sort_by(better_first);
    pareto(ways).0
}

/// The way with its constraint, command and explanation.
fn finished(request: &Request, verdict: &Verdict<'_>, mut way: Choice) -> Choice {
    way.constraint = constraint(request, verdict, &way);
    way.command = next_step(&verdict.candidate.model, &way).map(|step| (request.words.0)(&step));
    way.explanation = choice_sentence(&way, &request.budget);
    way
}

/// What kept the way from the next better quantization of the same model.
fn constraint(request: &Request, verdict: &Verdict<'_>, way: &Choice) -> Constraint {
    if way.memory.is_none() {
        return Constraint::Unpredicted;
    }
    let kept = |choice: &Choice| kept_by_quantization(&choice.quantization);
    let better = verdict.ways.iter().filter(|other| kept(other) > kept(way) && other.memory.is_some());
    let next = better.min_by(|one, other| {
        let needs = |choice: &Choice| choice.memory.as_ref().map(|need| need.total_bytes);
        kept(one).total_cmp(&kept(other)).then_with(|| needs(one).cmp(&needs(other)))
    });
    let Some(next) = next else { return Constraint::Best };
    let quantization = next.quantization.clone();
    match (&next.memory, &next.decode) {
        (Some(need), _) if need.total_bytes > request.budget.usable_bytes => Constraint::Memory {
            quantization,
            needs_bytes: need.total_bytes,
            usable_bytes: request.budget.usable_bytes,
        },
        (_, Some(rate)) => Constraint::Speed { quantization, decode_tps: rate.likely_tps },
        _ => Constraint::Best,
    }
}

/// Order of choices: known to fit, then run by dyno, then here and measured, here, to be fetched; then score, the less sparing
/// settings, less memory, more quality, more speed, name.
pub(crate) fn better_first(one: &Choice, other: &Choice) -> Ordering {
    let [a, b] = [one, other].map(merit);
    b.known
        .cmp(&a.known)
        .then_with(|| b.runs_here.cmp(&a.runs_here))
        .then_with(|| other.standing.cmp(&one.standing))
        .then_with(|| other.score.total_cmp(&one.score))
        .then_with(|| a.sparing.cmp(&b.sparing))
        .then_with(|| a.bytes.cmp(&b.bytes))
        .then_with(|| b.quality.total_cmp(&a.quality))
        .then_with(|| b.speed.total_cmp(&a.speed))
        .then_with(|| (&one.model, &one.quantization).cmp(&(&other.model, &other.quantization)))
}

/// Order by quality, then by score: what an alternative to something large is chosen by.
fn by_quality(one: &Choice, other: &Choice) -> Ordering {
    merit(one).quality.total_cmp(&merit(other).quality).then_with(|| better_first(other, one))
}

#[derive(Clone, Copy)]
struct Merit {
    known: bool,
    runs_here: bool,
    sparing: (u64, Reverse<u32>),
    bytes: u64,
    quality: f64,
    speed: f64,
}

fn merit(choice: &Choice) -> Merit {
    Merit {
        known: choice.memory.is_some(),
        runs_here: choice.runs_with.is_none(),
        // Halves of the cache are alike in every way that is tried; a coarser one has more elements to a block.
        sparing: (u64::from(choice.settings.kv_type_k.block_elements()), Reverse(choice.settings.ubatch)),
        bytes: choice.memory.as_ref().map_or(u64::MAX, |need| need.total_bytes),
        quality: choice.quality.as_ref().map_or(0.0, quality_share),
        speed: choice.decode.as_ref().map_or(0.0, |rate| rate.likely_tps),
    }
}

/// Choices in order, with those moved forward that are preferred and score about as well as the best that is left in the same
/// position.
fn preferred_first(mut choices: Vec<Choice>, preferred: &[String]) -> Vec<Choice> {
    let mut order = Vec::with_capacity(choices.len());
    while let Some(at) = first_of(&choices.iter().collect::<Vec<_>>(), preferred) {
        order.push(choices.remove(at));
    }
    order
}

/// Which of these choices, the best first, is taken: the most preferred of those that score about as well as the best in the same
/// position.
pub(crate) fn first_of(choices: &[&Choice], preferred: &[String]) -> Option<usize> {
    let best = choices.first()?;
    let near = |choice: &Choice| {
        choice.memory.is_some() == best.memory.is_some()
            && choice.runs_with.is_none() == best.runs_with.is_none()
            && choice.standing == best.standing
            && choice.score >= best.score * (1.0 - NEAR_SHARE)
    };
    let rank = |choice: &Choice| preferred.iter().position(|name| *name == choice.model);
    let alike = choices.iter().enumerate().filter(|(_, choice)| near(choice));
    let first = alike.filter_map(|(at, choice)| Some((rank(choice)?, at))).min();
    Some(first.map_or(0, |(_, at)| at))
}

/// Splits choices into those nothing beats in quality, speed and memory at once, and the rest; keeps their order. The first of
/// all stays, and nothing that has to be fetched beats what is here.
fn pareto(choices: Vec<Choice>) -> (Vec<Choice>, Vec<Choice>) {
    let merits: Vec<Merit> = choices.iter().map(merit).collect();
    let standings: Vec<Standing> = choices.iter().map(|choice| choice.standing).collect();
    let beats = |one: &Merit, other: &Merit| {
        let no_worse = one.quality >= other.quality && one.speed >= other.speed && one.bytes <= other.bytes;
        let better = one.quality > other.quality || one.speed > other.speed || one.bytes < other.bytes;
        no_worse && better
    };
    let is_beaten = |at: usize| {
        at > 0
            && (0..merits.len())
                .any(|other| standings[other] >= standings[at] && beats(&merits[other], &merits[at]))
    };
    let beaten: Vec<bool> = (0..merits.len()).map(is_beaten).collect();
    let (rest, front): (Vec<_>, Vec<_>) = choices.into_iter().zip(beaten).partition(|(_, beaten)| *beaten);
    let plain = |pairs: Vec<(Choice, bool)>| pairs.into_iter().map(|(choice, _)| choice).collect();
    (plain(front), plain(rest))
}

/// Why the candidate is not among the choices; `None` when it is.
fn refusal(request: &Request, verdict: &Verdict<'_>, alternative: Option<&Choice>) -> Option<Refusal> {
    if best_way(request, verdict).is_some() {
        return None;
    }
    let model = &verdict.candidate.model;
    let reason = reason(request, verdict);
    Some(Refusal {
        model: model.name.clone(),
        title: model.title.clone(),
        explanation: refusal_sentence(&model.title, &reason, alternative),
        reason,
        alternative: alternative.map(|choice| [choice.model.clone(), choice.quantization.clone()]),
    })
}

fn reason(request: &Request, verdict: &Verdict<'_>) -> RefusalReason {
    if let (Some(asked), Some(trained)) = (request.context, verdict.trained)
        && asked > trained
    {
        return RefusalReason::ContextTooLong { asked, trained };
    }
    let fastest = verdict.ways.iter().filter(|way| fits(request, way)).filter_map(|way| way.decode.as_ref());
    let fastest = fastest.map(|rate| rate.likely_tps).max_by(f64::total_cmp);
    if let Some(decode_tps) = fastest {
        return RefusalReason::TooSlow { decode_tps, least_tps: LEAST_TPS };
    }
    let needs = |way: &Choice| way.memory.as_ref().map(|need| need.total_bytes).or(way.weights_bytes);
    let least =
        verdict.ways.iter().filter_map(|way| Some((needs(way)?, way))).min_by_key(|(needs, _)| *needs);
    least.map_or(RefusalReason::Unknown, |(needs_bytes, way)| RefusalReason::TooLarge {
        quantization: way.quantization.clone(),
        needs_bytes,
        usable_bytes: request.budget.usable_bytes,
    })
}

/// When nothing fits at the window asked for: the longest window of the best choice at an ordinary one, tokens.
fn longest_window(
    request: &Request,
    candidates: &[Candidate],
    predictor: &dyn Predictor,
) -> Option<(Choice, u32)> {
    let ordinary = Request { context: None, ..request.clone() };
    let ways = verdicts(&ordinary, candidates, predictor)
        .into_iter()
        .filter(|verdict| request.model.as_ref().is_none_or(|asked| *asked == verdict.candidate.model.name))
        .filter_map(|verdict| {
            let candidate = verdict.candidate;
            let way = best_way(&ordinary, &verdict)?;
            let variant =
                candidate.variants.iter().find(|variant| variant.quantization == way.quantization)?;
            let longest = trained(&candidate.model, candidate)?.min(request.context?);
            let settings = engine_settings(&way.settings);
            let usable = request.budget.usable_bytes;
            let window = largest_context(variant.facts.as_ref()?, &settings, usable, longest, predictor)?;
            Some((way, window))
        });
    ways.max_by(|one, other| one.1.cmp(&other.1).then_with(|| better_first(&other.0, &one.0)))
}
