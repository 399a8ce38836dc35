//! Python's formatting: `"%s" % value` and `"{}".format(value)`.

mod braces;
mod number;

pub(crate) use braces::braces;

use crate::arguments::integer;
use crate::fault::{Outcome, Reason, failed};
use crate::meter::{Builder, Meter};
use crate::value::{Key, Value, represented, shown};
use number::Number;

/// A conversion of `%`.
#[derive(Default)]
struct Conversion {
    alternate: bool,
    zero: bool,
    left: bool,
    space: bool,
    plus: bool,
    width: usize,
    precision: Option<usize>,
    kind: char,
}

/// `format % arguments`
pub(crate) fn percent(format: &str, arguments: &Value, meter: &Meter<'_>) -> Outcome<Value> {
    let mut out = meter.builder();
    let mut formatter = Percent { rest: format, arguments, used: 0, looked_up: false };
    while let Some((before, after)) = formatter.rest.split_once('%') {
        out.push(before)?;
        formatter.rest = after;
        formatter.conversion(&mut out)?;
    }
    out.push(formatter.rest)?;
    let given = match arguments {
        Value::Tuple(items) => items.values.len(),
        // A mapping may be used by name, or not at all; so may a list.
        Value::Dict(_) | Value::List(_) if formatter.used == 0 => 0,
        _ => usize::from(!formatter.looked_up),
    };
    if formatter.used < given {
        return failed("not all arguments converted during string formatting");
    }
    Ok(out.finish())
}

struct Percent<'f> {
    rest: &'f str,
    arguments: &'f Value,
    used: usize,
    /// Whether arguments were named.
    looked_up: bool,
}

impl Percent<'_> {
    fn next(&mut self) -> Outcome<Value> {
        let value = match self.arguments {
            Value::Tuple(items) => items.values.get(self.used),
            single => (self.used == 0).then_some(single),
        };
        self.used += 1;
        match value {
            Some(value) => Ok(value.clone()),
            None => failed("not enough arguments for format string"),
        }
    }

    fn take(&mut self, wanted: char) -> bool {
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// A number, or `*` for the next argument.
    fn number(&mut self) -> Outcome<Option<i128>> {
        if self.take('*') {
            return integer(&self.next()?).map(Some);
        }
        let digits = self.rest.len() - self.rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number = self.rest[..digits].parse().ok();
        self.rest = &self.rest[digits..];
        Ok(number)
    }

    fn named(&mut self) -> Outcome<Option<Value>> {
        if !self.take('(') {
            return Ok(None);
        }
        let Some((name, rest)) = self.rest.split_once(')') else { return failed("incomplete format key") };
        self.rest = rest;
        let Value::Dict(dict) = self.arguments else { return failed("format requires a mapping") };
        self.looked_up = true;
        match dict.entries.get(&Key::text(name)) {
            Some(value) => Ok(Some(value.clone())),
            None => failed(format!("'{name}'")),
        }
    }

    fn conversion(&mut self, out: &mut Builder<'_>) -> Outcome<()> {
        let named = self.named()?;
        let mut conversion = Conversion::default();
        loop {
            match () {
                () if self.take('#') => conversion.alternate = true,
                () if self.take('0') => conversion.zero = true,
                () if self.take('-') => conversion.left = true,
                () if self.take(' ') => conversion.space = true,
                () if self.take('+') => conversion.plus = true,
                () => break,
            }
        }
        if let Some(width) = self.number()? {
            conversion.left |= width < 0;
            conversion.width = usize::try_from(width.unsigned_abs()).unwrap_or(usize::MAX);
        }
        if self.take('.') {
            let precision = self.number()?.unwrap_or(0);
            conversion.precision = Some(usize::try_from(precision.max(0)).unwrap_or(usize::MAX));
        }
        let _ = self.take('h') || self.take('l') || self.take('L');
        let Some(kind) = self.rest.chars().next() else { return failed("incomplete format") };
        self.rest = &self.rest[kind.len_utf8()..];
        conversion.kind = kind;
        if kind == '%' {
            return out.push("%");
        }
        let value = match named {
            Some(value) => value,
            None => self.next()?,
        };
        conversion.write(&value, out)
    }
}

impl Conversion {
    fn write(&self, value: &Value, out: &mut Builder<'_>) -> Outcome<()> {
        let number = match self.kind {
            's' | 'r' | 'a' => return self.text(value, out),
            'c' => {
                return match value.as_text() {
                    Some(text) if text.chars().count() == 1 => self.padded(text, out),
                    _ => match u32::try_from(integer(value)?).ok().and_then(char::from_u32) {
                        Some(character) => self.padded(character.encode_utf8(&mut [0; 4]), out),
                        None => failed("%c arg not in range(0x110000)"),
                    },
                };
            }
            'd' | 'i' | 'u' => match value {
                Value::Float(float) if float.is_finite() => {
                    Number::integer(*float as i128, 'd', self.alternate)
                }
                _ => Number::integer(self.whole(value)?, 'd', self.alternate),
            },
            'x' | 'X' | 'o' => Number::integer(self.whole(value)?, self.kind, self.alternate),
            'e' | 'E' | 'f' | 'F' | 'g' | 'G' => match value.defined()?.as_float() {
                Some(float) => Number::float(float, self.kind, self.precision.unwrap_or(6), self.alternate),
                None => return failed(format!("must be real number, not {}", value.type_name())),
            },
            other => return failed(format!("unsupported format character '{other}'")),
        };
        let mut number = number;
        if let (Some(precision), 'd' | 'i' | 'u' | 'x' | 'X' | 'o') = (self.precision, self.kind) {
            if precision > out.meter().longest_text() {
                return Err(Reason::Limit(format!("it asks for {precision} digits")));
            }
            number.at_least(precision);
        }
        number.sign(if self.plus {
            Some('+')
        } else if self.space {
            Some(' ')
        } else {
            None
        });
        let fill = self.width.saturating_sub(number.length());
        let (before, zeros, after) = match (self.left, self.zero) {
            (true, _) => (0, 0, fill),
            (false, true) => (0, fill, 0),
            (false, false) => (fill, 0, 0),
        };
        out.repeat(" ", before)?;
        out.push(&number.prefix)?;
        out.repeat("0", zeros)?;
        out.push(&number.digits)?;
        out.repeat(" ", after)
    }

    fn whole(&self, value: &Value) -> Outcome<i128> {
        match value.defined()?.as_int() {
            Some(number) => Ok(number),
            None => {
                failed(format!("%{} format: a real number is required, not {}", self.kind, value.type_name()))
            }
        }
    }

    fn text(&self, value: &Value, out: &mut Builder<'_>) -> Outcome<()> {
        let mut text = out.meter().builder();
        if self.kind == 's' {
            shown(value, &mut text)?
        } else {
            represented(value, &mut text)?
        }
        let text = match self.precision {
            Some(most) => text.as_str().chars().take(most).collect(),
            None => text.into_string(),
        };
        self.padded(&text, out)
    }

    fn padded(&self, text: &str, out: &mut Builder<'_>) -> Outcome<()> {
        let fill = self.width.saturating_sub(text.chars().count());
        out.repeat(" ", if self.left { 0 } else { fill })?;
        out.push(text)?;
        out.repeat(" ", if self.left { fill } else { 0 })
    }
}
