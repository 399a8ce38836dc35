//! Expressions.

use super::{Parsed, Parser, described};
use crate::ast::{Arguments, Call, Comparison, Expr, Operator, Postfix, SliceExpr};
use crate::lexer::Kind;

impl Parser {
    /// One or several expressions with commas between them; `ends` are words that cannot begin another.
    pub(super) fn tuple(&mut self, with_conditional: bool, ends: &[&str]) -> Parsed<Expr> {
        self.tuple_of(with_conditional, ends, false)
    }

    fn tuple_of(&mut self, with_conditional: bool, ends: &[&str], parenthesized: bool) -> Parsed<Expr> {
        let mut items = Vec::new();
        let mut is_tuple = false;
        loop {
            let ended = matches!(self.peek(), Kind::VariableEnd | Kind::BlockEnd)
                || self.is_op(")")
                || matches!(self.peek(), Kind::Name(name) if ends.contains(&name.as_str()));
            if ended {
                break;
            }
            items.push(if with_conditional { self.expression()? } else { self.nested(Self::or)? });
            if !self.skip_op(",") {
                break;
            }
            is_tuple = true;
        }
        if is_tuple || items.is_empty() && parenthesized {
            return Ok(Expr::Tuple(items));
        }
        match items.pop() {
            Some(item) => Ok(item),
            None => self.fail(format!("Expected an expression, got {}", described(self.peek()))),
        }
    }

    pub(super) fn expression(&mut self) -> Parsed<Expr> {
        self.nested(Self::conditional)
    }

    fn conditional(&mut self) -> Parsed<Expr> {
        let mut expr = self.or()?;
        let outside = self.nesting;
        while self.skip_name("if") {
            let test = Box::new(self.or()?);
            let otherwise =
                if self.skip_name("else") { Some(Box::new(self.nested(Self::conditional)?)) } else { None };
            expr = Expr::Conditional { test, then: Box::new(expr), otherwise };
            // `a if b if c …` nests as deep as it is long.
            self.nesting += 1;
            if self.nesting > super::NESTING_MAX {
                return self.fail(format!("nested more than {} levels deep", super::NESTING_MAX));
            }
        }
        self.nesting = outside;
        Ok(expr)
    }

    fn or(&mut self) -> Parsed<Expr> {
        let mut terms = vec![self.and()?];
        while self.skip_name("or") {
            terms.push(self.and()?);
        }
        Ok(single_or(terms, Expr::Or))
    }

    fn and(&mut self) -> Parsed<Expr> {
        let mut terms = vec![self.not()?];
        while self.skip_name("and") {
            terms.push(self.not()?);
        }
        Ok(single_or(terms, Expr::And))
    }

    fn not(&mut self) -> Parsed<Expr> {
        if self.skip_name("not") {
            return Ok(Expr::Not(Box::new(self.nested(Self::not)?)));
        }
        self.compare()
    }

    fn compare(&mut self) -> Parsed<Expr> {
        let first = self.sum()?;
        let mut rest = Vec::new();
        while let Some(comparison) = self.comparison() {
            rest.push((comparison, self.sum()?));
        }
        if rest.is_empty() { Ok(first) } else { Ok(Expr::Compare { first: Box::new(first), rest }) }
    }

    /// Takes a comparison, if one is next.
    fn comparison(&mut self) -> Option<Comparison> {
        let comparison = match self.peek() {
            Kind::Op("==") => Comparison::Eq,
            Kind::Op("!=") => Comparison::Ne,
            Kind::Op("<") => Comparison::Lt,
            Kind::Op("<=") => Comparison::Le,
            Kind::Op(">") => Comparison::Gt,
            Kind::Op(">=") => Comparison::Ge,
            Kind::Name(name) if name == "in" => Comparison::In,
            Kind::Name(name) if name == "not" => {
                if !matches!(self.peek_next(), Kind::Name(next) if next == "in") {
                    return None;
                }
                self.advance();
                Comparison::NotIn
            }
            _ => return None,
        };
        self.advance();
        Some(comparison)
    }

    fn sum(&mut self) -> Parsed<Expr> {
        self.math(Self::concat, &[("+", Operator::Add), ("-", Operator::Sub)])
    }

    fn concat(&mut self) -> Parsed<Expr> {
        let mut terms = vec![self.product()?];
        while self.skip_op("~") {
            terms.push(self.product()?);
        }
        Ok(single_or(terms, Expr::Concat))
    }

