//! Numbers as people read them: sensible digits, a unit, intervals in brackets.

use dyno_types::Unit;

/// How one figure and everything printed beside it (its interval, its minimum) are scaled, so that they read alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    factor: f64,
    decimals: usize,
    /// Unit after scaling, e.g. `GiB`.
    pub(crate) unit: &'static str,
}

const KIB: f64 = 1024.0;

/// What stands where a figure is missing.
pub(crate) const MISSING: &str = "–";

impl Scale {
    /// The scale that shows `value` with three to four digits.
    pub(crate) fn of(unit: Unit, value: f64) -> Self {
        let (factor, unit) = match unit {
            Unit::TokensPerSecond => (1.0, "tokens/s"),
            Unit::Milliseconds => time_scale(value.abs()),
            Unit::Bytes => bytes_scale(value.abs()),
        };
        let decimals = if unit == "B" { 0 } else { decimals(value * factor) };
        Self { factor, decimals, unit }
    }

    /// As [`Self::of`], with up to two more decimals where the ends of an interval would otherwise look the same.
    pub(crate) fn with_interval(unit: Unit, value: f64, interval: Option<[f64; 2]>) -> Self {
        let base = Self::of(unit, value);
        let Some([low, high]) = interval else { return base };
        let finer = |extra| Self { decimals: base.decimals + extra, ..base };
        let apart = |scale: &Self| low >= high || scale.number(low) != scale.number(high);
        (0..=2).map(finer).find(apart).unwrap_or(base)
    }

    /// One scale for a whole column: the unit of its largest value, or of its smallest where that would be a fraction
    /// and the largest stays readable in it; the digits of its smallest.
    pub(crate) fn for_column(unit: Unit, values: impl Iterator<Item = f64> + Clone) -> Self {
        /// Longer numbers are not read but counted.
        const READABLE: f64 = 100_000.0;
        let usable = values.filter(|value| value.is_finite() && *value > 0.0);
        let largest = usable.clone().fold(0.0, f64::max);
        let smallest = usable.fold(largest, f64::min);
        let (coarse, fine) = (Self::of(unit, largest), Self::of(unit, smallest));
        let scale =
            if smallest * coarse.factor < 1.0 && largest * fine.factor < READABLE { fine } else { coarse };
        scale.resolving(smallest)
    }

    /// The same unit with the digits a smaller value needs.
    pub(crate) fn resolving(self, smallest: f64) -> Self {
        if self.unit == "B" {
            self
        } else {
            Self { decimals: decimals(smallest * self.factor).min(3), ..self }
        }
    }

    /// What a value is multiplied by to be shown in [`Self::unit`].
    pub(crate) fn factor(&self) -> f64 {
        self.factor
    }

    /// The number alone.
    pub(crate) fn number(&self, value: f64) -> String {
        if !value.is_finite() {
            return MISSING.to_owned();
        }
        grouped(value * self.factor, self.decimals)
    }

    /// Number and unit.
    pub(crate) fn text(&self, value: f64) -> String {
        format!("{} {}", self.number(value), self.unit)
    }

    /// `[low, high]`, without the unit.
    pub(crate) fn interval(&self, ends: [f64; 2]) -> String {
        format!("[{}, {}]", self.number(ends[0]), self.number(ends[1]))
    }
}

/// `12.3 ms`, `123.4 tokens/s`, `1.23 GiB`.
pub(crate) fn figure(unit: Unit, value: f64) -> String {
    Scale::of(unit, value).text(value)
}

/// [`figure`] for bytes.
pub(crate) fn bytes(value: u64) -> String {
    figure(Unit::Bytes, value as f64)
}

/// A plain number without a unit, with sensible digits.
pub(crate) fn number(value: f64) -> String {
    if value.is_finite() { grouped(value, decimals(value)) } else { MISSING.to_owned() }
}

