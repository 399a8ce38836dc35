//! The interval people read a figure's interval as: what a repetition of the whole run, here and later, would give.

use statrs::distribution::{ContinuousCDF, FisherSnedecor};

use crate::StatsError;
use crate::error::{check_finite, check_positive};
use crate::interval::{Interval, t_quantile_at};
use crate::sum::{mean, sample_sd};

/// Fewest earlier runs whose variation is taken instead of an assumption.
pub const RUNS_ENOUGH: usize = 5;
/// Weight of an assumed variation, in degrees of freedom.
const ASSUMED_FREEDOM: f64 = 4.0;
/// Probability below which a run that varies so much within itself is not like the earlier ones.
const UNLIKE: f64 = 0.001;

/// How figures of equal runs vary, on the natural logarithm's scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunSpread {
    /// Earlier runs.
    pub runs: usize,
    /// Mean logarithm of their figures; 0 without runs.
    pub log_mean: f64,
    /// Sample variance of the logarithm of their figures; 0 for fewer than two.
    pub log_variance: f64,
    /// Variance of the logarithm from process to process within one run, pooled over the runs.
    pub within_log_variance: f64,
    /// Its degrees of freedom.
    pub within_freedom: usize,
}

/// One run: its figure, and that of each of its processes.
#[derive(Debug, Clone, PartialEq)]
pub struct RunFigure {
    /// Over the whole run.
    pub figure: f64,
    /// Over each process.
    pub by_process: Vec<f64>,
}

impl RunSpread {
    /// The spread of earlier runs. Runs whose figures are not finite and positive have no logarithm and are left out.
    #[must_use]
    pub fn of(runs: &[RunFigure]) -> Self {
        let usable: Vec<&RunFigure> = runs.iter().filter(|run| log_of(&[run.figure]).is_ok()).collect();
        let logs: Vec<f64> = usable.iter().map(|run| run.figure.ln()).collect();
        let within =
            usable.iter().filter_map(|run| Some((log_variance(&run.by_process)?, run.by_process.len() - 1)));
        let (squares, freedom) = within.fold((0.0, 0), |(squares, freedom), (variance, more)| {
            (squares + variance * more as f64, freedom + more)
        });
        Self {
            runs: logs.len(),
            log_mean: if logs.is_empty() { 0.0 } else { mean(&logs) },
            log_variance: if logs.len() < 2 { 0.0 } else { sample_sd(&logs, mean(&logs)).powi(2) },
            within_log_variance: if freedom == 0 { 0.0 } else { squares / freedom as f64 },
            within_freedom: freedom,
        }
    }

    /// The variance with one run more: a run that lies far from all earlier ones says so by itself.
    fn with(&self, log_figure: f64) -> Component {
        if self.runs == 0 {
            return Component { variance: 0.0, freedom: 0.0 };
        }
        let n = self.runs as f64;
        let apart = (log_figure - self.log_mean).powi(2) * n / (n + 1.0);
        Component { variance: ((n - 1.0) * self.log_variance + apart) / n, freedom: n }
    }
}

/// 95 % interval of the figure that another run like this one would give, centred (by ratio) on this run's own figure.
///
/// The logarithm of the ratio of two equal runs has twice the variance of one. With [`RUNS_ENOUGH`] or more earlier runs that variance is
/// that of these and this run, unless this run varies from process to process as those never did. With fewer, it is
/// `assumed_log_sd` squared plus this run's own variance of its mean, pooled with what the runs say.
///
/// # Errors
/// For fewer than two processes, and for figures that are not finite and positive.
pub fn repetition_interval_95(
    run: &RunFigure,
    earlier: &RunSpread,
    assumed_log_sd: f64,
) -> Result<Interval, StatsError> {
    check_positive(&run.by_process, 2)?;
    check_positive(&[run.figure], 1)?;
    let own = Component::of_mean(&run.by_process);
    let runs = earlier.with(run.figure.ln());
    let of_one = if earlier.runs < RUNS_ENOUGH {
        let assumed = Component { variance: assumed_log_sd.powi(2), freedom: ASSUMED_FREEDOM };
        assumed.plus(own).pooled(runs)
    } else if is_unlike(&run.by_process, earlier) && own.variance > runs.variance {
        own
    } else {
        runs
    };
    let half = t_quantile_at(0.975, of_one.freedom) * (2.0 * of_one.variance).sqrt();
    Ok(around(run.figure, half))
}

