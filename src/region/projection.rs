//! From a resource to its row in the region's tables. A resource that is none of the region's kinds has no row.

use crate::fhir::id::ResourceId;
use crate::fhir::instant::Instant;
use crate::fhir::json::Json;
use crate::fhir::outcome::CANONICAL;
use crate::store::{Bed, Facility, Member, Projection, Referral, Source, Standing, Task, Vacancy, Ward};

use super::bed_status::BedStatus;

/// The row, by type and, for a Location, by `physicalType`.
pub fn project(rtype: &str, resource: &Json) -> Projection {
    match rtype {
        "Location" => location(resource),
        "ServiceRequest" => referral(resource),
        "Task" => task(resource),
        "CareTeam" => Projection::CareTeam(members(resource)),
        _ => Projection::None,
    }
}

/// Whether the location's physicalType is that: `si` a facility, `wa` a ward, `bd` a bed.
pub(super) fn is_physically(location: &Json, code: &str) -> bool {
    let codings = location.get("physicalType").map(|concept| concept.items("coding")).unwrap_or_default();
    codings.iter().any(|coding| {
        coding.get_str("system") == Some("http://terminology.hl7.org/CodeSystem/location-physical-type")
            && coding.get_str("code") == Some(code)
    })
}

fn location(resource: &Json) -> Projection {
    let is = |code: &str| is_physically(resource, code);
    let id = text(resource, "id").unwrap_or_default();
    let status = text(resource, "status");
    let degrees = |name: &str| resource.get("position")?.get(name)?.as_number()?.as_str().parse().ok();
    if is("bd") {
        Projection::Bed(Bed {
            id,
            status,
            ward_id: referred(resource, "partOf", "Location"),
            operational_status: resource.get("operationalStatus").and_then(|coding| text(coding, "code")),
            standing: standing(resource),
            admittable_sex: coded_extension(resource, "admittable-sex"),
            isolation: extension(resource, "isolation").and_then(|found| found.get("valueBoolean")?.as_bool()),
            as_of: moment(extension(resource, "as-of").and_then(|found| found.get_str("valueInstant"))),
            names: names(resource),
        })
    } else if is("wa") {
        Projection::Ward(Ward {
            id,
            name: text(resource, "name"),
            status,
            facility_id: referred(resource, "partOf", "Location"),
            bed_function: coded_extension(resource, "bed-function"),
            admission_fee: coded_extension(resource, "admission-fee"),
            admittable_sex: coded_extension(resource, "admittable-sex"),
            capabilities: capabilities(resource),
            latitude: degrees("latitude"),
            longitude: degrees("longitude"),
            vacancies: vacancies(resource),
        })
    } else if is("si") {
        let address = resource.get("address");
        let municipality = address.and_then(|address| extension(address, "municipality"));
        Projection::Facility(Facility {
            id,
            name: text(resource, "name"),
            status,
            organization_id: referred(resource, "managingOrganization", "Organization"),
            latitude: degrees("latitude"),
            longitude: degrees("longitude"),
            municipality: municipality.and_then(|found| text(found, "valueCode")),
            city: address.and_then(|address| text(address, "city")),
        })
    } else {
        Projection::None
    }
}

/// DOMAIN §3: closed beds, and those not in use, are not staffed.
fn standing(resource: &Json) -> Option<Standing> {
    let code = resource.get("operationalStatus")?.get_str("code")?;
    let status = BedStatus::from_code(code).filter(|_| resource.get_str("status") == Some("active"))?;
    status.standing()
}

fn names(resource: &Json) -> String {
    let name = |identifier: &Json| {
        let system = identifier.get_str("system").unwrap_or_default();
        identifier.get_str("value").map(|value| format!("{system}|{value}"))
    };
    resource.items("identifier").iter().filter_map(name).collect::<Vec<_>>().join("\n")
}

fn capabilities(resource: &Json) -> String {
    let url = format!("{CANONICAL}/StructureDefinition/capability");
    let own = resource.items("extension").iter().filter(|extension| extension.get_str("url") == Some(&url));
    let codes = own.filter_map(|extension| extension.get("valueCoding")?.get_str("code"));
    codes.collect::<Vec<_>>().join(" ")
}

fn vacancies(resource: &Json) -> Vec<Vacancy> {
    let url = format!("{CANONICAL}/StructureDefinition/bed-vacancy");
    let slices = resource.items("extension").iter().filter(|extension| extension.get_str("url") == Some(&url));
    slices.map(vacancy).collect()
}