/// A whole number with thousands separated: `4,096`.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// Parameters of a model: `1.24 B`, `135 M`.
pub(crate) fn parameters(value: u64) -> String {
    let (divisor, suffix) = match value {
        1_000_000_000.. => (1e9, "B"),
        1_000_000.. => (1e6, "M"),
        1_000.. => (1e3, "K"),
        _ => return value.to_string(),
    };
    format!("{} {suffix}", number(value as f64 / divisor))
}

/// Rounded to two significant digits, for figures that are only about right: `6,100`.
pub(crate) fn about(value: f64) -> String {
    if !value.is_finite() || value <= 0.0 {
        return MISSING.to_owned();
    }
    let step = 10_f64.powf(value.log10().floor() - 1.0).max(1.0);
    // Saturates far above any context window.
    count(((value / step).round() * step) as u64)
}

/// A share of one as `12.3 %`.
pub(crate) fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.1} %", share.clamp(0.0, 1.0) * 100.0) } else { MISSING.to_owned() }
}

/// A difference of two shares in points: `+12.3`.
pub(crate) fn points(difference: f64) -> String {
    if difference.is_finite() { format!("{:+.1}", difference * 100.0) } else { MISSING.to_owned() }
}

/// A score in the unit that its metric is read in: ratings of 1 to 10, shares in percent.
pub(crate) fn score_text(metric: &str, value: f64) -> String {
    match metric {
        "judge" if value.is_finite() => format!("{:.1} of 10", value * 10.0),
        _ => percent(value),
    }
}

/// The interval of a score, in the same unit.
pub(crate) fn score_interval(metric: &str, ends: [f64; 2]) -> String {
    match metric {
        "judge" => format!("[{:.1}, {:.1}]", ends[0] * 10.0, ends[1] * 10.0),
        _ => percent_interval(ends),
    }
}

/// An interval of shares in percent, without the unit: `[46.1, 60.9]`.
pub(crate) fn percent_interval(ends: [f64; 2]) -> String {
    let end =
        |share: f64| if share.is_finite() { format!("{:.1}", share * 100.0) } else { MISSING.to_owned() };
    format!("[{}, {}]", end(ends[0]), end(ends[1]))
}

/// A relative difference as `+12.3 %`.
pub(crate) fn signed_percent(difference: f64) -> String {
    if difference.is_finite() { format!("{:+.1} %", difference * 100.0) } else { MISSING.to_owned() }
}

/// `1 run`, `3 runs`.
pub(crate) fn counted(n: u32, singular: &str, plural: &str) -> String {
    format!("{} {}", count(u64::from(n)), if n == 1 { singular } else { plural })
}

/// A span of time in words people use: `48 s`, `3 min 12 s`.
pub(crate) fn duration(ms: i64) -> String {
    let ms = u64::try_from(ms).unwrap_or(0);
    match ms.saturating_add(500) / 1000 {
        0 => format!("{ms} ms"),
        seconds => dyno_types::seconds_in_words(seconds),
    }
}

/// A moment: `2026-11-21 06:51 UTC`.
pub(crate) fn moment(unix_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(unix_ms).map_or_else(
        |_| "at an unknown time".to_owned(),
        |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string(),
    )
}

fn time_scale(ms: f64) -> (f64, &'static str) {
    match ms {
        small if small > 0.0 && small < 1.0 => (1000.0, "µs"),
        large if large >= 600_000.0 => (1.0 / 60_000.0, "min"),
        large if large >= 10_000.0 => (1e-3, "s"),
        _ => (1.0, "ms"),
    }
}

fn bytes_scale(value: f64) -> (f64, &'static str) {
    match value {
        large if large >= KIB.powi(4) => (KIB.powi(-4), "TiB"),
        large if large >= KIB.powi(3) => (KIB.powi(-3), "GiB"),
        large if large >= KIB.powi(2) => (KIB.powi(-2), "MiB"),
        large if large >= KIB => (KIB.recip(), "KiB"),
        _ => (1.0, "B"),
    }
}

