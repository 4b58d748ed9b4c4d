//! What FHIR adds. R4 `fhirpath.html#functions`.

use crate::fhir::json::Json;

use super::super::error::{EvaluationError, EvaluationErrorKind};
use super::super::eval::{Collection, Evaluated, Evaluator, single};
use super::super::types;
use super::super::value::{Item, Node};
use super::{Call, Entry, function, html, nothing, truth};

pub(super) const TABLE: &[Entry] = &[
    function("hasValue", 0, 0, |_, _, input| truth(matches!(input.as_slice(), [item] if has_value(item)))),
    function("getValue", 0, 0, |_, _, input| match input.as_slice() {
        [item] if has_value(item) => Ok(item.value().map(Item::Value).into_iter().collect()),
        _ => nothing(),
    }),
    function("extension", 1, 1, extension),
    function("resolve", 0, 0, resolve),
    function("memberOf", 1, 1, member_of),
    function("conformsTo", 1, 1, conforms_to),
    function("htmlChecks", 0, 0, |_, call, input| match single(&input, call.name())?.map(Item::as_text) {
        None => nothing(),
        Some(text) => truth(text.is_some_and(|div| html::is_narrative(&div))),
    }),
    function("elementDefinition", 0, 0, no_hook),
    function("slice", 2, 2, no_hook),
    function("checkModifiers", 0, 64, no_hook),
    function("subsumes", 1, 1, no_hook),
    function("subsumedBy", 1, 1, no_hook),
];

fn no_hook<'a>(_: &Evaluator<'_, 'a>, call: &Call<'a, '_>, _: Collection<'a>) -> Evaluated<'a> {
    Err(EvaluationError::new(EvaluationErrorKind::NoHook, call.name()))
}

/// A primitive with a value, not merely with extensions. An empty text is none: R4 `datatypes.html#string`.
fn has_value(item: &Item<'_>) -> bool {
    match item {
        Item::Value(_) => true,
        Item::Node(node) => node.is_primitive() && node.value.is_some_and(|value| value.as_str() != Some("")),
    }
}

fn extension<'a>(run: &Evaluator<'_, 'a>, call: &Call<'a, '_>, input: Collection<'a>) -> Evaluated<'a> {
    let Some(url) = call.text(run, 0)? else { return nothing() };
    let mut out = Vec::new();
    for item in &input {
        super::super::navigate::member(run.context, item, "extension", &mut out);
    }
    run.spend(out.len(), call.name())?;
    out.retain(|item| item.json().and_then(|json| json.get_str("url")) == Some(url.as_str()));
    Ok(out)
}

fn resolve<'a>(run: &Evaluator<'_, 'a>, _: &Call<'a, '_>, input: Collection<'a>) -> Evaluated<'a> {
    let mut out = Vec::new();
    for item in &input {
        let json = item.json();
        let Some(reference) = json.and_then(|json| json.as_str().or_else(|| json.get_str("reference"))) else {
            continue;
        };
        run.spend(10, "resolve")?;
        let found = local(run, reference).or_else(|| run.context.resolver?.resolve(reference));
        match found {
            Some(resource) => out.push(Item::Node(Node::new(resource))),
            None if run.context.typed_references => {
                let named = json.and_then(|json| json.get_str("type")).or_else(|| type_in(reference));
                out.extend(named.map(|name| Item::Node(Node { value: None, sibling: None, type_name: Some(name) })));
            }
            None => {}
        }
    }
    Ok(out)
}

/// A contained resource, or an entry of the Bundle at the root.
fn local<'a>(run: &Evaluator<'_, 'a>, reference: &str) -> Option<&'a Json> {
    let context = run.context;
    if let Some(id) = reference.strip_prefix('#') {
        let holds = |resource: &'a Json| resource.items("contained").iter().find(|json| json.get_str("id") == Some(id));
        return if id.is_empty() {
            Some(context.root)
        } else {
            holds(context.resource).or_else(|| holds(context.root))
        };
    }
    let entry = context.root.items("entry").iter().find(|entry| {
        entry
            .get_str("fullUrl")
            .is_some_and(|url| url == reference || url.strip_suffix(reference).is_some_and(|base| base.ends_with('/')))
    })?;
    entry.get("resource")
}

/// The type that a literal reference names: `Patient` of `Patient/1`, `http://host/fhir/Patient/1/_history/2`.
fn type_in(reference: &str) -> Option<&str> {
    let current = reference.split_once("/_history/").map_or(reference, |(before, _)| before);
    let name = current.rsplit('/').nth(1)?;
    types::is_resource(name).then_some(name)
}

fn member_of<'a>(run: &Evaluator<'_, 'a>, call: &Call<'a, '_>, input: Collection<'a>) -> Evaluated<'a> {
    let Some(value_set) = call.text(run, 0)? else { return nothing() };
    let Some(item) = single(&input, call.name())? else { return nothing() };
    let Some(terminology) = run.context.terminology else { return no_hook(run, call, Vec::new()) };
    terminology.member_of(item, &value_set).map_or_else(nothing, truth)
}

fn conforms_to<'a>(run: &Evaluator<'_, 'a>, call: &Call<'a, '_>, input: Collection<'a>) -> Evaluated<'a> {
    let Some(profile) = call.text(run, 0)? else { return nothing() };
    let Some(item) = single(&input, call.name())? else { return nothing() };
    let base = profile.strip_prefix("http://hl7.org/fhir/StructureDefinition/").filter(|name| types::is_resource(name));
    if let Some(found) = item.node().and_then(Node::fhir_type)
        && let Some(base) = base
    {
        return truth(types::derives(found, base));
    }
    let known = run.context.profiles.and_then(|profiles| profiles.conforms_to(item, &profile));
    known.map_or(Err(EvaluationError::new(EvaluationErrorKind::NoHook, call.name())), truth)
}
