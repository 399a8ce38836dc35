//! Thread counts that the environment asks for: DYNO_THREADS, else OMP_NUM_THREADS, where no flag says otherwise.

use dyno_types::{Knob, ThreadChoice};

/// Variables that stand in for `--threads`, strongest first.
const VARIABLES: [(&str, ThreadChoice); 2] =
    [("DYNO_THREADS", ThreadChoice::DynoThreads), ("OMP_NUM_THREADS", ThreadChoice::OmpNumThreads)];

/// What the environment says of threads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ThreadsAsked {
    /// A count as `--threads` takes it, and the variable it comes from.
    pub(crate) count: Option<(String, ThreadChoice)>,
    /// A sentence about each variable that cannot be read.
    pub(crate) warnings: Vec<String>,
}

/// Reads the variables; one that is empty says nothing, one that cannot be read is named and passed over. OpenMP allows a count for each
/// level of nesting (`4,2`): the first is ours.
pub(crate) fn threads_asked(variable: impl Fn(&str) -> Option<String>) -> ThreadsAsked {
    let knob = Knob::find("threads").expect("threads are a knob");
    let mut asked = ThreadsAsked::default();
    for (name, choice) in VARIABLES {
        let Some(text) = variable(name).filter(|text| !text.trim().is_empty()) else { continue };
        let count = match choice {
            ThreadChoice::OmpNumThreads => text.split(',').next().unwrap_or_default().trim(),
            _ => text.trim(),
        };
        // `auto` is no number of a variable that others read, too.
        let values = knob.values(count).unwrap_or_default();
        match values.as_slice() {
            [value] if value != "0" || name == "DYNO_THREADS" => {
                if asked.count.is_none() {
                    asked.count = Some((value.clone(), choice));
                }
            }
            _ => asked
                .warnings
                .push(format!("{name}={text:?} is no number of threads (1 to 1024); it is not used")),
        }
    }
    asked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(dyno: Option<&str>, omp: Option<&str>) -> (Option<String>, Option<ThreadChoice>, Vec<String>) {
        let found = threads_asked(|name| if name == "DYNO_THREADS" { dyno } else { omp }.map(str::to_owned));
        let (count, choice) = found.count.unzip();
        (count, choice, found.warnings)
    }

    #[test]
    fn the_stronger_variable_wins_and_what_cannot_be_read_is_named() {
        let dyno = Some(ThreadChoice::DynoThreads);
        let omp = Some(ThreadChoice::OmpNumThreads);
        let cases = [
            (None, None, None, None, 0),
            (Some("3"), Some("2"), Some("3"), dyno, 0),
            (None, Some("2"), Some("2"), omp, 0),
            (None, Some(" 4,2 "), Some("4"), omp, 0),
            (Some(""), Some("2"), Some("2"), omp, 0),
            (Some("auto"), Some("2"), Some("0"), dyno, 0),
            (Some("many"), Some("2"), Some("2"), omp, 1),
            (Some("1-4"), None, None, None, 1),
            (Some("3"), Some("two"), Some("3"), dyno, 1),
            (None, Some("0"), None, None, 1),
            (None, Some("-1"), None, None, 1),
            (None, Some("1025"), None, None, 1),
            (None, Some("auto"), None, None, 1),
            (None, Some("99999999999999999999"), None, None, 1),
        ];
        for (set, inherited, count, choice, warnings) in cases {
            let (found, from, said) = asked(set, inherited);
            assert_eq!(
                (found.as_deref(), from, said.len()),
                (count, choice, warnings),
                "{set:?} {inherited:?}"
            );
        }
        let (.., said) = asked(None, Some("two"));
        assert!(said[0].contains("OMP_NUM_THREADS=\"two\""), "{said:?}");
    }
}
