//! `CodeSystem/$validate-code` and `ValueSet/$validate-code`: whether a code is right, and its display. R4
//! `codesystem-operation-validate-code.html`, `valueset-operation-validate-code.html`.

use crate::profile::Definitions;
use crate::profile::terminology::{CodeSet, Membership, Terminology, known_form, nearest};

use super::super::code_set::Gap;
use super::Refusal;
use super::expand::{self, ValueSetRef};
use super::lookup::{same_version, system};

/// A coding that is asked about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodingAsked<'a> {
    pub system: Option<&'a str>,
    pub version: Option<&'a str>,
    pub code: &'a str,
    pub display: Option<&'a str>,
}

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct ValidateCodeRequest<'a> {
    /// The value set, or the code system; for a code system `None` where the codings name it.
    pub url: Option<&'a str>,
    pub version: Option<&'a str>,
    /// One code, or the codings of a CodeableConcept, of which one must be right.
    pub codings: Vec<CodingAsked<'a>>,
    pub display_language: Option<&'a str>,
}

/// Whether the code is right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeValidity {
    pub result: bool,
    pub system: Option<String>,
    pub code: Option<String>,
    /// The display that the code should have.
    pub display: Option<String>,
    /// Why it is not right, in Japanese and English.
    pub message: Option<(String, String)>,
}

impl Definitions {
    /// Whether a code is one of a code system.
    pub fn validate_code(&self, request: &ValidateCodeRequest<'_>) -> Result<CodeValidity, Refusal> {
        let terminology = &self.inner.terminology;
        best(request, |coding| {
            let url = coding.system.or(request.url).ok_or(Refusal::Invalid {
                parameter: "url",
                ja: "コード体系を url か coding.system で指定してください。",
                en: "Name the code system by url or by coding.system.",
            })?;
            if let Some(asked) = request.url.filter(|asked| asked.split('|').next() != Some(url)) {
                return Ok(wrong(coding, other_system(asked)));
            }
            let membership = match known_form(url) {
                Some(form) if terminology.system(url).is_none() => form(coding.code),
                _ => system(terminology, request.url.unwrap_or(url), request.version.or(coding.version))?
                    .has(coding.code),
            };
            match membership {
                Membership::Yes => Ok(display(terminology, url, coding, request.display_language)),
                Membership::No => Ok(wrong(coding, not_in_system(terminology, url, coding.code))),
                Membership::Unknown => Err(Refusal::Undecidable(unsettled(terminology, url))),
            }
        })
    }

    /// Whether a code is in a value set, which may be given in itself.
    pub fn validate_code_in(
        &self,
        set: &ValueSetRef<'_>,
        request: &ValidateCodeRequest<'_>,
    ) -> Result<CodeValidity, Refusal> {
        let terminology = &self.inner.terminology;
        let definition = expand::definition(terminology, set)?;
        same_version(&definition.url, request.version, definition.version.as_deref())?;
        let codes = expand::codes(terminology, set, &definition);
        best(request, |coding| {
            // A code in a version that is not at hand may mean something else.
            if let (Some(url), Some(version)) = (coding.system, coding.version)
                && let Some(at_hand) = terminology.system(url)
            {
                same_version(url, Some(version), at_hand.version.as_deref())?;
            }
            Ok(match codes.contains(coding.system, coding.code) {
                Membership::Yes => {
                    let system =
                        coding.system.map_or_else(|| system_of(&codes, coding.code), |url| Some(url.to_owned()));
                    match system {
                        Some(url) => display(terminology, &url, coding, request.display_language),
                        None => {
                            CodeValidity { result: true, code: Some(coding.code.to_owned()), ..CodeValidity::default() }
                        }
                    }
                }
                Membership::No => wrong(coding, not_in_set(&codes, &definition.url, coding)),
                Membership::Unknown => return Err(Refusal::Undecidable(codes.gap().unwrap_or(Gap::NoContent))),
            })
        })
    }
}

