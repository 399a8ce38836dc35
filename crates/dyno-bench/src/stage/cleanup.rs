//! Stage 5: unload, look at what stays, end the process.

use dyno_engine::ExitCause;
use dyno_types::CleanupSample;

use crate::BenchError;
use crate::process::Process;
use crate::run::Run;

impl Run<'_> {
    /// Unloads and ends a measured process; it ends also when unloading fails.
    pub(crate) async fn clean_up(&mut self, process: Process) -> Result<(), BenchError> {
        self.announce(format!("process {}: unloading", process.number));
        let sample = match self.unload(&process).await {
            Ok(sample) => sample,
            Err(error) => {
                self.end(process).await;
                return Err(error);
            }
        };
        let clock = &self.context.clock_ms;
        let asked_ms = clock();
        let cause = self.end(process).await;
        let exit_ms = clock() - asked_ms;
        if matches!(cause, ExitCause::Signal(_)) || matches!(cause, ExitCause::Code(code) if code != 0) {
            self.note(format!("engine process {} did not end well when asked to: {cause}", sample.process));
        }
        self.record.stages.cleanup.get_or_insert_default().samples.push(CleanupSample { exit_ms, ..sample });
        self.step_done();
        Ok(())
    }

    /// Everything but the end of the process.
    async fn unload(&self, process: &Process) -> Result<CleanupSample, BenchError> {
        let loaded = self.process_memory(process).await?;
        let report = self.ask("unloading", process.session.unload()).await?;
        Ok(CleanupSample {
            process: process.number,
            before_load: process.before_load,
            loaded,
            unloaded: report.process,
            unload_ms: report.unload_ms,
            exit_ms: 0.0,
        })
    }
}
