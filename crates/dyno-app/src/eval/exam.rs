//! One suite put in one manner: what was answered before comes from the cache, the rest is asked, every answer is kept at once.

use std::path::PathBuf;
use std::time::Instant;

use dyno_eval::ExamplePool;
use dyno_models::ModelIdentity;
use dyno_types::{Event, EventSink, ItemResult, Sampling, SuiteResult};

use crate::AppError;
use crate::eval::answers::Writing;
use crate::eval::ask::{Asking, Manner};
use crate::eval::assemble;
use crate::eval::cache::{AnswerCache, AnswerKey, settings_that_count};
use crate::eval::code::CodeRunner;
use crate::eval::drive::{Ask, Workload, drive};
use crate::eval::host::Host;
use crate::eval::likelihood::{UNIT_ITEMS, UNITS, Weighing};
use crate::eval::progress::Progress;
use crate::eval::speed::Pace;
use crate::eval::suites::Questions;
use crate::eval::template::Template;
use crate::watched::changed;

/// What all suites and manners of an evaluation share.
pub(crate) struct Exam<'a> {
    pub(crate) model_sha256: &'a str,
    pub(crate) template: &'a Template,
    /// Runs code; needed where a suite has any.
    pub(crate) code: Option<&'a CodeRunner>,
    /// Folder of the answers; without it nothing is looked up or kept.
    pub(crate) answers: Option<PathBuf>,
    pub(crate) events: &'a dyn EventSink,
}

/// What one suite gave, also when it ended early.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) result: SuiteResult,
    pub(crate) notes: Vec<String>,
    pub(crate) error: Option<AppError>,
}

/// Results as they come, with where they are kept.
struct Sheet<'a> {
    slots: Vec<Option<ItemResult>>,
    /// Wall time of writing answers, s.
    written_s: f64,
    cache: Option<AnswerCache>,
    progress: Progress<'a>,
    events: &'a dyn EventSink,
    /// The files that answer.
    identity: ModelIdentity,
}

impl Sheet<'_> {
    /// Keeps a result; one of other files than those that the answers are kept under is none.
    fn take(&mut self, index: usize, item: ItemResult) -> Result<(), AppError> {
        self.identity.check_stamps().map_err(changed)?;
        if let Some(cache) = &mut self.cache
            && let Err(error) = cache.keep(&item)
        {
            self.events.emit(Event::Warning(format!("answers are not kept from here on: {error}")));
            self.cache = None;
        }
        self.progress.answered(&item);
        self.slots[index] = Some(item);
        Ok(())
    }
}

