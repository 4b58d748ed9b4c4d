//! The functions, by the sections of the specification. FHIRPath `#functions`, R4 `fhirpath.html#functions`.

mod boundary;
mod coding;
mod convert;
mod existence;
mod fhir;
mod filter;
mod html;
mod math;
mod strings;
mod type_test;
mod utility;

use regex::Regex;

use super::ast::CallStep;
use super::error::EvaluationError;
use super::eval::{Collection, Evaluated, Evaluator, Scope, boolean, single};
use super::parser;
use super::value::{Item, Value};

pub(super) use type_test::{is_type, of_type};

/// A function: the run, the call with its arguments, and the input collection.
pub(super) type Function = for<'a> fn(&Evaluator<'_, 'a>, &Call<'a, '_>, Collection<'a>) -> Evaluated<'a>;

/// A row of the table of functions.
pub(super) struct Entry {
    pub name: &'static str,
    pub least: usize,
    pub most: usize,
    pub arguments: Arguments,
    pub run: Function,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// How the parser reads a function's arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arguments {
    Expressions,
    /// One type specifier.
    Type,
    /// The first argument is a regular expression, compiled ahead where it is a literal.
    Pattern,
}

const fn function(name: &'static str, least: usize, most: usize, run: Function) -> Entry {
    Entry { name, least, most, arguments: Arguments::Expressions, run }
}

const TABLES: [&[Entry]; 10] = [
    existence::TABLE,
    filter::TABLE,
    strings::TABLE,
    convert::TABLE,
    math::TABLE,
    utility::TABLE,
    type_test::TABLE,
    fhir::TABLE,
    boundary::TABLE,
    coding::TABLE,
];

/// The function of that name.
pub(super) fn find(name: &str) -> Option<&'static Entry> {
    TABLES.iter().flat_map(|table| table.iter()).find(|entry| entry.name == name)
}

/// The regular expression of a call to `function`: `matchesFull` matches the whole text.
pub(super) fn compile_pattern(function: &str, pattern: &str) -> Option<Regex> {
    if function == "matchesFull" { parser::regex(&format!("^(?:{pattern})$")) } else { parser::regex(pattern) }
}

/// One call of a function.
pub(super) struct Call<'a, 's> {
    pub step: &'a CallStep,
    pub scope: Scope<'a, 's>,
}

impl<'a> Call<'a, '_> {
    fn name(&self) -> &'static str {
        self.step.entry.name
    }

    fn has(&self, index: usize) -> bool {
        index < self.step.args.len()
    }

    /// An argument that is a plain value: it sees the `$this` around the call.
    fn argument(&self, run: &Evaluator<'_, 'a>, index: usize) -> Evaluated<'a> {
        match self.step.args.get(index) {
            Some(expr) => run.eval(expr, self.scope),
            None => Ok(Vec::new()),
        }
    }

    fn text(&self, run: &Evaluator<'_, 'a>, index: usize) -> Result<Option<String>, EvaluationError> {
        let found = self.argument(run, index)?;
        let Some(item) = single(&found, self.name())? else { return Ok(None) };
        let text = item.as_text().ok_or(EvaluationError::wrong_type(self.name()))?;
        Ok(Some(text.into_owned()))
    }

    fn integer(&self, run: &Evaluator<'_, 'a>, index: usize) -> Result<Option<i64>, EvaluationError> {
        let found = self.argument(run, index)?;
        match single(&found, self.name())?.map(Item::value) {
            None => Ok(None),
            Some(Some(Value::Integer(integer))) => Ok(Some(integer)),
            Some(_) => Err(EvaluationError::wrong_type(self.name())),
        }
    }

    /// The first argument, run with `item` as `$this`.
    fn each(&self, run: &Evaluator<'_, 'a>, item: &Item<'a>, index: usize) -> Evaluated<'a> {
        let this = std::slice::from_ref(item);
        match self.step.args.first() {
            Some(expr) => run.eval(expr, Scope { this, index: Some(index), total: self.scope.total }),
            None => Ok(vec![item.clone()]),
        }
    }

    /// The first argument as a condition on `item`.
    fn test(&self, run: &Evaluator<'_, 'a>, item: &Item<'a>, index: usize) -> Result<Option<bool>, EvaluationError> {
        boolean(&self.each(run, item, index)?, self.name())
    }
}

fn truth<'a>(flag: bool) -> Evaluated<'a> {
    Ok(vec![Item::Value(Value::Boolean(flag))])
}

fn nothing<'a>() -> Evaluated<'a> {
    Ok(Vec::new())
}

fn optional(value: Option<Value<'_>>) -> Evaluated<'_> {
    Ok(value.map(Item::Value).into_iter().collect())
}
