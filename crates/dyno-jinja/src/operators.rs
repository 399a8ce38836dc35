//! Python's arithmetic.

use crate::ast::Operator;
use crate::fault::{Outcome, failed};
use crate::filters::escaped;
use crate::format::percent;
use crate::meter::Meter;
use crate::value::{ITEM_BYTES, Key, Value, shown};

/// `left operator right`
pub(crate) fn binary(operator: Operator, left: &Value, right: &Value, meter: &Meter<'_>) -> Outcome<Value> {
    left.defined()?;
    right.defined()?;
    match (operator, left, right) {
        (Operator::Add, Value::Markup(_), Value::Text(_) | Value::Markup(_))
        | (Operator::Add, Value::Text(_), Value::Markup(_)) => joined_markup(left, right, meter),
        (Operator::Rem, Value::Markup(format), arguments) => {
            Ok(percent(format, &escaped_arguments(arguments, meter)?, meter)?.marked())
        }
        (Operator::Mul, Value::Markup(text), times) | (Operator::Mul, times, Value::Markup(text))
            if is_int(times) =>
        {
            Ok(repeated(&Value::Text(text.clone()), times, meter)?.marked())
        }
        (Operator::Add, Value::Text(left), Value::Text(right)) => {
            let mut text = meter.builder();
            text.push(left)?;
            text.push(right)?;
            Ok(text.finish())
        }
        (Operator::Add, Value::List(left), Value::List(right)) => {
            Value::list(joined(&left.values, &right.values, meter)?, meter)
        }
        (Operator::Add, Value::Tuple(left), Value::Tuple(right)) => {
            Value::tuple(joined(&left.values, &right.values, meter)?, meter)
        }
        (Operator::Rem, Value::Text(format), arguments) => percent(format, arguments, meter),
        (Operator::Mul, Value::Text(_) | Value::List(_) | Value::Tuple(_), times) if is_int(times) => {
            repeated(left, times, meter)
        }
        (Operator::Mul, times, Value::Text(_) | Value::List(_) | Value::Tuple(_)) if is_int(times) => {
            repeated(right, times, meter)
        }
        _ => numbers(operator, left, right),
    }
}

/// Two texts of which one is markup: the other is escaped, and the whole is markup.
fn joined_markup(left: &Value, right: &Value, meter: &Meter<'_>) -> Outcome<Value> {
    let mut text = meter.builder();
    shown(&escaped(left, meter)?, &mut text)?;
    shown(&escaped(right, meter)?, &mut text)?;
    Ok(text.finish().marked())
}

/// What a format of markup is given: texts are escaped, everything else stays.
fn escaped_arguments(arguments: &Value, meter: &Meter<'_>) -> Outcome<Value> {
    let one =
        |value: &Value| if value.as_text().is_some() { escaped(value, meter) } else { Ok(value.clone()) };
    match arguments {
        Value::Tuple(items) => Value::tuple(items.values.iter().map(one).collect::<Outcome<_>>()?, meter),
        Value::Dict(dict) => {
            let pair = |(key, value): (&Key, &Value)| Ok((key.clone(), one(value)?));
            Value::dict(dict.entries.iter().map(pair).collect::<Outcome<_>>()?, meter)
        }
        single => one(single),
    }
}

fn is_int(value: &Value) -> bool {
    value.as_int().is_some()
}

fn joined(left: &[Value], right: &[Value], meter: &Meter<'_>) -> Outcome<Vec<Value>> {
    meter.make((left.len() + right.len()) * ITEM_BYTES)?;
    Ok([left, right].concat())
}

fn repeated(value: &Value, times: &Value, meter: &Meter<'_>) -> Outcome<Value> {
    let times = crate::arguments::count(times)?;
    match value {
        Value::List(items) => {
            meter.make(items.values.len().saturating_mul(times).saturating_mul(ITEM_BYTES))?;
            Value::list(vec![items.values.as_slice(); times].concat(), meter)
        }
        Value::Tuple(items) => {
            meter.make(items.values.len().saturating_mul(times).saturating_mul(ITEM_BYTES))?;
            Value::tuple(vec![items.values.as_slice(); times].concat(), meter)
        }
        other => {
            let mut text = meter.builder();
            text.repeat(other.as_text().unwrap_or_default(), times)?;
            Ok(text.finish())
        }
    }
}

