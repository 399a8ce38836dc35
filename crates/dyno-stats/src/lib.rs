//! Pure statistics: summaries, intervals, percentiles, fitted laws, outliers, comparisons.
//!
//! Every function takes raw values and returns plain figures; no input or output, no clock, and no randomness
//! that is not seeded by the caller. The rules come from the project's metric definitions: percentiles are exact
//! (type 7) and exist only with their 95 % order-statistic interval, intervals of a mean come from independent
//! repetitions, and outliers are classified, never dropped.

mod bootstrap;
mod cluster;
mod compare;
mod error;
mod fit;
mod interval;
mod least_squares;
mod outlier;
mod pareto;
mod percentile;
mod proportion;
mod random;
mod repetition;
mod steady;
mod sum;
mod summary;

pub use bootstrap::BlockBootstrap;
pub use cluster::{ClusterBootstrap, ClusteredMean, clustered_mean, clustered_ratio};
pub use compare::{Direction, RatioInterval, Verdict, paired_log_ratio};
pub use error::StatsError;
pub use fit::{LinearFit, PowerFit, linear_fit, power_fit};
pub use interval::{Interval, ratio_of_sums, t_interval_95, t_quantile};
pub use least_squares::nonnegative_least_squares;
pub use outlier::{Outlier, Severity, Side, outliers};
pub use pareto::pareto_set;
pub use percentile::{
    HIGH_TAIL, LOW_TAIL, NamedPercentile, PercentileName, Tail, order_statistic_interval_95, percentile,
    samples_needed,
};
pub use proportion::{
    McNemar, holm, mcnemar, paired_share_interval_95, proportion_interval_95, t_two_sided_p, wilson_95,
};
pub use repetition::{RUNS_ENOUGH, RunFigure, RunSpread, repetition_interval_95, session_interval_95};
pub use steady::{coefficient_of_variation, steady};
pub use sum::sum;
pub use summary::Summary;
