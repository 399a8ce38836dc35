//! Letters of a text: their case, what they are, and padding around them.

use crate::arguments::{count, required, text};
use crate::fault::{Outcome, failed};
use crate::lexer::is_space;
use crate::meter::Meter;
use crate::value::{Value, Values};

/// A question about all characters of a text.
pub(super) fn predicate(text: &str, name: &str) -> Option<bool> {
    let every = |holds: fn(char) -> bool| !text.is_empty() && text.chars().all(holds);
    Some(match name {
        "isalnum" => every(char::is_alphanumeric),
        "isalpha" => every(char::is_alphabetic),
        "isascii" => text.is_ascii(),
        "isdecimal" | "isdigit" => every(|c| c.is_numeric() && (c.is_ascii_digit() || !c.is_ascii())),
        "isnumeric" => every(char::is_numeric),
        "isspace" => every(is_space),
        "isidentifier" => is_identifier(text),
        "islower" => is_lower(text),
        "isupper" => is_upper(text),
        "istitle" => is_title(text),
        _ => return None,
    })
}

fn is_identifier(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && characters.all(|c| c.is_alphanumeric() || c == '_')
}

/// Python's `str.islower`.
pub(crate) fn is_lower(text: &str) -> bool {
    text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase)
}

/// Python's `str.isupper`.
pub(crate) fn is_upper(text: &str) -> bool {
    text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase)
}

fn is_title(text: &str) -> bool {
    let mut in_word = false;
    let mut any = false;
    for character in text.chars() {
        let (upper, lower) = (character.is_uppercase(), character.is_lowercase());
        if upper && in_word || lower && !in_word {
            return false;
        }
        any |= upper || lower;
        in_word = upper || lower;
    }
    any
}

/// The text with other letters.
pub(super) fn changed(text: &str, name: &str, meter: &Meter<'_>) -> Outcome<String> {
    // One character can become three.
    meter.make(3 * text.len())?;
    Ok(match name {
        "lower" => text.to_lowercase(),
        "casefold" => text.to_lowercase().replace('ß', "ss"),
        "upper" => text.to_uppercase(),
        "capitalize" => capitalized(text),
        "title" => titled(text),
        "swapcase" => text.chars().flat_map(swapped).collect(),
        other => return failed(format!("'str' object has no method '{other}'")),
    })
}

fn swapped(character: char) -> Vec<char> {
    if character.is_uppercase() {
        character.to_lowercase().collect()
    } else {
        character.to_uppercase().collect()
    }
}

/// First letter large, the rest small.
pub(crate) fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|c| c.to_uppercase().collect::<String>()).unwrap_or_default();
    first + &characters.as_str().to_lowercase()
}

fn titled(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut in_word = false;
    for character in text.chars() {
        if in_word {
            result.extend(character.to_lowercase());
        } else {
            result.extend(character.to_uppercase());
        }
        in_word = character.is_uppercase() || character.is_lowercase();
    }
    result
}

/// The text with something around it.
pub(super) fn padded(text_: &str, name: &str, arguments: Values, meter: &Meter<'_>) -> Outcome<Value> {
    if name == "expandtabs" {
        let [size] = arguments.bind(name, ["tabsize"])?;
        return expanded(text_, size.map_or(Ok(8), |size| count(&size))?, meter);
    }
    let [width, fill] = arguments.bind(name, ["width", "fillchar"])?;
    let width = count(&required(width, name, "width")?)?;
    let fill = match &fill {
        Some(fill) => text(fill, name)?.to_owned(),
        None => {
            if name == "zfill" {
                "0".to_owned()
            } else {
                " ".to_owned()
            }
        }
    };
    if fill.chars().count() != 1 {
        return failed("The fill character must be exactly one character long");
    }
    let missing = width.saturating_sub(text_.chars().count());
    let mut out = meter.builder();
    match name {
        "ljust" => {
            out.push(text_)?;
            out.repeat(&fill, missing)?;
        }
        "center" => centered(text_, missing, width, &fill, &mut out)?,
        "zfill" => {
            let sign = text_.strip_prefix(['+', '-']).map_or(0, |_| 1);
            out.push(&text_[..sign])?;
            out.repeat(&fill, missing)?;
            out.push(&text_[sign..])?;
        }
        _ => {
            out.repeat(&fill, missing)?;
            out.push(text_)?;
        }
    }
    Ok(out.finish())
}

/// As CPython does it: the odd one goes left only when the width is odd, too.
fn centered(
    text: &str,
    missing: usize,
    width: usize,
    fill: &str,
    out: &mut crate::meter::Builder<'_>,
) -> Outcome<()> {
    let left = missing / 2 + (missing & width & 1);
    out.repeat(fill, left)?;
    out.push(text)?;
    out.repeat(fill, missing - left)
}

fn expanded(text: &str, size: usize, meter: &Meter<'_>) -> Outcome<Value> {
    let mut out = meter.builder();
    let mut column = 0;
    for character in text.chars() {
        match character {
            '\t' if size > 0 => {
                let spaces = size - column % size;
                out.repeat(" ", spaces)?;
                column += spaces;
            }
            '\t' => {}
            '\n' | '\r' => {
                out.push_char(character)?;
                column = 0;
            }
            other => {
                out.push_char(other)?;
                column += 1;
            }
        }
    }
    Ok(out.finish())
}
