//! Do 95 % intervals really cover the truth in about 95 % of repetitions?

use dyno_stats::{order_statistic_interval_95, paired_log_ratio, t_interval_95};

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
