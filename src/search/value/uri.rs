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

/// The uri and all whose segments it begins with, each with and without a slash at its end.
pub fn above(name: &str, raw: &str) -> Result<Vec<TokenPattern>> {
    let uri = hierarchical(name, raw)?;
    let whole = uri.trim_end_matches('/');
    let host_from = uri.find("://").map_or(0, |at| at + 3);
    let cuts = whole.match_indices('/').map(|(at, _)| at).filter(|at| *at > host_from);
    let mut ends: Vec<usize> = cuts.chain([whole.len()]).collect();
    ends.reverse();
    let parts = ends.into_iter().filter_map(|end| whole.get(..end));
    Ok(parts.flat_map(|part| [exact("", &format!("{part}/")), exact("", part)]).collect())
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
        let expected = ["http://a.org/fhir/x", "http://a.org/fhir", "http://a.org"];
        let expected: Vec<_> =
            expected.into_iter().flat_map(|uri| [exact("", &format!("{uri}/")), exact("", uri)]).collect();
        for asked in ["http://a.org/fhir/x", "http://a.org/fhir/x/"] {
            assert_eq!(above("url", asked).unwrap(), expected, "{asked}");
        }
    }

    #[test]
    fn below_is_asked_without_a_slash_at_the_end() {
        assert_eq!(below("url", "http://a.org/fhir/").unwrap(), TokenPattern::Below("http://a.org/fhir".into()));
        assert!(below("url", "urn:oid:1.2").is_err());
    }
}
