//! Axes with ticks at values people expect.

use dyno_types::Unit;

use crate::figure::{Scale, count};

/// A tick: value and label.
type Tick = (f64, String);

/// One axis; positions are transformed here, so that plotters only sees linear ones.
pub(crate) struct Axis {
    low: f64,
    high: f64,
    log: bool,
    ticks: Vec<Tick>,
    /// Unit of the labels, for the caption; empty for plain counts.
    pub(crate) unit: &'static str,
}

/// Windows further apart than this factor are spaced by doublings instead of linearly.
const LINEAR_TOKENS_MAX: f64 = 16.0;

/// Values further apart than this factor are spaced by ratios instead of linearly.
const LINEAR_RATIO_MAX: f64 = 10.0;

impl Axis {
    /// From zero to a little above `max`, which must be finite; the ticks are round in the unit shown.
    pub(crate) fn from_zero(unit: Unit, max: f64) -> Self {
        let scale = Scale::of(unit, max);
        Self::scaled(0.0, max.max(f64::MIN_POSITIVE) * 1.1, scale.factor(), scale.unit)
    }

    /// Percent from zero.
    pub(crate) fn percent(max: f64) -> Self {
        Self::scaled(0.0, max.clamp(1e-6, 100.0), 1.0, "%")
    }

    /// From `low` to `high` (finite, in the unit shown), with round ticks.
    pub(crate) fn between(low: f64, high: f64, unit: &'static str) -> Self {
        /// Nothing measured is larger; beyond it, differences of ends overflow.
        const FAR: f64 = 1e12;
        let low = low.clamp(-FAR, FAR);
        let high = high.clamp(low, FAR);
        let room = ((high - low) * 0.04).max(low.abs().max(high.abs()) * 1e-6).max(1e-9);
        Self::scaled(low - room, high + room, 1.0, unit)
    }

    /// Percent around the values (finite, in percent) only, inside 0 to 100; at least ten points wide.
    pub(crate) fn percent_around(min: f64, max: f64) -> Self {
        let min = min.clamp(0.0, 100.0);
        let max = max.clamp(min, 100.0);
        let (middle, half) = ((min + max) / 2.0, ((max - min) * 0.65).max(5.0));
        Self::scaled((middle - half).max(0.0), (middle + half).min(101.0), 1.0, "%")
    }

    /// Around the values only, zero left out.
    pub(crate) fn zoomed(unit: Unit, min: f64, max: f64) -> Self {
        let scale = Scale::of(unit, max);
        // Identical values still need a range to stand in.
        let room = ((max - min) * 0.15).max(max.abs() * 0.01).max(f64::MIN_POSITIVE);
        Self::scaled((min - room).max(0.0), max + room, scale.factor(), scale.unit)
    }

    /// Tokens in the context, over all values given: linear, or by doublings when they are far apart.
    pub(crate) fn tokens(values: impl Iterator<Item = f64> + Clone) -> Self {
        let max = values.clone().fold(1.0, f64::max);
        let min = values.filter(|value| *value >= 1.0).fold(max, f64::min);
        if max / min > LINEAR_TOKENS_MAX {
            return Self::doublings(min, max);
        }
        let step = (max / 4.5).log2().ceil().exp2().max(1.0);
        let ticks = ticks_between(0.0, max * 1.01, step).map(|value| (value, token_label(value))).collect();
        Self { low: 0.0, high: max * 1.06, log: false, ticks, unit: "tokens" }
    }

    fn doublings(min: f64, max: f64) -> Self {
        let (low, high) = (min / 1.25, max * 1.25);
        let (first, last) = (min.log2().round() as i32, max.log2().round() as i32);
        let every = ((last - first) / 6 + 1).max(1) as usize;
        let ticks = (first..=last).step_by(every).map(|power| f64::from(power).exp2());
        let shown =
            ticks.filter(|value| (low..=high).contains(value)).map(|value| (value, token_label(value)));
        Self { low, high, log: true, ticks: shown.collect(), unit: "tokens" }
    }

    /// Times: linear from `min` to `max`, or logarithmic with ticks at 1, 2 and 5.
    pub(crate) fn times(min: f64, max: f64, log: bool) -> Self {
        let scale = Scale::of(Unit::Milliseconds, max);
        if !log {
            let room = ((max - min) * 0.03).max(max * 1e-3);
            return Self::scaled((min - room).max(0.0), max + room, scale.factor(), scale.unit);
        }
        Self::logarithmic(min, max, scale.factor(), scale.unit)
    }

