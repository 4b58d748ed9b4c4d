//! `ValueSet/$expand`: the codes of a value set, page by page. R4 `valueset-operation-expand.html`.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use crate::fhir::json::Json;
use crate::profile::Definitions;
use crate::profile::terminology::{CodeSet, Designation, Member, Terminology, ValueSet, without_version};

use super::Refusal;
use super::lookup::same_version;

/// Codes given at once where no count is asked for, or more is.
const PAGE: usize = 5_000;

/// Codes that are looked at for one answer.
const VISITS: usize = 100_000;

/// Rules of a value set that comes with the request.
const RULES: usize = 64;

/// A value set by address (`url|version`), or in itself.
#[derive(Clone, Copy, Debug)]
pub enum ValueSetRef<'a> {
    Url(&'a str),
    Inline(&'a Json),
}

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct ExpandRequest<'a> {
    /// Text that code, display or a designation must hold, without regard to case.
    pub filter: Option<&'a str>,
    pub offset: usize,
    pub count: Option<usize>,
    pub display_language: Option<&'a str>,
    pub include_designations: bool,
    pub active_only: bool,
}

/// A page of codes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expansion {
    pub url: Option<String>,
    pub version: Option<String>,
    pub name: Option<String>,
    pub title: Option<String>,
    /// All codes that match, on whatever page.
    pub total: usize,
    pub offset: usize,
    pub codes: Vec<ExpandedCode>,
    /// `system|version` of the code systems that it rests on, as far as versions are known.
    pub used: BTreeSet<String>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExpandedCode {
    pub system: String,
    pub code: String,
    pub display: Option<String>,
    pub inactive: bool,
    pub designations: Vec<Designation>,
}

impl Definitions {
    /// The codes of a value set.
    pub fn expand(&self, set: &ValueSetRef<'_>, request: &ExpandRequest<'_>) -> Result<Expansion, Refusal> {
        let terminology = &self.inner.terminology;
        let definition = definition(terminology, set)?;
        let codes = codes(terminology, set, &definition);
        let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let mut page = Expansion {
            url: text(&definition.url),
            version: definition.version.clone(),
            name: definition.name.clone(),
            title: definition.title.clone(),
            offset: request.offset,
            ..Expansion::default()
        };
        let found = fill(&codes, request, &mut page);
        // An expansion made elsewhere answers where the rules cannot be followed here.
        let carried = definition.expansion.as_ref().filter(|expansion| expansion.complete);
        match (found, carried) {
            (Err(Refusal::Undecidable(_)), Some(_)) => {
                let only = ValueSet { include: Vec::new(), exclude: Vec::new(), ..(*definition).clone() };
                let mut again = Expansion { total: 0, codes: Vec::new(), used: BTreeSet::new(), ..page };
                fill(&terminology.set_of(&only), request, &mut again)?;
                Ok(again)
            }
            (found, _) => found.map(|()| page),
        }
    }
}

fn fill(codes: &CodeSet, request: &ExpandRequest<'_>, page: &mut Expansion) -> Result<(), Refusal> {
    let filter = request.filter.map(str::to_lowercase).filter(|filter| !filter.is_empty());
    let count = request.count.unwrap_or(PAGE).min(PAGE);
    let mut seen: HashSet<(&str, &str)> = HashSet::new();
    let mut visits = 0;
    let whole = codes.each(&mut |member| {
        visits += 1;
        let wanted = !(request.active_only && member.inactive())
            && filter.as_deref().is_none_or(|filter| mentions(&member, filter))
            && seen.insert((member.system, member.code));
        if wanted {
            if page.total >= request.offset && page.codes.len() < count {
                page.codes.push(expanded(&member, request));
            }
            page.total += 1;
            if let Some((system, _)) = member.concept
                && let Some(version) = &system.version
            {
                let used = format!("{}|{version}", system.url);
                if !page.used.contains(&used) {
                    page.used.insert(used);
                }
            }
        }
        visits < VISITS
    });
    whole.map_err(Refusal::Undecidable)?;
    if visits >= VISITS {
        return Err(Refusal::TooCostly(VISITS));
    }
    // Without a count the whole set is asked for.
    if request.count.is_none() && page.total > page.offset + page.codes.len() {
        return Err(Refusal::TooCostly(PAGE));
    }
    Ok(())
}

/// Whether a lower-case text stands in the code, its display or a designation.
fn mentions(member: &Member<'_>, filter: &str) -> bool {
    let holds = |text: &str| text.to_lowercase().contains(filter);
    holds(member.code)
        || member.display(None).is_some_and(holds)
        || member.designations().any(|designation| holds(&designation.value))
}

fn expanded(member: &Member<'_>, request: &ExpandRequest<'_>) -> ExpandedCode {
    let designations = if request.include_designations { member.designations().cloned().collect() } else { Vec::new() };
    ExpandedCode {
        system: member.system.to_owned(),
        code: member.code.to_owned(),
        display: member.display(request.display_language).map(str::to_owned),
        inactive: member.inactive(),
        designations,
    }
}

/// The definition that is meant.
pub fn definition(terminology: &Terminology, set: &ValueSetRef<'_>) -> Result<Arc<ValueSet>, Refusal> {
    match set {
        ValueSetRef::Url(canonical) => {
            let url = without_version(canonical);
            let found = terminology.value_set(url).ok_or_else(|| Refusal::UnknownValueSet(url.to_owned()))?;
            let asked = canonical.split_once('|').map(|(_, version)| version);
            same_version(url, asked, found.version.as_deref())?;
            Ok(found)
        }
        ValueSetRef::Inline(resource) => {
            let found = ValueSet::from_resource(&resource.to_serde());
            let sets = |rules: &[super::super::value_set::Rule]| {
                rules.iter().map(|rule| 1 + rule.value_sets.len() + rule.filters.len()).sum::<usize>()
            };
            if sets(&found.include) + sets(&found.exclude) > RULES {
                return Err(Refusal::TooCostly(RULES));
            }
            Ok(Arc::new(found))
        }
    }
}

/// The codes of the definition.
pub fn codes(terminology: &Terminology, set: &ValueSetRef<'_>, definition: &ValueSet) -> Arc<CodeSet> {
    match set {
        ValueSetRef::Url(_) => terminology.set(&definition.url),
        ValueSetRef::Inline(_) => Arc::new(terminology.set_of(definition)),
    }
}
