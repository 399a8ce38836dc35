//! Jinja2 as the transformers library sets it up for chat templates.
//!
//! Models were made with prompts that Python wrote: `trim_blocks` and `lstrip_blocks`, `{% generation %}`, loop controls, a
//! `tojson` that escapes nothing, `raise_exception`, `strftime_now`, a sandbox in which nothing but a namespace can be changed,
//! and the methods, operators and texts of Python's own values. This crate renders the same text. Templates come from files
//! that nobody checked: steps, bytes of the values made, nesting and time are bounded ([`Limits`]), nothing is loaded, and the
//! only ways out are those of [`Host`].

mod arguments;
mod ast;
mod attribute;
mod fault;
mod filters;
mod format;
mod globals;
mod input;
mod lexer;
mod meter;
mod methods;
mod operators;
mod parser;
mod predicates;
mod render;
mod value;

use std::sync::Arc;

pub use fault::{Fault, Reason};
pub use input::Input;

/// What one rendering may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Steps: parts of expressions carried out, and bytes looked at.
    pub steps: u64,
    /// Bytes of all values made, whether they are still there or not.
    pub bytes_made: u64,
    /// Bytes of the longest text, the result among them.
    pub text_bytes: usize,
}

/// What a template may ask of the program around it.
pub trait Host: Sync {
    /// The time now in the given `strftime` format.
    ///
    /// # Errors
    /// When the format cannot be used.
    fn strftime_now(&self, format: &str) -> Result<String, String>;

    /// Why the rendering must end now, if it must. Asked again and again.
    fn out_of_time(&self) -> Option<String>;
}

/// A compiled template.
#[derive(Debug, Clone)]
pub struct Template {
    nodes: Arc<Vec<ast::Node>>,
}

/// Stack of a thread that compiles or renders: enough for the deepest nesting that is allowed.
const STACK_BYTES: usize = 64 << 20;

impl Template {
    /// Compiles a template.
    ///
    /// # Errors
    /// When the source is no template.
    pub fn compile(source: &str) -> Result<Self, Fault> {
        let nodes = on_own_stack(|| parser::parse(source))?;
        Ok(Self { nodes: Arc::new(nodes) })
    }

    /// Whether it gives nothing but the text of its source's white space: it has no tag at all that could print.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        let blank =
            |node: &ast::Node| matches!(&node.kind, ast::Statement::Data(text) if text.trim().is_empty());
        self.nodes.iter().all(blank)
    }

    /// Renders the template with these variables.
    ///
    /// # Errors
    /// When the template refuses, fails, or exceeds a limit.
    pub fn render(
        &self,
        variables: &[(&str, Input)],
        host: &dyn Host,
        limits: Limits,
    ) -> Result<String, Fault> {
        on_own_stack(|| render::render(&self.nodes, variables, &meter::Meter::new(limits, host)))
    }
}

/// Runs `work` on a thread with a stack of known size: nesting is bounded by what fits in it.
fn on_own_stack<T: Send>(work: impl FnOnce() -> Result<T, Fault> + Send) -> Result<T, Fault> {
    let ended = |message: String| Fault { reason: Reason::Failed(message), line: 1 };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("template".to_owned()).stack_size(STACK_BYTES);
        let thread = thread
            .spawn_scoped(scope, work)
            .map_err(|error| ended(format!("no thread can be started for it: {error}")))?;
        thread.join().map_err(|_| ended("it met a fault of this program".to_owned()))?
    })
}

#[cfg(test)]
mod tests;