    /// From zero; or by ratios, where the values differ so much that on the other axis the smaller ones would lie on the base
    /// line. Both must be finite and above zero.
    pub(crate) fn reaching(unit: Unit, least: f64, greatest: f64) -> Self {
        if greatest / least <= LINEAR_RATIO_MAX {
            return Self::from_zero(unit, greatest);
        }
        let scale = Scale::for_column(unit, [least, greatest].into_iter());
        Self::logarithmic(least, greatest, scale.factor(), scale.unit)
    }

    /// The same for plain numbers, which are shown around their values where they do not differ that much.
    pub(crate) fn spanning(least: f64, greatest: f64) -> Self {
        if least > 0.0 && greatest / least > LINEAR_RATIO_MAX {
            Self::logarithmic(least, greatest, 1.0, "")
        } else {
            Self::between(least, greatest, "")
        }
    }

    /// Whether equal distances are equal ratios.
    pub(crate) fn is_logarithmic(&self) -> bool {
        self.log
    }

    /// By ratios, with ticks at 1, 2 and 5 in the unit shown.
    fn logarithmic(min: f64, max: f64, factor: f64, unit: &'static str) -> Self {
        /// Decades with a tick each.
        const DECADES_MAX: usize = 8;
        let (low, high) = (min * 0.95, max * 1.05);
        let [first, last] = [low, high].map(|end| (end * factor).log10());
        let decades = (first.floor() as i32)..=(last.ceil() as i32);
        let every = decades.clone().count().div_ceil(DECADES_MAX);
        let marks: &[f64] = if high / low > 200.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let ticks = decades
            .step_by(every)
            .flat_map(|decade| marks.iter().map(move |mark| mark * 10_f64.powi(decade)))
            .map(|shown| (shown / factor, plain_label(shown, 0.0)));
        let ticks = ticks.filter(|(value, _)| (low..=high).contains(value)).collect();
        Self { low, high, log: true, ticks, unit }
    }

    /// Named categories at 0, 1, 2 …, each one unit wide; where there are many, only some names are shown.
    pub(crate) fn categories(names: &[String]) -> Self {
        let every = names.len() / 9 + 1;
        let named = names.iter().enumerate().step_by(every);
        let ticks = named.map(|(index, name)| (index as f64, name.clone())).collect();
        Self { low: -0.5, high: names.len().max(1) as f64 - 0.5, log: false, ticks, unit: "" }
    }

    fn scaled(low: f64, high: f64, factor: f64, unit: &'static str) -> Self {
        let step = round_step((high - low) * factor / 4.5);
        let ticks = ticks_between(low * factor, high * factor, step)
            .map(|value| (value / factor, plain_label(value, step)))
            .collect();
        Self { low, high, log: false, ticks, unit }
    }

    /// Position of a value on the linear axis that plotters draws, kept inside the drawing.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let inside = value.clamp(self.low, self.high);
        if self.log { inside.ln() } else { inside }
    }

    /// Position of the lower end.
    pub(crate) fn low(&self) -> f64 {
        self.place(self.low)
    }

    /// Position of the upper end.
    pub(crate) fn high(&self) -> f64 {
        self.place(self.high)
    }

    /// Ticks in data values.
    pub(crate) fn ticks(&self) -> &[Tick] {
        &self.ticks
    }

    /// Characters of the longest label.
    pub(crate) fn longest_label(&self) -> usize {
        self.ticks.iter().map(|(_, label)| label.chars().count()).max().unwrap_or(0)
    }

    /// Evenly spaced values (on this axis) for drawing a curve between two data values.
    pub(crate) fn samples(&self, from: f64, to: f64, n: u32) -> Vec<f64> {
        let (start, end) = (self.place(from), self.place(to));
        let at = |index: u32| start + (end - start) * f64::from(index) / f64::from(n.max(2) - 1);
        (0..n.max(2)).map(at).map(|position| if self.log { position.exp() } else { position }).collect()
    }

    /// The axis as plotters wants it.
    pub(crate) fn range(&self) -> std::ops::Range<f64> {
        self.low()..self.high()
    }
}

/// 1, 2 or 5 times a power of ten, at least `rough`.
fn round_step(rough: f64) -> f64 {
    let power = 10_f64.powf(rough.max(1e-12).log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|mark| mark * power).find(|step| *step >= rough).unwrap_or(10.0 * power)
}

