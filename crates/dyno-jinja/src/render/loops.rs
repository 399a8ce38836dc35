//! Loops.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use super::{Flow, Run, Scope};
use crate::arguments::required;
use crate::ast::For;
use crate::fault::{Outcome, failed};
use crate::meter::Builder;
use crate::value::{Items, Loop, Recursion, Value, Values};

impl<'m> Run<'m> {
    pub(super) fn for_(&self, definition: &Arc<For>, scope: &Scope, out: &mut Builder<'m>) -> Outcome<Flow> {
        let items = self.eval(&definition.items, scope)?;
        let around = Recursion { definition: Arc::clone(definition), scope: scope.clone() };
        self.iterate(&around, &items, 0, out)?;
        Ok(Flow::Next)
    }

    /// `loop(items)` in a recursive loop.
    pub(super) fn call_loop(&self, state: &Loop, arguments: Values) -> Outcome<Value> {
        let Some(recursion) = &state.recursion else {
            return failed("The loop must have the 'recursive' marker to be called recursively.");
        };
        let [items] = arguments.bind("loop", ["iterable"])?;
        let items = required(items, "loop", "iterable")?;
        let mut text = self.meter.builder();
        self.iterate(recursion, &items, state.depth0 + 1, &mut text)?;
        Ok(text.finish())
    }

    fn iterate(
        &self,
        around: &Recursion,
        items: &Value,
        depth0: usize,
        out: &mut Builder<'m>,
    ) -> Outcome<()> {
        let Recursion { definition, scope } = around;
        let items = self.chosen(definition, items.iterate(self.meter)?, scope)?;
        if items.is_empty() {
            self.statements(&definition.otherwise, &scope.inner(), out)?;
            return Ok(());
        }
        let recursion = definition
            .is_recursive
            .then(|| Recursion { definition: Arc::clone(definition), scope: scope.clone() });
        if recursion.is_some() {
            self.keep(scope)?;
        }
        let state = Rc::new(Loop {
            items: Rc::new(Items::new(items, self.meter)?),
            index: Cell::new(0),
            depth0,
            changed: RefCell::new(None),
            recursion,
        });
        for (index, item) in state.items.values.iter().enumerate() {
            state.index.set(index);
            let inner = scope.inner();
            inner.set("loop", Value::Loop(Rc::clone(&state)));
            self.assign(&definition.target, item.clone(), &inner)?;
            if self.statements(&definition.body, &inner, out)? == Flow::Break {
                break;
            }
        }
        Ok(())
    }

    /// The items that the loop's own condition lets through.
    fn chosen(&self, definition: &For, items: Vec<Value>, scope: &Scope) -> Outcome<Vec<Value>> {
        let Some(test) = &definition.test else { return Ok(items) };
        let mut chosen = Vec::new();
        for item in items {
            let inner = scope.inner();
            self.assign(&definition.target, item.clone(), &inner)?;
            if self.eval(test, &inner)?.is_true() {
                chosen.push(item);
            }
        }
        Ok(chosen)
    }
}