fn vacancy(slice: &Json) -> Vacancy {
    let part = |name: &str| slice.items("extension").iter().find(|part| part.get_str("url") == Some(name));
    let count = |name: &str| part(name)?.get("valueUnsignedInt")?.as_number()?.as_str().parse().ok();
    let instant = |name: &str| moment(part(name).and_then(|part| part.get_str("valueInstant")));
    Vacancy {
        sex: part("sex").and_then(|part| text(part.get("valueCoding")?, "code")),
        isolation: part("isolation").and_then(|part| part.get("valueBoolean")?.as_bool()),
        staffed: count("staffed"),
        occupied: count("occupied"),
        reserved: count("reserved"),
        blocked: count("blocked"),
        available: count("available"),
        as_of: instant("asOf"),
        valid_until: instant("validUntil"),
        source: part("source").and_then(|part| Source::from_code(part.get_str("valueCode")?)),
    }
}

fn referral(resource: &Json) -> Projection {
    let system = format!("{CANONICAL}/CodeSystem/referral-category");
    let mut codings = resource.items("category").iter().flat_map(|concept| concept.items("coding"));
    let Some(category) = codings.find(|coding| coding.get_str("system") == Some(&system)) else {
        return Projection::None;
    };
    let needs = extension(resource, "admission-needs");
    let need = |name: &str| needs?.items("extension").iter().find(|part| part.get_str("url") == Some(name));
    Projection::Referral(Referral {
        id: text(resource, "id").unwrap_or_default(),
        status: text(resource, "status"),
        category: text(category, "code"),
        priority: text(resource, "priority"),
        subject: reference(resource, "subject"),
        requester: reference(resource, "requester"),
        authored_on: moment(resource.get_str("authoredOn")),
        sex: need("sex").and_then(|part| text(part.get("valueCoding")?, "code")),
        isolation: need("isolation").and_then(|part| part.get("valueBoolean")?.as_bool()),
    })
}

fn task(resource: &Json) -> Projection {
    let is_offer = resource.get("focus").and_then(|focus| focus.get_str("reference")).is_some_and(|reference| {
        reference.starts_with("ServiceRequest/") && extension(resource, "answer-by").is_some()
    });
    if !is_offer {
        return Projection::None;
    }
    let until = |name: &str| moment(extension(resource, name).and_then(|found| found.get_str("valueDateTime")));
    Projection::Task(Task {
        id: text(resource, "id").unwrap_or_default(),
        status: text(resource, "status"),
        focus: reference(resource, "focus"),
        owner: reference(resource, "owner"),
        location: reference(resource, "location"),
        answer_by: until("answer-by"),
        hold_until: until("hold-until"),
    })
}

fn members(resource: &Json) -> Vec<Member> {
    let member = |participant: &Json| {
        let period = |end: &str| moment(participant.get("period").and_then(|period| period.get_str(end)));
        let role = participant.items("role").first().and_then(|role| role.items("coding").first());
        Member {
            team_id: text(resource, "id").unwrap_or_default(),
            team_status: text(resource, "status"),
            subject: reference(resource, "subject"),
            member: reference(participant, "member"),
            role: role.and_then(|coding| text(coding, "code")),
            period_start: period("start"),
            period_end: period("end"),
        }
    };
    resource.items("participant").iter().map(member).collect()
}

fn text(node: &Json, name: &str) -> Option<String> {
    node.get_str(name).map(str::to_owned)
}

fn reference(resource: &Json, name: &str) -> Option<String> {
    resource.get(name).and_then(|reference| text(reference, "reference"))
}

/// The id that a literal reference to `rtype` names.
fn referred(resource: &Json, name: &str, rtype: &str) -> Option<String> {
    let reference = reference(resource, name)?;
    let id = reference.strip_prefix(rtype)?.strip_prefix('/')?.split('/').next()?;
    // An index takes no text without bounds.
    ResourceId::parse(id).map(|id| id.to_string())
}

fn extension<'a>(resource: &'a Json, name: &str) -> Option<&'a Json> {
    let url = format!("{CANONICAL}/StructureDefinition/{name}");
    resource.items("extension").iter().find(|extension| extension.get_str("url") == Some(&url))
}

fn coded_extension(resource: &Json, name: &str) -> Option<String> {
    extension(resource, name)?.get("valueCoding").and_then(|coding| text(coding, "code"))
}

/// The moment that a dateTime or instant names; of a partial one, its start.
fn moment(value: Option<&str>) -> Option<i64> {
    let value = value?;
    Instant::parse(value).or_else(|| crate::search::date_range(value).map(|(from, _)| from)).map(|instant| instant.0)
}