/// Multiples of `step` within both ends.
fn ticks_between(low: f64, high: f64, step: f64) -> impl Iterator<Item = f64> {
    /// No axis needs more, whatever the numbers.
    const TICKS_MAX: usize = 12;
    let first = (low / step).ceil();
    (0..TICKS_MAX).map(move |index| (first + index as f64) * step).take_while(move |value| *value <= high)
}

/// As many decimals as the step needs.
fn plain_label(value: f64, step: f64) -> String {
    let finest = if step > 0.0 { step } else { value.abs().max(1e-9) };
    let decimals = (-finest.log10().floor()).clamp(0.0, 6.0) as usize;
    if decimals == 0 && value >= 1000.0 { count(value.round() as u64) } else { format!("{value:.decimals$}") }
}

/// Tokens as an axis shows them: `4,096`, `32k`.
pub(crate) fn token_label(tokens: f64) -> String {
    let whole = tokens.round() as u64;
    if whole >= 10_000 && whole.is_multiple_of(1024) {
        format!("{}k", count(whole / 1024))
    } else {
        count(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks().iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_in_the_unit_shown() {
        assert_eq!(labels(&Axis::from_zero(Unit::TokensPerSecond, 43.0)), ["0", "20", "40"]);
        let memory = Axis::from_zero(Unit::Bytes, 900.0 * 1024.0 * 1024.0);
        assert_eq!((labels(&memory), memory.unit), (vec!["0", "500"], "MiB"));
        assert_eq!(
            labels(&Axis::from_zero(Unit::Bytes, 1.5 * 1024.0_f64.powi(3))),
            ["0.0", "0.5", "1.0", "1.5"]
        );
    }

    #[test]
    fn values_more_than_tenfold_apart_are_spaced_by_ratios() {
        let near = Axis::reaching(Unit::TokensPerSecond, 10.0, 100.0);
        assert_eq!((labels(&near), near.is_logarithmic()), (vec!["0", "50", "100"], false));
        let far = Axis::reaching(Unit::TokensPerSecond, 78.0, 4800.0);
        assert_eq!(
            (labels(&far), far.is_logarithmic()),
            (vec!["100", "200", "500", "1,000", "2,000", "5,000"], true)
        );
        let place = |value: f64| (far.place(value) - far.low()) / (far.high() - far.low());
        assert!(place(78.0) > 0.005 && place(780.0) > 0.5 && place(4800.0) < 1.0);
        let memory = Axis::reaching(Unit::Bytes, 20.0 * 1024.0 * 1024.0, 4.0 * 1024.0_f64.powi(3));
        assert_eq!((labels(&memory), memory.unit), (vec!["100", "1,000"], "MiB"));
        assert!(
            Axis::spanning(10.0, 9000.0).is_logarithmic() && !Axis::spanning(-1.0, 9000.0).is_logarithmic()
        );
    }

    #[test]
    fn windows_are_linear_when_near_and_doubled_when_far() {
        let near = Axis::tokens([480.0, 4064.0].into_iter());
        assert_eq!(labels(&near), ["0", "1,024", "2,048", "3,072", "4,096"]);
        let far = Axis::tokens([512.0, 131_072.0].into_iter());
        assert_eq!(labels(&far), ["512", "2,048", "8,192", "32k", "128k"]);
        assert!((far.place(1024.0) - far.place(512.0) - 2.0_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn no_input_makes_an_endless_or_empty_range() {
        for (min, max) in [(0.0, 0.0), (5.0, 5.0), (1e-300, 1e300), (0.0, f64::MIN_POSITIVE)] {
            for axis in [
                Axis::from_zero(Unit::Bytes, max),
                Axis::zoomed(Unit::TokensPerSecond, min, max),
                Axis::times(min.max(1e-9), max.max(1e-9), true),
                Axis::between(-max, max, "points"),
                Axis::percent_around(min, max),
                Axis::reaching(Unit::TokensPerSecond, min.max(1e-9), max.max(1e-9)),
                Axis::spanning(min, max),
                Axis::tokens([min, max].into_iter()),
            ] {
                assert!(axis.low() < axis.high() && axis.ticks().len() <= 1200, "{min} {max}");
                assert!(axis.low().is_finite() && axis.high().is_finite(), "{min} {max}");
            }
        }
    }
}
