//! `Location/$vacancies`: the wards that can take a patient now, best first, with facility and acceptance service.

use std::collections::{BTreeMap, HashSet};

use crate::access::Caller;
use crate::error::Result;
use crate::exchange::Gateway;
use crate::exchange::search::check_whole;
use crate::fhir::id::{ResourceId, ResourceKey, ResourceType};
use crate::fhir::instant::Instant;
use crate::fhir::json::{Json, to_compact};
use crate::fhir::outcome::CANONICAL;
use crate::region::{self, FunctionTotal, VacancyMatch, VacancyPage, VacancyQuery};
use crate::store::{self, Board, TokenPattern, Version, parameter_id, system_id};

/// Which page is wanted.
#[derive(Clone, Debug)]
pub struct VacanciesWish {
    pub query: VacancyQuery,
    pub specialties: Vec<TokenPattern>,
    /// The moment of the first page.
    pub asked: Instant,
    /// The wards of earlier pages, by key.
    pub seen: HashSet<i64>,
    pub count: usize,
}

/// A page.
#[derive(Clone, Debug, Default)]
pub struct VacanciesFound {
    pub matches: Vec<(Version, VacancyMatch)>,
    /// Facilities, then acceptance services.
    pub included: Vec<Version>,
    pub total: i64,
    pub totals: Vec<FunctionTotal>,
    pub more: bool,
}

impl Gateway {
    /// The best wards of those that suit, exactly as fresh as the database.
    pub async fn vacancies(&self, _caller: &Caller, wish: VacanciesWish) -> Result<VacanciesFound> {
        self.check_services().await?;
        let VacanciesWish { mut query, specialties, asked, seen, count } = wish;
        if !specialties.is_empty() {
            query.places = Some(store::acceptance_places(&self.database, &acceptance(), &specialties).await?);
        }
        self.wards.refresh(&self.database).await?;
        let page = VacancyPage { now: self.now(), asked, seen: &seen, count };
        let found = region::vacancies(self.wards.wards().values(), &query, &page);
        let location = ResourceType::known("Location");
        let key = |id: &String| Some(ResourceKey { rtype: location.clone(), id: ResourceId::parse(id)? });
        let wards: Vec<ResourceKey> = found.matches.iter().filter_map(|found| key(&found.ward)).collect();
        let facilities: HashSet<&String> = found.matches.iter().filter_map(|found| found.facility.as_ref()).collect();
        let mut facilities: Vec<ResourceKey> = facilities.into_iter().filter_map(key).collect();
        facilities.sort();
        let mut connection = self.database.reader().await?;
        let versions = store::currents(&mut connection, &wards).await?;
        let mut texts: BTreeMap<String, Version> =
            versions.into_iter().map(|version| (version.key.id.to_string(), version)).collect();
        let mut matches = Vec::with_capacity(found.matches.len());
        for one in found.matches {
            // One that was deleted in this moment is left out.
            let Some(version) = texts.remove(&one.ward) else { continue };
            matches.push((with_counts(version, &one, page.now)?, one));
        }
        let mut included = store::currents(&mut connection, &facilities).await?;
        drop(connection);
        included.extend(self.services_at(&[wards, facilities].concat()).await?);
        Ok(VacanciesFound { matches, included, total: found.total, totals: found.totals, more: found.more })
    }

    /// The active acceptance services at these places.
    async fn services_at(&self, places: &[ResourceKey]) -> Result<Vec<Version>> {
        let (rtype, param) = (ResourceType::known("HealthcareService"), parameter_id("HealthcareService", "location"));
        let limit = self.limits.search.included;
        let mut connection = self.database.reader().await?;
        let mut found = store::referring(&mut connection, &rtype, Some(param), places, limit).await?;
        found.retain(is_acceptance);
        Ok(found)
    }

    /// Refuses where the index by which services are found is not whole.
    async fn check_services(&self) -> Result<()> {
        let whole = self.whole().await?;
        for code in ["specialty", "service-type", "active", "location"] {
            if let Some(parameter) = self.parameters.find("HealthcareService", code) {
                check_whole(&whole, parameter)?;
            }
        }
        Ok(())
    }
}

fn acceptance() -> TokenPattern {
    let system = system_id(&format!("{CANONICAL}/CodeSystem/service-type"));
    TokenPattern::Exact { system, code: "acceptance".to_owned() }
}

fn read(version: &Version) -> Result<Option<Json>> {
    let Some(body) = &version.body else { return Ok(None) };
    Ok(Some(store::stored_tree(body)?))
}

/// The ward with the counts by which it was chosen.
fn with_counts(mut version: Version, one: &VacancyMatch, now: Instant) -> Result<Version> {
    if let Some(tree) = read(&version)?
        && let Some(laid) = region::laid_over(&tree, &Board::Ward(one.counts.clone()), now)
    {
        version.body = Some(to_compact(&laid));
    }
    Ok(version)
}

fn is_acceptance(version: &Version) -> bool {
    let Ok(Some(tree)) = read(version) else { return false };
    let system = format!("{CANONICAL}/CodeSystem/service-type");
    let codings = tree.items("type").iter().flat_map(|concept| concept.items("coding"));
    let mut accepts = codings.filter(|coding| coding.get_str("system") == Some(&system));
    tree.get("active").and_then(Json::as_bool) == Some(true)
        && accepts.any(|coding| coding.get_str("code") == Some("acceptance"))
}
