//! Where statements of Python begin: lines that are not inside a string, a bracket or a continued line.

/// Whether the line has nothing but white space.
pub(super) fn is_blank(line: &str) -> bool {
    line.trim().is_empty()
}

/// Bytes of white space at its beginning.
pub(super) fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

/// For each line, with its newline: whether a statement may begin there. Blank lines begin none.
pub(super) fn statement_starts(text: &str) -> Vec<bool> {
    let mut inside = Inside::default();
    text.split_inclusive('\n').map(|line| inside.read(line)).collect()
}

/// The text in pieces, each beginning with a statement that is not indented; what precedes the first is a piece of its own.
/// A comment or a decorator belongs to what follows it.
pub(super) fn chunks(text: &str) -> Vec<String> {
    let mut chunks: Vec<String> = vec![String::new()];
    let mut leading = false;
    for (line, starts) in text.split_inclusive('\n').zip(statement_starts(text)) {
        let begins = starts && indentation(line) == 0;
        if begins && !leading {
            chunks.push(String::new());
        }
        if begins {
            leading = line.starts_with('@');
        }
        if let Some(chunk) = chunks.last_mut() {
            chunk.push_str(line);
        }
    }
    chunks.retain(|chunk| !chunk.is_empty());
    chunks
}

/// What a line begins inside of.
#[derive(Debug, Default)]
struct Inside {
    /// The quotation mark, thrice, of a string over several lines.
    string: Option<char>,
    brackets: u32,
    continued: bool,
}

impl Inside {
    /// Reads a line; whether a statement may begin with it.
    fn read(&mut self, line: &str) -> bool {
        let starts = self.string.is_none() && self.brackets == 0 && !self.continued && !is_blank(line);
        self.continued = false;
        let mut rest = line.trim_end_matches('\n');
        while let Some(c) = rest.chars().next() {
            rest = match self.string {
                Some(mark) => self.in_string(rest, mark),
                None => self.in_code(rest, c),
            };
        }
        starts
    }

    /// Skips to behind the end of the string, or of the line.
    fn in_string<'a>(&mut self, rest: &'a str, mark: char) -> &'a str {
        if let Some(escaped) = rest.strip_prefix('\\') {
            return after_first(escaped);
        }
        if let Some(after) = rest.strip_prefix(&[mark; 3].iter().collect::<String>()) {
            self.string = None;
            return after;
        }
        after_first(rest)
    }

    fn in_code<'a>(&mut self, rest: &'a str, c: char) -> &'a str {
        match c {
            '#' => return "",
            '\\' if rest.len() == 1 => self.continued = true,
            '(' | '[' | '{' => self.brackets += 1,
            ')' | ']' | '}' => self.brackets = self.brackets.saturating_sub(1),
            '"' | '\'' => {
                if let Some(after) = rest.strip_prefix(&[c; 3].iter().collect::<String>()) {
                    self.string = Some(c);
                    return after;
                }
                return after_short_string(after_first(rest), c);
            }
            _ => {}
        }
        after_first(rest)
    }
}

/// A string of one line ends at its mark, or with the line: then it is none, or a mistake.
fn after_short_string(rest: &str, mark: char) -> &str {
    let mut escaped = false;
    for (at, c) in rest.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == mark => return &rest[at + c.len_utf8()..],
            _ => {}
        }
    }
    ""
}

fn after_first(text: &str) -> &str {
    let mut chars = text.chars();
    chars.next();
    chars.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_begin_outside_of_strings_and_brackets() {
        let table: [(&str, &[bool]); 9] = [
            ("a = 1\nb = 2\n", &[true, true]),
            ("a = '''\nb\n''' ; c\nd\n", &[true, false, false, true]),
            ("a = (\nb\n)\nc\n", &[true, false, false, true]),
            ("a = '(' # [\nb\n", &[true, true]),
            ("a = 1 + \\\n2\nb\n", &[true, false, true]),
            ("a = \"it's\"\nb\n", &[true, true]),
            ("a = '\\''\nb\n", &[true, true]),
            ("a = \"\"\"x\\\"\"\"\nb\n\"\"\"\nc", &[true, false, false, true]),
            ("it's\n\n)\nb", &[true, false, true, true]),
        ];
        for (text, starts) in table {
            assert_eq!(statement_starts(text), starts, "{text:?}");
        }
    }

    #[test]
    fn pieces_begin_with_what_is_not_indented() {
        let text = "  x\nimport a\n\n@b\n@c\ndef d(\n    e,\n):\n    '''\nf\n'''\n    return 1\n\ng()\n";
        let expected = [
            "  x\n",
            "import a\n\n",
            "@b\n@c\ndef d(\n    e,\n):\n    '''\nf\n'''\n    return 1\n\n",
            "g()\n",
        ];
        assert_eq!(chunks(text), expected);
        assert_eq!(chunks(text).concat(), text);
    }
}