    fn product(&mut self) -> Parsed<Expr> {
        let operators =
            [("*", Operator::Mul), ("/", Operator::Div), ("//", Operator::FloorDiv), ("%", Operator::Rem)];
        self.math(Self::power, &operators)
    }

    fn power(&mut self) -> Parsed<Expr> {
        self.math(Self::filtered, &[("**", Operator::Pow)])
    }

    /// Operands with operators of one rank between them, from left to right.
    fn math(
        &mut self,
        operand: fn(&mut Self) -> Parsed<Expr>,
        operators: &[(&str, Operator)],
    ) -> Parsed<Expr> {
        let first = operand(self)?;
        let mut rest = Vec::new();
        while let Some((_, operator)) = operators.iter().find(|(sign, _)| self.is_op(sign)) {
            self.advance();
            rest.push((*operator, operand(self)?));
        }
        if rest.is_empty() { Ok(first) } else { Ok(Expr::Math { first: Box::new(first), rest }) }
    }

    /// A value with a sign, and the filters and tests behind it.
    fn filtered(&mut self) -> Parsed<Expr> {
        let first = self.unary()?;
        let mut rest = Vec::new();
        loop {
            if self.skip_op("|") {
                rest.push(Postfix::Filter(self.named_call()?));
            } else if self.is_op("(") {
                rest.push(Postfix::Call(self.arguments()?));
            } else if self.skip_name("is") {
                rest.push(self.test()?);
            } else {
                return Ok(with_postfix(first, rest));
            }
        }
    }

    fn unary(&mut self) -> Parsed<Expr> {
        let first = if self.skip_op("-") {
            Expr::Negative(Box::new(self.nested(Self::unary)?))
        } else if self.skip_op("+") {
            Expr::Positive(Box::new(self.nested(Self::unary)?))
        } else {
            self.primary()?
        };
        self.postfix(first)
    }

    fn postfix(&mut self, first: Expr) -> Parsed<Expr> {
        let mut rest = Vec::new();
        loop {
            if self.skip_op(".") {
                rest.push(self.attribute()?);
            } else if self.skip_op("[") {
                rest.push(self.subscript()?);
            } else if self.is_op("(") {
                rest.push(Postfix::Call(self.arguments()?));
            } else {
                return Ok(with_postfix(first, rest));
            }
        }
    }

    fn attribute(&mut self) -> Parsed<Postfix> {
        match self.peek() {
            Kind::Name(_) => Ok(Postfix::Attribute(self.expect_identifier()?)),
            Kind::Int(index) => {
                let index = *index;
                self.advance();
                Ok(Postfix::Item(Expr::Int(index)))
            }
            _ => self.fail("expected name or number"),
        }
    }

    fn subscript(&mut self) -> Parsed<Postfix> {
        let start = if self.is_op(":") { None } else { Some(self.expression()?) };
        if !self.skip_op(":") {
            let Some(item) = start else { return self.fail("expected a subscript") };
            if !self.skip_op(",") {
                self.expect_op("]")?;
                return Ok(Postfix::Item(item));
            }
            let mut items = vec![item];
            while !self.is_op("]") {
                items.push(self.expression()?);
                if !self.skip_op(",") {
                    break;
                }
            }
            self.expect_op("]")?;
            return Ok(Postfix::Item(Expr::Tuple(items)));
        }
        let stop = if self.is_op(":") || self.is_op("]") { None } else { Some(self.expression()?) };
        let step = if self.skip_op(":") && !self.is_op("]") { Some(self.expression()?) } else { None };
        self.expect_op("]")?;
        Ok(Postfix::Slice(Box::new(SliceExpr { start, stop, step })))
    }

    fn primary(&mut self) -> Parsed<Expr> {
        match self.peek() {
            Kind::Name(_) => {
                let name = self.expect_identifier()?;
                Ok(self.named(name))
            }
            Kind::Text(_) => {
                let mut whole = String::new();
                while let Kind::Text(text) = self.peek() {
                    whole.push_str(text);
                    self.advance();
                }
                Ok(Expr::Text(whole))
            }
            Kind::Int(number) => {
                let number = *number;
                self.advance();
                Ok(Expr::Int(number))
            }
            Kind::Float(number) => {
                let number = *number;
                self.advance();
                Ok(Expr::Float(number))
            }
            Kind::Op("(") => {
                self.advance();
                let inner = self.nested(|parser| parser.tuple_of(true, &[], true))?;
                self.expect_op(")")?;
                Ok(inner)
            }
            Kind::Op("[") => self.nested(Self::list),
            Kind::Op("{") => self.nested(Self::dict),
            other => self.fail(format!("unexpected {}", described(other))),
        }
    }

