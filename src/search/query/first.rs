//! A query string read into criteria. R4 `search.html`.

use super::split_query;
use crate::error::{Error, Result};
use crate::fhir::id::ResourceType;
use crate::fhir::outcome::{Issue, IssueCode};
use crate::search::extract::index_form;
use crate::search::request::Ignored;
use crate::search::value::date::date_range;
use crate::store::{Condition, Criteria, Indexed, Inherited, Patterns, Span, TokenPattern, parameter_id, system_id};

/// A query that was read.
#[derive(Clone, Debug)]
pub struct Parsed {
    pub criteria: Criteria,
    /// The parameters that were applied, as they came: what the self link lists.
    pub applied: Vec<(String, String)>,
    pub ignored: Vec<Ignored>,
}

/// Reads the criteria for `rtype`; result parameters (`_count` …) are the caller's and must be taken out before.
/// `known` are the type's parameters.
pub fn parse_query(rtype: &ResourceType, known: &[&str], pairs: &[(String, String)]) -> Result<Parsed> {
    let mut parsed = Parsed {
        criteria: Criteria { rtype: rtype.clone(), conditions: Vec::new() },
        applied: Vec::new(),
        ignored: Vec::new(),
    };
    for (name, value) in pairs {
        let (code, modifier) = match name.split_once(':') {
            Some((code, modifier)) => (code, Some(modifier)),
            None => (name.as_str(), None),
        };
        if !known.contains(&code) {
            parsed.ignored.push(Ignored { name: name.clone() });
            continue;
        }
        if let Some(modifier) = modifier {
            return Err(unsupported_modifier(name, modifier));
        }
        if value.is_empty() {
            return Err(Error::bad_parameter(name, format!("{name} の値が空です。"), format!("{name} has no value.")));
        }
        if value.contains('\0') {
            // No FHIR string has this character, and PostgreSQL takes no text with it.
            let (ja, en) = (
                format!("{name} の値に使えない文字があります。"),
                format!("{name} holds a character that no value has."),
            );
            return Err(Error::bad_parameter(name, ja, en));
        }
        parsed.criteria.conditions.push(condition(rtype, code, value)?);
        parsed.applied.push((name.clone(), value.clone()));
    }
    Ok(parsed)
}

/// Criteria of a conditional interaction: every parameter must be known, and there must be one.
pub fn criteria_of(rtype: &ResourceType, known: &[&str], query: &str) -> Result<Criteria> {
    let pairs = split_query(query);
    let pairs: Vec<_> = pairs.into_iter().filter(|(name, _)| !matches!(name.as_str(), "_format" | "_pretty")).collect();
    let parsed = parse_query(rtype, known, &pairs)?;
    if let Some(ignored) = parsed.ignored.first() {
        let (name, known) = (&ignored.name, known.join(", "));
        return Err(Error::bad_parameter(
            name,
            format!("{rtype} の条件付き操作では検索パラメータ {name} を使えません。使えるのは {known} です。"),
            format!("Conditional interactions on {rtype} cannot use {name}. They know {known}."),
        ));
    }
    if parsed.criteria.conditions.is_empty() {
        return Err(Error::bad_request(Issue::error(
            IssueCode::Required,
            "条件付き操作には検索条件が要ります。例: identifier=system|value",
            "A conditional interaction needs criteria, such as identifier=system|value.",
        )));
    }
    Ok(parsed.criteria)
}

fn unsupported_modifier(name: &str, modifier: &str) -> Error {
    Error::bad_parameter(
        name,
        format!("修飾子 :{modifier} は使えません。修飾子なしで指定してください。"),
        format!("The modifier :{modifier} is not supported here. Leave it out."),
    )
}

fn condition(rtype: &ResourceType, code: &str, value: &str) -> Result<Condition> {
    match code {
        "_id" => Ok(Condition::Id(alternatives(value))),
        "_lastUpdated" => last_updated(value),
        _ => {
            let any_of = alternatives(value).iter().map(|value| token(value)).collect();
            let param = parameter_id(rtype.as_str(), code);
            Ok(Condition::Indexed(Indexed { param, inherited: Inherited::No, any_of: Patterns::Tokens(any_of) }))
        }
    }
}

/// Splits at commas that are not escaped, and takes the escapes away (R4 `search.html#escaping`), but for `\|`,
/// which [`token`] has still to see.
fn alternatives(value: &str) -> Vec<String> {
    let (mut found, mut current, mut escaped) = (Vec::new(), String::new(), false);
    for character in value.chars() {
        match (escaped, character) {
            (true, '|') => current.push_str("\\|"),
            (true, _) => current.push(character),
            (false, '\\') => {
                escaped = true;
                continue;
            }
            (false, ',') => found.push(std::mem::take(&mut current)),
            (false, _) => current.push(character),
        }
        escaped = false;
    }
    found.push(current);
    found
}

fn token(value: &str) -> TokenPattern {
    let bar = value.char_indices().find(|(at, character)| *character == '|' && !value[..*at].ends_with('\\'));
    let plain = |text: &str| index_form(&text.replace("\\|", "|"));
    match bar {
        None => TokenPattern::Code(plain(value)),
        Some((at, _)) if at + 1 == value.len() => TokenPattern::System(system_id(&value[..at].replace("\\|", "|"))),
        Some((at, _)) => {
            TokenPattern::Exact { system: system_id(&value[..at].replace("\\|", "|")), code: plain(&value[at + 1..]) }
        }
    }
}

/// A prefix and a date or moment of any precision (R4 `search.html#date`, `search.html#prefix`).
fn last_updated(value: &str) -> Result<Condition> {
    let letters = value.chars().take_while(char::is_ascii_alphabetic).count();
    let (prefix, text) = value.split_at(letters);
    let bad = || {
        Error::bad_parameter(
            "_lastUpdated",
            "_lastUpdated の値が日時として読めません。例: ge2026-04-01T09:00:00+09:00",
            "_lastUpdated is not a date or moment. Example: ge2026-04-01T09:00:00+09:00",
        )
    };
    let (from, until) = date_range(text).ok_or_else(bad)?;
    let range = |from, until| Ok(Condition::LastUpdated(vec![Span { from, until }]));
    match prefix {
        "" | "eq" | "ap" => range(Some(from), Some(until)),
        "ne" => Ok(Condition::LastUpdated(vec![
            Span { from: None, until: Some(from) },
            Span { from: Some(until), until: None },
        ])),
        "ge" => range(Some(from), None),
        "gt" | "sa" => range(Some(until), None),
        "lt" | "eb" => range(None, Some(from)),
        "le" => range(None, Some(until)),
        _ => Err(bad()),
    }
}
