//! FHIRPath 2.0 as R4 uses it: compiled once, evaluated over [`Json`](crate::fhir::json::Json) by reference.
//! <http://hl7.org/fhirpath/N1/>, R4 `fhirpath.html`.
//!
//! An expression that uses an unknown function, variable or type is refused by [`Expression::compile`]; nothing is
//! skipped when it runs. Evaluation prints nothing, does no I/O and is bounded in steps and in stack.
//!
//! Without a [`Model`] the engine knows the types that the JSON shows: `resourceType`, the suffix of choice elements,
//! booleans. For any other element, `is`, `as` and `ofType` say yes when the JSON could be of that type.
//!
//! Non-features: `as` over several items is allowed (R4's own invariants and search parameters need it), ordering
//! checks of strict mode, and units beyond the small part of UCUM in `units`.

mod ast;
mod compare;
mod context;
mod decimal;
mod error;
mod eval;
mod functions;
mod hooks;
mod lexer;
mod navigate;
mod operators;
mod parser;
mod quantity;
mod temporal;
mod types;
mod units;
mod value;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

pub(crate) use compare::same_json;
pub use context::Context;
pub use decimal::Decimal;
pub use error::{CompileError, CompileErrorKind, EvaluationError, EvaluationErrorKind};
pub use hooks::{Model, Profiles, Resolver, Terminology};
pub use quantity::Quantity;
pub use temporal::{Kind as TemporalKind, Temporal};
pub(crate) use types::choice_type;
pub use value::{Item, Node, Value, pointers_in};

/// A compiled expression. Cloning shares it.
#[derive(Clone)]
pub struct Expression(Arc<Compiled>);

struct Compiled {
    text: String,
    root: ast::Expr,
}

/// What an invariant says of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Holds,
    Fails,
    /// The result is the empty collection: the comparison of dates of different precision, for one.
    Undecided,
}

impl Expression {
    /// Parses `text`; refuses what this engine could not evaluate.
    pub fn compile(text: &str) -> Result<Expression, CompileError> {
        let root = parser::parse(text)?;
        Ok(Expression(Arc::new(Compiled { text: text.to_owned(), root })))
    }

    /// The text that was compiled.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The collection that the expression yields. Items borrow from the resource and from the expression's literals.
    pub fn evaluate<'a>(&'a self, context: &Context<'a>) -> Result<Vec<Item<'a>>, EvaluationError> {
        let evaluator = eval::Evaluator::new(context);
        let focus = [Item::Node(context.focus)];
        evaluator.eval(&self.0.root, eval::Scope::of(&focus))
    }

    /// The expression as an invariant (R4 `conformance-rules.html#constraints`), by FHIRPath's singleton evaluation:
    /// `true`, or one item that is no boolean, holds; `false` fails; the empty collection is undecided; several items
    /// are an error.
    pub fn verdict(&self, context: &Context<'_>) -> Result<Verdict, EvaluationError> {
        let result = self.evaluate(context)?;
        Ok(match eval::boolean(&result, "invariant")? {
            Some(true) => Verdict::Holds,
            Some(false) => Verdict::Fails,
            None => Verdict::Undecided,
        })
    }

    /// Whether the invariant is not broken: only a single `false` breaks it. An empty result does not; HL7's Java
    /// validator counts it as broken, and whoever wants that asks [`Expression::verdict`].
    pub fn holds(&self, context: &Context<'_>) -> Result<bool, EvaluationError> {
        self.verdict(context).map(|verdict| verdict != Verdict::Fails)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.0.text).finish()
    }
}
