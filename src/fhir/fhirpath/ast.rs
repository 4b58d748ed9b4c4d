//! The compiled form of an expression.

use regex::Regex;

use super::functions::Entry;
use super::types::TypeName;
use super::value::Value;

/// How high an expression tree may be: it bounds the stack that evaluation needs.
pub(super) const MAX_HEIGHT: u16 = 128;

/// One expression and its height.
#[derive(Debug)]
pub(super) struct Expr {
    pub kind: Kind,
    height: u16,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// `{}`
    Empty,
    Literal(Value<'static>),
    This,
    Index,
    Total,
    Variable(Variable),
    /// Steps from a base; without a base they start at `$this`.
    Path(Option<Box<Expr>>, Vec<Step>),
    Negate(Box<Expr>),
    /// Unary `+`: its operand, which must be a number.
    Plus(Box<Expr>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    Is(Box<Expr>, TypeName),
    As(Box<Expr>, TypeName),
}

#[derive(Debug)]
pub(super) enum Step {
    Member(String),
    Index(Expr),
    Call(Box<CallStep>),
}

/// A function with its arguments.
#[derive(Debug)]
pub(super) struct CallStep {
    pub entry: &'static Entry,
    pub args: Vec<Expr>,
    /// The argument of `is`, `as` and `ofType`.
    pub type_name: Option<TypeName>,
    /// The first argument of `matches` and its kin, where it is a literal.
    pub regex: Option<Regex>,
    /// The argument of `where` as members that must equal texts, where it says no more than that.
    pub equals: Vec<(String, String)>,
}

/// The environment variables, `%name` (R4 `fhirpath.html#variables`).
#[derive(Debug)]
pub(super) enum Variable {
    Resource,
    RootResource,
    Context,
    /// A constant such as `%ucum` or `` %`vs-name` ``.
    Text(String),
    /// A resource that the caller may bring along: `%current`, `%previous`.
    Supplied(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Implies,
    Or,
    Xor,
    And,
    In,
    Contains,
    Equal,
    NotEqual,
    Equivalent,
    NotEquivalent,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Union,
    Add,
    Subtract,
    Concatenate,
    Multiply,
    Divide,
    Div,
    Mod,
}

impl Operator {
    /// Its sign, for error messages.
    pub fn sign(self) -> &'static str {
        match self {
            Operator::Implies => "implies",
            Operator::Or => "or",
            Operator::Xor => "xor",
            Operator::And => "and",
            Operator::In => "in",
            Operator::Contains => "contains",
            Operator::Equal => "=",
            Operator::NotEqual => "!=",
            Operator::Equivalent => "~",
            Operator::NotEquivalent => "!~",
            Operator::Less => "<",
            Operator::LessOrEqual => "<=",
            Operator::Greater => ">",
            Operator::GreaterOrEqual => ">=",
            Operator::Union => "|",
            Operator::Add => "+",
            Operator::Subtract => "-",
            Operator::Concatenate => "&",
            Operator::Multiply => "*",
            Operator::Divide => "/",
            Operator::Div => "div",
            Operator::Mod => "mod",
        }
    }
}

impl Expr {
    /// `None` when the tree would be higher than [`MAX_HEIGHT`].
    pub fn new(kind: Kind) -> Option<Expr> {
        let below = match &kind {
            Kind::Path(base, steps) => {
                let base = base.as_ref().map_or(0, |base| base.height);
                steps.iter().map(Step::height).fold(base, u16::max)
            }
            Kind::Negate(inner) | Kind::Plus(inner) | Kind::Is(inner, _) | Kind::As(inner, _) => inner.height,
            Kind::Binary(_, left, right) => left.height.max(right.height),
            _ => 0,
        };
        (below < MAX_HEIGHT).then_some(Expr { kind, height: below + 1 })
    }

    /// `system = 'a' and code = 'b'` as pairs of member and text; `None` for any other expression.
    ///
    /// Only members that are never a date or time: those are compared by what they mean, not by their letters.
    pub fn text_equalities(&self) -> Option<Vec<(String, String)>> {
        const TEXTS: [&str; 8] = ["url", "system", "code", "use", "status", "mode", "intent", "linkId"];
        match &self.kind {
            Kind::Binary(Operator::And, left, right) => {
                let mut pairs = left.text_equalities()?;
                pairs.extend(right.text_equalities()?);
                Some(pairs)
            }
            Kind::Binary(Operator::Equal, left, right) => match (&left.kind, right.as_text()) {
                (Kind::Path(None, steps), Some(text)) => match steps.as_slice() {
                    [Step::Member(name)] if TEXTS.contains(&name.as_str()) => {
                        Some(vec![(name.clone(), text.to_owned())])
                    }
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        }
    }

    /// The text of a string literal.
    pub fn as_text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Literal(Value::String(text)) => Some(text),
            _ => None,
        }
    }
}

impl Step {
    fn height(&self) -> u16 {
        match self {
            Step::Member(_) => 0,
            Step::Index(index) => index.height,
            Step::Call(call) => call.args.iter().map(|arg| arg.height).max().unwrap_or_default(),
        }
    }
}
