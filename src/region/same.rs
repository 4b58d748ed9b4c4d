//! Whether two texts of a location say the same, whenever it was so. ARCHITECTURE.md, "Beds".

use crate::fhir::json::Json;
use crate::fhir::resource::{all_pairs, same_content_by};

use super::overlay::{is_derived, url_of};

/// Equal apart from what the server writes and derives, from `as-of`, and from the `asOf` and `validUntil` of counts.
pub fn is_same_location(left: &Json, right: &Json) -> bool {
    let (as_of, vacancy) = (url_of("as-of"), url_of("bed-vacancy"));
    let counts = |extension: &&Json| extension.get_str("url") != Some(&as_of) && !is_derived(extension, &vacancy);
    let counted = |value: &'_ Json| value.as_array().is_none_or(|extensions| extensions.iter().any(|one| counts(&one)));
    let same_extension = |left: &&Json, right: &&Json| {
        let is_count = [left, right].iter().all(|extension| extension.get_str("url") == Some(&vacancy));
        if is_count { is_same_count(left, right) } else { left == right }
    };
    same_content_by(
        left,
        right,
        |name, value| name != "extension" || counted(value),
        |name, left, right| match (left, right) {
            (Json::Array(left), Json::Array(right)) if name == "extension" => {
                all_pairs(left.iter().filter(counts), right.iter().filter(counts), same_extension)
            }
            _ => left == right,
        },
    )
}

/// Equal but for when it was so.
fn is_same_count(left: &Json, right: &Json) -> bool {
    let (Some(left), Some(right)) = (left.as_object(), right.as_object()) else { return left == right };
    let not_time = |part: &&Json| !matches!(part.get_str("url"), Some("asOf" | "validUntil"));
    all_pairs(left.iter(), right.iter(), |left, right| match (left, right) {
        (("extension", Json::Array(left)), ("extension", Json::Array(right))) => {
            left.iter().filter(not_time).eq(right.iter().filter(not_time))
        }
        _ => left == right,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::json::{Limits, parse};
    use crate::fhir::outcome::CANONICAL;

    fn tree(text: &str) -> Json {
        let text = text.replace('\'', "\"").replace("KH", &format!("{CANONICAL}/StructureDefinition"));
        parse(text.as_bytes(), Limits::default()).unwrap()
    }

    fn same(left: &str, right: &str) -> bool {
        let (left, right) = (tree(left), tree(right));
        assert_eq!(is_same_location(&left, &right), is_same_location(&right, &left));
        is_same_location(&left, &right)
    }

    #[test]
    fn when_it_was_so_makes_no_difference() {
        let bed = |rest: &str| format!("{{'resourceType':'Location','status':'active'{rest}}}");
        let as_of = |moment: &str| format!(",'extension':[{{'url':'KH/as-of','valueInstant':'{moment}'}}]");
        assert!(same(&bed(&as_of("2026-11-28T09:00:00Z")), &bed(&as_of("2026-11-28T10:00:00Z"))));
        assert!(same(&bed(&as_of("2026-11-28T09:00:00Z")), &bed("")), "an extension less is a list less");
        assert!(!same(&bed(&as_of("2026-11-28T09:00:00Z")), &bed(",'name':'x'")));
        let isolation = ",'extension':[{'url':'KH/isolation','valueBoolean':true}]";
        assert!(!same(&bed(isolation), &bed("")));
        assert!(!same(&bed(isolation), &bed(&isolation.replace("true", "false"))));
    }

    #[test]
    fn counts_are_compared_without_their_moments() {
        let ward = |parts: &str| {
            format!("{{'resourceType':'Location','extension':[{{'url':'KH/bed-vacancy','extension':[{parts}]}}]}}")
        };
        let (free, moment) = ("{'url':'available','valueUnsignedInt':3}", "{'url':'asOf','valueInstant':'2026'}");
        assert!(same(&ward(&format!("{free},{moment}")), &ward(free)));
        assert!(!same(&ward(free), &ward(&free.replace('3', "4"))));
        assert!(!same(&ward(free), &ward(&format!("{free},{{'url':'source','valueCode':'manual'}}"))));
        let derived = ward(&format!("{free},{{'url':'source','valueCode':'derived'}}"));
        assert!(same(&derived, "{'resourceType':'Location'}"), "what the gateway derived is nobody's word");
        assert!(!same(&derived, &ward(free)));
    }
}
