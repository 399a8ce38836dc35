//! Where JSON values begin and end, without reading them: a long file is cut into records that are then read one by one, so
//! that a broken record costs only itself and a hostile one only its own bytes.

/// What a value is split at, and where it ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Split<'a> {
    /// The parts, without white space around them.
    pub(crate) parts: Vec<&'a [u8]>,
    /// Bytes behind the end.
    pub(crate) rest: &'a [u8],
}

/// The elements of a list or the members of an object that the bytes begin with; `None` where it never closes.
pub(crate) fn parts(bytes: &[u8], most: usize) -> Option<Split<'_>> {
    let mut walk = Walk::default();
    let (mut parts, mut start) = (Vec::new(), 1);
    for (at, byte) in bytes.iter().enumerate() {
        let level = walk.step(*byte);
        let ends_part = match level {
            Level::Top(b',') if walk.depth == 1 => true,
            Level::Closed => true,
            _ => false,
        };
        if !ends_part {
            continue;
        }
        let part = bytes[start.min(at)..at].trim_ascii();
        if !(part.is_empty() && parts.is_empty()) && parts.len() < most {
            parts.push(part);
        }
        start = at + 1;
        if level == Level::Closed {
            return Some(Split { parts, rest: &bytes[at + 1..] });
        }
    }
    None
}

/// Values one after the other, as `jq` writes them; `None` where one never closes or anything else stands between them.
pub(crate) fn values(bytes: &[u8], most: usize) -> Option<Vec<&[u8]>> {
    let mut found = Vec::new();
    let mut rest = bytes.trim_ascii();
    while !rest.is_empty() && found.len() < most {
        if !rest.starts_with(b"{") {
            return None;
        }
        let behind = parts(rest, 0)?.rest;
        found.push(&rest[..rest.len() - behind.len()]);
        rest = behind.trim_ascii();
        rest = rest.strip_prefix(b",").unwrap_or(rest).trim_ascii();
    }
    Some(found)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    /// Inside a string or a nested value.
    Inside,
    /// A byte outside strings.
    Top(u8),
    /// The outermost value is over.
    Closed,
}

/// Knows at each byte whether a string is open and how deep the brackets are.
#[derive(Debug, Default)]
struct Walk {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Walk {
    fn step(&mut self, byte: u8) -> Level {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return Level::Inside;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    return Level::Closed;
                }
            }
            _ => {}
        }
        Level::Top(byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Option<(Vec<&str>, &str)> {
        let split = parts(text.as_bytes(), 100)?;
        let text = |bytes| std::str::from_utf8(bytes).unwrap();
        Some((split.parts.into_iter().map(text).collect(), text(split.rest)))
    }

    #[test]
    fn brackets_and_commas_in_strings_and_in_depth_do_not_split() {
        assert_eq!(
            split(r#"[ {"a":[1,2]} , "]\"," , 3 ] x"#),
            Some((vec![r#"{"a":[1,2]}"#, r#""]\",""#, "3"], " x"))
        );
        assert_eq!(split("[]"), Some((vec![], "")));
        assert_eq!(split(r#"{"a": [], "b": {"c": 1}}"#), Some((vec![r#""a": []"#, r#""b": {"c": 1}"#], "")));
        for open in ["[1, 2", "{\"a\": \"}", "["] {
            assert_eq!(split(open), None, "{open}");
        }
    }

    #[test]
    fn values_follow_each_other() {
        let found = values(b" {\"a\":1}\n{\n \"b\": {}\n}\n", 9).unwrap();
        assert_eq!(found, [&b"{\"a\":1}"[..], b"{\n \"b\": {}\n}"]);
        assert_eq!(values(b"{\"a\":1} not", 9), None);
        assert_eq!(values(b"{\"a\":1", 9), None);
    }
}
