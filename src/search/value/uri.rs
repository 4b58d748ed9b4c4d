//! Uris: compared to the letter, or segment by segment. R4 `search.html#uri`.

use crate::error::Result;
use crate::search::extract::index_form;
use crate::search::query::refusal;
use crate::store::TokenPattern;

use super::escape::unescape;
use super::token::exact;

pub fn pattern(raw: &str) -> TokenPattern {
    exact("", &unescape(raw))
}

/// The uri and all that begin with its segments.
pub fn below(name: &str, raw: &str) -> Result<TokenPattern> {
    let uri = hierarchical(name, raw)?;
    Ok(TokenPattern::Below(index_form(uri.trim_end_matches('/'))))
}

/// The uri and all whose segments it begins with.
pub fn above(name: &str, raw: &str) -> Result<Vec<TokenPattern>> {
    let uri = hierarchical(name, raw)?;
    let host_from = uri.find("://").map_or(0, |at| at + 3);
    let mut found = vec![exact("", &uri)];
    let cuts: Vec<usize> = uri.match_indices('/').map(|(at, _)| at).filter(|at| *at > host_from).collect();
    for cut in cuts.into_iter().rev() {
        // With and without the slash at its end.
        for end in [cut + 1, cut] {
            if let Some(part) = uri.get(..end).filter(|part| part.len() < uri.len()) {
                found.push(exact("", part));
            }
        }
    }
    Ok(found)
}

/// A url: other uris have no segments.
fn hierarchical(name: &str, raw: &str) -> Result<String> {
    let uri = unescape(raw);
    match uri.contains("://") {
        true => Ok(uri),
        false => Err(refusal::value(
            name,
            "区切り(/)のある URL ではありません。urn: などは修飾子なしで、全体を指定してください。",
            "it is not a url with segments. Give a urn as a whole, without the modifier.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn above_are_all_beginnings_of_whole_segments() {
        let found = above("url", "http://a.org/fhir/x").unwrap();
        let expected =
            ["http://a.org/fhir/x", "http://a.org/fhir/", "http://a.org/fhir", "http://a.org/", "http://a.org"];
        assert_eq!(found, expected.map(|uri| exact("", uri)));
    }

    #[test]
    fn below_is_asked_without_a_slash_at_the_end() {
        assert_eq!(below("url", "http://a.org/fhir/").unwrap(), TokenPattern::Below("http://a.org/fhir".into()));
        assert!(below("url", "urn:oid:1.2").is_err());
    }
}
