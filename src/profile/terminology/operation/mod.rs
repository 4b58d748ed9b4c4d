//! The terminology operations as functions: what is asked and what is answered as structs, no HTTP.
//! R4 `terminology-service.html`.

mod answer;
mod expand;
mod lookup;
mod related;
mod translate;
mod validate_code;

#[cfg(test)]
mod tests;

use crate::fhir::outcome::{Issue, IssueCode};

use super::code_set::Gap;

pub use expand::{ExpandRequest, ExpandedCode, Expansion, ValueSetRef};
pub use lookup::{ConceptProperty, Lookup, LookupRequest};
pub use translate::{Match, TranslateRequest, Translation};
pub use validate_code::{CodeValidity, CodingAsked, ValidateCodeRequest};

/// Why an operation has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The code system is not at hand.
    UnknownSystem(String),
    /// The definition is at hand in another version, or in a version that is not known.
    UnknownVersion {
        url: String,
        at_hand: Option<String>,
    },
    UnknownCode {
        system: String,
        code: String,
        near: Option<String>,
    },
    UnknownValueSet(String),
    UnknownMap,
    /// What is at hand does not suffice.
    Undecidable(Gap),
    /// More codes, or rules, than are given at once.
    TooCostly(usize),
    /// A parameter that is missing or contradicts another.
    Invalid {
        parameter: &'static str,
        ja: &'static str,
        en: &'static str,
    },
}

impl Refusal {
    /// The refusal in words.
    pub fn issue(&self) -> Issue {
        match self {
            Refusal::UnknownSystem(url) => not_found(
                format!("コード体系 {url} はここにありません。"),
                format!("The code system {url} is not at hand."),
            ),
            Refusal::UnknownVersion { url, at_hand: Some(version) } => not_found(
                format!("{url} のその版はここにありません。ここにあるのは {version} です。"),
                format!("That version of {url} is not at hand, but {version} is."),
            ),
            Refusal::UnknownVersion { url, at_hand: None } => not_found(
                format!("{url} の版は分かりません。版を指定せずに尋ねてください。"),
                format!("The version of {url} is not known here. Ask without one."),
            ),
            Refusal::UnknownCode { system, code, near } => unknown_code(system, code, near.as_deref()),
            Refusal::UnknownValueSet(url) => not_found(
                format!("値セット {url} はここにありません。"),
                format!("The value set {url} is not at hand."),
            ),
            Refusal::UnknownMap => not_found(
                "そのような変換表(ConceptMap)はここにありません。".to_owned(),
                "No such ConceptMap is at hand.".to_owned(),
            ),
            Refusal::Undecidable(gap) => undecidable(gap),
            Refusal::TooCostly(limit) => Issue::error(
                IssueCode::TooCostly,
                format!("一度に答えられる上限({limit})を超えます。count と filter で絞ってください。"),
                format!("This is more than is given at once ({limit}). Narrow it with count and filter."),
            ),
            Refusal::Invalid { parameter, ja, en } => {
                Issue::error(IssueCode::Invalid, *ja, *en).on(format!("http.name:{parameter}"))
            }
        }
    }
}

fn not_found(ja: String, en: String) -> Issue {
    Issue::error(IssueCode::NotFound, ja, en)
}

fn unknown_code(system: &str, code: &str, near: Option<&str>) -> Issue {
    let near_ja = near.map(|near| format!(" 「{near}」ではありませんか。")).unwrap_or_default();
    let near_en = near.map(|near| format!(" Did you mean '{near}'?")).unwrap_or_default();
    not_found(
        format!("コード「{code}」はコード体系 {system} にありません。{near_ja}"),
        format!("The code '{code}' is not in the code system {system}.{near_en}"),
    )
}

fn undecidable(gap: &Gap) -> Issue {
    let (ja, en) = match gap {
        Gap::System(url) => {
            (format!("コード体系 {url} がここにありません。"), format!("the code system {url} is not at hand"))
        }
        Gap::Fragment(url) => (
            format!("コード体系 {url} は一部しかここにありません。"),
            format!("only a part of the code system {url} is at hand"),
        ),
        Gap::Version(url) => (
            format!("コード体系 {url} の指定された版がここにありません。"),
            format!("the code system {url} is not at hand in the version named"),
        ),
        Gap::Form(url) => (
            format!("コード体系 {url} のコードは、形だけで判定しています。"),
            format!("codes of the code system {url} are known by their form alone"),
        ),
        Gap::Filter { system, property, operator } => (
            format!("コード体系 {system} の絞り込み「{property} {operator}」を評価できません。"),
            format!("the filter '{property} {operator}' over the code system {system} cannot be evaluated"),
        ),
        Gap::ValueSet(url) => {
            (format!("値セット {url} がここにありません。"), format!("the value set {url} is not at hand"))
        }
        Gap::Circle(url) => (
            format!("値セット {url} の参照が循環しているか、多すぎます。"),
            format!("value sets refer to each other in a circle, or too often, at {url}"),
        ),
        Gap::NoContent => (
            "値セットに、どのコードが入るかの定めがありません。".to_owned(),
            "the value set does not say which codes it has".to_owned(),
        ),
    };
    Issue::error(
        IssueCode::NotSupported,
        format!("答えを決められません: {ja}"),
        format!("This cannot be decided: {en}."),
    )
}
