//! Rows of composites: the parts of one element together. R4 `search.html#composite`.
//!
//! One part, a token, is folded into the number of the rows' parameter, so that the other part's rows are found by the
//! index of their own kind (see `search::query::composite`, which asks for them): `code$n:word`, or `code$ns:word` for
//! times in seconds.

use crate::fhir::fhirpath::{Expression, Node};
use crate::fhir::json::Json;
use crate::profile::{SearchKind, SearchParameter};
use crate::search::extract::{Collector, collect};
use crate::store::{Derived, parameter_id};

use super::parameters::{Component, evaluated};

#[derive(Debug)]
pub struct Composite {
    rtype: String,
    code: String,
    /// The elements whose parts belong together.
    elements: Expression,
    /// The part that is folded, and its place.
    folded: Expression,
    at: usize,
    other: Expression,
    kind: SearchKind,
}

impl Composite {
    pub fn compile(rtype: &str, source: &SearchParameter, parts: &[Component]) -> Result<Composite, String> {
        let compiled = |text: &str| Expression::compile(text).map_err(|error| error.to_string());
        let [first, second] = parts else { return Err("it has not two parts".to_owned()) };
        let at = match (first.kind, second.kind) {
            (SearchKind::Token, _) => 0,
            (_, SearchKind::Token) => 1,
            _ => return Err("none of its parts is a token".to_owned()),
        };
        Ok(Composite {
            rtype: rtype.to_owned(),
            code: source.code.clone(),
            elements: compiled(source.expression.as_deref().unwrap_or_default())?,
            folded: compiled(&source.components[at].expression)?,
            at,
            other: compiled(&source.components[1 - at].expression)?,
            kind: parts[1 - at].kind,
        })
    }

    pub fn rows(&self, resource: &Json, rows: &mut Derived) {
        for element in evaluated(&self.elements, resource, Node::new(resource)) {
            let element = element.as_element();
            let focus = Node::new(element.json).with_type(element.type_name);
            for word in self.folded_words(resource, focus) {
                let part = format!("{}${}:{word}", self.code, self.at);
                let param = parameter_id(&self.rtype, &part);
                let seconds = parameter_id(&self.rtype, &format!("{}${}s:{word}", self.code, self.at));
                let to = Collector { kind: self.kind, param, text: 0, of_type: 0, identifier: 0, seconds };
                let mut found = Derived::default();
                for other in evaluated(&self.other, resource, focus) {
                    collect(&to, other.as_element(), &mut found);
                }
                rows.tokens.extend(found.tokens.into_iter().filter(|row| row.param != 0));
                rows.references.extend(found.references.into_iter().filter(|row| row.param != 0));
                rows.dates.extend(found.dates);
                rows.quantities.extend(found.quantities);
                rows.strings.extend(found.strings.into_iter().filter(|row| row.param != 0));
            }
        }
    }

    /// `system|code` and `code` of the folded part.
    fn folded_words<'a>(&'a self, resource: &'a Json, focus: Node<'a>) -> Vec<String> {
        let mut words = Vec::new();
        for found in evaluated(&self.folded, resource, focus) {
            let json = found.as_element().json;
            let codings = match json {
                Json::Object(_) if json.get("coding").is_some() => json.items("coding"),
                other => std::slice::from_ref(other),
            };
            for coding in codings {
                match coding {
                    Json::String(code) => words.extend([code.clone(), format!("|{code}")]),
                    Json::Bool(flag) => words.push(flag.to_string()),
                    coding => {
                        let Some(code) = coding.get_str("code") else { continue };
                        let system = coding.get_str("system").unwrap_or_default();
                        words.extend([code.to_owned(), format!("{system}|{code}")]);
                    }
                }
            }
        }
        words
    }
}
