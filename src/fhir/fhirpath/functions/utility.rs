//! FHIRPath `#utility-functions`, `#aggregates`.

use super::super::eval::{Collection, Evaluated, Evaluator, Scope, single};
use super::super::value::{Item, Value};
use super::{Call, Entry, function, nothing, optional, truth};

pub(super) const TABLE: &[Entry] = &[
    // A log would carry patient data: the projection is run for its errors, and nothing is printed.
    function("trace", 1, 2, |run, call, input| {
        call.argument(run, 0)?;
        Ok(input)
    }),
    function("now", 0, 0, |run, _, _| optional(Some(Value::Temporal(run.now())))),
    function("today", 0, 0, |run, _, _| optional(Some(Value::Temporal(run.now().date())))),
    function("timeOfDay", 0, 0, |run, _, _| optional(Some(Value::Temporal(run.now().time())))),
    function("aggregate", 1, 2, aggregate),
    function("comparable", 1, 1, |run, call, input| {
        let other = call.argument(run, 0)?;
        let (Some(left), Some(right)) = (single(&input, call.name())?, single(&other, call.name())?) else {
            return nothing();
        };
        match (left.value(), right.value()) {
            (Some(Value::Quantity(left)), Some(Value::Quantity(right))) => truth(left.comparable(&right)),
            _ => nothing(),
        }
    }),
    function("precision", 0, 0, |_, call, input| {
        let digits = match single(&input, call.name())?.and_then(Item::value) {
            Some(Value::Decimal(decimal)) => Some(i64::from(decimal.scale())),
            Some(Value::Temporal(temporal)) => Some(i64::from(temporal.digits())),
            Some(Value::Integer(_)) => Some(0),
            _ => None,
        };
        optional(digits.map(Value::Integer))
    }),
];

fn aggregate<'a>(run: &Evaluator<'_, 'a>, call: &Call<'a, '_>, input: Collection<'a>) -> Evaluated<'a> {
    let mut total = call.argument(run, 1)?;
    let Some(aggregator) = call.step.args.first() else { return nothing() };
    for (index, item) in input.iter().enumerate() {
        let scope = Scope { this: std::slice::from_ref(item), index: Some(index), total: Some(&total) };
        total = run.eval(aggregator, scope)?;
    }
    Ok(total)
}
