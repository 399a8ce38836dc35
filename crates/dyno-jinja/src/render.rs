//! Carrying a template out.

mod call;
mod expression;
mod loops;
mod scope;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::Input;
use crate::ast::{Arm, Call, Expr, Node, Statement, Target};
use crate::fault::{Fault, Outcome, Reason, failed};
use crate::meter::{Builder, Meter};
use crate::value::{BoundMacro, Namespace, Value, Values, shown};

pub(crate) use scope::Scope;

/// Deepest nesting of what is carried out: calls of macros, statements and expressions within each other.
const NESTING_MAX: u32 = 1500;

/// Renders statements with these variables.
pub(crate) fn render(
    nodes: &[Node],
    variables: &[(&str, Input)],
    meter: &Meter<'_>,
) -> Result<String, Fault> {
    let run = Run {
        meter,
        line: Cell::new(1),
        nesting: Cell::new(0),
        captured: RefCell::default(),
        namespaces: RefCell::default(),
    };
    let outcome = run.whole(nodes, variables);
    run.release();
    outcome.map_err(|reason| Fault { reason, line: run.line.get() })
}

/// How the statements of a body ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

/// A rendering in progress.
struct Run<'m> {
    meter: &'m Meter<'m>,
    /// Line of the statement that is being carried out.
    line: Cell<u32>,
    nesting: Cell<u32>,
    /// Scopes that macros hold on to, and all namespaces: they may form circles and long chains, which are taken apart at the end.
    captured: RefCell<Vec<Scope>>,
    namespaces: RefCell<Vec<Rc<Namespace>>>,
}

/// One level of nesting, for as long as it lives.
struct Level<'r>(&'r Cell<u32>);

impl Drop for Level<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl<'m> Run<'m> {
    fn whole(&self, nodes: &[Node], variables: &[(&str, Input)]) -> Outcome<String> {
        let given = Scope::root();
        for (name, input) in variables {
            given.set(name, Value::from_input(input, self.meter)?);
        }
        let mut out = self.meter.builder();
        self.statements(nodes, &given.inner(), &mut out)?;
        Ok(out.into_string())
    }

    /// Takes circles apart, one by one, so that nothing is dropped by a deep recursion.
    fn release(&self) {
        for scope in self.captured.borrow().iter() {
            scope.clear();
        }
        for namespace in self.namespaces.borrow().iter() {
            namespace.attributes.borrow_mut().clear();
        }
    }

