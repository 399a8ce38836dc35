//! Calls: of macros, of the functions every template has, of methods.

use std::rc::Rc;

use indexmap::IndexMap;

use super::{Run, Scope};
use crate::ast::{Expr, Postfix};
use crate::fault::{Outcome, failed};
use crate::value::{BoundMacro, Function, Key, Namespace, Value, Values};
use crate::{globals, methods};

impl Run<'_> {
    pub(super) fn call(&self, callee: &Value, arguments: Values) -> Outcome<Value> {
        let _level = self.deeper()?;
        match callee {
            Value::Macro(bound) => {
                let line = self.line.get();
                let value = self.call_macro(bound, arguments)?;
                self.line.set(line);
                Ok(value)
            }
            Value::Function(Function::Namespace) => self.namespace(arguments),
            Value::Function(function) => globals::call(*function, arguments, self.meter),
            Value::Method(method) => methods::call(method, arguments, self.meter),
            Value::Joiner(joiner) => {
                let first = !joiner.used.replace(true);
                Ok(Value::Text(if first { Rc::from("") } else { joiner.separator.clone() }))
            }
            Value::Loop(state) => self.call_loop(state, arguments),
            Value::Undefined(message) => failed(&**message),
            other => failed(format!("'{}' object is not callable", other.type_name())),
        }
    }

    /// The call of a call block: like any other, with the block as `caller`.
    pub(super) fn call_with_caller(&self, call: &Expr, caller: Value, scope: &Scope) -> Outcome<Value> {
        let Expr::Postfix { first, rest } = call else { return failed("expected call") };
        let Some((Postfix::Call(arguments), before)) = rest.split_last() else {
            return failed("expected call");
        };
        let mut callee = self.eval(first, scope)?;
        for postfix in before {
            callee = self.postfix(callee, postfix, scope)?;
        }
        let mut arguments = self.arguments(arguments, scope)?;
        arguments.named.push(("caller".to_owned(), caller));
        self.call(&callee, arguments)
    }

    fn call_macro(&self, bound: &BoundMacro, arguments: Values) -> Outcome<Value> {
        let definition = &bound.definition;
        let scope = bound.scope.inner();
        let mut positional = arguments.positional.into_iter();
        let mut named = arguments.named;
        // Jinja looks among the named arguments only for parameters that no positional one fills.
        for parameter in &definition.parameters {
            let by_name = |(name, _): &(String, Value)| *name == parameter.name;
            let given = match positional.next() {
                Some(value) => Some(value),
                None => named.iter().position(by_name).map(|at| named.remove(at).1),
            };
            let value = match (given, &parameter.default) {
                (Some(value), _) => value,
                (None, Some(default)) => self.eval(default, &scope)?,
                (None, None) => Value::undefined(format!("parameter '{}' was not provided", parameter.name)),
            };
            scope.set(&parameter.name, value);
        }
        self.extras(bound, &scope, positional.collect(), named)?;
        let mut text = self.meter.builder();
        self.statements(&definition.body, &scope, &mut text)?;
        Ok(text.finish())
    }

    /// What a call has beyond the parameters: for a macro that takes it.
    fn extras(
        &self,
        bound: &BoundMacro,
        scope: &Scope,
        positional: Vec<Value>,
        mut named: Vec<(String, Value)>,
    ) -> Outcome<()> {
        let definition = &bound.definition;
        let name = &definition.name;
        if definition.takes.caller && !definition.parameters.iter().any(|it| it.name == "caller") {
            let caller = named.iter().position(|(name, _)| name == "caller").map(|at| named.remove(at).1);
            scope.set("caller", caller.unwrap_or_else(|| Value::undefined("No caller defined")));
        }
        if definition.takes.kwargs {
            let mut kwargs = IndexMap::new();
            for (name, value) in named {
                kwargs.insert(Key::text(&name), value);
            }
            scope.set("kwargs", Value::dict(kwargs, self.meter)?);
        } else if let Some((keyword, _)) = named.first() {
            return failed(format!("macro '{name}' takes no keyword argument '{keyword}'"));
        }
        if definition.takes.varargs {
            scope.set("varargs", Value::tuple(positional, self.meter)?);
        } else if !positional.is_empty() {
            let most = definition.parameters.len();
            return failed(format!("macro '{name}' takes not more than {most} argument(s)"));
        }
        Ok(())
    }

    fn namespace(&self, arguments: Values) -> Outcome<Value> {
        let mut attributes = IndexMap::new();
        if let Value::Dict(dict) = globals::call(Function::Dict, arguments, self.meter)? {
            for (key, value) in &dict.entries {
                if let Some(name) = key.0.as_text() {
                    attributes.insert(name.to_owned(), value.clone());
                }
            }
        }
        let namespace = Rc::new(Namespace { attributes: attributes.into() });
        self.namespaces.borrow_mut().push(Rc::clone(&namespace));
        Ok(Value::Namespace(namespace))
    }
}
