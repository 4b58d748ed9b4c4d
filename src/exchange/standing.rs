//! What a write asks of the version that stands: `If-Match` and `If-None-Match`, alone and in the entries of a Bundle.

use std::fmt::Display;

use crate::error::{Error, ErrorKind, Result};
use crate::fhir::outcome::{Issue, IssueCode};
use crate::store::Version;

use super::Verb;

/// What a write asks of the version that stands (RFC 9110 13.1.1 and 13.1.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    #[default]
    Anything,
    /// `If-Match`: this version, the one that the caller saw.
    Version(i64),
    /// `If-Match: *`: there is one.
    Some,
    /// `If-None-Match: *`: there is none.
    None,
}

impl Standing {
    /// Reads `If-Match`; `on` names it in the refusal. A list is refused: a write is based on the one version that its
    /// author saw.
    fn of_match(value: &str, on: &str) -> Result<Standing> {
        let value = value.trim();
        if value == "*" {
            return Ok(Standing::Some);
        }
        parse_etag(value).map(Standing::Version).ok_or_else(|| match value.contains(',') {
            true => unreadable(on, "If-Match に書ける版は一つだけです。", "If-Match takes one version, not a list."),
            false => unreadable(on, "If-Match は W/\"版\" の形です。", "If-Match has the form W/\"version\"."),
        })
    }

    /// Reads the conditions of any request. To a read `If-None-Match` says something else, what its caller has; a POST has
    /// no version that could stand.
    pub fn of_request(
        verb: Verb,
        if_match: Option<&str>,
        if_none_match: Option<&str>,
        names: [&str; 2],
    ) -> Result<Standing> {
        match verb {
            Verb::Put | Verb::Patch | Verb::Delete => Standing::of_write(if_match, if_none_match, names),
            Verb::Get | Verb::Head | Verb::Post => {
                if_match.map_or(Ok(Standing::Anything), |value| Standing::of_match(value, names[0]))
            }
        }
    }

    /// Reads both conditions of an update, a patch or a deletion; `names` are theirs in the refusal. What would go
    /// unheard is refused.
    fn of_write(if_match: Option<&str>, if_none_match: Option<&str>, names: [&str; 2]) -> Result<Standing> {
        match (if_match, if_none_match.map(str::trim)) {
            (None, None) => Ok(Standing::Anything),
            (Some(value), None) => Standing::of_match(value, names[0]),
            (None, Some("*")) => Ok(Standing::None),
            (Some(_), Some(_)) => Err(unreadable(
                names[1],
                "If-Match と If-None-Match は一緒に使えません。どちらかにしてください。",
                "If-Match and If-None-Match cannot both be given. Use one of them.",
            )),
            (None, Some(_)) => Err(unreadable(
                names[1],
                "書き込みの If-None-Match は * だけです。版には If-Match を使ってください。",
                "For a write, If-None-Match takes * alone. Use If-Match for a version.",
            )),
        }
    }

    /// 412 where it does not hold of `found`, which may be a deletion.
    pub(super) fn check(self, target: &(dyn Display + Sync), found: Option<&Version>) -> Result<()> {
        let current = found.filter(|version| version.body.is_some()).map(|version| version.version);
        let holds = match self {
            Standing::Anything => true,
            Standing::Version(wanted) => current == Some(wanted),
            Standing::Some => current.is_some(),
            Standing::None => current.is_none(),
        };
        match (holds, self) {
            (true, _) => Ok(()),
            (false, Standing::None) => Err(exists(target)),
            (false, _) => Err(Error::version_mismatch(&target.to_string(), current)),
        }
    }

    /// The same where criteria say what is meant: `found` tells whether something matches.
    pub(super) fn check_match(self, target: &(dyn Display + Sync), found: bool) -> Result<()> {
        match (self, found) {
            (Standing::Version(_) | Standing::Some, false) => Err(Error::version_mismatch(&target.to_string(), None)),
            (Standing::None, true) => Err(exists(target)),
            _ => Ok(()),
        }
    }
}

/// The version in `W/"3"`, `"3"` or `3`. A tag that is none of ours is version 0, which never exists; `None` is no tag.
pub fn parse_etag(tag: &str) -> Option<i64> {
    let tag = tag.trim();
    let opaque = tag.strip_prefix("W/").unwrap_or(tag);
    let version = |text: &str| text.parse().ok().filter(|version: &i64| *version > 0);
    match opaque.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(text) => (!text.contains('"')).then(|| version(text).unwrap_or(0)),
        None => version(opaque),
    }
}

fn unreadable(on: &str, ja: &str, en: &str) -> Error {
    Error::bad_request(Issue::error(IssueCode::Invalid, ja, en).on(on))
}

fn exists(target: &(dyn Display + Sync)) -> Error {
    let issue = Issue::error(
        IssueCode::Conflict,
        format!("{target} はすでに存在するため、If-None-Match: * を満たしません。"),
        format!("{target} exists, so If-None-Match: * does not hold."),
    );
    Error::new(ErrorKind::PreconditionFailed, issue.on("http.header:If-None-Match"))
}
