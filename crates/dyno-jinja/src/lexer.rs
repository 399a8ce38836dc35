//! Template source to tokens, by the rules of Jinja2's lexer with `trim_blocks` and `lstrip_blocks`.

use crate::fault::{Fault, Reason};

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// Text between the tags.
    Data(String),
    /// `{{`
    VariableBegin,
    /// `}}`
    VariableEnd,
    /// `{%`
    BlockBegin,
    /// `%}`
    BlockEnd,
    /// An identifier or keyword.
    Name(String),
    /// A string literal, decoded.
    Text(String),
    /// A whole number.
    Int(i128),
    /// A number with a fraction or exponent.
    Float(f64),
    /// An operator or bracket.
    Op(&'static str),
    /// The end.
    Eof,
}

/// A token and the line it begins on.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) line: u32,
}

/// Longest first, so that the first match is the right one.
const OPERATORS: [&str; 26] = [
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<",
    "=", ".", ":", "|", ",", ";",
];

/// White space as Python's `str` and `re` see it.
pub(crate) fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

/// Tokens of `source`.
pub(crate) fn tokens(source: &str) -> Result<Vec<Token>, Fault> {
    let mut text = source.replace("\r\n", "\n").replace('\r', "\n");
    if text.ends_with('\n') {
        text.pop();
    }
    let mut lexer = Lexer { rest: &text, line: 1, line_starting: true, tokens: Vec::new() };
    while !lexer.rest.is_empty() {
        lexer.root()?;
    }
    lexer.push(Kind::Eof);
    Ok(lexer.tokens)
}

struct Lexer<'s> {
    rest: &'s str,
    line: u32,
    /// Whether what was taken last ended a line.
    line_starting: bool,
    tokens: Vec<Token>,
}

/// What a tag is.
#[derive(Clone, Copy, PartialEq)]
enum Tag {
    Variable,
    Block,
    Comment,
}

