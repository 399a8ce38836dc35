//! Names of runs.

/// Days in 400 years of the Gregorian calendar.
const DAYS_PER_ERA: i64 = 146_097;

/// A run id such as `20261121-064407-1a2b3c4d`: UTC start time to the second, then 32 bits that keep runs of the same
/// second apart. Sorts by time, and is safe in file names and addresses.
#[must_use]
pub fn new_run_id(started_unix_ms: i64, entropy: u32) -> String {
    let seconds = started_unix_ms.div_euclid(1000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    format!("{year:04}{month:02}{day:02}-{:02}{:02}{:02}-{entropy:08x}", second / 3600, second / 60 % 60, second % 60)
}

/// Days since 1970-01-01 → (year, month, day). Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(DAYS_PER_ERA);
    let day_of_era = shifted.rem_euclid(DAYS_PER_ERA);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::new_run_id;

    #[test]
    fn names_the_utc_second() {
        let cases = [
            (0, "19700101-000000-0000002a"),
            (951_782_399_999, "20000228-235959-0000002a"),
            (951_782_400_000, "20000229-000000-0000002a"),
            (1_795_243_447_000, "20261121-064407-0000002a"),
            (4_107_542_400_000, "21000301-000000-0000002a"),
        ];
        for (ms, expected) in cases {
            assert_eq!(new_run_id(ms, 42), expected, "{ms}");
        }
    }

    proptest::proptest! {
        #[test]
        fn later_runs_sort_later(earlier in 0_i64..4_000_000_000, gap in 1_i64..1_000_000_000, a: u32, b: u32) {
            proptest::prop_assert!(new_run_id(earlier * 1000, a) < new_run_id((earlier + gap) * 1000, b));
        }
    }
}
