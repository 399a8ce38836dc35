//! What a template consists of.

use std::sync::Arc;

/// A statement and the line it begins on.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) line: u32,
    pub(crate) kind: Statement,
}

/// Statements.
#[derive(Debug)]
pub(crate) enum Statement {
    /// Text as it stands.
    Data(String),
    /// `{{ … }}`, `{% print … %}`
    Print(Vec<Expr>),
    /// `{% set target = value %}`
    Set(Target, Expr),
    /// `{% set target | filters %}…{% endset %}`
    SetBlock { target: Target, filters: Vec<Call>, body: Vec<Node> },
    /// `{% if %}` and its `elif`s.
    If { arms: Vec<Arm>, otherwise: Vec<Node> },
    /// `{% for %}`
    For(Arc<For>),
    /// `{% break %}`
    Break,
    /// `{% continue %}`
    Continue,
    /// `{% macro %}`
    Macro(Arc<Macro>),
    /// `{% call(…) f(…) %}…{% endcall %}`
    CallBlock { caller: Arc<Macro>, call: Expr },
    /// `{% filter … %}…{% endfilter %}`
    FilterBlock { filters: Vec<Call>, body: Vec<Node> },
    /// `{% with a = 1 %}…{% endwith %}`
    With { pairs: Vec<(Target, Expr)>, body: Vec<Node> },
    /// A part with names of its own: `{% generation %}`, `{% block %}`, `{% autoescape false %}`
    Scope(Vec<Node>),
}

/// A condition and what it guards.
#[derive(Debug)]
pub(crate) struct Arm {
    pub(crate) test: Expr,
    pub(crate) body: Vec<Node>,
}

/// A loop.
#[derive(Debug)]
pub(crate) struct For {
    pub(crate) target: Target,
    pub(crate) items: Expr,
    pub(crate) test: Option<Expr>,
    pub(crate) is_recursive: bool,
    pub(crate) body: Vec<Node>,
    pub(crate) otherwise: Vec<Node>,
}

/// A macro, or the body of a call block.
#[derive(Debug)]
pub(crate) struct Macro {
    pub(crate) name: String,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) body: Vec<Node>,
    /// Which of `varargs`, `kwargs` and `caller` its body uses; a macro takes no others.
    pub(crate) takes: Extras,
}

/// What a macro takes beside its parameters.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Extras {
    pub(crate) varargs: bool,
    pub(crate) kwargs: bool,
    pub(crate) caller: bool,
}

/// A parameter of a macro.
#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) default: Option<Expr>,
}

/// What can be assigned to.
#[derive(Debug)]
pub(crate) enum Target {
    /// A name.
    Name(String),
    /// An attribute of a namespace.
    Attribute { namespace: String, name: String },
    /// Several, for a value with as many items.
    Tuple(Vec<Target>),
}

/// A named call: of a filter or test.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) arguments: Arguments,
}

/// Arguments as written.
#[derive(Debug, Default)]
pub(crate) struct Arguments {
    pub(crate) positional: Vec<Expr>,
    pub(crate) named: Vec<(String, Expr)>,
    pub(crate) rest: Option<Box<Expr>>,
    pub(crate) rest_named: Option<Box<Expr>>,
}

/// Operators between two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Rem,
    Pow,
}

impl Operator {
    /// As Python writes it.
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::FloorDiv => "//",
            Self::Rem => "%",
            Self::Pow => "** or pow()",
        }
    }
}

/// Comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    NotIn,
}

/// A slice as written.
#[derive(Debug)]
pub(crate) struct SliceExpr {
    pub(crate) start: Option<Expr>,
    pub(crate) stop: Option<Expr>,
    pub(crate) step: Option<Expr>,
}

/// Expressions. Chains are lists, so that long ones nest no deeper than short ones.
#[derive(Debug)]
pub(crate) enum Expr {
    None,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    Name(String),
    List(Vec<Expr>),
    Tuple(Vec<Expr>),
    Dict(Vec<(Expr, Expr)>),
    Not(Box<Expr>),
    Negative(Box<Expr>),
    Positive(Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Compare { first: Box<Expr>, rest: Vec<(Comparison, Expr)> },
    Math { first: Box<Expr>, rest: Vec<(Operator, Expr)> },
    Concat(Vec<Expr>),
    Conditional { test: Box<Expr>, then: Box<Expr>, otherwise: Option<Box<Expr>> },
    Postfix { first: Box<Expr>, rest: Vec<Postfix> },
}

/// What can follow a value.
#[derive(Debug)]
pub(crate) enum Postfix {
    /// `.name`
    Attribute(String),
    /// `[item]`
    Item(Expr),
    /// `[start:stop:step]`
    Slice(Box<SliceExpr>),
    /// `(…)`
    Call(Arguments),
    /// `| name(…)`
    Filter(Call),
    /// `is name(…)`, `is not name(…)`
    Test { call: Call, negated: bool },
}
