//! What a text looks like: JSON, a table, or neither, by its first characters and the name of its file.

/// What holds the records of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Container {
    /// JSON objects: one per line, one after the other, or one that holds a list of them.
    Document,
    /// One JSON list.
    List,
    /// Values separated by a character.
    Table { separator: u8 },
    /// Anything else.
    Text,
}

/// Lines looked at to tell a table from prose.
const LINES_LOOKED_AT: usize = 5;

/// Separators of tables, the likeliest first.
const SEPARATORS: [u8; 4] = [b'\t', b',', b';', b'|'];

/// What the bytes look like.
pub(crate) fn container(name: &str, bytes: &[u8]) -> Container {
    let lower = name.to_ascii_lowercase();
    let stem = [".gz", ".zst", ".zstd"].iter().find_map(|ending| lower.strip_suffix(ending));
    let name = stem.unwrap_or(&lower);
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    let is_table = ends(&[".csv", ".tsv", ".tab"]);
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        _ if ends(&[".txt", ".text", ".raw", ".md"]) => Container::Text,
        Some(b'{') => Container::Document,
        Some(b'[') if !is_table => Container::List,
        _ if is_table => Container::Table { separator: separator_of(name, bytes) },
        _ => match SEPARATORS.into_iter().find(|separator| looks_like_a_table(bytes, *separator)) {
            Some(separator) => Container::Table { separator },
            None => Container::Text,
        },
    }
}

/// The separator of a file that says it is a table: the one its first line has most of. A file of a single column has
/// none; there the usual one of its kind does no harm.
fn separator_of(name: &str, bytes: &[u8]) -> u8 {
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let usual = if name.ends_with(".csv") { b',' } else { b'\t' };
    let most = SEPARATORS.into_iter().map(|separator| (outside_quotes(first, separator), separator));
    match most.max_by_key(|(count, separator)| (*count, *separator == usual)) {
        Some((1.., separator)) => separator,
        _ => usual,
    }
}

/// How often a separator stands outside quotes.
fn outside_quotes(line: &[u8], separator: u8) -> usize {
    let mut inside = false;
    let mut count = 0;
    for byte in line {
        match *byte {
            b'"' => inside = !inside,
            byte if byte == separator && !inside => count += 1,
            _ => {}
        }
    }
    count
}

/// Whether a text without a telling name is a table: many separators in its first line, or equally many in several
/// lines whose first has them right behind a word, as headers do and prose does not.
fn looks_like_a_table(bytes: &[u8], separator: u8) -> bool {
    let mut lines = bytes.split(|byte| *byte == b'\n').take(LINES_LOOKED_AT).filter(|line| !line.is_empty());
    let Some(first) = lines.next() else { return false };
    let count = outside_quotes(first, separator);
    let many = match separator {
        b'\t' => 2,
        b',' => 5,
        _ => usize::MAX,
    };
    let as_header = !first.windows(2).any(|pair| pair[0] == separator && pair[1] == b' ');
    let same = lines.map(|line| outside_quotes(line, separator)).collect::<Vec<_>>();
    count >= many || (count > 0 && as_header && !same.is_empty() && same.iter().all(|other| *other == count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_told_by_content_and_name() {
        let table = |separator| Container::Table { separator };
        let cases: [(&str, &[u8], Container); 16] = [
            ("x", b" {\"a\":1}", Container::Document),
            ("x.json", b"[{}]", Container::List),
            ("x.csv", b"q,A,B", table(b',')),
            ("x.csv.gz", b"question", table(b',')),
            ("x.csv", b"[1],[2]\n", table(b',')),
            ("x.tsv", b"question\tanswer\n", table(b'\t')),
            ("x.csv", b"question;answer\nWhat, then?;1\n", table(b';')),
            ("x.csv", b"\"a,b,c,d\";answer\n", table(b';')),
            ("sts-dev.csv", b"a\tb\tc\td", table(b'\t')),
            ("x", b"a,b,c,d,e,f", table(b',')),
            ("x", b"question,answer\nq,a\n\"r, s\",b\n", table(b',')),
            ("x", b"question\tanswer\nq\ta\n", table(b'\t')),
            ("x.txt", b"{ not json", Container::Text),
            ("x", b"Once upon a time, there was", Container::Text),
            ("x", b"Once upon a time, there was\na cat, which sat\n", Container::Text),
            ("x", b"\n\n", Container::Text),
        ];
        for (name, bytes, expected) in cases {
            assert_eq!(container(name, bytes), expected, "{name} {:?}", String::from_utf8_lossy(bytes));
        }
    }
}
