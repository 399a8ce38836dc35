//! Tokens to statements, by the grammar of Jinja2's own parser.

mod expression;
mod statement;

use crate::ast::Node;
use crate::fault::{Fault, Reason};
use crate::lexer::{Kind, Token, tokens};

/// Deepest nesting of a source. Python's own stack ends at about as much.
const NESTING_MAX: u32 = 150;

/// Statements of a template.
pub(crate) fn parse(source: &str) -> Result<Vec<Node>, Fault> {
    let mut parser = Parser { tokens: tokens(source)?, at: 0, nesting: 0, extras: Vec::new(), loops: 0 };
    let nodes = parser.statements(&[])?;
    Ok(nodes)
}

/// Position in the tokens.
pub(crate) struct Parser {
    tokens: Vec<Token>,
    at: usize,
    nesting: u32,
    /// What the bodies of the macros that are being parsed use, the innermost last.
    extras: Vec<crate::ast::Extras>,
    /// Loops around what is being parsed, within the innermost macro.
    loops: u32,
}

type Parsed<T> = Result<T, Fault>;

impl Parser {
    fn peek(&self) -> &Kind {
        &self.tokens[self.at].kind
    }

    fn peek_next(&self) -> &Kind {
        &self.tokens[(self.at + 1).min(self.tokens.len() - 1)].kind
    }

    fn line(&self) -> u32 {
        self.tokens[self.at].line
    }

    fn advance(&mut self) -> Kind {
        let kind = self.tokens[self.at].kind.clone();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        kind
    }

    fn fail<T>(&self, message: impl Into<String>) -> Parsed<T> {
        Err(Fault { reason: Reason::Syntax(message.into()), line: self.line() })
    }

    fn is_op(&self, operator: &str) -> bool {
        matches!(self.peek(), Kind::Op(found) if *found == operator)
    }

    fn is_name(&self, name: &str) -> bool {
        matches!(self.peek(), Kind::Name(found) if found == name)
    }

    fn skip_op(&mut self, operator: &str) -> bool {
        let found = self.is_op(operator);
        if found {
            self.advance();
        }
        found
    }

    fn skip_name(&mut self, name: &str) -> bool {
        let found = self.is_name(name);
        if found {
            self.advance();
        }
        found
    }

    fn expect_op(&mut self, operator: &str) -> Parsed<()> {
        if self.skip_op(operator) {
            return Ok(());
        }
        self.fail(format!("expected token '{operator}', got {}", described(self.peek())))
    }

    fn expect_name(&mut self, name: &str) -> Parsed<()> {
        if self.skip_name(name) {
            return Ok(());
        }
        self.fail(format!("expected token '{name}', got {}", described(self.peek())))
    }

    fn expect_identifier(&mut self) -> Parsed<String> {
        if let Kind::Name(_) = self.peek() {
            let Kind::Name(name) = self.advance() else { return Ok(String::new()) };
            return Ok(name);
        }
        self.fail(format!("expected a name, got {}", described(self.peek())))
    }

    fn expect_end_of(&mut self, kind: &Kind) -> Parsed<()> {
        if self.peek() == kind {
            self.advance();
            return Ok(());
        }
        self.fail(format!("expected {}, got {}", described(kind), described(self.peek())))
    }

    /// Counts one level of nesting around `parse`.
    fn nested<T>(&mut self, parse: fn(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.nesting += 1;
        if self.nesting > NESTING_MAX {
            return self.fail(format!("nested more than {NESTING_MAX} levels deep"));
        }
        let parsed = parse(self);
        self.nesting -= 1;
        parsed
    }
}

/// A token in a message.
fn described(kind: &Kind) -> String {
    match kind {
        Kind::Data(_) => "text".to_owned(),
        Kind::VariableBegin => "'{{'".to_owned(),
        Kind::VariableEnd => "'}}'".to_owned(),
        Kind::BlockBegin => "'{%'".to_owned(),
        Kind::BlockEnd => "'%}'".to_owned(),
        Kind::Name(name) => format!("'{name}'"),
        Kind::Text(text) => format!("{text:?}"),
        Kind::Int(number) => number.to_string(),
        Kind::Float(number) => number.to_string(),
        Kind::Op(operator) => format!("'{operator}'"),
        Kind::Eof => "the end of the template".to_owned(),
    }
}
