//! Expressions to values.

use indexmap::IndexMap;

use super::{Run, Scope};
use crate::ast::{Comparison, Expr, Postfix, SliceExpr};
use crate::attribute::{Slice, attribute, item, slice};
use crate::fault::Outcome;
use crate::operators::{binary, negative, positive};
use crate::value::{Key, Value, compare, contains, equal, shown};
use crate::{globals, predicates};

impl Run<'_> {
    pub(super) fn eval(&self, expr: &Expr, scope: &Scope) -> Outcome<Value> {
        let _level = self.deeper()?;
        match expr {
            Expr::None => Ok(Value::None),
            Expr::Bool(value) => Ok(Value::Bool(*value)),
            Expr::Int(number) => Ok(Value::Int(*number)),
            Expr::Float(number) => Ok(Value::Float(*number)),
            Expr::Text(text) => self.meter.text(text),
            Expr::Name(name) => Ok(self.named(name, scope)),
            Expr::List(items) => Value::list(self.evaluated(items, scope)?, self.meter),
            Expr::Tuple(items) => Value::tuple(self.evaluated(items, scope)?, self.meter),
            Expr::Dict(pairs) => {
                let mut entries = IndexMap::new();
                for (key, value) in pairs {
                    entries.insert(Key::of(&self.eval(key, scope)?)?, self.eval(value, scope)?);
                }
                Value::dict(entries, self.meter)
            }
            Expr::Not(inner) => Ok(Value::Bool(!self.eval(inner, scope)?.is_true())),
            Expr::Negative(inner) => negative(&self.eval(inner, scope)?),
            Expr::Positive(inner) => positive(&self.eval(inner, scope)?),
            Expr::And(terms) => self.first_that_is(false, terms, scope),
            Expr::Or(terms) => self.first_that_is(true, terms, scope),
            Expr::Compare { first, rest } => self.comparison(first, rest, scope),
            Expr::Math { first, rest } => {
                let mut value = self.eval(first, scope)?;
                for (operator, operand) in rest {
                    value = binary(*operator, &value, &self.eval(operand, scope)?, self.meter)?;
                }
                Ok(value)
            }
            Expr::Concat(terms) => {
                let mut text = self.meter.builder();
                for value in self.evaluated(terms, scope)? {
                    shown(&value, &mut text)?;
                }
                Ok(text.finish())
            }
            Expr::Conditional { test, then, otherwise } => {
                if self.eval(test, scope)?.is_true() {
                    return self.eval(then, scope);
                }
                match otherwise {
                    Some(otherwise) => self.eval(otherwise, scope),
                    None => Ok(Value::undefined(
                        "the inline if-expression evaluated to false and no else section was defined.",
                    )),
                }
            }
            Expr::Postfix { first, rest } => {
                let mut value = self.eval(first, scope)?;
                for postfix in rest {
                    value = self.postfix(value, postfix, scope)?;
                }
                Ok(value)
            }
        }
    }

    fn named(&self, name: &str, scope: &Scope) -> Value {
        let value = scope.get(name).or_else(|| globals::named(name));
        value.unwrap_or_else(|| Value::undefined(format!("'{name}' is undefined")))
    }

    /// The first term whose truth is `wanted`, or the last.
    fn first_that_is(&self, wanted: bool, terms: &[Expr], scope: &Scope) -> Outcome<Value> {
        let mut value = Value::None;
        for term in terms {
            value = self.eval(term, scope)?;
            if value.is_true() == wanted {
                break;
            }
        }
        Ok(value)
    }

    fn comparison(&self, first: &Expr, rest: &[(Comparison, Expr)], scope: &Scope) -> Outcome<Value> {
        let mut left = self.eval(first, scope)?;
        for (comparison, operand) in rest {
            let right = self.eval(operand, scope)?;
            if !self.holds(*comparison, &left, &right)? {
                return Ok(Value::Bool(false));
            }
            left = right;
        }
        Ok(Value::Bool(true))
    }

    fn holds(&self, comparison: Comparison, left: &Value, right: &Value) -> Outcome<bool> {
        self.meter.work(left.weight().min(right.weight()))?;
        Ok(match comparison {
            Comparison::Eq => equal(left, right),
            Comparison::Ne => !equal(left, right),
            Comparison::Lt => compare(left, right, "<")?.is_some_and(std::cmp::Ordering::is_lt),
            Comparison::Le => compare(left, right, "<=")?.is_some_and(std::cmp::Ordering::is_le),
            Comparison::Gt => compare(left, right, ">")?.is_some_and(std::cmp::Ordering::is_gt),
            Comparison::Ge => compare(left, right, ">=")?.is_some_and(std::cmp::Ordering::is_ge),
            Comparison::In => contains(right, left, self.meter)?,
            Comparison::NotIn => !contains(right, left, self.meter)?,
        })
    }

    pub(super) fn postfix(&self, value: Value, postfix: &Postfix, scope: &Scope) -> Outcome<Value> {
        match postfix {
            Postfix::Attribute(name) => attribute(&value, name),
            Postfix::Item(key) => item(&value, &self.eval(key, scope)?, self.meter),
            Postfix::Slice(bounds) => slice(&value, &self.bounds(bounds, scope)?, self.meter),
            Postfix::Call(arguments) => {
                let arguments = self.arguments(arguments, scope)?;
                self.call(&value, arguments)
            }
            Postfix::Filter(filter) => self.filter(value, filter, scope),
            Postfix::Test { call, negated } => {
                let arguments = self.arguments(&call.arguments, scope)?;
                let holds = predicates::holds(&call.name, &value, arguments, self.meter)?;
                Ok(Value::Bool(holds != *negated))
            }
        }
    }

    fn bounds(&self, bounds: &SliceExpr, scope: &Scope) -> Outcome<Slice> {
        let bound = |expr: &Option<Expr>| match expr {
            Some(expr) => match self.eval(expr, scope)? {
                Value::None => Ok(None),
                value => crate::arguments::integer(&value).map(Some),
            },
            None => Ok(None),
        };
        Ok(Slice { start: bound(&bounds.start)?, stop: bound(&bounds.stop)?, step: bound(&bounds.step)? })
    }
}
