//! Asking many items of an engine that may die: several under way at once, each result handed on when it is there. What was
//! under way when the process died is asked again alone, so that the one item that kills engines is found and set apart.

use std::collections::{BTreeSet, VecDeque};

use dyno_engine::{EngineError, Session};
use dyno_types::{EventSink, ItemResult};
use futures::StreamExt as _;
use futures::stream::{BoxStream, SelectAll};

use crate::AppError;
use crate::eval::host::{Host, is_death};

/// Results of a unit of work: the item's index with what it gave, as they come. An error concerns the process.
pub(crate) type Answers<'a> = BoxStream<'a, Result<(usize, ItemResult), EngineError>>;

/// How items are asked.
pub(crate) trait Ask: Sync {
    /// Asks these items. Whatever concerns one item alone is that item's result.
    fn ask<'a>(&'a self, session: &'a dyn Session, items: Vec<usize>) -> Answers<'a>;

    /// The result of an item that could not be asked.
    fn failed(&self, item: usize, reason: String) -> ItemResult;
}

/// What takes the results.
pub(crate) type Take<'a> = &'a mut (dyn FnMut(usize, ItemResult) -> Result<(), AppError> + Send);

/// Items to ask, in units of those that are asked together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Workload {
    /// Items of each unit.
    pub(crate) units: Vec<Vec<usize>>,
    /// Most units under way at once.
    pub(crate) width: usize,
}

/// What is left to do.
#[derive(Debug, Default)]
struct Work {
    /// Units of work not begun.
    queue: VecDeque<Vec<usize>>,
    /// Most units under way at once.
    width: usize,
    /// Items that were under way when a process died; asked alone, before the rest.
    suspects: VecDeque<usize>,
    /// Items under way.
    under_way: BTreeSet<usize>,
    /// The one item under way alone.
    alone: Option<usize>,
}

impl Work {
    /// The next unit, with so many under way.
    fn next(&mut self, active: usize) -> Option<Vec<usize>> {
        if active > 0 && (active >= self.width || self.alone.is_some() || !self.suspects.is_empty()) {
            return None;
        }
        self.alone = self.suspects.pop_front();
        let unit = match self.alone {
            Some(item) => vec![item],
            None => self.queue.pop_front()?,
        };
        self.under_way.extend(&unit);
        Some(unit)
    }

    /// What a death makes of the items under way; the one that is to blame, when that is known.
    fn after_death(&mut self) -> Option<usize> {
        let alone = self.alone.take();
        let under_way = std::mem::take(&mut self.under_way);
        if let Some(culprit) = alone.filter(|item| under_way.contains(item)) {
            return Some(culprit);
        }
        self.suspects.extend(under_way);
        None
    }
}

/// Asks everything.
///
/// # Errors
/// [`AppError::Cancelled`]; the engine's error when it cannot be started again; whatever `take` fails with. What was taken
/// until then stands.
pub(crate) async fn drive(
    host: &mut Host,
    asker: &dyn Ask,
    Workload { units, width }: Workload,
    take: Take<'_>,
    events: &dyn EventSink,
) -> Result<(), AppError> {
    let mut work = Work { queue: units.into(), width: width.max(1), ..Work::default() };
    while let Some(cause) = until_death(host, asker, &mut work, take).await? {
        host.revive(&cause, events).await?;
        if let Some(culprit) = work.after_death() {
            take(culprit, asker.failed(culprit, format!("the engine died of it twice: {cause}")))?;
        }
    }
    Ok(())
}

/// Works until everything is done, or the process dies: then the cause.
async fn until_death(
    host: &Host,
    asker: &dyn Ask,
    work: &mut Work,
    take: Take<'_>,
) -> Result<Option<EngineError>, AppError> {
    let mut active: SelectAll<Answers<'_>> = SelectAll::new();
    loop {
        while let Some(unit) = work.next(active.len()) {
            active.push(asker.ask(host.session(), unit));
        }
        let answer = tokio::select! {
            biased;
            () = host.cancel().cancelled() => return Err(AppError::Cancelled),
            answer = active.next() => answer,
        };
        match answer {
            Some(Ok((item, result))) => {
                work.under_way.remove(&item);
                take(item, result)?;
            }
            Some(Err(error)) if is_death(&error) => return Ok(Some(error)),
            Some(Err(EngineError::Cancelled)) => return Err(AppError::Cancelled),
            Some(Err(error)) => return Err(error.into()),
            None if work.queue.is_empty() && work.suspects.is_empty() => return Ok(None),
            // Everything under way has ended; what waits comes next.
            None => work.alone = None,
        }
    }
}

#[cfg(test)]
mod tests;
