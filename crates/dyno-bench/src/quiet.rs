//! Waiting for a quiet machine before a process is measured: with progress, a limit, and an ear for the raised flag.

use crate::BenchError;
use crate::run::Run;

/// Processors' worth of time that others may use on a quiet machine.
const FOREIGN_MAX: f64 = 0.05;
/// Length of one look, ms: long against the system's clock ticks of 10 ms.
const LOOK_MS: f64 = 1000.0;
/// Looks in a row that must be quiet.
const LOOKS: u32 = 2;

impl Run<'_> {
    /// Returns when others have left the processors alone for two seconds, or when the plan's limit has passed; at once where the plan
    /// does not ask for calm.
    pub(crate) async fn wait_for_calm(&mut self) -> Result<(), BenchError> {
        let Some(limit_ms) = self.plan.quiet_limit_ms().filter(|_| !self.gave_up_waiting) else {
            return Ok(());
        };
        let begun_ms = (self.context.clock_ms)();
        let mut quiet = 0;
        while quiet < LOOKS {
            let foreign = self.foreign_processors().await?;
            quiet = if foreign <= FOREIGN_MAX { quiet + 1 } else { 0 };
            let waited_ms = (self.context.clock_ms)() - begun_ms;
            if quiet < LOOKS && waited_ms >= limit_ms {
                self.gave_up_waiting = true;
                self.note(format!(
                    "the machine did not become quiet within {:.0} s: others still use {foreign:.2} processors; measured all the same",
                    limit_ms / 1e3
                ));
                return Ok(());
            }
            self.announce(format!(
                "waiting for a quiet machine: others use {foreign:.2} processors ({:.0} s of at most {:.0} s)",
                waited_ms / 1e3,
                limit_ms / 1e3
            ));
        }
        Ok(())
    }

    /// Processors' worth of time that others used during one look.
    async fn foreign_processors(&self) -> Result<f64, BenchError> {
        let own = std::process::id();
        let count = || {
            let state = (self.context.machine_state)();
            let own_s = (self.context.process_cpu_s)(own).unwrap_or(0.0);
            (state.cpu_busy_s + state.cpu_steal_s - own_s, (self.context.clock_ms)())
        };
        let (before_s, from_ms) = count();
        self.cancel_flag().race((self.context.pause)(LOOK_MS)).await.ok_or(BenchError::Cancelled)?;
        let (after_s, to_ms) = count();
        Ok(((after_s - before_s) * 1e3 / (to_ms - from_ms).max(1.0)).max(0.0))
    }
}
