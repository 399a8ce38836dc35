//! Statements: everything between `{%` and `%}`.

use std::sync::Arc;

use super::{Parsed, Parser, described};
use crate::ast::{Arm, Expr, Extras, For, Macro, Node, Parameter, Postfix, Statement, Target};
use crate::lexer::Kind;

impl Parser {
    /// Statements up to a tag that begins with one of `ends` (its name is the next token), or to the end for none.
    pub(super) fn statements(&mut self, ends: &[&str]) -> Parsed<Vec<Node>> {
        let mut nodes = Vec::new();
        loop {
            let line = self.line();
            match self.peek() {
                Kind::Data(_) => {
                    let Kind::Data(text) = self.advance() else { continue };
                    nodes.push(Node { line, kind: Statement::Data(text) });
                }
                Kind::VariableBegin => {
                    self.advance();
                    let printed = self.tuple(true, &[])?;
                    self.expect_end_of(&Kind::VariableEnd)?;
                    nodes.push(Node { line, kind: Statement::Print(vec![printed]) });
                }
                Kind::BlockBegin => {
                    self.advance();
                    if matches!(self.peek(), Kind::Name(name) if ends.contains(&name.as_str())) {
                        return Ok(nodes);
                    }
                    let kind = self.nested(Self::statement)?;
                    self.expect_end_of(&Kind::BlockEnd)?;
                    nodes.push(Node { line, kind });
                }
                Kind::Eof if ends.is_empty() => return Ok(nodes),
                other => {
                    let message = match ends {
                        [] => format!("unexpected {}", described(other)),
                        _ => {
                            format!("unexpected {}, looking for '{}'", described(other), ends.join("' or '"))
                        }
                    };
                    return self.fail(message);
                }
            }
        }
    }

    /// The rest of a tag, and the statements up to one of `ends`.
    fn body(&mut self, ends: &[&str]) -> Parsed<Vec<Node>> {
        self.skip_op(":");
        self.expect_end_of(&Kind::BlockEnd)?;
        self.statements(ends)
    }

    /// A body that ends with the tag `end`, which is taken.
    fn body_to(&mut self, end: &str) -> Parsed<Vec<Node>> {
        let body = self.body(&[end])?;
        self.advance();
        Ok(body)
    }

    fn statement(&mut self) -> Parsed<Statement> {
        let Kind::Name(tag) = self.peek().clone() else {
            return self.fail("tag name expected");
        };
        self.advance();
        match tag.as_str() {
            "set" => self.set(),
            "if" => self.if_(),
            "for" => self.for_(),
            "macro" => self.macro_(),
            "call" => self.call_block(),
            "filter" => self.filter_block(),
            "with" => self.with(),
            "print" => self.print(),
            "generation" => Ok(Statement::Scope(self.body_to("endgeneration")?)),
            "block" => self.block(),
            "autoescape" => self.autoescape(),
            "break" | "continue" if self.loops == 0 => self.fail(format!("'{tag}' outside of a loop")),
            "break" => Ok(Statement::Break),
            "continue" => Ok(Statement::Continue),
            "include" | "import" | "from" | "extends" => {
                self.fail(format!("'{tag}' needs other templates, and a chat template has none"))
            }
            _ => self.fail(format!("Encountered unknown tag '{tag}'.")),
        }
    }

    fn set(&mut self) -> Parsed<Statement> {
        let target = self.target(true, &[])?;
        if self.skip_op("=") {
            let value = self.tuple(true, &[])?;
            return Ok(Statement::Set(target, value));
        }
        let mut filters = Vec::new();
        while self.skip_op("|") {
            filters.push(self.named_call()?);
        }
        let body = self.body_to("endset")?;
        Ok(Statement::SetBlock { target, filters, body })
    }

    fn if_(&mut self) -> Parsed<Statement> {
        let mut arms = Vec::new();
        loop {
            let test = self.tuple(false, &[])?;
            let body = self.body(&["elif", "else", "endif"])?;
            arms.push(Arm { test, body });
            if self.skip_name("elif") {
                continue;
            }
            let otherwise = if self.skip_name("else") { self.body(&["endif"])? } else { Vec::new() };
            self.expect_name("endif")?;
            return Ok(Statement::If { arms, otherwise });
        }
    }

    fn for_(&mut self) -> Parsed<Statement> {
        let target = self.target(false, &["in"])?;
        self.expect_name("in")?;
        let items = self.tuple(false, &["recursive"])?;
        let test = if self.skip_name("if") { Some(self.expression()?) } else { None };
        let is_recursive = self.skip_name("recursive");
        self.loops += 1;
        let body = self.body(&["endfor", "else"])?;
        self.loops -= 1;
        let otherwise = if self.skip_name("else") { self.body(&["endfor"])? } else { Vec::new() };
        self.expect_name("endfor")?;
        Ok(Statement::For(Arc::new(For { target, items, test, is_recursive, body, otherwise })))
    }

    fn macro_(&mut self) -> Parsed<Statement> {
        let name = self.expect_identifier()?;
        self.expect_op("(")?;
        let parameters = self.parameters()?;
        Ok(Statement::Macro(Arc::new(self.macro_body(name, parameters, "endmacro")?)))
    }

