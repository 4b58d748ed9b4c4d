//! Where a request goes: the path under the FHIR base, read into a type. R4 `http.html#summary`.

use crate::error::{Error, ErrorKind, Result};
use crate::exchange::Verb;
use crate::fhir::outcome::{Issue, IssueCode};
use crate::profile::Interaction;

/// A method, and the interaction that it is.
pub type Offer = (&'static str, Verb, Option<Interaction>);

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    Metadata,
    System,
    SystemSearch,
    SystemHistory,
    Type(String),
    TypeSearch(String),
    TypeHistory(String),
    Instance(String, String),
    InstanceHistory(String, String),
    Version(String, String, String),
    /// The resources of a type ([`ALL_TYPES`]: of any) in a compartment: its type, its id, theirs.
    Compartment(String, String, String),
    CompartmentSearch(String, String, String),
    /// A `$` operation, by its name without the `$`. Which there are, `interaction::operation` knows.
    Operation(Target, String),
}

/// What an operation is asked of. R4 `operations.html#defined`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    System,
    Type(String),
    Instance(String, String),
}

/// Types whose instances are compartments (R4 `compartmentdefinition.html`).
const COMPARTMENTS: [&str; 5] = ["Patient", "Practitioner", "RelatedPerson", "Encounter", "Device"];

/// In the place of a type: every type of the compartment.
pub const ALL_TYPES: &str = "*";

impl Target {
    pub fn rtype(&self) -> Option<&str> {
        match self {
            Target::System => None,
            Target::Type(rtype) | Target::Instance(rtype, _) => Some(rtype),
        }
    }
}

impl Route {
    /// Reads a path without the base, such as `Patient/1/_history`. Segments are percent-decoded.
    pub fn parse(path: &str) -> Result<Route> {
        let decode = |segment: &str| percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned();
        let trimmed = path.trim_matches('/');
        let segments: Vec<String> = match trimmed {
            "" => Vec::new(),
            _ => trimmed.split('/').map(decode).collect(),
        };
        let names: Vec<&str> = segments.iter().map(String::as_str).collect();
        let own = |text: &str| text.to_owned();
        if let Some((name, before)) = names.split_last()
            && let Some(operation) = name.strip_prefix('$')
        {
            let target = match before {
                [] => Target::System,
                [rtype] => Target::Type(own(rtype)),
                [rtype, id] if *id != "_history" => Target::Instance(own(rtype), own(id)),
                _ => return Err(unknown_path()),
            };
            return Ok(Route::Operation(target, own(operation)));
        }
        match names.as_slice() {
            [] => Ok(Route::System),
            ["metadata"] => Ok(Route::Metadata),
            ["_search"] => Ok(Route::SystemSearch),
            ["_history"] => Ok(Route::SystemHistory),
            [rtype] => Ok(Route::Type(own(rtype))),
            [rtype, "_search"] => Ok(Route::TypeSearch(own(rtype))),
            [rtype, "_history"] => Ok(Route::TypeHistory(own(rtype))),
            [rtype, id] => Ok(Route::Instance(own(rtype), own(id))),
            [rtype, id, "_history"] => Ok(Route::InstanceHistory(own(rtype), own(id))),
            [rtype, id, "_history", version] => Ok(Route::Version(own(rtype), own(id), own(version))),
            [compartment, id, rtype] if is_compartment(compartment, rtype) => {
                Ok(Route::Compartment(own(compartment), own(id), own(rtype)))
            }
            [compartment, id, rtype, "_search"] if is_compartment(compartment, rtype) => {
                Ok(Route::CompartmentSearch(own(compartment), own(id), own(rtype)))
            }
            _ => Err(unknown_path()),
        }
    }

    /// Whether it is a search whose parameters may stand in a form.
    pub fn is_form_search(&self) -> bool {
        matches!(self, Route::SystemSearch | Route::TypeSearch(_) | Route::CompartmentSearch(_, _, _))
    }

    /// The resource type, where the path has one.
    pub fn rtype(&self) -> Option<&str> {
        match self {
            Route::Metadata | Route::System | Route::SystemSearch | Route::SystemHistory => None,
            Route::Compartment(_, _, rtype) | Route::CompartmentSearch(_, _, rtype) => {
                Some(rtype.as_str()).filter(|rtype| *rtype != ALL_TYPES)
            }
            Route::Type(rtype)
            | Route::TypeSearch(rtype)
            | Route::TypeHistory(rtype)
            | Route::Instance(rtype, _)
            | Route::InstanceHistory(rtype, _)
            | Route::Version(rtype, _, _) => Some(rtype),
            Route::Operation(target, _) => target.rtype(),
        }
    }