impl Lexer<'_> {
    fn push(&mut self, kind: Kind) {
        self.tokens.push(Token { kind, line: self.line });
    }

    fn take(&mut self, bytes: usize) {
        let (taken, rest) = self.rest.split_at(bytes);
        self.line += u32::try_from(taken.matches('\n').count()).unwrap_or(u32::MAX);
        if !taken.is_empty() {
            self.line_starting = taken.ends_with('\n');
        }
        self.rest = rest;
    }

    fn fail<T>(&self, message: impl Into<String>) -> Result<T, Fault> {
        Err(Fault { reason: Reason::Syntax(message.into()), line: self.line })
    }

    /// Text up to the next tag, and the tag.
    fn root(&mut self) -> Result<(), Fault> {
        let Some((at, tag)) = next_tag(self.rest) else {
            let length = self.rest.len();
            self.data(length, length);
            return Ok(());
        };
        let sign = self.rest[at + 2..].chars().next().filter(|sign| matches!(sign, '-' | '+'));
        let kept = self.kept_before(at, tag, sign);
        self.data(kept, at);
        let opening = 2 + usize::from(sign.is_some());
        match tag {
            Tag::Comment => self.comment(opening),
            Tag::Block => match raw_begin(&self.rest[opening..]) {
                Some(length) => self.raw(opening + length),
                None => {
                    self.push(Kind::BlockBegin);
                    self.take(opening);
                    self.inside(Tag::Block)
                }
            },
            Tag::Variable => {
                self.push(Kind::VariableBegin);
                self.take(opening);
                self.inside(Tag::Variable)
            }
        }
    }

    /// How much of the `at` bytes before a tag is kept.
    fn kept_before(&self, at: usize, tag: Tag, sign: Option<char>) -> usize {
        let text = &self.rest[..at];
        if sign == Some('-') {
            return text.trim_end_matches(is_space).len();
        }
        if sign == Some('+') || tag == Tag::Variable {
            return at;
        }
        let line_start = text.rfind('\n').map_or(0, |newline| newline + 1);
        let begins_line = line_start > 0 || self.line_starting;
        if begins_line && text[line_start..].chars().all(is_space) { line_start } else { at }
    }

    /// Emits the first `kept` bytes as text and takes `length`.
    fn data(&mut self, kept: usize, length: usize) {
        if kept > 0 {
            self.push(Kind::Data(self.rest[..kept].to_owned()));
        }
        self.take(length);
    }

    fn comment(&mut self, opening: usize) -> Result<(), Fault> {
        let Some(end) = self.rest[opening..].find("#}") else {
            return self.fail("Missing end of comment tag");
        };
        let sign = self.rest[opening..opening + end].chars().next_back();
        self.take(opening + end);
        self.closing(2, sign.filter(|sign| matches!(sign, '-' | '+')));
        Ok(())
    }

    /// Takes the last `length` bytes of a block or comment, and the white space that goes with them.
    fn closing(&mut self, length: usize, sign: Option<char>) {
        let after = &self.rest[length..];
        let more = match sign {
            Some('-') => leading_space(after),
            Some(_) => 0,
            None => usize::from(after.starts_with('\n')),
        };
        self.take(length + more);
    }

    /// Text between `raw` and `endraw`; `opening` bytes of the first tag are left.
    fn raw(&mut self, opening: usize) -> Result<(), Fault> {
        self.take(opening);
        let mut from = 0;
        while let Some(at) = self.rest[from..].find("{%").map(|at| from + at) {
            if let Some(end) = raw_end(&self.rest[at..]) {
                let kept = self.kept_before(at, Tag::Block, end.opening_sign);
                self.data(kept, at);
                self.closing(end.length, end.closing_sign);
                return Ok(());
            }
            from = at + 2;
        }
        self.fail("Missing end of raw directive")
    }

    /// Tokens up to the end of the tag.
    fn inside(&mut self, tag: Tag) -> Result<(), Fault> {
        let mut open: Vec<&'static str> = Vec::new();
        loop {
            self.take(leading_space(self.rest));
            if self.rest.is_empty() {
                return Ok(());
            }
            if open.is_empty() && self.tag_end(tag) {
                return Ok(());
            }
            self.token(&mut open)?;
        }
    }

    /// Takes the end of the tag if it is here.
    fn tag_end(&mut self, tag: Tag) -> bool {
        let (end, kind) = match tag {
            Tag::Variable => ("}}", Kind::VariableEnd),
            _ => ("%}", Kind::BlockEnd),
        };
        let sign = self.rest.chars().next().filter(|sign| matches!(sign, '-' | '+'));
        let signed = sign.is_some_and(|_| self.rest[1..].starts_with(end));
        if !signed && !self.rest.starts_with(end) || signed && tag == Tag::Variable && sign == Some('+') {
            return false;
        }
        self.push(kind);
        match (tag, signed) {
            (Tag::Variable, false) => self.take(2),
            (Tag::Variable, true) => self.take(3 + leading_space(&self.rest[3..])),
            (_, signed) => self.closing(2 + usize::from(signed), sign.filter(|_| signed)),
        }
        true
    }

    fn token(&mut self, open: &mut Vec<&'static str>) -> Result<(), Fault> {
        let first = self.rest.chars().next().unwrap_or(' ');
        if first.is_ascii_digit() {
            return self.number();
        }
        if first.is_alphabetic() || first == '_' {
            let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
            self.push(Kind::Name(self.rest[..end].to_owned()));
            self.take(end);
            return Ok(());
        }
        if matches!(first, '\'' | '"') {
            return self.string(first);
        }
        let operator = OPERATORS.iter().find(|operator| self.rest.starts_with(**operator));
        let Some(operator) = operator else {
            return self.fail(format!("unexpected char {first:?}"));
        };
        match *operator {
            "(" => open.push(")"),
            "[" => open.push("]"),
            "{" => open.push("}"),
            ")" | "]" | "}" if open.pop() != Some(operator) => {
                return self.fail(format!("unexpected '{operator}'"));
            }
            _ => {}
        }
        self.push(Kind::Op(operator));
        self.take(operator.len());
        Ok(())
    }

    fn string(&mut self, quote: char) -> Result<(), Fault> {
        let mut escaped = false;
        for (at, character) in self.rest.char_indices().skip(1) {
            if escaped {
                escaped = false;
            } else if character == '\\' {
                escaped = true;
            } else if character == quote {
                let text = match unescape(&self.rest[1..at]) {
                    Ok(text) => text,
                    Err(message) => return self.fail(message),
                };
                self.push(Kind::Text(text));
                self.take(at + 1);
                return Ok(());
            }
        }
        self.fail(format!("unexpected char {quote:?}"))
    }

    fn number(&mut self) -> Result<(), Fault> {
        let prefix = self.rest.get(..2).unwrap_or_default().to_ascii_lowercase();
        let radix = match prefix.as_str() {
            "0x" => 16,
            "0o" => 8,
            "0b" => 2,
            _ => 10,
        };
        let begin = if radix == 10 { 0 } else { 2 };
        let mut end = begin + digits(&self.rest[begin..], radix);
        let mut is_float = false;
        if radix == 10 {
            // A number after a dot is an index, as in `x.0.1`.
            let after_dot = matches!(self.tokens.last(), Some(Token { kind: Kind::Op("."), .. }));
            let fraction = self.rest[end..].strip_prefix('.').map_or(0, |rest| digits(rest, 10));
            if fraction > 0 && !after_dot {
                is_float = true;
                end += 1 + fraction;
            }
            let exponent = exponent_length(&self.rest[end..]);
            if exponent > 0 && !after_dot {
                is_float = true;
                end += exponent;
            }
        }
        let digits = self.rest[begin..end].replace('_', "");
        let kind = if is_float {
            digits.parse().ok().map(Kind::Float)
        } else {
            i128::from_str_radix(&digits, radix).ok().map(Kind::Int)
        };
        let Some(kind) = kind else {
            return self.fail(format!("{} is no number that can be used here", &self.rest[..end]));
        };
        self.push(kind);
        self.take(end);
        Ok(())
    }
}