fn numbers(operator: Operator, left: &Value, right: &Value) -> Outcome<Value> {
    match (left.as_int(), right.as_int(), left.as_float(), right.as_float()) {
        (Some(left), Some(right), _, _) => integers(operator, left, right),
        (_, _, Some(left), Some(right)) => floats(operator, left, right),
        _ => mismatch(operator, left, right),
    }
}

fn mismatch(operator: Operator, left: &Value, right: &Value) -> Outcome<Value> {
    let (left_kind, right_kind) = (left.type_name(), right.type_name());
    if operator == Operator::Add
        && matches!(left, Value::Text(_) | Value::Markup(_) | Value::List(_) | Value::Tuple(_))
    {
        return failed(format!("can only concatenate {left_kind} (not \"{right_kind}\") to {left_kind}"));
    }
    failed(format!("unsupported operand type(s) for {}: '{left_kind}' and '{right_kind}'", operator.sign()))
}

fn integers(operator: Operator, left: i128, right: i128) -> Outcome<Value> {
    let result = match operator {
        Operator::Add => left.checked_add(right),
        Operator::Sub => left.checked_sub(right),
        Operator::Mul => left.checked_mul(right),
        Operator::Div => return floats(operator, left as f64, right as f64),
        Operator::FloorDiv | Operator::Rem if right == 0 => {
            return failed("integer division or modulo by zero");
        }
        Operator::FloorDiv => left.checked_div(right).map(|quotient| {
            if left % right != 0 && (left < 0) != (right < 0) { quotient - 1 } else { quotient }
        }),
        Operator::Rem => left.checked_rem(right).map(|remainder| {
            if remainder != 0 && (remainder < 0) != (right < 0) { remainder + right } else { remainder }
        }),
        Operator::Pow if right < 0 => return floats(operator, left as f64, right as f64),
        Operator::Pow => u32::try_from(right).ok().and_then(|right| left.checked_pow(right)),
    };
    match result {
        Some(number) => Ok(Value::Int(number)),
        None => failed("the number is too large"),
    }
}

fn floats(operator: Operator, left: f64, right: f64) -> Outcome<Value> {
    let divides = matches!(operator, Operator::Div | Operator::FloorDiv | Operator::Rem);
    if divides && right == 0.0 || operator == Operator::Pow && left == 0.0 && right < 0.0 {
        return failed("division by zero");
    }
    let remainder = left % right;
    let modulo =
        if remainder != 0.0 && (remainder < 0.0) != (right < 0.0) { remainder + right } else { remainder };
    Ok(Value::Float(match operator {
        Operator::Add => left + right,
        Operator::Sub => left - right,
        Operator::Mul => left * right,
        Operator::Div => left / right,
        Operator::FloorDiv => ((left - modulo) / right).round(),
        Operator::Rem => modulo,
        Operator::Pow => left.powf(right),
    }))
}

/// `-value`
pub(crate) fn negative(value: &Value) -> Outcome<Value> {
    match (value.defined()?.as_int(), value) {
        (Some(number), _) => match number.checked_neg() {
            Some(number) => Ok(Value::Int(number)),
            None => failed("the number is too large"),
        },
        (None, Value::Float(number)) => Ok(Value::Float(-number)),
        _ => failed(format!("bad operand type for unary -: '{}'", value.type_name())),
    }
}

/// `+value`
pub(crate) fn positive(value: &Value) -> Outcome<Value> {
    match (value.defined()?.as_int(), value) {
        (Some(number), _) => Ok(Value::Int(number)),
        (None, Value::Float(number)) => Ok(Value::Float(*number)),
        _ => failed(format!("bad operand type for unary +: '{}'", value.type_name())),
    }
}