    fn deeper(&self) -> Outcome<Level<'_>> {
        self.meter.step()?;
        let nesting = self.nesting.get() + 1;
        if nesting > NESTING_MAX {
            return Err(Reason::Limit(format!("it nests more than {NESTING_MAX} levels deep")));
        }
        self.nesting.set(nesting);
        Ok(Level(&self.nesting))
    }

    fn statements(&self, nodes: &[Node], scope: &Scope, out: &mut Builder<'m>) -> Outcome<Flow> {
        let _level = self.deeper()?;
        for node in nodes {
            self.line.set(node.line);
            let flow = self.statement(&node.kind, scope, out)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn statement(&self, statement: &Statement, scope: &Scope, out: &mut Builder<'m>) -> Outcome<Flow> {
        match statement {
            Statement::Data(text) => out.push(text)?,
            Statement::Print(printed) => {
                for expr in printed {
                    shown(&self.eval(expr, scope)?, out)?;
                }
            }
            Statement::Set(target, value) => {
                let value = self.eval(value, scope)?;
                self.assign(target, value, scope)?;
            }
            Statement::SetBlock { target, filters, body } => {
                let value = self.captured_text(body, filters, scope)?;
                self.assign(target, value, scope)?;
            }
            Statement::If { arms, otherwise } => return self.if_(arms, otherwise, scope, out),
            Statement::For(definition) => return self.for_(definition, scope, out),
            Statement::Break => return Ok(Flow::Break),
            Statement::Continue => return Ok(Flow::Continue),
            Statement::Macro(definition) => {
                self.keep(scope)?;
                let bound = BoundMacro { definition: definition.clone(), scope: scope.clone() };
                scope.set(&definition.name, Value::Macro(Rc::new(bound)));
            }
            Statement::CallBlock { caller, call } => {
                self.keep(scope)?;
                let bound = BoundMacro { definition: caller.clone(), scope: scope.clone() };
                shown(&self.call_with_caller(call, Value::Macro(Rc::new(bound)), scope)?, out)?;
            }
            Statement::FilterBlock { filters, body } => {
                shown(&self.captured_text(body, filters, scope)?, out)?;
            }
            Statement::With { pairs, body } => {
                let inner = scope.inner();
                for (target, value) in pairs {
                    let value = self.eval(value, scope)?;
                    self.assign(target, value, &inner)?;
                }
                return self.statements(body, &inner, out);
            }
            Statement::Scope(body) => return self.statements(body, &scope.inner(), out),
        }
        Ok(Flow::Next)
    }

    fn if_(&self, arms: &[Arm], otherwise: &[Node], scope: &Scope, out: &mut Builder<'m>) -> Outcome<Flow> {
        for arm in arms {
            if self.eval(&arm.test, scope)?.is_true() {
                return self.statements(&arm.body, scope, out);
            }
        }
        self.statements(otherwise, scope, out)
    }

    /// What a body prints, filtered.
    fn captured_text(&self, body: &[Node], filters: &[Call], scope: &Scope) -> Outcome<Value> {
        let mut text = self.meter.builder();
        self.statements(body, &scope.inner(), &mut text)?;
        let mut value = text.finish();
        for filter in filters {
            value = self.filter(value, filter, scope)?;
        }
        Ok(value)
    }

    fn assign(&self, target: &Target, value: Value, scope: &Scope) -> Outcome<()> {
        match target {
            Target::Name(name) => {
                scope.set(name, value);
                Ok(())
            }
            Target::Attribute { namespace, name } => match scope.get(namespace) {
                Some(Value::Namespace(namespace)) => {
                    self.meter.make(name.len() + crate::value::ITEM_BYTES)?;
                    namespace.attributes.borrow_mut().insert(name.clone(), value);
                    Ok(())
                }
                _ => failed("cannot assign attribute on non-namespace object"),
            },
            Target::Tuple(targets) => {
                let values = value.iterate(self.meter)?;
                if values.len() > targets.len() {
                    return failed(format!("too many values to unpack (expected {})", targets.len()));
                }
                if values.len() < targets.len() {
                    return failed(format!(
                        "not enough values to unpack (expected {}, got {})",
                        targets.len(),
                        values.len()
                    ));
                }
                targets.iter().zip(values).try_for_each(|(target, value)| self.assign(target, value, scope))
            }
        }
    }

    /// Remembers a scope that a value holds on to.
    fn keep(&self, scope: &Scope) -> Outcome<()> {
        self.meter.make(size_of::<Scope>())?;
        self.captured.borrow_mut().push(scope.clone());
        Ok(())
    }

    fn filter(&self, value: Value, filter: &Call, scope: &Scope) -> Outcome<Value> {
        let arguments = self.arguments(&filter.arguments, scope)?;
        crate::filters::apply(&filter.name, value, arguments, self.meter)
    }

    fn evaluated(&self, exprs: &[Expr], scope: &Scope) -> Outcome<Vec<Value>> {
        exprs.iter().map(|expr| self.eval(expr, scope)).collect()
    }

    fn arguments(&self, arguments: &crate::ast::Arguments, scope: &Scope) -> Outcome<Values> {
        let mut values = Values::of(self.evaluated(&arguments.positional, scope)?);
        for (name, value) in &arguments.named {
            values.named.push((name.clone(), self.eval(value, scope)?));
        }
        if let Some(rest) = &arguments.rest {
            values.positional.extend(self.eval(rest, scope)?.iterate(self.meter)?);
        }
        if let Some(rest) = &arguments.rest_named {
            let Value::Dict(rest) = self.eval(rest, scope)? else {
                return failed("argument after ** must be a mapping");
            };
            for (key, value) in &rest.entries {
                let Some(name) = key.0.as_text() else { return failed("keywords must be strings") };
                values.named.push((name.to_owned(), value.clone()));
            }
        }
        self.meter.make(values.named.len() * 2 * crate::value::ITEM_BYTES)?;
        Ok(values)
    }
}
