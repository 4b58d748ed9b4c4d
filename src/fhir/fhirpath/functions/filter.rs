//! FHIRPath `#filtering-and-projection`, `#subsetting`, `#combining`, `#tree-navigation`.

use std::cmp::Ordering;

use super::super::ast::{Expr, Kind};
use super::super::compare;
use super::super::error::EvaluationError;
use super::super::eval::{Collection, Evaluated, Evaluator, Scope, single};
use super::super::value::Item;
use super::super::{navigate, operators};
use super::{Call, Entry, function};

pub(super) const TABLE: &[Entry] = &[
    function("where", 1, 1, filter),
    function("select", 1, 1, select),
    function("repeat", 1, 1, repeat),
    function("single", 0, 0, |_, call, input| single(&input, call.name()).map(|_| ()).map(|()| input)),
    function("first", 0, 0, |_, _, input| Ok(input.into_iter().take(1).collect())),
    function("last", 0, 0, |_, _, input| Ok(input.into_iter().next_back().into_iter().collect())),
    function("tail", 0, 0, |_, _, input| Ok(input.into_iter().skip(1).collect())),
    function("skip", 1, 1, |run, call, input| {
        let count = amount(run, call)?;
        Ok(input.into_iter().skip(count).collect())
    }),
    function("take", 1, 1, |run, call, input| {
        let count = amount(run, call)?;
        Ok(input.into_iter().take(count).collect())
    }),
    function("intersect", 1, 1, |run, call, input| {
        let other = call.argument(run, 0)?;
        operators::distinct(run, kept(run, input, &other, true)?)
    }),
    function("exclude", 1, 1, |run, call, input| {
        let other = call.argument(run, 0)?;
        kept(run, input, &other, false)
    }),
    function("union", 1, 1, |run, call, input| operators::union(run, input, call.argument(run, 0)?)),
    function("combine", 1, 1, |run, call, mut input| {
        input.extend(call.argument(run, 0)?);
        Ok(input)
    }),
    function("children", 0, 0, |run, _, input| children(run, &input)),
    function("descendants", 0, 0, descendants),
    function("sort", 0, 8, sort),
];

fn filter<'a>(run: &Evaluator<'_, 'a>, call: &Call<'a, '_>, input: Collection<'a>) -> Evaluated<'a> {
    let mut out = Vec::new();
    for (index, item) in input.into_iter().enumerate() {
        let holds = match texts_equal(&item, &call.step.equals) {
            Some(holds) => holds,
            None => call.test(run, &item, index)? == Some(true),
        };
        if holds {
            out.push(item);
        }
    }
    Ok(out)
}

/// `system = 'a' and code = 'b'` on an object that has the members as texts; `None` where the general way must decide.
fn texts_equal(item: &Item<'_>, pairs: &[(String, String)]) -> Option<bool> {
    if pairs.is_empty() {
        return None;
    }
    let object = item.json()?.as_object()?;
    let mut holds = true;
    for (name, text) in pairs {
        holds &= object.get(name)?.as_str()? == text;
    }
    Some(holds)
}

fn select<'a>(run: &Evaluator<'_, 'a>, call: &Call<'a, '_>, input: Collection<'a>) -> Evaluated<'a> {
    let mut out = Vec::new();
    for (index, item) in input.iter().enumerate() {
        out.extend(call.each(run, item, index)?);
    }
    Ok(out)
}

/// Applies the projection to its own results until nothing new comes. FHIRPath `#repeatprojection-expression--collection`.
fn repeat<'a>(run: &Evaluator<'_, 'a>, call: &Call<'a, '_>, input: Collection<'a>) -> Evaluated<'a> {
    let mut out: Collection<'a> = Vec::new();
    let mut queue = input;
    while !queue.is_empty() {
        let mut fresh = Vec::new();
        for (index, item) in queue.iter().enumerate() {
            for found in call.each(run, item, index)? {
                run.spend(out.len(), call.name())?;
                if !out.iter().any(|known| compare::equal(known, &found) == Some(true)) {
                    out.push(found.clone());
                    fresh.push(found);
                }
            }
        }
        queue = fresh;
    }
    Ok(out)
}

fn amount<'a>(run: &Evaluator<'_, 'a>, call: &Call<'a, '_>) -> Result<usize, EvaluationError> {
    let count = call.integer(run, 0)?.ok_or(EvaluationError::invalid_argument(call.name()))?;
    Ok(usize::try_from(count).unwrap_or_default())
}

fn kept<'a>(run: &Evaluator<'_, 'a>, items: Collection<'a>, other: &[Item<'a>], wanted: bool) -> Evaluated<'a> {
    run.spend(items.len().saturating_mul(other.len()), "exclude")?;
    let found = |item: &Item<'a>| other.iter().any(|other| compare::equal(item, other) == Some(true));
    Ok(items.into_iter().filter(|item| found(item) == wanted).collect())
}

fn children<'a>(run: &Evaluator<'_, 'a>, input: &[Item<'a>]) -> Evaluated<'a> {
    let mut out = Vec::new();
    for item in input {
        navigate::children(run.context, item, &mut out);
    }
    run.spend(out.len(), "children")?;
    Ok(out)
}

/// All descendants, level by level.
fn descendants<'a>(run: &Evaluator<'_, 'a>, _: &Call<'a, '_>, input: Collection<'a>) -> Evaluated<'a> {
    let mut out = children(run, &input)?;
    let mut from = 0;
    while from < out.len() {
        let level = children(run, &out[from..])?;
        from = out.len();
        out.extend(level);
    }
    Ok(out)
}

/// By the keys in turn; a key with a minus sign before it sorts downwards.
fn sort<'a>(run: &Evaluator<'_, 'a>, call: &Call<'a, '_>, input: Collection<'a>) -> Evaluated<'a> {
    let mut rows: Vec<(Vec<Collection<'a>>, Item<'a>)> = Vec::with_capacity(input.len());
    for item in input {
        let keys = if call.step.args.is_empty() {
            vec![vec![item.clone()]]
        } else {
            let scope = Scope { this: std::slice::from_ref(&item), ..call.scope };
            call.step.args.iter().map(|expr| run.eval(plain_key(expr).0, scope)).collect::<Result<_, _>>()?
        };
        rows.push((keys, item));
    }
    run.spend(rows.len().saturating_mul(rows.len()), call.name())?;
    let downwards: Vec<bool> = call.step.args.iter().map(|expr| plain_key(expr).1).collect();
    rows.sort_by(|(left, _), (right, _)| {
        left.iter().zip(right).enumerate().fold(Ordering::Equal, |order, (index, (left, right))| {
            let reverse = downwards.get(index).copied().unwrap_or_default();
            order.then_with(|| key_order(left, right, reverse))
        })
    });
    Ok(rows.into_iter().map(|(_, item)| item).collect())
}

fn plain_key(expr: &Expr) -> (&Expr, bool) {
    match &expr.kind {
        Kind::Negate(inner) => (inner, true),
        _ => (expr, false),
    }
}

/// What has no key comes first, whichever way the keys are sorted.
fn key_order(left: &[Item<'_>], right: &[Item<'_>], reverse: bool) -> Ordering {
    match (left.first(), right.first()) {
        (Some(left), Some(right)) => {
            let order = compare::order(left, right).ok().flatten().unwrap_or(Ordering::Equal);
            if reverse { order.reverse() } else { order }
        }
        (left, right) => left.is_some().cmp(&right.is_some()),
    }
}