    /// The methods of the path, and what each is on the path's type; `None` where it concerns the whole system. Those of
    /// an operation stand with it.
    pub fn offers(&self) -> &'static [Offer] {
        use Interaction::{Create, Delete, HistoryInstance, HistoryType, Patch, Read, SearchType, Update, Vread};
        match self {
            Route::Operation(_, _) => &[],
            Route::Metadata | Route::SystemHistory => &[("GET", Verb::Get, None), ("HEAD", Verb::Head, None)],
            Route::System => &[("GET", Verb::Get, None), ("HEAD", Verb::Head, None), ("POST", Verb::Post, None)],
            Route::SystemSearch => &[("POST", Verb::Post, None)],
            Route::Compartment(_, _, _) => {
                &[("GET", Verb::Get, Some(SearchType)), ("HEAD", Verb::Head, Some(SearchType))]
            }
            Route::CompartmentSearch(_, _, _) => &[("POST", Verb::Post, Some(SearchType))],
            Route::Type(_) => &[
                ("GET", Verb::Get, Some(SearchType)),
                ("HEAD", Verb::Head, Some(SearchType)),
                ("POST", Verb::Post, Some(Create)),
                ("PUT", Verb::Put, Some(Update)),
                ("PATCH", Verb::Patch, Some(Patch)),
                ("DELETE", Verb::Delete, Some(Delete)),
            ],
            Route::TypeSearch(_) => &[("POST", Verb::Post, Some(SearchType))],
            Route::TypeHistory(_) => &[("GET", Verb::Get, Some(HistoryType)), ("HEAD", Verb::Head, Some(HistoryType))],
            Route::Instance(_, _) => &[
                ("GET", Verb::Get, Some(Read)),
                ("HEAD", Verb::Head, Some(Read)),
                ("PUT", Verb::Put, Some(Update)),
                ("PATCH", Verb::Patch, Some(Patch)),
                ("DELETE", Verb::Delete, Some(Delete)),
            ],
            Route::InstanceHistory(_, _) => {
                &[("GET", Verb::Get, Some(HistoryInstance)), ("HEAD", Verb::Head, Some(HistoryInstance))]
            }
            Route::Version(_, _, _) => &[("GET", Verb::Get, Some(Vread)), ("HEAD", Verb::Head, Some(Vread))],
        }
    }
}

fn is_compartment(name: &str, rtype: &str) -> bool {
    let is_type = rtype == ALL_TYPES || rtype.starts_with(|first: char| first.is_ascii_uppercase());
    is_type && COMPARTMENTS.contains(&name)
}

pub fn unknown_path() -> Error {
    Error::new(
        ErrorKind::UnknownTarget,
        Issue::error(
            IssueCode::NotFound,
            "その URL はありません。型/id/_history/版 などの形を確かめてください。",
            "There is no such URL. Forms are type/id, type/id/_history/version and so on.",
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_interactions() {
        assert_eq!(Route::parse("/").unwrap(), Route::System);
        assert_eq!(
            Route::parse("Location/a/_history/2").unwrap(),
            Route::Version("Location".into(), "a".into(), "2".into())
        );
        assert_eq!(Route::parse("Location/_search").unwrap(), Route::TypeSearch("Location".into()));
        assert_eq!(Route::parse("Location/_history").unwrap(), Route::TypeHistory("Location".into()));
        assert!(Route::parse("Location/a/b").is_err());
        assert_eq!(Route::parse("_search").unwrap(), Route::SystemSearch);
        let tasks = |last: &str| Route::parse(&format!("Patient/1/{last}"));
        assert_eq!(tasks("Task").unwrap(), Route::Compartment("Patient".into(), "1".into(), "Task".into()));
        assert_eq!(tasks("*/_search").unwrap(), Route::CompartmentSearch("Patient".into(), "1".into(), "*".into()));
        assert_eq!(tasks("*").unwrap().rtype(), None);
        assert!(tasks("task").is_err() && Route::parse("Location/1/Task").is_err());
        assert_eq!(Route::parse("$validate").unwrap(), Route::Operation(Target::System, "validate".into()));
        let on_type = Target::Type("Location".into());
        assert_eq!(Route::parse("Location/$any").unwrap(), Route::Operation(on_type, "any".into()));
        let on_one = Target::Instance("Location".into(), "a".into());
        assert_eq!(Route::parse("Location/a/$any").unwrap(), Route::Operation(on_one, "any".into()));
        assert!(Route::parse("Location/a/_history/1/$any").is_err());
        assert!(Route::parse("Location/_history/$any").is_err());
        assert_eq!(Route::parse("Location/..%2fx").unwrap(), Route::Instance("Location".into(), "../x".into()));
    }
}