/// 95 % interval of the mean over the processes of this session alone, by ratio, centred on the figure given: nothing of how another
/// session would differ is in it.
///
/// # Errors
/// As for [`repetition_interval_95`].
pub fn session_interval_95(run: &RunFigure) -> Result<Interval, StatsError> {
    check_positive(&run.by_process, 2)?;
    check_positive(&[run.figure], 1)?;
    let own = Component::of_mean(&run.by_process);
    Ok(around(run.figure, t_quantile_at(0.975, own.freedom) * own.variance.sqrt()))
}

/// A variance and how well it is known.
#[derive(Debug, Clone, Copy)]
struct Component {
    variance: f64,
    freedom: f64,
}

impl Component {
    /// Of the mean logarithm over processes; the processes were checked.
    fn of_mean(by_process: &[f64]) -> Self {
        let n = by_process.len();
        let variance = log_variance(by_process).unwrap_or(0.0) / n as f64;
        Self { variance, freedom: (n - 1) as f64 }
    }

    /// The sum of two independent ones, with the degrees of freedom of Welch and Satterthwaite.
    fn plus(self, other: Self) -> Self {
        let variance = self.variance + other.variance;
        let uncertainty = self.variance.powi(2) / self.freedom + other.variance.powi(2) / other.freedom;
        let freedom = if uncertainty > 0.0 { variance.powi(2) / uncertainty } else { self.freedom };
        Self { variance, freedom }
    }

    /// Two estimates of the same variance.
    fn pooled(self, other: Self) -> Self {
        let freedom = self.freedom + other.freedom;
        let variance = (self.variance * self.freedom + other.variance * other.freedom) / freedom;
        Self { variance, freedom }
    }
}

fn around(figure: f64, half: f64) -> Interval {
    Interval { estimate: figure, low: figure * (-half).exp(), high: figure * half.exp() }
}

/// Whether processes of one run vary beyond what the earlier runs' did.
fn is_unlike(by_process: &[f64], earlier: &RunSpread) -> bool {
    let Some(variance) = log_variance(by_process) else { return false };
    if earlier.within_freedom == 0 {
        return false;
    }
    if earlier.within_log_variance <= 0.0 {
        return variance > 0.0;
    }
    FisherSnedecor::new((by_process.len() - 1) as f64, earlier.within_freedom as f64)
        .is_ok_and(|law| law.sf(variance / earlier.within_log_variance) < UNLIKE)
}

/// Sample variance of the logarithms; `None` for fewer than two values or one without a logarithm.
fn log_variance(values: &[f64]) -> Option<f64> {
    let logs = log_of(values).ok().filter(|logs| logs.len() > 1)?;
    Some(sample_sd(&logs, mean(&logs)).powi(2))
}

