//! Ids of runs.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// An id such as `20261121-064407512-1a2b`: the start in UTC to the millisecond, and four hexadecimal digits that tell apart
/// runs started in the same one. Sortable by start, safe in file names, and easy to begin typing.
///
/// A moment outside the years 1970 to 9999 is moved to the nearest one inside.
#[must_use]
pub fn new_run_id(unix_ms: i64, random: u32) -> String {
    let moment =
        Timestamp::from_millisecond(unix_ms.max(0)).unwrap_or(Timestamp::MAX).to_zoned(TimeZone::UTC);
    // Both halves count, however the caller's randomness is spread.
    let suffix = (random ^ (random >> 16)) & 0xffff;
    format!("{}{:03}-{suffix:04x}", moment.strftime("%Y%m%d-%H%M%S"), moment.millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_moment_and_a_suffix() {
        assert_eq!(new_run_id(1_795_243_447_512, 0x0000_1a2b), "20261121-064407512-1a2b");
        assert_eq!(new_run_id(0, 0), "19700101-000000000-0000");
        assert_eq!(new_run_id(1, 0x0001_0000), "19700101-000000001-0001", "the upper half counts");
    }

    #[test]
    fn ids_sort_by_start_and_are_safe_in_file_names() {
        let starts = [0, 1, 999, 1000, 1_795_243_447_512, 1_795_243_447_513, 4_102_444_800_000];
        let ids: Vec<String> =
            starts.iter().map(|start| new_run_id(*start, 0xffff - (*start as u32 & 0xff))).collect();
        assert!(ids.is_sorted(), "{ids:?}");
        assert!(
            ids.iter().all(|id| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')),
            "{ids:?}"
        );
    }

    #[test]
    fn moments_out_of_range_still_give_an_id() {
        for moment in [i64::MIN, -1, i64::MAX] {
            assert_eq!(new_run_id(moment, 7).len(), "20261121-064407512-1a2b".len());
        }
    }
}