    fn macro_body(&mut self, name: String, parameters: Vec<Parameter>, end: &str) -> Parsed<Macro> {
        self.extras.push(Extras::default());
        let loops = std::mem::take(&mut self.loops);
        let body = self.body_to(end)?;
        self.loops = loops;
        let takes = self.extras.pop().unwrap_or_default();
        if let Some(outer) = self.extras.last_mut() {
            // As Jinja counts them: what an inner macro uses, the outer one takes, too.
            outer.varargs |= takes.varargs;
            outer.kwargs |= takes.kwargs;
            outer.caller |= takes.caller;
        }
        Ok(Macro { name, parameters, body, takes })
    }

    fn parameters(&mut self) -> Parsed<Vec<Parameter>> {
        let mut parameters: Vec<Parameter> = Vec::new();
        while !self.is_op(")") {
            if !parameters.is_empty() {
                self.expect_op(",")?;
            }
            let name = self.expect_identifier()?;
            let default = if self.skip_op("=") { Some(self.expression()?) } else { None };
            if default.is_none() && parameters.last().is_some_and(|last| last.default.is_some()) {
                return self.fail("non-default argument follows default argument");
            }
            parameters.push(Parameter { name, default });
        }
        self.expect_op(")")?;
        Ok(parameters)
    }

    fn call_block(&mut self) -> Parsed<Statement> {
        let parameters = if self.skip_op("(") { self.parameters()? } else { Vec::new() };
        let call = self.expression()?;
        if !matches!(&call, Expr::Postfix { rest, .. } if matches!(rest.last(), Some(Postfix::Call(_)))) {
            return self.fail("expected call");
        }
        let caller = Arc::new(self.macro_body("caller".to_owned(), parameters, "endcall")?);
        Ok(Statement::CallBlock { caller, call })
    }

    fn filter_block(&mut self) -> Parsed<Statement> {
        let mut filters = vec![self.named_call()?];
        while self.skip_op("|") {
            filters.push(self.named_call()?);
        }
        let body = self.body_to("endfilter")?;
        Ok(Statement::FilterBlock { filters, body })
    }

    fn with(&mut self) -> Parsed<Statement> {
        let mut pairs = Vec::new();
        while !matches!(self.peek(), Kind::BlockEnd) {
            if !pairs.is_empty() {
                self.expect_op(",")?;
            }
            let target = self.target(false, &[])?;
            self.expect_op("=")?;
            pairs.push((target, self.expression()?));
        }
        let body = self.body_to("endwith")?;
        Ok(Statement::With { pairs, body })
    }

    fn print(&mut self) -> Parsed<Statement> {
        let mut printed = Vec::new();
        while !matches!(self.peek(), Kind::BlockEnd) {
            if !printed.is_empty() {
                self.expect_op(",")?;
            }
            printed.push(self.expression()?);
        }
        Ok(Statement::Print(printed))
    }

    fn block(&mut self) -> Parsed<Statement> {
        let name = self.expect_identifier()?;
        self.skip_name("scoped");
        self.skip_name("required");
        let body = self.body_to("endblock")?;
        self.skip_name(&name);
        Ok(Statement::Scope(body))
    }

    fn autoescape(&mut self) -> Parsed<Statement> {
        match self.expression()? {
            Expr::Bool(false) => Ok(Statement::Scope(self.body_to("endautoescape")?)),
            _ => self.fail("autoescape is for web pages; a prompt cannot be escaped"),
        }
    }

    /// What is assigned to: names, several of them, or (for `set`) an attribute of a namespace.
    fn target(&mut self, with_namespace: bool, ends: &[&str]) -> Parsed<Target> {
        let mut targets = Vec::new();
        let mut is_tuple = false;
        loop {
            let ended = matches!(self.peek(), Kind::Name(name) if ends.contains(&name.as_str()))
                || self.is_op("=")
                || self.is_op(")")
                || matches!(self.peek(), Kind::BlockEnd);
            if ended {
                break;
            }
            targets.push(self.single_target(with_namespace)?);
            if !self.skip_op(",") {
                break;
            }
            is_tuple = true;
        }
        match (is_tuple, targets.pop()) {
            (false, Some(target)) => Ok(target),
            (true, Some(last)) => {
                targets.push(last);
                Ok(Target::Tuple(targets))
            }
            (_, None) => self.fail(format!("expected a name to assign to, got {}", described(self.peek()))),
        }
    }

    fn single_target(&mut self, with_namespace: bool) -> Parsed<Target> {
        if self.skip_op("(") {
            self.nesting += 1;
            if self.nesting > super::NESTING_MAX {
                return self.fail("nested too deep");
            }
            let target = self.target(false, &[])?;
            self.nesting -= 1;
            self.expect_op(")")?;
            return Ok(target);
        }
        let name = self.expect_identifier()?;
        if with_namespace && self.skip_op(".") {
            return Ok(Target::Attribute { namespace: name, name: self.expect_identifier()? });
        }
        if matches!(name.as_str(), "true" | "false" | "none" | "True" | "False" | "None") {
            return self.fail(format!("can't assign to '{name}'"));
        }
        Ok(Target::Name(name))
    }
}