fn log_of(values: &[f64]) -> Result<Vec<f64>, StatsError> {
    check_positive(values, 1)?;
    let logs: Vec<f64> = values.iter().map(|value| value.ln()).collect();
    check_finite(&logs, 1)?;
    Ok(logs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(figure: f64, by_process: &[f64]) -> RunFigure {
        RunFigure { figure, by_process: by_process.to_vec() }
    }

    const NONE: RunSpread =
        RunSpread { runs: 0, log_mean: 0.0, log_variance: 0.0, within_log_variance: 0.0, within_freedom: 0 };

    #[test]
    fn an_interval_is_centred_on_the_figure_and_never_reaches_zero() {
        // The mean of these rates over time is far from the mean of the rates.
        let wild = run(15.4, &[3.0, 5.0, 40.0]);
        for interval in
            [session_interval_95(&wild).unwrap(), repetition_interval_95(&wild, &NONE, 0.05).unwrap()]
        {
            assert_eq!(interval.estimate, 15.4);
            assert!(interval.low > 0.0 && interval.low < 15.4 && interval.high > 15.4, "{interval:?}");
            assert!((interval.low * interval.high / (15.4 * 15.4) - 1.0).abs() < 1e-12, "{interval:?}");
        }
    }

    #[test]
    fn a_session_interval_is_the_t_interval_of_logarithms() {
        let interval = session_interval_95(&run(100.0, &[80.0, 100.0, 125.0])).unwrap();
        // ln 1.25 = 0.22314 is the standard deviation; t(0.975, 2)/√3 = 2.48414.
        assert!((interval.high.ln() - 100_f64.ln() - 0.22314 * 2.48414).abs() < 1e-3, "{interval:?}");
    }

    #[test]
    fn without_earlier_runs_the_assumed_variation_enters() {
        let still = run(100.0, &[100.0, 100.0, 100.0]);
        // t(0.975, 4) = 2.776, √2·0.05 = 0.0707.
        let half = 2.776_45 * 0.05 * std::f64::consts::SQRT_2;
        let interval = repetition_interval_95(&still, &NONE, 0.05).unwrap();
        assert!((interval.high - 100.0 * half.exp()).abs() < 1e-2, "{interval:?}");
        assert_eq!(session_interval_95(&still).unwrap().bounds(), [100.0, 100.0]);
    }

    #[test]
    fn enough_earlier_runs_speak_for_themselves() {
        let earlier: Vec<RunFigure> =
            [96.0, 104.0, 99.0, 101.0, 100.0].iter().map(|rate| run(*rate, &[*rate, rate * 1.01])).collect();
        let spread = RunSpread::of(&earlier);
        assert_eq!((spread.runs, spread.within_freedom), (5, 5));
        let this = run(100.0, &[100.0, 101.0]);
        let interval = repetition_interval_95(&this, &spread, 10.0).unwrap();
        // R: logs <- log(c(96, 104, 99, 101, 100, 100)); 100*exp(qt(.975, 5)*sd(logs)*sqrt(2)) is 109.95.
        assert!((interval.high - 109.95).abs() < 0.01, "{interval:?}");
        assert_eq!(repetition_interval_95(&this, &spread, 0.0).unwrap(), interval, "nothing is assumed");
        let four = RunSpread::of(&earlier[..4]);
        assert!(repetition_interval_95(&this, &four, 10.0).unwrap().high > 1000.0);
    }

    #[test]
    fn a_run_that_varies_as_no_earlier_one_did_is_believed_itself() {
        let earlier: Vec<RunFigure> =
            (0..8).map(|n| run(100.0 + f64::from(n % 3), &[100.0, 100.5, 101.0])).collect();
        let spread = RunSpread::of(&earlier);
        let usual = repetition_interval_95(&run(100.0, &[100.0, 100.4, 101.0]), &spread, 0.0).unwrap();
        let wild = repetition_interval_95(&run(100.0, &[60.0, 100.0, 160.0]), &spread, 0.0).unwrap();
        assert!(usual.high < 105.0 && wild.high > 300.0, "{usual:?} {wild:?}");
    }

    #[test]
    fn what_has_no_logarithm_has_no_interval() {
        for by_process in [&[1.0][..], &[1.0, 0.0], &[1.0, f64::NAN], &[]] {
            assert!(session_interval_95(&run(1.0, by_process)).is_err(), "{by_process:?}");
            assert!(repetition_interval_95(&run(1.0, by_process), &NONE, 0.1).is_err(), "{by_process:?}");
        }
        assert!(session_interval_95(&run(0.0, &[1.0, 2.0])).is_err());
        assert_eq!(RunSpread::of(&[run(0.0, &[1.0, 2.0]), run(f64::NAN, &[])]), NONE);
        assert_eq!(RunSpread::of(&[run(2.0, &[0.0, 2.0])]).within_freedom, 0);
    }
}