    fn named(&mut self, name: String) -> Expr {
        match name.as_str() {
            "true" | "True" => return Expr::Bool(true),
            "false" | "False" => return Expr::Bool(false),
            "none" | "None" => return Expr::None,
            _ => {}
        }
        if let Some(extras) = self.extras.last_mut() {
            match name.as_str() {
                "varargs" => extras.varargs = true,
                "kwargs" => extras.kwargs = true,
                "caller" => extras.caller = true,
                _ => {}
            }
        }
        Expr::Name(name)
    }

    fn list(&mut self) -> Parsed<Expr> {
        self.advance();
        let mut items = Vec::new();
        while !self.is_op("]") {
            items.push(self.expression()?);
            if !self.skip_op(",") {
                break;
            }
        }
        self.expect_op("]")?;
        Ok(Expr::List(items))
    }

    fn dict(&mut self) -> Parsed<Expr> {
        self.advance();
        let mut pairs = Vec::new();
        while !self.is_op("}") {
            let key = self.expression()?;
            self.expect_op(":")?;
            pairs.push((key, self.expression()?));
            if !self.skip_op(",") {
                break;
            }
        }
        self.expect_op("}")?;
        Ok(Expr::Dict(pairs))
    }

    /// A filter with its arguments.
    pub(super) fn named_call(&mut self) -> Parsed<Call> {
        let mut name = self.expect_identifier()?;
        while self.skip_op(".") {
            name = format!("{name}.{}", self.expect_identifier()?);
        }
        let arguments = if self.is_op("(") { self.arguments()? } else { Arguments::default() };
        Ok(Call { name, arguments })
    }

    fn test(&mut self) -> Parsed<Postfix> {
        let negated = self.skip_name("not");
        let mut call = self.named_call()?;
        let has_arguments = matches!(self.tokens[self.at.saturating_sub(1)].kind, Kind::Op(")"));
        let begins_argument = match self.peek() {
            Kind::Name(name) => !matches!(name.as_str(), "else" | "or" | "and"),
            Kind::Text(_) | Kind::Int(_) | Kind::Float(_) | Kind::Op("[" | "{") => true,
            _ => false,
        };
        if begins_argument && !has_arguments {
            if self.is_name("is") {
                return self.fail("You cannot chain multiple tests with is");
            }
            let first = self.primary()?;
            call.arguments.positional.push(self.postfix(first)?);
        }
        Ok(Postfix::Test { call, negated })
    }

    fn arguments(&mut self) -> Parsed<Arguments> {
        self.nested(Self::arguments_inside)
    }

    fn arguments_inside(&mut self) -> Parsed<Arguments> {
        self.expect_op("(")?;
        let mut arguments = Arguments::default();
        while !self.is_op(")") {
            self.argument(&mut arguments)?;
            if !self.skip_op(",") {
                break;
            }
        }
        self.expect_op(")")?;
        Ok(arguments)
    }

    fn argument(&mut self, arguments: &mut Arguments) -> Parsed<()> {
        let invalid = "invalid syntax for function call expression";
        if self.is_op("*") && arguments.rest.is_none() && arguments.rest_named.is_none() {
            self.advance();
            arguments.rest = Some(Box::new(self.expression()?));
        } else if self.is_op("**") && arguments.rest_named.is_none() {
            self.advance();
            arguments.rest_named = Some(Box::new(self.expression()?));
        } else if matches!((self.peek(), self.peek_next()), (Kind::Name(_), Kind::Op("="))) {
            if arguments.rest_named.is_some() {
                return self.fail(invalid);
            }
            let name = self.expect_identifier()?;
            self.advance();
            arguments.named.push((name, self.expression()?));
        } else if arguments.named.is_empty() && arguments.rest.is_none() && arguments.rest_named.is_none() {
            arguments.positional.push(self.expression()?);
        } else {
            return self.fail(invalid);
        }
        Ok(())
    }
}

/// A chain of one is that one.
fn single_or(mut terms: Vec<Expr>, chain: fn(Vec<Expr>) -> Expr) -> Expr {
    if terms.len() > 1 {
        return chain(terms);
    }
    terms.pop().unwrap_or(Expr::None)
}

fn with_postfix(first: Expr, rest: Vec<Postfix>) -> Expr {
    if rest.is_empty() { first } else { Expr::Postfix { first: Box::new(first), rest } }
}
