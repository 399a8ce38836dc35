//! The measured processes of a run; one that lost too much to others is thrown away and measured again.

use dyno_types::{DiscardedProcess, PageCache, ProcessLoss, Stages};

use crate::BenchError;
use crate::loss_meter::RETRIES_MAX;
use crate::run::Run;

/// When to measure a process again: at most twice each, and never again once one stayed disturbed, since the record is void then.
#[derive(Debug, Clone, Default)]
pub(crate) struct Retries {
    of_this: u32,
    gave_up: bool,
}

impl Retries {
    pub(crate) fn next_process(&mut self) {
        self.of_this = 0;
    }

    pub(crate) fn again(&mut self, loss: Option<&ProcessLoss>) -> bool {
        if self.gave_up || !loss.is_some_and(ProcessLoss::is_disturbed) {
            return false;
        }
        self.gave_up = self.of_this == RETRIES_MAX;
        self.of_this += 1;
        !self.gave_up
    }
}

/// Where a run stood before a process.
struct Mark {
    process: u32,
    warm_ups: usize,
    steps_done: u64,
}

impl Run<'_> {
    /// Equal repetitions of each other: warm load, warm-up, inference, context, cleanup.
    pub(crate) async fn repetitions(&mut self) -> Result<(), BenchError> {
        let mut retries = Retries::default();
        for repetition in 0..self.plan.processes() {
            retries.next_process();
            loop {
                self.wait_for_calm().await?;
                let mark = self.mark();
                let loss = self.repetition(repetition).await?;
                if retries.again(loss.as_ref()) {
                    self.discard(&mark, loss.unwrap_or_default());
                } else {
                    self.record.losses.extend(loss);
                    break;
                }
            }
        }
        Ok(())
    }

    /// One process from start to end, and what it lost.
    async fn repetition(&mut self, repetition: u32) -> Result<Option<ProcessLoss>, BenchError> {
        let mut process = self.launch(PageCache::Warm).await?;
        let measured = self.measure(&mut process, repetition).await;
        let loss = process.loss;
        match measured {
            Ok(()) => {
                tracing::info!(repetition, "stage: cleanup");
                self.clean_up(process).await?;
            }
            Err(error) => {
                self.record.losses.extend(loss);
                self.end(process).await;
                return Err(error);
            }
        }
        Ok(loss)
    }

    fn mark(&self) -> Mark {
        let inference = self.record.stages.inference.as_ref();
        Mark {
            process: self.next_process(),
            warm_ups: inference.map_or(0, |stage| stage.warmup_discarded.len()),
            steps_done: self.steps_done(),
        }
    }

    fn discard(&mut self, mark: &Mark, loss: ProcessLoss) {
        let stages = split_off(&mut self.record.stages, mark);
        self.note(measured_again(&loss));
        self.record.discarded.push(DiscardedProcess { loss, stages });
        self.steps_back_to(mark.steps_done);
    }
}

/// A remark on a process that was measured again.
pub(crate) fn measured_again(loss: &ProcessLoss) -> String {
    format!(
        "engine process {} lost {:.0} % of its measured time to others and was measured again",
        loss.process,
        loss.lost_share() * 100.0
    )
}

/// Takes everything measured since the mark.
fn split_off(stages: &mut Stages, mark: &Mark) -> Stages {
    let mut taken = Stages::default();
    if let Some(stage) = &mut stages.load {
        let later = stage.samples.extract_if(.., |sample| sample.process >= mark.process);
        taken.load.get_or_insert_default().samples.extend(later);
    }
    if let Some(stage) = &mut stages.inference {
        let into = taken.inference.get_or_insert_default();
        into.samples.extend(stage.samples.extract_if(.., |sample| sample.process >= mark.process));
        into.warmup_discarded = stage.warmup_discarded.split_off(mark.warm_ups);
    }
    if let Some(stage) = &mut stages.context {
        let later = stage.samples.extract_if(.., |sample| sample.process >= mark.process);
        taken.context.get_or_insert_default().samples.extend(later);
    }
    if let Some(stage) = &mut stages.cleanup {
        let later = stage.samples.extract_if(.., |sample| sample.process >= mark.process);
        taken.cleanup.get_or_insert_default().samples.extend(later);
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_repeated_twice_at_most_and_none_after_one_stayed_disturbed() {
        let calm = ProcessLoss { measured_ms: 100.0, ..ProcessLoss::default() };
        let disturbed = ProcessLoss { waited_ms: 20.0, ..calm };
        let mut retries = Retries::default();
        assert!(!retries.again(None) && !retries.again(Some(&calm)));
        assert!(retries.again(Some(&disturbed)) && retries.again(Some(&disturbed)));
        retries.next_process();
        let tries: Vec<bool> = (0..3).map(|_| retries.again(Some(&disturbed))).collect();
        assert_eq!(tries, [true, true, false]);
        retries.next_process();
        assert!(!retries.again(Some(&disturbed)));
    }
}