fn leading_space(text: &str) -> usize {
    text.len() - text.trim_start_matches(is_space).len()
}

/// Bytes of digits (with single underscores between them) that `text` begins with.
fn digits(text: &str, radix: u32) -> usize {
    let end = text.find(|c: char| !c.is_digit(radix) && c != '_').unwrap_or(text.len());
    text[..end].trim_end_matches('_').len()
}

/// Bytes of the exponent that `text` begins with.
fn exponent_length(text: &str) -> usize {
    let Some(rest) = text.strip_prefix(['e', 'E']) else { return 0 };
    let sign = usize::from(rest.starts_with(['+', '-']));
    match digits(&rest[sign..], 10) {
        0 => 0,
        digits => 1 + sign + digits,
    }
}

/// Where the next tag begins.
fn next_tag(text: &str) -> Option<(usize, Tag)> {
    let mut from = 0;
    while let Some(at) = text[from..].find('{').map(|at| from + at) {
        match text.as_bytes().get(at + 1) {
            Some(b'{') => return Some((at, Tag::Variable)),
            Some(b'%') => return Some((at, Tag::Block)),
            Some(b'#') => return Some((at, Tag::Comment)),
            _ => from = at + 1,
        }
    }
    None
}

/// Bytes of ` raw %}`, if `text` begins with it.
fn raw_begin(text: &str) -> Option<usize> {
    let rest = text.trim_start_matches(is_space).strip_prefix("raw")?.trim_start_matches(is_space);
    let after = match rest.strip_prefix("-%}") {
        Some(after) => after.trim_start_matches(is_space),
        None => rest.strip_prefix("%}")?,
    };
    Some(text.len() - after.len())
}

/// A tag that ends raw text.
struct RawEnd {
    opening_sign: Option<char>,
    closing_sign: Option<char>,
    length: usize,
}

/// The `{% endraw %}` that `text` begins with.
fn raw_end(text: &str) -> Option<RawEnd> {
    let inside = text.strip_prefix("{%")?;
    let opening_sign = inside.chars().next().filter(|sign| matches!(sign, '-' | '+'));
    let inside = inside.strip_prefix(['-', '+']).unwrap_or(inside);
    let rest = inside.trim_start_matches(is_space).strip_prefix("endraw")?.trim_start_matches(is_space);
    let closing_sign = rest.chars().next().filter(|sign| matches!(sign, '-' | '+'));
    let after = rest.strip_prefix(['-', '+']).unwrap_or(rest).strip_prefix("%}")?;
    Some(RawEnd { opening_sign, closing_sign, length: text.len() - after.len() })
}

/// Python's `unicode-escape`.
fn unescape(text: &str) -> Result<String, String> {
    let mut result = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '\\' {
            result.push(character);
            continue;
        }
        let Some(escape) = characters.next() else { break };
        match escape {
            '\n' => {}
            'n' => result.push('\n'),
            't' => result.push('\t'),
            'r' => result.push('\r'),
            'a' => result.push('\u{7}'),
            'b' => result.push('\u{8}'),
            'f' => result.push('\u{c}'),
            'v' => result.push('\u{b}'),
            '\\' | '\'' | '"' => result.push(escape),
            'x' | 'u' | 'U' => {
                let length = match escape {
                    'x' => 2,
                    'u' => 4,
                    _ => 8,
                };
                let digits: String = characters.by_ref().take(length).collect();
                let code = u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == length);
                let code = code.ok_or_else(|| format!("truncated \\{escape} escape in a string"))?;
                result.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            '0'..='7' => {
                let mut code = escape.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    let Some(digit) = characters.peek().and_then(|next| next.to_digit(8)) else { break };
                    code = code * 8 + digit;
                    characters.next();
                }
                result.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            other => result.extend(['\\', other]),
        }
    }
    Ok(result)
}
