//! FHIRPath `#string-manipulation`.

use super::super::error::EvaluationError;
use super::super::eval::{Collection, Evaluated, Evaluator, integer, single};
use super::super::value::{Item, Value};
use super::{Arguments, Call, Entry, compile_pattern, function, nothing, truth};

pub(super) const TABLE: &[Entry] = &[
    function("indexOf", 1, 1, |run, call, input| {
        with_text(run, call, input, |text, part| position(text, text.find(part)))
    }),
    function("lastIndexOf", 1, 1, |run, call, input| {
        with_text(run, call, input, |text, part| position(text, text.rfind(part)))
    }),
    function("startsWith", 1, 1, |run, call, input| {
        with_text(run, call, input, |text, part| flag(text.starts_with(part)))
    }),
    function("endsWith", 1, 1, |run, call, input| with_text(run, call, input, |text, part| flag(text.ends_with(part)))),
    function("contains", 1, 1, |run, call, input| with_text(run, call, input, |text, part| flag(text.contains(part)))),
    function("upper", 0, 0, |_, call, input| mapped(call, &input, |text| Item::text(text.to_uppercase()))),
    function("lower", 0, 0, |_, call, input| mapped(call, &input, |text| Item::text(text.to_lowercase()))),
    function("trim", 0, 0, |_, call, input| mapped(call, &input, |text| Item::text(text.trim().to_owned()))),
    function("length", 0, 0, |_, call, input| mapped(call, &input, |text| integer(text.chars().count()))),
    function("substring", 1, 2, substring),
    function("replace", 2, 2, replace),
    Entry { name: "matches", least: 1, most: 1, arguments: Arguments::Pattern, run: matches },
    Entry { name: "matchesFull", least: 1, most: 1, arguments: Arguments::Pattern, run: matches },
    Entry { name: "replaceMatches", least: 2, most: 2, arguments: Arguments::Pattern, run: replace_matches },
    function("toChars", 0, 0, |_, call, input| {
        let text = subject(call, &input)?.unwrap_or_default();
        Ok(text.chars().map(|char| Item::text(char.to_string())).collect())
    }),
    function("split", 1, 1, |run, call, input| {
        let (Some(text), Some(by)) = (subject(call, &input)?, call.text(run, 0)?) else { return nothing() };
        Ok(text.split(by.as_str()).map(|part| Item::text(part.to_owned())).collect())
    }),
    function("join", 0, 1, join),
];

/// The input text; nothing where the input is empty.
fn subject<'a>(call: &Call<'a, '_>, input: &[Item<'a>]) -> Result<Option<String>, EvaluationError> {
    let Some(item) = single(input, call.name())? else { return Ok(None) };
    match item.as_text() {
        Some(text) => Ok(Some(text.into_owned())),
        // A primitive that has only extensions has no text.
        None if item.node().is_some_and(|node| node.value.is_none()) => Ok(None),
        None => Err(EvaluationError::wrong_type(call.name())),
    }
}

fn flag<'a>(flag: bool) -> Item<'a> {
    Item::Value(Value::Boolean(flag))
}

/// A byte position as a count of characters; -1 for none.
fn position<'a>(text: &str, at: Option<usize>) -> Item<'a> {
    match at {
        Some(at) => integer(text[..at].chars().count()),
        None => Item::Value(Value::Integer(-1)),
    }
}

fn with_text<'a>(
    run: &Evaluator<'_, 'a>,
    call: &Call<'a, '_>,
    input: Collection<'a>,
    then: impl Fn(&str, &str) -> Item<'a>,
) -> Evaluated<'a> {
    let (Some(text), Some(part)) = (subject(call, &input)?, call.text(run, 0)?) else { return nothing() };
    Ok(vec![then(&text, &part)])
}

fn mapped<'a>(call: &Call<'a, '_>, input: &[Item<'a>], then: impl Fn(&str) -> Item<'a>) -> Evaluated<'a> {
    Ok(subject(call, input)?.map(|text| then(&text)).into_iter().collect())
}

fn substring<'a>(run: &Evaluator<'_, 'a>, call: &Call<'a, '_>, input: Collection<'a>) -> Evaluated<'a> {
    let (Some(text), Some(start)) = (subject(call, &input)?, call.integer(run, 0)?) else { return nothing() };
    let length = if call.has(1) { call.integer(run, 1)? } else { None };
    let Some(start) = usize::try_from(start).ok().filter(|start| *start < text.chars().count()) else {
        return nothing();
    };
    let length = length.map_or(usize::MAX, |length| usize::try_from(length).unwrap_or_default());
    Ok(vec![Item::text(text.chars().skip(start).take(length).collect::<String>())])
}

fn replace<'a>(run: &Evaluator<'_, 'a>, call: &Call<'a, '_>, input: Collection<'a>) -> Evaluated<'a> {
    match (subject(call, &input)?, call.text(run, 0)?, call.text(run, 1)?) {
        (Some(text), Some(from), Some(to)) => {
            // Counted before it is made: texts must not grow without bound.
            let growth = text.matches(from.as_str()).count().saturating_mul(to.len());
            run.spend(text.len().saturating_add(growth), call.name())?;
            Ok(vec![Item::text(text.replace(&from, &to))])
        }
        _ => nothing(),
    }
}

fn matches<'a>(run: &Evaluator<'_, 'a>, call: &Call<'a, '_>, input: Collection<'a>) -> Evaluated<'a> {
    let (Some(text), Some(pattern)) = (subject(call, &input)?, call.text(run, 0)?) else { return nothing() };
    match &call.step.regex {
        Some(regex) => truth(regex.is_match(&text)),
        None => {
            run.spend(1000, call.name())?;
            let regex = compile_pattern(call.name(), &pattern);
            truth(regex.ok_or(EvaluationError::invalid_argument(call.name()))?.is_match(&text))
        }
    }
}

fn replace_matches<'a>(run: &Evaluator<'_, 'a>, call: &Call<'a, '_>, input: Collection<'a>) -> Evaluated<'a> {
    let (Some(text), Some(pattern), Some(to)) = (subject(call, &input)?, call.text(run, 0)?, call.text(run, 1)?) else {
        return nothing();
    };
    if pattern.is_empty() {
        return Ok(vec![Item::text(text)]);
    }
    let regex = call.step.regex.clone().or_else(|| compile_pattern(call.name(), &pattern));
    let regex = regex.ok_or(EvaluationError::invalid_argument(call.name()))?;
    let groups = to.matches('$').count();
    let growth = regex.find_iter(&text).count().saturating_mul(to.len());
    run.spend(growth.saturating_add(text.len().saturating_mul(groups + 1)), call.name())?;
    Ok(vec![Item::text(regex.replace_all(&text, to.as_str()).into_owned())])
}

fn join<'a>(run: &Evaluator<'_, 'a>, call: &Call<'a, '_>, input: Collection<'a>) -> Evaluated<'a> {
    let by = call.text(run, 0)?.unwrap_or_default();
    let texts: Vec<_> = input.iter().filter_map(Item::as_text).collect();
    let length = texts.iter().map(|text| text.len() + by.len()).sum();
    run.spend(length, call.name())?;
    Ok(vec![Item::text(texts.join(&by))])
}
