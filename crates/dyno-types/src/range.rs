//! llama-bench's range grammar for numbers: `512`, `1,2,4`, `1-4`, `0-100+25`, `128-1024*2`.

/// A range that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read {text:?} as numbers: {reason}; write 512, 1,2,4, 1-4, 0-100+25 or 128-1024*2")]
pub struct RangeError {
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Most values one expression may expand to.
pub const RANGE_VALUES_MAX: usize = 1024;

/// Expands a comma-separated list of numbers and ranges, in the order given.
///
/// # Errors
/// When a part is no number, a range runs backwards, a step makes no progress, or there are over
/// [`RANGE_VALUES_MAX`] values.
pub fn expand_ranges(text: &str) -> Result<Vec<u64>, RangeError> {
    let fail = |reason| RangeError { text: text.to_owned(), reason };
    let mut values = Vec::new();
    for part in text.split(',') {
        expand_part(part.trim(), &mut values).map_err(fail)?;
        if values.len() > RANGE_VALUES_MAX {
            return Err(fail("it expands to more than 1024 values"));
        }
    }
    Ok(values)
}

/// How a range goes on from one value to the next.
enum Step {
    Add(u64),
    Multiply(u64),
}

fn expand_part(part: &str, values: &mut Vec<u64>) -> Result<(), &'static str> {
    let number = |text: &str| text.parse::<u64>().map_err(|_| "a part is not a whole number");
    let Some((first, rest)) = part.split_once('-') else {
        values.push(number(part)?);
        return Ok(());
    };
    let first = number(first)?;
    let (last, step) = if let Some((last, step)) = rest.split_once('+') {
        (number(last)?, Step::Add(number(step)?))
    } else if let Some((last, step)) = rest.split_once('*') {
        (number(last)?, Step::Multiply(number(step)?))
    } else {
        (number(rest)?, Step::Add(1))
    };
    if first > last {
        return Err("a range runs backwards");
    }
    if matches!(step, Step::Add(0) | Step::Multiply(0 | 1))
        || (first == 0 && matches!(step, Step::Multiply(_)))
    {
        return Err("a step makes no progress");
    }
    let mut value = first;
    while value <= last && values.len() <= RANGE_VALUES_MAX {
        values.push(value);
        let next = match step {
            Step::Add(by) => value.checked_add(by),
            Step::Multiply(by) => value.checked_mul(by),
        };
        let Some(next) = next else { break };
        value = next;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expands_the_grammar() {
        let cases: &[(&str, &[u64])] = &[
            ("512", &[512]),
            ("1,2,4", &[1, 2, 4]),
            ("1-4", &[1, 2, 3, 4]),
            ("0-100+25", &[0, 25, 50, 75, 100]),
            ("128-1024*2", &[128, 256, 512, 1024]),
            ("1-2, 8", &[1, 2, 8]),
            ("5-5", &[5]),
            ("18446744073709551615-18446744073709551615*2", &[u64::MAX]),
        ];
        for (text, expected) in cases {
            assert_eq!(expand_ranges(text).as_deref(), Ok(*expected), "{text}");
        }
    }

    #[test]
    fn refuses_what_makes_no_sense() {
        for text in ["", "x", "4-1", "1-4+0", "1-4*1", "0-8*2", "1,,2", "1-9999999", "-1", "1.5"] {
            let error = expand_ranges(text).expect_err(text);
            assert!(error.to_string().contains("128-1024*2"), "{error}");
        }
    }
}
