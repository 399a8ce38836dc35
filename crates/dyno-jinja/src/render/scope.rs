//! Names and what they stand for: a frame for each part of a template that has names of its own.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::value::Value;

/// A frame and those around it.
#[derive(Clone)]
pub(crate) struct Scope(Rc<Frame>);

struct Frame {
    names: RefCell<HashMap<String, Value>>,
    outer: Option<Scope>,
}

impl Scope {
    /// The outermost one.
    pub(crate) fn root() -> Self {
        Self(Rc::new(Frame { names: RefCell::default(), outer: None }))
    }

    /// One within this.
    pub(crate) fn inner(&self) -> Self {
        Self(Rc::new(Frame { names: RefCell::default(), outer: Some(self.clone()) }))
    }

    /// What a name stands for, here or around.
    pub(crate) fn get(&self, name: &str) -> Option<Value> {
        let mut scope = self;
        loop {
            if let Some(value) = scope.0.names.borrow().get(name) {
                return Some(value.clone());
            }
            scope = scope.0.outer.as_ref()?;
        }
    }

    /// Sets a name here.
    pub(crate) fn set(&self, name: &str, value: Value) {
        self.0.names.borrow_mut().insert(name.to_owned(), value);
    }

    /// Forgets all names here.
    pub(crate) fn clear(&self) {
        let names = self.0.names.take();
        drop(names);
    }
}
