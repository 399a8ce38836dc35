//! Which beginnings are worth computing apart: those that several of the next items share.

use dyno_types::TokenId;

/// Tokens that a shared beginning must save: those behind it wait until it is computed.
const GAIN: usize = 32;

/// Length of the longest common beginning.
fn common_prefix(a: &[TokenId], b: &[TokenId]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Length of the beginning of the first prefix that saves most tokens over these prefixes, of which a beginning of
/// `shared` tokens is there already. It leaves at least one token of each. `None` when none saves enough.
pub(super) fn best_beginning<'a>(
    mut prefixes: impl Iterator<Item = &'a [TokenId]>,
    shared: usize,
) -> Option<usize> {
    let first = prefixes.next()?;
    let mut length = first.len().saturating_sub(1);
    let mut best = (0, None);
    for (others, prefix) in (1..).zip(prefixes) {
        length = length.min(common_prefix(first, prefix)).min(prefix.len().saturating_sub(1));
        if length < shared + GAIN {
            break;
        }
        let saved: usize = others * (length - shared);
        if saved > best.0 {
            best = (saved, Some(length));
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(prefixes: &[&str], shared: usize) -> Option<usize> {
        let prefixes: Vec<Vec<TokenId>> =
            prefixes.iter().map(|text| text.bytes().map(TokenId::from).collect()).collect();
        best_beginning(prefixes.iter().map(Vec::as_slice), shared)
    }

    #[test]
    fn the_beginning_that_saves_most_is_chosen() {
        let preamble = "x".repeat(100);
        let with = |rest: &str| format!("{preamble}{rest}");
        let (a, b, c, d) = (with("what"), with("where"), with("who"), with("then"));
        // The first two share one token more, the others only the preamble.
        assert_eq!(best(&[&a, &b], 0), Some(102));
        assert_eq!(best(&[&a, &b, &c, &d], 0), Some(100));
        assert_eq!(best(&[&a, &b, &c, &d], 100), None);
        assert_eq!(best(&[&a, &b, &c, &d], 60), Some(100));
        assert_eq!(best(&[&a, "y", &b], 0), None, "only neighbours share");
        assert_eq!(best(&[&a], 0), None);
        assert_eq!(best(&[], 0), None);
        assert_eq!(best(&[&a, ""], 0), None);
        assert_eq!(best(&[&a, &a], 0), Some(103), "one token stays to be computed");
        assert_eq!(best(&["short", "short"], 0), None);
    }
}
