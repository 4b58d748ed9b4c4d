//! Running the tree.

use std::cell::{Cell, OnceCell};
use std::time::{SystemTime, UNIX_EPOCH};

use super::ast::{CallStep, Expr, Kind, Operator, Step, Variable};
use super::context::Context;
use super::error::{EvaluationError, EvaluationErrorKind};
use super::functions::{self, Call};
use super::temporal::Temporal;
use super::value::{Item, Node, Value};
use super::{navigate, operators};

pub(super) type Collection<'a> = Vec<Item<'a>>;
pub(super) type Evaluated<'a> = Result<Collection<'a>, EvaluationError>;

/// What `$this`, `$index` and `$total` mean.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a, 's> {
    pub this: &'s [Item<'a>],
    pub index: Option<usize>,
    pub total: Option<&'s [Item<'a>]>,
}

impl<'a, 's> Scope<'a, 's> {
    pub fn of(this: &'s [Item<'a>]) -> Self {
        Scope { this, index: None, total: None }
    }
}

/// One run over one context.
pub(super) struct Evaluator<'c, 'a> {
    pub context: &'c Context<'a>,
    steps: Cell<usize>,
    now: OnceCell<Temporal>,
}

impl<'c, 'a> Evaluator<'c, 'a> {
    pub fn new(context: &'c Context<'a>) -> Self {
        Evaluator { context, steps: Cell::new(0), now: OnceCell::new() }
    }

    /// Counts work; stops the run when there is too much of it.
    pub fn spend(&self, steps: usize, operation: &'static str) -> Result<(), EvaluationError> {
        let spent = self.steps.get().saturating_add(steps);
        self.steps.set(spent);
        if spent > self.context.max_steps {
            return Err(EvaluationError::new(EvaluationErrorKind::TooManySteps, operation));
        }
        Ok(())
    }

    /// The moment of this run: the same wherever the expression asks. FHIRPath `#now--datetime`.
    pub fn now(&self) -> Temporal {
        *self.now.get_or_init(|| {
            let since = self.context.now.unwrap_or_else(SystemTime::now).duration_since(UNIX_EPOCH).unwrap_or_default();
            Temporal::from_unix(i64::try_from(since.as_secs()).unwrap_or_default(), since.subsec_nanos())
        })
    }

    pub fn eval(&self, expr: &'a Expr, scope: Scope<'a, '_>) -> Evaluated<'a> {
        self.spend(1, "expression")?;
        match &expr.kind {
            Kind::Empty => Ok(Vec::new()),
            Kind::Literal(value) => Ok(vec![Item::Value(value.lend())]),
            Kind::This => Ok(scope.this.to_vec()),
            Kind::Index => Ok(scope.index.map(integer).into_iter().collect()),
            Kind::Total => Ok(scope.total.map(<[_]>::to_vec).unwrap_or_default()),
            Kind::Variable(variable) => Ok(self.variable(variable)),
            Kind::Path(base, steps) => self.path(base.as_deref(), steps, scope),
            Kind::Negate(inner) => operators::negate(self.eval(inner, scope)?),
            Kind::Plus(inner) => operators::plus(self.eval(inner, scope)?),
            Kind::Is(inner, name) => functions::is_type(&self.eval(inner, scope)?, name),
            Kind::As(inner, name) => Ok(functions::of_type(self.eval(inner, scope)?, name)),
            Kind::Binary(operator, left, right) => self.binary(*operator, left, right, scope),
        }
    }

    fn variable(&self, variable: &'a Variable) -> Collection<'a> {
        let node = |json| vec![Item::Node(Node::new(json))];
        match variable {
            Variable::Resource => node(self.context.resource),
            Variable::RootResource => node(self.context.root),
            Variable::Context => vec![Item::Node(self.context.focus)],
            Variable::Text(text) => vec![Item::text(text.as_str())],
            Variable::Supplied(name) => {
                let supplied = self.context.variables.iter().find(|(known, _)| known == name);
                supplied.map(|(_, json)| node(*json)).unwrap_or_default()
            }
        }
    }

    fn path(&self, base: Option<&'a Expr>, steps: &'a [Step], scope: Scope<'a, '_>) -> Evaluated<'a> {
        let (mut current, rest) = match (base, steps) {
            (Some(base), _) => (self.eval(base, scope)?, steps),
            (None, [Step::Member(name), rest @ ..]) => {
                let named = scope.this.first().is_some_and(|item| navigate::is_named(item, name));
                (if named { scope.this.to_vec() } else { self.members(scope.this, name)? }, rest)
            }
            (None, _) => (scope.this.to_vec(), steps),
        };
        for step in rest {
            current = match step {
                Step::Member(name) => self.members(&current, name)?,
                Step::Index(index) => self.indexed(current, index, scope)?,
                Step::Call(call) => self.call(call, current, scope)?,
            };
        }
        Ok(current)
    }

    fn members(&self, items: &[Item<'a>], name: &'a str) -> Evaluated<'a> {
        let mut out = Vec::new();
        for item in items {
            navigate::member(self.context, item, name, &mut out);
        }
        self.spend(items.len() + out.len(), "path")?;
        Ok(out)
    }

    fn indexed(&self, mut items: Collection<'a>, index: &'a Expr, scope: Scope<'a, '_>) -> Evaluated<'a> {
        let index = self.eval(index, scope)?;
        let Some(at) = single(&index, "[]")? else { return Ok(Vec::new()) };
        match at.value() {
            Some(Value::Integer(at)) => Ok(match usize::try_from(at) {
                Ok(at) if at < items.len() => vec![items.swap_remove(at)],
                _ => Vec::new(),
            }),
            _ => Err(EvaluationError::wrong_type("[]")),
        }
    }

    fn call(&self, step: &'a CallStep, input: Collection<'a>, scope: Scope<'a, '_>) -> Evaluated<'a> {
        self.spend(input.len(), step.entry.name)?;
        (step.entry.run)(self, &Call { step, scope }, input)
    }

    fn binary(&self, operator: Operator, left: &'a Expr, right: &'a Expr, scope: Scope<'a, '_>) -> Evaluated<'a> {
        let left = self.eval(left, scope)?;
        // Where the left side decides, the right side is not run: a guard such as
        // `type = 'x' and value > 1` protects what follows it.
        if let Some(decided) = operators::decided_by_left(operator, &left)? {
            return Ok(vec![Item::Value(Value::Boolean(decided))]);
        }
        let right = self.eval(right, scope)?;
        operators::binary(self, operator, left, right)
    }
}

pub(super) fn integer<'a>(number: usize) -> Item<'a> {
    Item::Value(Value::Integer(i64::try_from(number).unwrap_or(i64::MAX)))
}

/// The only item, or none; several are an error. FHIRPath `#singleton-evaluation-of-collections`.
pub(super) fn single<'i, 'a>(
    items: &'i [Item<'a>],
    operation: &'static str,
) -> Result<Option<&'i Item<'a>>, EvaluationError> {
    match items {
        [] => Ok(None),
        [item] => Ok(Some(item)),
        _ => Err(EvaluationError::not_singleton(operation)),
    }
}

/// The truth of a collection: one boolean is itself, one other item is true, none is unknown.
pub(super) fn boolean(items: &[Item<'_>], operation: &'static str) -> Result<Option<bool>, EvaluationError> {
    Ok(single(items, operation)?.map(|item| item.as_boolean().unwrap_or(true)))
}
