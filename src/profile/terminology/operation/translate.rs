//! `ConceptMap/$translate`: what a code of one system is in another. R4 `conceptmap-operation-translate.html`.

use std::sync::Arc;

use crate::profile::Definitions;
use crate::profile::terminology::{ConceptMap, Dependency, Target, Terminology, Unmapped, without_version};

use super::Refusal;
use super::validate_code::CodingAsked;

/// Maps that refer to maps are not followed further.
const DEPTH: usize = 4;

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct TranslateRequest<'a> {
    /// The map by address; where none is named, all that fit.
    pub url: Option<&'a str>,
    pub map_version: Option<&'a str>,
    /// The value sets from and to which maps must go.
    pub source: Option<&'a str>,
    pub target: Option<&'a str>,
    /// The code system of the translation.
    pub target_system: Option<&'a str>,
    pub codings: Vec<CodingAsked<'a>>,
    /// Other elements that mappings may depend on.
    pub dependencies: Vec<Dependency>,
    /// From the maps' targets to their sources.
    pub reverse: bool,
    pub display_language: Option<&'a str>,
}

/// The translations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Translation {
    /// Whether there is one that means the code, or near it.
    pub result: bool,
    pub matches: Vec<Match>,
    pub message: Option<(String, String)>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Match {
    /// What the translation is to the code that was asked about: `equivalent`, `wider` …
    pub equivalence: String,
    pub system: String,
    pub code: Option<String>,
    pub display: Option<String>,
    pub comment: Option<String>,
    pub products: Vec<Dependency>,
    /// The map it comes from.
    pub map: String,
}

impl Definitions {
    /// What a code is in another system.
    pub fn translate(&self, request: &TranslateRequest<'_>) -> Result<Translation, Refusal> {
        let terminology = &self.inner.terminology;
        let maps = maps(terminology, request)?;
        let mut matches = Vec::new();
        for coding in &request.codings {
            for map in &maps {
                let found = through(terminology, map, coding, request, 0);
                matches.extend(found.into_iter().filter(|found| !matches.contains(found)).collect::<Vec<_>>());
            }
        }
        for found in &mut matches {
            show(terminology, found, request.display_language);
        }
        let says_so = |found: &Match| !matches!(found.equivalence.as_str(), "unmatched" | "disjoint");
        let result = matches.iter().any(says_so);
        let message = (!result).then(|| {
            ("このコードに対応するコードはありません。".to_owned(), "No code stands for this one.".to_owned())
        });
        Ok(Translation { result, matches, message })
    }
}

/// The maps that are asked.
fn maps(terminology: &Terminology, request: &TranslateRequest<'_>) -> Result<Vec<Arc<ConceptMap>>, Refusal> {
    if request.codings.is_empty() {
        return Err(Refusal::Invalid {
            parameter: "code",
            ja: "code と system、coding、codeableConcept のいずれかでコードを指定してください。",
            en: "Give a code as code and system, as coding or as codeableConcept.",
        });
    }
    let (wanted, version) = match request.url {
        Some(canonical) => {
            let version = canonical.split_once('|').map(|(_, version)| version);
            (Some(without_version(canonical)), request.map_version.or(version))
        }
        None => (None, request.map_version),
    };
    let same = |asked: Option<&str>, own: &Option<String>| {
        asked.is_none_or(|asked| own.as_deref().is_some_and(|own| without_version(own) == without_version(asked)))
    };
    let fits = |map: &&Arc<ConceptMap>| {
        wanted.is_none_or(|url| map.url == url)
            && version.is_none_or(|version| map.version.as_deref() == Some(version))
            && same(request.source, if request.reverse { &map.target } else { &map.source })
            && same(request.target, if request.reverse { &map.source } else { &map.target })
    };
    let found: Vec<_> = terminology.maps().iter().filter(fits).cloned().collect();
    let named = request.url.is_some() || request.source.is_some() || request.target.is_some();
    if found.is_empty() && named { Err(Refusal::UnknownMap) } else { Ok(found) }
}

fn through(
    terminology: &Terminology,
    map: &ConceptMap,
    coding: &CodingAsked<'_>,
    request: &TranslateRequest<'_>,
    depth: usize,
) -> Vec<Match> {
    let mut found = Vec::new();
    for group in &map.groups {
        let (from, to) = if request.reverse { (&group.target, &group.source) } else { (&group.source, &group.target) };
        let of_group = coding.system.is_none_or(|system| system == from)
            && request.target_system.is_none_or(|system| system == to);
        if !of_group {
            continue;
        }
        let matched = |target: &Target, code: Option<&String>, equivalence: &str, display: Option<&String>| Match {
            equivalence: equivalence.to_owned(),
            system: to.clone(),
            code: code.cloned(),
            display: display.cloned(),
            comment: target.comment.clone(),
            products: target.product.clone(),
            map: map.url.clone(),
        };
        if request.reverse {
            for element in &group.elements {
                let back = element.targets.iter().filter(|target| target.code.as_deref() == Some(coding.code));
                found.extend(
                    back.filter(|target| holds(target, &request.dependencies))
                        .map(|target| matched(target, Some(&element.code), turned(&target.equivalence), None)),
                );
            }
            continue;
        }
        match group.elements.iter().find(|element| element.code == coding.code) {
            Some(element) => {
                found.extend(
                    element.targets.iter().filter(|target| holds(target, &request.dependencies)).map(|target| {
                        matched(target, target.code.as_ref(), &target.equivalence, target.display.as_ref())
                    }),
                )
            }
            None => found.extend(unmapped(terminology, map, group.unmapped.as_ref(), to, coding, request, depth)),
        }
    }
    found
}

/// What a group says of codes that it does not name.
fn unmapped(
    terminology: &Terminology,
    map: &ConceptMap,
    rule: Option<&Unmapped>,
    to: &str,
    coding: &CodingAsked<'_>,
    request: &TranslateRequest<'_>,
    depth: usize,
) -> Vec<Match> {
    let fixed = |code: &str, display: Option<&String>, equivalence: &str| Match {
        equivalence: equivalence.to_owned(),
        system: to.to_owned(),
        code: Some(code.to_owned()),
        display: display.cloned(),
        map: map.url.clone(),
        ..Match::default()
    };
    match rule {
        Some(Unmapped::Provided) => vec![fixed(coding.code, None, "equal")],
        Some(Unmapped::Fixed { code, display }) => vec![fixed(code, display.as_ref(), "inexact")],
        Some(Unmapped::OtherMap(url)) if depth < DEPTH => {
            let other = terminology.maps().iter().find(|map| map.url == without_version(url));
            other.map(|map| through(terminology, map, coding, request, depth + 1)).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

/// Whether all that the mapping depends on is as it must be.
fn holds(target: &Target, given: &[Dependency]) -> bool {
    target.depends_on.iter().all(|needed| given.contains(needed))
}

/// Seen from the other side (R4 `valueset-concept-map-equivalence.html` tells what the target is to the source).
fn turned(equivalence: &str) -> &str {
    match equivalence {
        "wider" => "narrower",
        "narrower" => "wider",
        "subsumes" => "specializes",
        "specializes" => "subsumes",
        same => same,
    }
}

fn show(terminology: &Terminology, found: &mut Match, language: Option<&str>) {
    let known = terminology.system(&found.system);
    let concept = known.and_then(|system| Some((system, system.concept(found.code.as_deref()?)?)));
    if let Some((system, concept)) = concept
        && (language.is_some() || found.display.is_none())
    {
        found.display = Some(system.display(concept, language).to_owned());
    }
}