/// Decimals that leave three to four digits; none for whole small counts.
fn decimals(value: f64) -> usize {
    match value.abs() {
        0.0 => 0,
        small if small < 0.1 => 4,
        small if small < 1.0 => 3,
        small if small < 10.0 => 2,
        middle if middle < 1000.0 => 1,
        _ => 0,
    }
}

fn grouped(value: f64, decimals: usize) -> String {
    let plain = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = plain.split_once('.').map_or((plain.as_str(), None), |(w, f)| (w, Some(f)));
    // Beyond u64 there is nothing to read any more; the bare digits stand.
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), count);
    let negative = value < 0.0 && plain.bytes().any(|digit| (b'1'..=b'9').contains(&digit));
    let sign = if negative { "-" } else { "" };
    fraction.map_or_else(|| format!("{sign}{whole}"), |fraction| format!("{sign}{whole}.{fraction}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_sensible_digits_and_units() {
        let cases = [
            (Unit::TokensPerSecond, 123.41, "123.4 tokens/s"),
            (Unit::TokensPerSecond, 4321.6, "4,322 tokens/s"),
            (Unit::TokensPerSecond, 3.456, "3.46 tokens/s"),
            (Unit::Milliseconds, 12.34, "12.3 ms"),
            (Unit::Milliseconds, 0.4567, "456.7 µs"),
            (Unit::Milliseconds, 45_678.0, "45.7 s"),
            (Unit::Milliseconds, 0.0, "0 ms"),
            (Unit::Bytes, 1_320_702_444.0, "1.23 GiB"),
            (Unit::Bytes, 812_000_000.0, "774.4 MiB"),
            (Unit::Bytes, 512.0, "512 B"),
            (Unit::TokensPerSecond, f64::NAN, "– tokens/s"),
        ];
        for (unit, value, expected) in cases {
            assert_eq!(figure(unit, value), expected);
        }
    }

    #[test]
    fn intervals_share_the_scale_of_their_figure() {
        let scale = Scale::with_interval(Unit::Bytes, 1.05e9, Some([1.00e9, 1.10e9]));
        assert_eq!(
            (scale.text(1.05e9), scale.interval([1.00e9, 1.10e9])),
            ("1,001 MiB".into(), "[954, 1,049]".into())
        );
        let narrow = Scale::with_interval(Unit::TokensPerSecond, 42.12, Some([42.11, 42.13]));
        assert_eq!(narrow.interval([42.11, 42.13]), "[42.11, 42.13]");
    }

    #[test]
    fn a_column_has_one_unit_and_keeps_the_digits_of_its_smallest_value() {
        let times = [1605.0, 3452.0, 18_900.0];
        let scale = Scale::for_column(Unit::Milliseconds, times.into_iter());
        assert_eq!(times.map(|time| scale.text(time)), ["1.60 s", "3.45 s", "18.90 s"]);
        let sizes = [0.9, 1.01].map(|gib| gib * 1024.0_f64.powi(3));
        let scale = Scale::for_column(Unit::Bytes, sizes.into_iter());
        assert_eq!(sizes.map(|size| scale.text(size)), ["921.6 MiB", "1,034.2 MiB"]);
        assert_eq!(Scale::for_column(Unit::Bytes, [1024.0, 8e12].into_iter()).unit, "TiB");
        assert_eq!(Scale::for_column(Unit::Bytes, std::iter::empty()).text(0.0), "0 B");
    }

    #[test]
    fn rough_figures_look_rough() {
        assert_eq!(about(6_123.4), "6,100");
        assert_eq!(about(48.0), "48");
        assert_eq!(about(f64::INFINITY), MISSING);
        assert_eq!(parameters(1_235_814_432), "1.24 B");
        assert_eq!(duration(192_400), "3 min 12 s");
        assert_eq!(moment(1_795_243_860_000), "2026-11-21 06:51 UTC");
        assert_eq!(moment(i64::MAX), "at an unknown time");
    }
}
