//! `str.format`: fields in braces, and the small language behind their colon.

use super::number::Number;
use crate::attribute::{attribute, item};
use crate::fault::{Outcome, failed};
use crate::meter::{Builder, Meter};
use crate::value::{Value, Values, represented, shown};

/// Deepest nesting of fields within fields.
const NESTING_MAX: usize = 2;

/// `format.format(arguments)`
pub(crate) fn braces(format: &str, arguments: &Values, meter: &Meter<'_>) -> Outcome<Value> {
    let mut out = meter.builder();
    let mut fields = Fields { arguments, automatic: 0, meter };
    fields.write(format, NESTING_MAX, &mut out)?;
    Ok(out.finish())
}

struct Fields<'f> {
    arguments: &'f Values,
    /// The next argument of a field without name.
    automatic: usize,
    meter: &'f Meter<'f>,
}

impl Fields<'_> {
    fn write(&mut self, format: &str, nesting: usize, out: &mut Builder<'_>) -> Outcome<()> {
        if nesting == 0 {
            return failed("Max string recursion exceeded");
        }
        let mut rest = format;
        while let Some(at) = rest.find(['{', '}']) {
            out.push(&rest[..at])?;
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                out.push(brace)?;
                rest = after;
                continue;
            }
            if brace == "}" {
                return failed("Single '}' encountered in format string");
            }
            let Some(end) = closing(rest) else { return failed("expected '}' before end of string") };
            self.field(&rest[..end], nesting, out)?;
            rest = &rest[end + 1..];
        }
        out.push(rest)
    }

    fn field(&mut self, field: &str, nesting: usize, out: &mut Builder<'_>) -> Outcome<()> {
        let (field, specification) = field.split_once(':').unwrap_or((field, ""));
        let (name, conversion) = match field.split_once('!') {
            Some((name, conversion)) => (name, Some(conversion)),
            None => (field, None),
        };
        let mut value = self.value(name)?;
        if let Some(conversion) = conversion {
            let mut text = self.meter.builder();
            match conversion {
                "s" => shown(&value, &mut text)?,
                "r" | "a" => represented(&value, &mut text)?,
                other => return failed(format!("Unknown conversion specifier {other}")),
            }
            value = text.finish();
        }
        let mut inner = self.meter.builder();
        self.write(specification, nesting - 1, &mut inner).or_else(|reason| {
            // An empty specification needs no nesting.
            if specification.is_empty() { Ok(()) } else { Err(reason) }
        })?;
        Specification::parse(inner.as_str())?.write(&value, out)
    }

    fn value(&mut self, name: &str) -> Outcome<Value> {
        let end = name.find(['.', '[']).unwrap_or(name.len());
        let (first, mut rest) = name.split_at(end);
        let mut value = match first.parse::<usize>() {
            Ok(index) => self.positional(index)?,
            Err(_) if first.is_empty() => {
                self.automatic += 1;
                self.positional(self.automatic - 1)?
            }
            Err(_) => match self.arguments.named.iter().find(|(key, _)| key == first) {
                Some((_, value)) => value.clone(),
                None => return failed(format!("'{first}'")),
            },
        };
        while let Some(step) = rest.chars().next() {
            let (part, after) = if step == '[' {
                rest[1..].split_once(']').unwrap_or((&rest[1..], ""))
            } else {
                rest[1..].split_at(rest[1..].find(['.', '[']).unwrap_or(rest.len() - 1))
            };
            value = match (step, part.parse()) {
                ('[', Ok(index)) => item(&value, &Value::Int(index), self.meter)?,
                ('[', Err(_)) => item(&value, &Value::text(part), self.meter)?,
                _ => attribute(&value, part)?,
            };
            rest = after;
        }
        Ok(value)
    }

    fn positional(&self, index: usize) -> Outcome<Value> {
        match self.arguments.positional.get(index) {
            Some(value) => Ok(value.clone()),
            None => failed(format!("Replacement index {index} out of range for positional args tuple")),
        }
    }
}

/// Where the brace that closes a field is.
fn closing(text: &str) -> Option<usize> {
    let mut open = 0;
    for (at, character) in text.char_indices() {
        match character {
            '{' => open += 1,
            '}' if open == 0 => return Some(at),
            '}' => open -= 1,
            _ => {}
        }
    }
    None
}

/// What stands behind the colon.
#[derive(Default)]
struct Specification {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    alternate: bool,
    zero: bool,
    width: usize,
    group: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
    is_empty: bool,
}

