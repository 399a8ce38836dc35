//! Do 95 % intervals really cover the truth in about 95 % of repetitions?

use dyno_stats::{
    RunFigure, RunSpread, order_statistic_interval_95, paired_log_ratio, repetition_interval_95,
    session_interval_95, t_interval_95,
};

/// Minimal standard generator of Lehmer (Park and Miller 1988), independent of the one under test.
struct Lehmer(u64);

impl Lehmer {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0 * 48_271 % 2_147_483_647;
        self.0 as f64 / 2_147_483_647.0
    }

    fn normal(&mut self) -> f64 {
        let (radius, angle) = ((-2.0 * self.uniform().ln()).sqrt(), std::f64::consts::TAU * self.uniform());
        radius * angle.cos()
    }
}

const TRIALS: u32 = 4000;

/// Share of trials in which the interval covered the truth.
fn coverage(mut covers: impl FnMut() -> bool) -> f64 {
    let hits = (0..TRIALS).filter(|_| covers()).count();
    hits as f64 / f64::from(TRIALS)
}

#[test]
fn t_intervals_of_three_and_ten_processes_cover_the_mean() {
    for processes in [3, 10] {
        let mut random = Lehmer(20_240_607);
        let share = coverage(|| {
            let means: Vec<f64> = (0..processes).map(|_| 50.0 + 4.0 * random.normal()).collect();
            let interval = t_interval_95(&means).unwrap();
            interval.low <= 50.0 && 50.0 <= interval.high
        });
        // Four standard errors of a share of 0.95 over 4,000 trials are 0.014.
        assert!((share - 0.95).abs() < 0.014, "{processes} processes: {share}");
    }
}

#[test]
fn ratio_intervals_cover_the_true_ratio_in_spite_of_drift() {
    let mut random = Lehmer(77);
    let share = coverage(|| {
        let drift: Vec<f64> = (0..6).map(|i| 100.0 - 5.0 * f64::from(i)).collect();
        let noisy = |value: &f64, random: &mut Lehmer| value * (0.03 * random.normal()).exp();
        let baseline: Vec<f64> = drift.iter().map(|value| noisy(value, &mut random)).collect();
        let candidate: Vec<f64> = drift.iter().map(|value| 1.04 * noisy(value, &mut random)).collect();
        let ratio = paired_log_ratio(&baseline, &candidate).unwrap();
        ratio.low <= 1.04 && 1.04 <= ratio.high
    });
    assert!((share - 0.95).abs() < 0.014, "{share}");
}

#[test]
fn order_statistic_intervals_cover_at_least_as_often_as_promised() {
    let mut random = Lehmer(4);
    // Exponential samples: the true p90 is ln 10, whatever the shape.
    let share = coverage(|| {
        let mut samples: Vec<f64> = (0..60).map(|_| -random.uniform().ln()).collect();
        samples.sort_by(f64::total_cmp);
        let [low, high] = order_statistic_interval_95(&samples, 90.0).unwrap();
        (low..=high).contains(&10.0_f64.ln())
    });
    assert!(share > 0.95 - 0.014, "{share}");
}

/// How figures differ from run to run and from process to process, as a factor's logarithm of about unit deviation.
#[derive(Debug, Clone, Copy)]
enum Noise {
    Normal,
    /// Mostly calm, with a long tail of slow ones: disturbance only slows.
    Skewed,
    /// Two states of the machine, as with a clock that is boosted or not.
    Bimodal,
}

impl Noise {
    fn draw(self, random: &mut Lehmer) -> f64 {
        match self {
            Self::Normal => random.normal(),
            Self::Skewed => 1.0 + random.uniform().ln(),
            Self::Bimodal => {
                let state = if random.uniform() < 0.4 { 1.1 } else { -0.73 };
                state + 0.4 * random.normal()
            }
        }
    }
}

/// A machine whose runs of three processes differ by `between` from run to run and by `within` from process to process.
struct Machine {
    noise: Noise,
    between: f64,
    within: f64,
}

impl Machine {
    fn run(&self, random: &mut Lehmer) -> RunFigure {
        let run = self.between * self.noise.draw(random);
        let process = |random: &mut Lehmer| 100.0 * (run + self.within * self.noise.draw(random)).exp();
        let by_process: Vec<f64> = (0..3).map(|_| process(random)).collect();
        RunFigure { figure: by_process.iter().sum::<f64>() / 3.0, by_process }
    }

    /// Share of runs whose interval, made from so many earlier runs, holds the figure of another one.
    fn coverage(&self, earlier: usize, assumed: f64) -> f64 {
        let mut random = Lehmer(20_261_126);
        coverage(|| {
            let history: Vec<RunFigure> = (0..earlier).map(|_| self.run(&mut random)).collect();
            let (this, later) = (self.run(&mut random), self.run(&mut random));
            let interval = repetition_interval_95(&this, &RunSpread::of(&history), assumed)
                .expect("three processes with positive figures");
            (interval.low..=interval.high).contains(&later.figure)
        })
    }
}

#[test]
fn a_repetition_later_falls_into_the_interval_whatever_the_noise() {
    for noise in [Noise::Normal, Noise::Skewed, Noise::Bimodal] {
        for (between, within) in [(0.04, 0.005), (0.02, 0.03), (0.0, 0.03)] {
            let machine = Machine { noise, between, within };
            for earlier in [8, 30] {
                let share = machine.coverage(earlier, 0.0);
                // Beyond two states there is nothing, so that such intervals hold more than they promise; an exponential tail, the
                // difference of two being Laplace's, costs two per cent: 1 - exp(-1.96·√2) = 0.937, less for few runs.
                let range = match noise {
                    Noise::Normal => 0.94..=0.97,
                    Noise::Skewed => 0.925..=0.97,
                    Noise::Bimodal => 0.94..=0.99,
                };
                assert!(range.contains(&share), "{noise:?} {between} {within} {earlier}: {share}");
            }
        }
    }
}

#[test]
fn before_there_is_a_history_the_assumption_keeps_the_promise_where_it_is_true_or_too_large() {
    for noise in [Noise::Normal, Noise::Skewed, Noise::Bimodal] {
        for earlier in [0, 2, 4] {
            let machine = Machine { noise, between: 0.04, within: 0.01 };
            for assumed in [0.04, 0.08] {
                let share = machine.coverage(earlier, assumed);
                assert!(share >= 0.93, "{noise:?} {earlier} {assumed}: {share}");
            }
        }
    }
}

#[test]
fn processes_of_one_session_alone_do_not_see_drift() {
    let machine = Machine { noise: Noise::Normal, between: 0.04, within: 0.01 };
    let mut random = Lehmer(7);
    let share = coverage(|| {
        let (this, later) = (machine.run(&mut random), machine.run(&mut random));
        let interval = session_interval_95(&this).unwrap();
        (interval.low..=interval.high).contains(&later.figure)
    });
    assert!(share < 0.6, "{share}: this is what the repetition's interval is for");
}
