//! Invariants: FHIRPath conditions on one object or element, with their severity and texts.

use std::sync::OnceLock;

use crate::fhir::fhirpath::{Context, Expression, Node, Verdict};
use crate::fhir::json::Json;

use super::issue;
use super::shape::Structure;
use super::walk::Walk;

/// How much a broken invariant weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Error,
    Warning,
    /// Advice, such as dom-6 (a resource should have narrative): a warning where it is asked for.
    BestPractice,
}

impl Level {
    pub fn parse(severity: &str) -> Option<Level> {
        match severity {
            "error" => Some(Level::Error),
            "warning" => Some(Level::Warning),
            "best-practice" => Some(Level::BestPractice),
            _ => None,
        }
    }
}

pub struct Constraint {
    pub key: String,
    pub level: Level,
    pub text: String,
    /// What the definition says to people; empty for R4's own, whose prose the pack does not carry.
    pub en: String,
    pub ja: String,
    expression: OnceLock<Result<Expression, String>>,
}

/// Invariants that other parts decide natively: by schema (ele-1, ext-1), by the rules for resources, references and
/// narrative, and by the pairs of a period.
const NATIVE: [&str; 10] = ["ele-1", "ext-1", "dom-2", "dom-3", "dom-4", "dom-5", "ref-1", "txt-1", "txt-2", "per-1"];

/// Whether the invariant comes with R4's general types and resources, and so with every snapshot.
pub fn is_of_every_type(key: &str) -> bool {
    NATIVE.contains(&key) || key == "dom-6"
}

/// Steps that one invariant may take.
const STEPS: usize = 200_000;

impl Constraint {
    pub fn new(key: &str, level: Level, text: &str, en: String, ja: String) -> Constraint {
        Constraint { key: key.to_owned(), level, text: text.to_owned(), en, ja, expression: OnceLock::new() }
    }

    /// The compiled expression, or why it is none.
    pub fn expression(&self) -> Result<&Expression, &str> {
        let compile = || Expression::compile(&self.text).map_err(|error| error.to_string());
        self.expression.get_or_init(compile).as_ref().map_err(String::as_str)
    }

    fn is_native(&self) -> bool {
        NATIVE.contains(&self.key.as_str())
    }
}

impl<'a> Walk<'a> {
    /// Evaluates invariants with `node` in focus. One that cannot be decided (an expression error on odd input)
    /// is reported as a warning, so that nothing passes in silence.
    pub fn constraints(
        &mut self,
        constraints: &'a [Constraint],
        structure: &Structure,
        (path, type_name): (&str, Option<&'a str>),
        node: &'a Json,
    ) {
        if constraints.is_empty() {
            return;
        }
        let Some(resource) = self.scopes.last().map(|scope| scope.resource) else { return };
        let focus = Node::new(node).with_type(type_name);
        let mut context = Context::new(resource).focused(focus).with_model(self.inner);
        context.root = self.container().unwrap_or(resource);
        context.terminology = Some(self.inner);
        context.max_steps = STEPS;
        for constraint in constraints {
            if (constraint.level == Level::BestPractice && !self.how.best_practice) || constraint.is_native() {
                continue;
            }
            let Ok(expression) = constraint.expression() else {
                self.report(issue::undecided(structure, path, constraint));
                continue;
            };
            match expression.verdict(&context) {
                Ok(Verdict::Holds) => {}
                Ok(Verdict::Fails | Verdict::Undecided) => self.report(issue::broken(structure, path, constraint)),
                Err(_) => self.report(issue::undecided(structure, path, constraint)),
            }
        }
    }
}
