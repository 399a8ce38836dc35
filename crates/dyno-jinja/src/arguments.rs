//! Arguments of calls, matched with parameters as Python does.

use crate::fault::{Outcome, failed};
use crate::value::{Value, Values};

impl Values {
    /// Of positional arguments.
    pub(crate) fn of(positional: Vec<Value>) -> Self {
        Self { positional, named: Vec::new() }
    }

    /// The arguments of the function `name` by its `parameters`, in their order.
    pub(crate) fn bind<const N: usize>(
        self,
        name: &str,
        parameters: [&str; N],
    ) -> Outcome<[Option<Value>; N]> {
        let given = self.positional.len();
        if given > N {
            return failed(format!("{name}() takes at most {N} arguments ({given} given)"));
        }
        let mut bound = [const { None }; N];
        for (slot, value) in bound.iter_mut().zip(self.positional) {
            *slot = Some(value);
        }
        for (key, value) in self.named {
            let Some(at) = parameters.iter().position(|parameter| *parameter == key) else {
                return failed(format!("{name}() got an unexpected keyword argument '{key}'"));
            };
            if bound[at].is_some() {
                return failed(format!("{name}() got multiple values for argument '{key}'"));
            }
            bound[at] = Some(value);
        }
        Ok(bound)
    }
}

/// An argument that must be given.
pub(crate) fn required(value: Option<Value>, function: &str, parameter: &str) -> Outcome<Value> {
    match value {
        Some(value) => Ok(value),
        None => failed(format!("{function}() missing 1 required positional argument: '{parameter}'")),
    }
}

/// A text argument.
pub(crate) fn text<'v>(value: &'v Value, function: &str) -> Outcome<&'v str> {
    match value.defined()?.as_text() {
        Some(text) => Ok(text),
        None => failed(format!("{function}() argument must be str, not {}", value.type_name())),
    }
}

/// A whole number.
pub(crate) fn integer(value: &Value) -> Outcome<i128> {
    match value.defined()?.as_int() {
        Some(number) => Ok(number),
        None => failed(format!("'{}' object cannot be interpreted as an integer", value.type_name())),
    }
}

/// A whole number that counts something: nothing for less than none.
pub(crate) fn count(value: &Value) -> Outcome<usize> {
    Ok(usize::try_from(integer(value)?.max(0)).unwrap_or(usize::MAX))
}

/// Whether an optional flag is set.
pub(crate) fn flag(value: Option<&Value>, default: bool) -> bool {
    value.map_or(default, Value::is_true)
}

/// An optional argument: none and None are the same.
pub(crate) fn optional(value: Option<Value>) -> Option<Value> {
    value.filter(|value| !matches!(value, Value::None))
}