impl Exam<'_> {
    /// Puts the questions.
    ///
    /// # Errors
    /// [`AppError::Read`] when what was answered before cannot be looked up. Whatever happens later is in the result.
    pub(crate) async fn sit(
        &self,
        host: &mut Host,
        questions: &Questions,
        manner: &Manner,
    ) -> Result<Asked, AppError> {
        let suite = &questions.suite;
        let pool = ExamplePool::new(suite, manner.sampling.seed);
        let asking = Asking { suite, pool: &pool, manner, template: self.template };
        let mut sheet = self.sheet(host, questions, manner)?;
        let missing: Vec<usize> = sheet.missing(questions);
        let cached = (questions.chosen.len() - missing.len()) as u64;
        let asked = self.ask(host, asking, missing, &mut sheet).await;
        let pace = Pace {
            wall_s: sheet.progress.elapsed().as_secs_f64(),
            written_s: sheet.written_s,
            sequences: host.settings().sequences,
            rss_peak_bytes: host.session().memory().await.ok().map(|memory| memory.process.rss_peak_bytes),
        };
        let items: Vec<ItemResult> = sheet.slots.into_iter().flatten().collect();
        let mut notes: Vec<String> = questions.remark(manner.sampling.seed).into_iter().collect();
        let name = format!("{}, {}", questions.id.name, manner.strategy.name);
        if cached > 0 && cached == questions.chosen.len() as u64 {
            notes.push(format!("{name}: every answer was given before and comes from the cache"));
        }
        let unfinished = dyno_eval::unfinished_reasoning(&items);
        if unfinished > 0 {
            notes.push(format!(
                "{name}: {unfinished} of {} answers ended inside their reasoning and count as unread; allow more tokens than {} for an \
                 answer, and a window that holds them",
                items.len(),
                manner.max_tokens
            ));
        }
        notes.extend(dyno_eval::refusals(&items).into_iter().map(|reason| format!("{name}: {reason}")));
        let result = assemble::suite_result(questions, manner, items, pace);
        Ok(Asked { result, notes, error: asked.err() })
    }

    /// An empty sheet, filled with what was answered before.
    fn sheet(&self, host: &Host, questions: &Questions, manner: &Manner) -> Result<Sheet<'_>, AppError> {
        let cache = match &self.answers {
            Some(folder) => Some(AnswerCache::open(folder, &self.key(host, questions, manner))?),
            None => None,
        };
        if let Some(cache) = cache.as_ref().filter(|cache| cache.damaged() > 0) {
            let (damaged, file) = (cache.damaged(), cache.path().display());
            self.events.emit(Event::Warning(format!("{damaged} damaged lines in {file} are not used")));
        }
        let phase = format!("{}, {}", questions.id.name, manner.strategy.name);
        let mut progress = Progress::begin(self.events, phase, questions.chosen.len() as u64);
        let mut slots = vec![None; questions.suite.items.len()];
        for index in &questions.chosen {
            let known = cache.as_ref().and_then(|cache| cache.get(&questions.suite.items[*index].id));
            if let Some(known) = known {
                progress.cached(known);
                slots[*index] = Some(ItemResult { cached: true, ..known.clone() });
            }
        }
        let identity = host.identity().clone();
        Ok(Sheet { slots, written_s: 0.0, cache, progress, events: self.events, identity })
    }

    /// Asks what is missing: likelihoods first, then answers.
    async fn ask(
        &self,
        host: &mut Host,
        asking: Asking<'_>,
        missing: Vec<usize>,
        sheet: &mut Sheet<'_>,
    ) -> Result<(), AppError> {
        let (weighed, written): (Vec<usize>, Vec<usize>) =
            missing.into_iter().partition(|index| asking.manner.by_likelihood(asking.item(*index)));
        if !weighed.is_empty() {
            let adds_bos = host.loaded().adds_bos;
            let weighing = Weighing::new(asking, host.session(), adds_bos).await?;
            let units = weighed.chunks(UNIT_ITEMS).map(<[usize]>::to_vec).collect();
            self.drive(host, &weighing, Workload { units, width: UNITS }, sheet).await?;
        }
        if !written.is_empty() {
            let writing = Writing { asking, code: self.code };
            // One more than the engine holds, so that it never waits for the next question.
            let width = host.settings().sequences as usize + 1;
            let units = written.into_iter().map(|index| vec![index]).collect();
            let begun = Instant::now();
            let driven = self.drive(host, &writing, Workload { units, width }, sheet).await;
            sheet.written_s = begun.elapsed().as_secs_f64();
            driven?;
        }
        Ok(())
    }

    async fn drive(
        &self,
        host: &mut Host,
        asker: &dyn Ask,
        workload: Workload,
        sheet: &mut Sheet<'_>,
    ) -> Result<(), AppError> {
        let mut take = |index: usize, item: ItemResult| sheet.take(index, item);
        drive(host, asker, workload, &mut take, self.events).await
    }

    /// Everything the answers depend on. Where likelihoods decide about all items, sampling does not count.
    fn key(&self, host: &Host, questions: &Questions, manner: &Manner) -> AnswerKey {
        let items = || questions.suite.items.iter();
        let only_weighed = items().all(|item| manner.by_likelihood(item));
        let with_examples = manner.few_shot > 0;
        let sampling = if only_weighed {
            // The seed still chooses worked examples.
            let seed = if with_examples { manner.sampling.seed } else { 0 };
            Sampling { seed, ..Sampling::greedy() }
        } else {
            manner.sampling.clone()
        };
        AnswerKey {
            dyno: env!("CARGO_PKG_VERSION").to_owned(),
            model_sha256: self.model_sha256.to_owned(),
            suite: questions.id.name.clone(),
            suite_sha256: questions.understood_sha256.clone(),
            strategy: serde_json::to_value(&manner.strategy).expect("a strategy is plain data"),
            few_shot: manner.few_shot,
            template: self.template.identity(host.loaded()),
            sampling,
            max_tokens: if only_weighed { 0 } else { manner.max_tokens },
            policy: manner
                .policy
                .as_ref()
                .map(|policy| serde_json::to_value(&policy.policy).expect("a policy is plain data")),
            backend: host.info().backend.clone(),
            settings: settings_that_count(host.settings()),
            code: self.code.map(CodeRunner::describe).unwrap_or_default(),
        }
    }
}

impl Sheet<'_> {
    /// The chosen items without a result.
    fn missing(&self, questions: &Questions) -> Vec<usize> {
        questions.chosen.iter().copied().filter(|index| self.slots[*index].is_none()).collect()
    }
}
