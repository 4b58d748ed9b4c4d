//! FHIRPath `#existence`.

use super::super::compare;
use super::super::error::EvaluationError;
use super::super::eval::{Collection, Evaluated, Evaluator, boolean, integer};
use super::super::operators;
use super::super::value::Item;
use super::{Call, Entry, function, nothing, truth};

pub(super) const TABLE: &[Entry] = &[
    function("empty", 0, 0, |_, _, input| truth(input.is_empty())),
    function("exists", 0, 1, exists),
    function("all", 1, 1, all),
    function("allTrue", 0, 0, |_, call, input| flags(call, &input, |flag| flag, true)),
    function("anyTrue", 0, 0, |_, call, input| flags(call, &input, |flag| !flag, false)),
    function("allFalse", 0, 0, |_, call, input| flags(call, &input, |flag| !flag, true)),
    function("anyFalse", 0, 0, |_, call, input| flags(call, &input, |flag| flag, false)),
    function("subsetOf", 1, 1, |run, call, input| {
        let other = call.argument(run, 0)?;
        subset(run, &input, &other)
    }),
    function("supersetOf", 1, 1, |run, call, input| {
        let other = call.argument(run, 0)?;
        subset(run, &other, &input)
    }),
    function("count", 0, 0, |_, _, input| Ok(vec![integer(input.len())])),
    function("distinct", 0, 0, |run, _, input| operators::distinct(run, input)),
    function("isDistinct", 0, 0, |run, _, input| {
        let count = input.len();
        truth(operators::distinct(run, input)?.len() == count)
    }),
    function("not", 0, 0, |_, call, input| match boolean(&input, call.name())? {
        Some(flag) => truth(!flag),
        None => nothing(),
    }),
];

fn exists<'a>(run: &Evaluator<'_, 'a>, call: &Call<'a, '_>, input: Collection<'a>) -> Evaluated<'a> {
    if !call.has(0) {
        return truth(!input.is_empty());
    }
    for (index, item) in input.iter().enumerate() {
        if call.test(run, item, index)? == Some(true) {
            return truth(true);
        }
    }
    truth(false)
}

fn all<'a>(run: &Evaluator<'_, 'a>, call: &Call<'a, '_>, input: Collection<'a>) -> Evaluated<'a> {
    for (index, item) in input.iter().enumerate() {
        if call.test(run, item, index)? != Some(true) {
            return truth(false);
        }
    }
    truth(true)
}

/// `every`: whether all flags must pass, or the one that fails the test decides.
fn flags<'a>(call: &Call<'a, '_>, input: &[Item<'a>], good: fn(bool) -> bool, every: bool) -> Evaluated<'a> {
    let mut all_good = true;
    for item in input {
        let flag = item.as_boolean().ok_or(EvaluationError::wrong_type(call.name()))?;
        all_good &= good(flag);
    }
    truth(all_good == every)
}

fn subset<'a>(run: &Evaluator<'_, 'a>, small: &[Item<'a>], large: &[Item<'a>]) -> Evaluated<'a> {
    run.spend(small.len().saturating_mul(large.len()), "subsetOf")?;
    truth(small.iter().all(|item| large.iter().any(|other| compare::equal(item, other) == Some(true))))
}
