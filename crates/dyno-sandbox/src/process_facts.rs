//! What the system says of a process that is not reaped.

/// User and system time, in steps of the kernel's clock (10 ms as a rule); `None` where the system does not say.
pub(crate) fn cpu_ms(pid: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(cpu_ticks(&stat)? as f64 * 1e3 / rustix::param::clock_ticks_per_second() as f64)
}

/// How many threads it has; `None` where the system does not say.
pub(crate) fn threads(pid: u32) -> Option<u64> {
    threads_of(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// utime + stime.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (user, system): (u64, u64) = (field(stat, 14)?, field(stat, 15)?);
    user.checked_add(system)
}

fn threads_of(stat: &str) -> Option<u64> {
    field(stat, 20)
}

/// A field of the line by its number from 1; the name, field 2, may hold blanks and parentheses.
fn field(stat: &str, number: usize) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(number.checked_sub(3)?)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_behind_any_name() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 9 0 100 0 0";
        assert_eq!((cpu_ticks(stat), cpu_ticks("7 (a) S 1"), cpu_ticks("")), (Some(200), None, None));
        assert_eq!((threads_of(stat), threads_of("7 (a) S 1")), (Some(9), None));
    }
}
