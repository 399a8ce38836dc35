//! Before the stages: which thread counts are fastest on this machine, measured where the plan leaves them open.

use dyno_engine::EngineError;
use dyno_types::{MeasureRequest, ThreadChoice};

use crate::BenchError;
use crate::process::Process;
use crate::run::Run;
use crate::threads::{ROUNDS, Rates, Room, Sizes, candidates, choose, most, rates, samples};

/// A remark on a comparison that stayed disturbed.
const DISTURBED: &str = "others took more than 5 % of the time in which thread counts were compared, also when it was repeated: another \
                         number of threads may be faster; close other programs, or choose the number yourself";

impl Run<'_> {
    /// Measures every candidate in turn, several times over, and keeps the choice in the settings of the run.
    pub(crate) async fn choose_threads(&mut self, process: &mut Process) -> Result<(), BenchError> {
        if !self.plan.wants_thread_sweep() {
            return Ok(());
        }
        let machine = &self.context.machine;
        let settings = self.settings();
        let room = Room { context: settings.context, ubatch: settings.ubatch };
        self.announce("warming up to compare thread counts".to_owned());
        let warm = self.measure_rates(process, Sizes::warm_up(room).request(most(machine), 0)).await?;
        self.step_done();
        let sizes = Sizes::at_rates(warm, room);
        let mut measured: Vec<(u32, Vec<Rates>)> =
            candidates(machine).into_iter().map(|threads| (threads, Vec::new())).collect();
        for round in 0..ROUNDS {
            for (threads, rounds) in &mut measured {
                self.announce(format!("comparing thread counts: {threads}"));
                rounds.push(self.measure_rates(process, sizes.request(*threads, u64::from(round))).await?);
                self.step_done();
            }
        }
        self.keep_threads(&measured);
        Ok(())
    }

    fn keep_threads(&mut self, measured: &[(u32, Vec<Rates>)]) {
        let sweep = samples(measured);
        let settings = &mut self.record.settings;
        let all = most(&self.context.machine);
        if settings.engine.threads == 0 {
            settings.engine.threads = choose(&sweep, |sample| sample.decode_tps).unwrap_or(all);
        }
        if settings.engine.threads_prefill == 0 {
            settings.engine.threads_prefill = choose(&sweep, |sample| sample.prefill_tps).unwrap_or(all);
        }
        settings.thread_choice = ThreadChoice::Measured;
        settings.thread_sweep = sweep;
    }

    async fn measure_rates(
        &mut self,
        process: &mut Process,
        request: MeasureRequest,
    ) -> Result<Rates, BenchError> {
        let doing = "comparing thread counts";
        let context = self.context;
        let meter = context.loss_meter();
        let measured = self.ask(doing, meter.measure_calmly(&*process.session, &request)).await?;
        process.note_cpu(self.context);
        if measured.is_disturbed() {
            self.note(DISTURBED.to_owned());
        }
        rates(&request, &measured.report).ok_or_else(|| BenchError::Engine {
            doing: doing.to_owned(),
            source: EngineError::Internal(
                "a bare measurement came back without the times it was asked for".to_owned(),
            ),
        })
    }
}
