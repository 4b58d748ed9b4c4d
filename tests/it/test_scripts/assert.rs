//! The asserts of a TestScript. R4 `testscript-definitions.html#TestScript.setup.action.assert`.

use kakehashi::fhir::fhirpath::{Context, Expression};
use kakehashi::fhir::json::{Limits, parse};
use regex::Regex;
use serde_json::Value;

use super::run::{Run, Source, text};
use crate::app::definitions;

const RESPONSES: [(&str, u16); 12] = [
    ("okay", 200),
    ("created", 201),
    ("noContent", 204),
    ("notModified", 304),
    ("bad", 400),
    ("forbidden", 403),
    ("notFound", 404),
    ("methodNotAllowed", 405),
    ("conflict", 409),
    ("gone", 410),
    ("preconditionFailed", 412),
    ("unprocessable", 422),
];

/// `Err` says why the assert does not hold, one of a kind that is not known here included.
pub async fn check(run: &Run<'_>, assert: &Value) -> Result<(), String> {
    let source = text(assert, "sourceId").map(|id| &run.sources[id]).or(run.last.as_ref()).ok_or("no response")?;
    if assert["navigationLinks"] == true {
        return navigation(run, &source.body).await;
    }
    if let Some(profile) = text(assert, "validateProfileId") {
        return validate(run, &source.body, profile).await;
    }
    if let Some(minimum) = text(assert, "minimumId") {
        let least = &run.sources[minimum].body;
        return holds(contains(&source.body, least), || format!("{least} is not part of {}", source.body));
    }
    if let Some(wanted) = text(assert, "resource") {
        return compare("equals", source.body["resourceType"].as_str().unwrap_or_default(), wanted);
    }
    let operator = text(assert, "operator").unwrap_or("equals");
    let (found, wanted) = found_and_wanted(run, assert, source)?;
    compare(operator, &found, &wanted)
}

fn found_and_wanted(run: &Run<'_>, assert: &Value, source: &Source) -> Result<(String, String), String> {
    let answer = source.answer.as_ref().ok_or("no response");
    let value = || run.filled(text(assert, "value").unwrap_or_default());
    if let Some(wanted) = text(assert, "response") {
        let (_, status) = RESPONSES.iter().find(|(code, _)| *code == wanted).ok_or(format!("response {wanted}"))?;
        return Ok((answer?.status.to_string(), status.to_string()));
    }
    if let Some(wanted) = text(assert, "responseCode") {
        return Ok((answer?.status.to_string(), wanted.to_owned()));
    }
    if let Some(wanted) = text(assert, "contentType") {
        let told = answer?.header("content-type");
        return Ok((told.split(';').next().unwrap_or_default().to_owned(), wanted.to_owned()));
    }
    if let Some(name) = text(assert, "headerField") {
        return Ok((answer?.header(name).to_owned(), value()));
    }
    if let Some(wanted) = text(assert, "requestURL") {
        return Ok((run.last_url.clone(), wanted.to_owned()));
    }
    if let Some(wanted) = text(assert, "responseBody") {
        return Ok((answer?.text.clone(), wanted.to_owned()));
    }
    let expression = |expression: &str, path: &str| {
        text(assert, expression).map(str::to_owned).or_else(|| text(assert, path).map(of_xpath))
    };
    let found =
        first_at(&source.body, &expression("expression", "path").ok_or(format!("of no known kind: {assert}"))?)?;
    let Some(compared) = text(assert, "compareToSourceId") else { return Ok((found, value())) };
    let there = expression("compareToSourceExpression", "compareToSourcePath").ok_or("compared with nothing")?;
    Ok((found, first_at(&run.sources[compared].body, &there)?))
}

fn compare(operator: &str, found: &str, wanted: &str) -> Result<(), String> {
    let listed = || wanted.split(',').any(|one| one.trim() == found);
    let number = |text: &str| text.parse::<f64>().map_err(|error| format!("{text}: {error}"));
    let is = match operator {
        "equals" => found == wanted,
        "notEquals" => found != wanted,
        "in" => listed(),
        "notIn" => !listed(),
        "contains" => found.contains(wanted),
        "notContains" => !found.contains(wanted),
        "empty" => found.is_empty(),
        "notEmpty" => !found.is_empty(),
        "greaterThan" => number(found)? > number(wanted)?,
        "lessThan" => number(found)? < number(wanted)?,
        // Not of R4, but in use.
        "matchesRegex" => Regex::new(wanted).map_err(|error| error.to_string())?.is_match(found),
        other => return Err(format!("no such operator: {other}")),
    };
    holds(is, || format!("{found:.200} {operator} {wanted}"))
}

fn holds(is: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if is { Ok(()) } else { Err(why()) }
}

/// The kind of XPath that the scripts use, as FHIRPath.
pub fn of_xpath(path: &str) -> String {
    path.replace("fhir:", "").replace("/@value", "").replace('/', ".")
}

/// The first of what the expression finds, as text.
pub fn first_at(resource: &Value, expression: &str) -> Result<String, String> {
    let tree = parse(resource.to_string().as_bytes(), Limits::default()).map_err(|_| "not a resource".to_owned())?;
    let definitions = definitions();
    let context = Context::new(&tree).with_model(definitions.model());
    let compiled = Expression::compile(expression).map_err(|error| error.to_string())?;
    let items = compiled.evaluate(&context).map_err(|error| error.to_string())?;
    let first = items.first().and_then(|item| item.value().map(|value| value.to_string()));
    first.ok_or_else(|| format!("{expression} finds nothing"))
}

/// Whether all that `least` says stands in `node`, too.
fn contains(node: &Value, least: &Value) -> bool {
    match (node, least) {
        (Value::Object(node), Value::Object(least)) => {
            least.iter().all(|(name, part)| node.get(name).is_some_and(|found| contains(found, part)))
        }
        (Value::Array(node), Value::Array(least)) => {
            least.iter().all(|part| node.iter().any(|found| contains(found, part)))
        }
        (node, least) => node == least,
    }
}

/// The content is valid against the profile, by `$validate`.
async fn validate(run: &Run<'_>, body: &Value, profile: &str) -> Result<(), String> {
    let rtype = body["resourceType"].as_str().ok_or("not a resource")?;
    let profile = run.profiles.get(profile).ok_or(format!("no profile {profile}"))?;
    let outcome = run.app.post(&format!("{rtype}/$validate?profile={profile}"), body).await.json();
    let issues = outcome["issue"].as_array().into_iter().flatten();
    let mut errors = issues.filter(|issue| issue["severity"] == "error" || issue["severity"] == "fatal");
    errors.next().map_or(Ok(()), |issue| Err(issue["details"]["text"].to_string()))
}

/// A searchset has a `self` link, each relation once, and links that lead to searchsets.
async fn navigation(run: &Run<'_>, bundle: &Value) -> Result<(), String> {
    let links = bundle["link"].as_array().map(Vec::as_slice).unwrap_or_default();
    let relations: Vec<&str> = links.iter().filter_map(|link| text(link, "relation")).collect();
    let once = relations.iter().all(|name| relations.iter().filter(|other| *other == name).count() == 1);
    holds(once && relations.contains(&"self"), || format!("relations {relations:?}"))?;
    for link in links {
        let url = text(link, "url").unwrap_or_default();
        let path = url.strip_prefix(&run.app.base).ok_or(format!("{url} is elsewhere"))?.trim_start_matches('/');
        let answer = run.app.get(path).await;
        holds(answer.status == 200 && answer.json()["type"] == "searchset", || format!("{url}: {}", answer.status))?;
    }
    Ok(())
}