/// The first coding that is right; else what is wrong with the first; a refusal only where none is right.
fn best<'a>(
    request: &ValidateCodeRequest<'a>,
    judge: impl Fn(&CodingAsked<'a>) -> Result<CodeValidity, Refusal>,
) -> Result<CodeValidity, Refusal> {
    let mut first = None;
    let mut refusal = None;
    for coding in &request.codings {
        match judge(coding) {
            Ok(validity) if validity.result => return Ok(validity),
            Ok(validity) => {
                first.get_or_insert(validity);
            }
            Err(reason) => {
                refusal.get_or_insert(reason);
            }
        }
    }
    match (refusal, first) {
        (Some(reason), _) => Err(reason),
        (None, Some(validity)) => Ok(validity),
        (None, None) => Err(Refusal::Invalid {
            parameter: "code",
            ja: "code、coding、codeableConcept のいずれかでコードを指定してください。",
            en: "Give a code as code, coding or codeableConcept.",
        }),
    }
}

fn wrong(coding: &CodingAsked<'_>, message: (String, String)) -> CodeValidity {
    CodeValidity {
        result: false,
        system: coding.system.map(str::to_owned),
        code: Some(coding.code.to_owned()),
        display: None,
        message: Some(message),
    }
}

/// A right code: its display, which the one given must be, too.
fn display(terminology: &Terminology, url: &str, coding: &CodingAsked<'_>, language: Option<&str>) -> CodeValidity {
    let found = terminology.system(url).and_then(|system| Some((system, system.concept(coding.code)?)));
    let right = found.map(|(system, concept)| system.display(concept, language).to_owned());
    let mismatch = match (found, coding.display) {
        (Some((system, concept)), Some(given)) if system.is_display(concept, given) == Membership::No => {
            let (ja, en) = (system.display(concept, Some("ja")), system.display(concept, Some("en")));
            Some((
                format!("display がコード「{}」の表示名と違います。正しい表示名: {ja}。", coding.code),
                format!("The display is not one of the code '{}', which is '{en}'.", coding.code),
            ))
        }
        _ => None,
    };
    CodeValidity {
        result: mismatch.is_none(),
        system: Some(url.to_owned()),
        code: Some(found.map_or(coding.code, |(_, concept)| &concept.code).to_owned()),
        display: right,
        message: mismatch,
    }
}

fn system_of(codes: &CodeSet, code: &str) -> Option<String> {
    let mut found = None;
    // What is met before a gap is right in any case.
    let _ = codes.each(&mut |member| {
        if member.code == code {
            found = Some(member.system.to_owned());
        }
        found.is_none()
    });
    found.filter(|system| !system.is_empty())
}

fn unsettled(terminology: &Terminology, url: &str) -> Gap {
    match terminology.system(url) {
        Some(_) => Gap::Fragment(url.to_owned()),
        None => Gap::Form(url.to_owned()),
    }
}

fn other_system(asked: &str) -> (String, String) {
    (
        format!("coding の system が、指定されたコード体系 {asked} ではありません。"),
        format!("The system of the coding is not the code system {asked} that was named."),
    )
}

fn not_in_system(terminology: &Terminology, url: &str, code: &str) -> (String, String) {
    let concepts = terminology.system(url).map(|system| system.concepts()).unwrap_or_default();
    let near = nearest(code, concepts.iter().map(|concept| (&*concept.code, Some(concept.display()))));
    let issue = super::unknown_code(url, code, near);
    (issue.ja, issue.en)
}

fn not_in_set(codes: &CodeSet, url: &str, coding: &CodingAsked<'_>) -> (String, String) {
    let mut members = Vec::new();
    let complete = codes.each(&mut |member| {
        members.push((member.code, member.display(None)));
        members.len() < 4_000
    });
    let near = complete.ok().and_then(|()| nearest(coding.code, members.into_iter()));
    let same = near.is_some_and(|near| near == coding.code);
    let near_ja = near.filter(|_| !same).map(|near| format!(" 「{near}」ではありませんか。")).unwrap_or_default();
    let near_en = near.filter(|_| !same).map(|near| format!(" Did you mean '{near}'?")).unwrap_or_default();
    let (of_ja, of_en) = match coding.system {
        Some(system) => (format!("{system} のコード"), format!(" of {system}")),
        None => ("コード".to_owned(), String::new()),
    };
    let code = coding.code;
    (
        format!("{of_ja}「{code}」は値セット {url} にありません。{near_ja}"),
        format!("The code '{code}'{of_en} is not in the value set {url}.{near_en}"),
    )
}
