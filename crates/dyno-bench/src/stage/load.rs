//! Stage 2: load the weights and open the context, with the memory before and after and the progress in between.

use dyno_engine::{EngineError, Session};
use dyno_types::{
    ContextReport, EngineMemory, EngineSettings, LoadReport, LoadSample, PageCache, ProcessMemory,
};

use crate::process::Process;
use crate::run::Run;
use crate::{BenchContext, BenchError, Wording, threads};

/// Least progress between two points of the timeline, so that a chatty engine cannot make it long.
const TIMELINE_STEP: f32 = 0.005;

impl Run<'_> {
    /// Loads the model into a fresh process and opens the planned context.
    pub(crate) async fn load(
        &mut self,
        process: &mut Process,
        page_cache: PageCache,
    ) -> Result<(), BenchError> {
        self.announce(format!("process {}: loading", process.number));
        process.before_load = self.process_memory(process).await?;
        let settings = self.settings();
        let (cancel, clock) = (self.cancel_flag(), &self.context.clock_ms);
        let before = process.look(self.context);
        let mut timeline = Timeline::start(clock());
        let mut progress = |fraction: f32| {
            timeline.add(clock(), fraction);
            !cancel.is_cancelled()
        };
        let both = load_and_open(process.session.as_ref(), self.plan.path(), &settings, &mut progress);
        let (mut load, opened) = self.ask("loading the model", both).await?;
        if let Wording::File(template) = self.plan.wording() {
            let read = process.session.use_template(template);
            load.system_in_user = self.ask("reading the chat template", read).await?;
            load.has_chat_template = true;
        }
        process.note_loss(self.context, before);
        let after = self.memory(process).await?;
        process.load = load;
        process.context_bytes = opened.memory.kv_bytes.saturating_add(opened.memory.compute_bytes);
        process.history.record(settings.context, opened.memory);
        self.record.stages.load.get_or_insert_default().samples.push(LoadSample {
            process: process.number,
            page_cache,
            weights_ms: process.load.weights_ms,
            context_ms: opened.context_ms,
            start_ms: process.session.start_ms(),
            before: process.before_load,
            after: after.process,
            breakdown: after.breakdown,
            timeline: timeline.points,
        });
        process.note_cpu(self.context);
        self.step_done();
        Ok(())
    }

    /// The engine settings as chosen so far; threads not chosen yet are all usable processors.
    pub(crate) fn settings(&self) -> EngineSettings {
        let mut settings = self.record.settings.engine.clone();
        for threads in [&mut settings.threads, &mut settings.threads_prefill] {
            if *threads == 0 {
                *threads = threads::most(&self.context.machine);
            }
        }
        settings
    }

    /// Memory of a process and of what it loaded.
    pub(crate) async fn memory(&self, process: &Process) -> Result<EngineMemory, BenchError> {
        let memory = self.ask("reading its memory", process.session.memory()).await?;
        Ok(EngineMemory { process: seen(self.context, process).unwrap_or(memory.process), ..memory })
    }

    /// Memory of a process as the system counts it.
    pub(crate) async fn process_memory(&self, process: &Process) -> Result<ProcessMemory, BenchError> {
        match seen(self.context, process) {
            Some(memory) => Ok(memory),
            None => Ok(self.ask("reading its memory", process.session.memory()).await?.process),
        }
    }
}

/// The process as seen from outside, which costs the engine nothing.
fn seen(context: &BenchContext, process: &Process) -> Option<ProcessMemory> {
    (context.process_memory)(process.session.info().pid)
}

async fn load_and_open(
    session: &dyn Session,
    path: &std::path::Path,
    settings: &EngineSettings,
    progress: &mut (dyn FnMut(f32) -> bool + Send),
) -> Result<(LoadReport, ContextReport), EngineError> {
    let load = session.load(path, settings, progress).await?;
    Ok((load, session.open_context(settings).await?))
}

/// Progress of one load over time.
struct Timeline {
    start_ms: f64,
    points: Vec<(f64, f32)>,
}

impl Timeline {
    fn start(start_ms: f64) -> Self {
        Self { start_ms, points: Vec::new() }
    }

    /// Keeps a point that is new enough, or the end. Progress outside 0..=1 is not progress.
    fn add(&mut self, now_ms: f64, fraction: f32) {
        let last = self.points.last().map(|(_, last)| *last);
        let news =
            last.is_none_or(|last| fraction >= last + TIMELINE_STEP || (fraction >= 1.0 && last < 1.0));
        if (0.0..=1.0).contains(&fraction) && news {
            self.points.push((now_ms - self.start_ms, fraction));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chatty_engine_gives_a_short_timeline() {
        let mut timeline = Timeline::start(100.0);
        for step in 0..=100_000_u32 {
            timeline.add(100.0 + f64::from(step), step as f32 / 100_000.0);
        }
        timeline.add(200_101.0, 1.0);
        assert!(timeline.points.len() <= 202, "{}", timeline.points.len());
        assert_eq!(timeline.points.first(), Some(&(0.0, 0.0)));
        assert_eq!(timeline.points.last(), Some(&(100_000.0, 1.0)));
    }

    #[test]
    fn nonsense_is_no_progress() {
        let mut timeline = Timeline::start(0.0);
        for fraction in [f32::NAN, -1.0, 0.5, 0.1, 7.0] {
            timeline.add(1.0, fraction);
        }
        assert_eq!(timeline.points, [(1.0, 0.5)]);
    }
}
