//! Expressions of search parameters that only walk: `A.b.c`, `.where(url = '…')`, `.where(resolve() is T)`, `as T`. They
//! are most of R4's, and a walk over the JSON costs a fraction of an evaluation. R4 `searchparameter.html`.

use crate::fhir::fhirpath::{Model, choice_type};
use crate::fhir::json::Json;

/// An element with its FHIR type, where that is known.
#[derive(Clone, Copy, Debug)]
pub struct Element<'a> {
    pub json: &'a Json,
    pub type_name: Option<&'a str>,
}

/// A walk from the resource to the elements that a parameter finds.
#[derive(Debug)]
pub struct Path {
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    /// A member whose type is known.
    Member { name: String, type_name: String },
    /// A choice element of any type: `value` stands under `valueCode`, `valueString` …
    Choice { name: String },
    /// Those whose member is this text.
    Equals { name: String, text: String },
    /// References to a type.
    RefersTo { rtype: String },
}

impl Path {
    /// Compiles one branch of an expression, without the name of the type in front; `None` where it does more than walk.
    pub fn compile(model: &dyn Model, rtype: &str, branch: &str) -> Option<Path> {
        let mut steps = Vec::new();
        let mut here = Some(rtype.to_owned());
        for word in words(branch)? {
            match word {
                Word::Member(name) => {
                    let parent = here.take()?;
                    match model.element_type(&parent, name) {
                        Some(type_name) => {
                            here = Some(type_name.to_owned());
                            steps.push(Step::Member { name: name.to_owned(), type_name: type_name.to_owned() });
                        }
                        None => steps.push(Step::Choice { name: name.to_owned() }),
                    }
                }
                Word::As(wanted) => match steps.pop()? {
                    Step::Choice { name } => {
                        here = Some(wanted.to_owned());
                        let capital = wanted.chars().next()?.to_ascii_uppercase();
                        let name = format!("{name}{capital}{}", &wanted[capital.len_utf8()..]);
                        steps.push(Step::Member { name, type_name: wanted.to_owned() });
                    }
                    step @ Step::Member { .. } if here.as_deref() == Some(wanted) => steps.push(step),
                    _ => return None,
                },
                Word::Equals(name, text) => steps.push(Step::Equals { name: name.to_owned(), text: text.to_owned() }),
                Word::RefersTo(rtype) => steps.push(Step::RefersTo { rtype: rtype.to_owned() }),
            }
        }
        (!steps.is_empty()).then_some(Path { steps })
    }

    /// Calls `found` with each element.
    pub fn walk<'a>(&'a self, resource: &'a Json, found: &mut dyn FnMut(Element<'a>)) {
        step(&self.steps, Element { json: resource, type_name: None }, found);
    }
}

fn step<'a>(steps: &'a [Step], here: Element<'a>, found: &mut dyn FnMut(Element<'a>)) {
    let Some((first, rest)) = steps.split_first() else { return found(here) };
    match first {
        Step::Member { name, type_name } => {
            if let Some(value) = here.json.get(name) {
                each(value, Some(type_name), rest, found);
            }
        }
        Step::Choice { name } => {
            for (key, value) in here.json.as_object().into_iter().flat_map(|object| object.iter()) {
                if let Some(type_name) = key.strip_prefix(name.as_str()).and_then(choice_type) {
                    each(value, Some(type_name), rest, found);
                }
            }
        }
        Step::Equals { name, text } => {
            if here.json.get_str(name) == Some(text) {
                step(rest, here, found);
            }
        }
        Step::RefersTo { rtype } => {
            if refers_to(here.json, rtype) {
                step(rest, here, found);
            }
        }
    }
}

fn each<'a>(value: &'a Json, type_name: Option<&'a str>, rest: &'a [Step], found: &mut dyn FnMut(Element<'a>)) {
    match value {
        Json::Null => {}
        Json::Array(items) => {
            for json in items.iter().filter(|item| !matches!(item, Json::Null)) {
                step(rest, Element { json, type_name }, found);
            }
        }
        json => step(rest, Element { json, type_name }, found),
    }
}

/// Whether a Reference names a resource of the type, by its url or by its `type`.
fn refers_to(reference: &Json, rtype: &str) -> bool {
    match reference.get_str("reference") {
        Some(url) => {
            let plain = url.split("/_history/").next().unwrap_or(url);
            plain.rsplit('/').nth(1) == Some(rtype)
        }
        None => reference.get_str("type") == Some(rtype),
    }
}

enum Word<'a> {
    Member(&'a str),
    As(&'a str),
    Equals(&'a str, &'a str),
    RefersTo(&'a str),
}

/// `b.c.where(x = 'y') as T` in words.
fn words(branch: &str) -> Option<Vec<Word<'_>>> {
    let (mut rest, mut words) = (branch.trim(), Vec::new());
    loop {
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let (name, behind) = rest.split_at(end);
        if name.is_empty() {
            return None;
        }
        rest = match behind.strip_prefix('(') {
            None => {
                words.push(Word::Member(name));
                behind
            }
            Some(inside) => {
                // A text may hold a parenthesis.
                let close = closing(inside)?;
                words.push(call(name, inside[..close].trim())?);
                &inside[close + 1..]
            }
        };
        rest = rest.trim_start();
        if let Some(type_name) = rest.strip_prefix("as ") {
            words.push(Word::As(type_name.trim()));
            return is_name(type_name.trim()).then_some(words);
        }
        match rest.strip_prefix('.') {
            Some(next) => rest = next,
            None => return rest.is_empty().then_some(words),
        }
    }
}

fn call<'a>(name: &str, argument: &'a str) -> Option<Word<'a>> {
    match name {
        "as" | "ofType" => is_name(argument).then_some(Word::As(argument)),
        "where" => {
            if let Some(rtype) = argument.strip_prefix("resolve() is ") {
                return is_name(rtype.trim()).then_some(Word::RefersTo(rtype.trim()));
            }
            let (member, text) = argument.split_once('=')?;
            let (member, text) = (member.trim(), text.trim().strip_prefix('\'')?.strip_suffix('\'')?);
            (is_name(member) && !text.contains(['\'', '\\'])).then_some(Word::Equals(member, text))
        }
        _ => None,
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Where the parenthesis closes that was opened just before.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut quoted) = (0, false);
    for (at, letter) in text.char_indices() {
        match letter {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted && depth == 0 => return Some(at),
            ')' if !quoted => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The branches of a union that belong to the type, each without the type's name.
pub fn branches<'a>(rtype: &str, expression: &'a str) -> Vec<&'a str> {
    let (mut found, mut start, mut depth, mut quoted) = (Vec::new(), 0, 0, false);
    let mut cut = |from: usize, to: usize| {
        let mut branch = expression[from..to].trim();
        while let Some(inner) = branch.strip_prefix('(').filter(|rest| closing(rest) == Some(rest.len() - 1)) {
            branch = inner[..inner.len() - 1].trim();
        }
        let of_type = [rtype, "Resource", "DomainResource"];
        found.extend(of_type.iter().find_map(|name| branch.strip_prefix(name)?.strip_prefix('.')));
    };
    for (at, letter) in expression.char_indices() {
        match letter {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            '|' if !quoted && depth == 0 => {
                cut(start, at);
                start = at + 1;
            }
            _ => {}
        }
    }
    cut(start, expression.len());
    found
}