impl Specification {
    fn parse(text: &str) -> Outcome<Self> {
        let mut specification = Self { is_empty: text.is_empty(), ..Self::default() };
        let mut characters: Vec<char> = text.chars().collect();
        characters.reverse();
        let is_align = |c: Option<&char>| matches!(c, Some('<' | '>' | '=' | '^'));
        if is_align(characters.iter().rev().nth(1)) {
            specification.fill = characters.pop();
            specification.align = characters.pop();
        } else if is_align(characters.last()) {
            specification.align = characters.pop();
        }
        specification.sign = pop_if(&mut characters, |c| matches!(c, '+' | '-' | ' '));
        specification.alternate = pop_if(&mut characters, |c| c == '#').is_some();
        specification.zero = pop_if(&mut characters, |c| c == '0').is_some();
        specification.width = digits(&mut characters).unwrap_or(0);
        specification.group = pop_if(&mut characters, |c| matches!(c, ',' | '_'));
        if pop_if(&mut characters, |c| c == '.').is_some() {
            specification.precision = digits(&mut characters);
            if specification.precision.is_none() {
                return failed("Format specifier missing precision");
            }
        }
        specification.kind = characters.pop();
        if characters.is_empty() { Ok(specification) } else { failed("Invalid format specifier") }
    }

    fn write(&self, value: &Value, out: &mut Builder<'_>) -> Outcome<()> {
        if self.is_empty {
            return shown(value, out);
        }
        match (value.as_int(), value) {
            (_, Value::Text(text) | Value::Markup(text)) => self.text(text, out),
            (Some(number), _) => self.integer(number, out),
            (None, Value::Float(number)) => self.float(*number, out),
            _ => failed(format!("unsupported format string passed to {}.__format__", value.type_name())),
        }
    }

    fn text(&self, text: &str, out: &mut Builder<'_>) -> Outcome<()> {
        if self.kind.is_some_and(|kind| kind != 's') {
            return failed("Unknown format code for object of type 'str'");
        }
        let text: String = text.chars().take(self.precision.unwrap_or(usize::MAX)).collect();
        self.padded("", &text, '<', out)
    }

    fn integer(&self, number: i128, out: &mut Builder<'_>) -> Outcome<()> {
        match self.kind {
            None | Some('d' | 'x' | 'X' | 'o' | 'b' | 'n') => {
                let number = Number::integer(number, self.kind.unwrap_or('d'), self.alternate);
                self.number(number, out)
            }
            Some('c') => match u32::try_from(number).ok().and_then(char::from_u32) {
                Some(character) => self.padded("", character.encode_utf8(&mut [0; 4]), '<', out),
                None => failed("%c arg not in range(0x110000)"),
            },
            Some(_) => self.float(number as f64, out),
        }
    }

    fn float(&self, number: f64, out: &mut Builder<'_>) -> Outcome<()> {
        let formatted = match (self.kind, self.precision) {
            (Some(kind @ ('e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%')), precision) => {
                Number::float(number, kind, precision.unwrap_or(6), self.alternate)
            }
            (None | Some('n'), Some(precision)) => {
                let mut formatted = Number::float(number, 'g', precision, self.alternate);
                if self.kind.is_none() && formatted.digits.bytes().all(|byte| byte.is_ascii_digit()) {
                    formatted.digits.push_str(".0");
                }
                formatted
            }
            (None, None) => {
                let mut formatted = Number::float(number, 'g', 17, false);
                formatted.digits = crate::value::float_text(number.abs());
                formatted
            }
            (Some(kind), _) => {
                return failed(format!("Unknown format code '{kind}' for object of type 'float'"));
            }
        };
        self.number(formatted, out)
    }

    fn number(&self, mut number: Number, out: &mut Builder<'_>) -> Outcome<()> {
        if let Some(separator) = self.group {
            number.grouped(separator, if matches!(self.kind, Some('x' | 'X' | 'o' | 'b')) { 4 } else { 3 });
        }
        number.sign(self.sign.filter(|sign| *sign != '-'));
        self.padded(&number.prefix, &number.digits, '>', out)
    }

    fn padded(&self, prefix: &str, text: &str, align: char, out: &mut Builder<'_>) -> Outcome<()> {
        let zero_padded = self.zero && self.align.is_none();
        let align = self.align.unwrap_or(if zero_padded && align == '>' { '=' } else { align });
        let fill = self.fill.unwrap_or(if self.zero { '0' } else { ' ' });
        let fill = fill.encode_utf8(&mut [0; 4]).to_owned();
        let missing = self.width.saturating_sub(prefix.chars().count() + text.chars().count());
        let before = match align {
            '<' | '=' => 0,
            '^' => missing / 2,
            _ => missing,
        };
        let between = if align == '=' { missing } else { 0 };
        out.repeat(&fill, before)?;
        out.push(prefix)?;
        out.repeat(&fill, between)?;
        out.push(text)?;
        out.repeat(&fill, missing - before - between)
    }
}

/// Takes the next character if it is wanted. The characters are in reverse.
fn pop_if(characters: &mut Vec<char>, wanted: fn(char) -> bool) -> Option<char> {
    let next = characters.last().copied().filter(|character| wanted(*character));
    if next.is_some() {
        characters.pop();
    }
    next
}

fn digits(characters: &mut Vec<char>) -> Option<usize> {
    let mut digits = String::new();
    while let Some(digit) = pop_if(characters, |c| c.is_ascii_digit()) {
        digits.push(digit);
    }
    digits.parse().ok()
}
