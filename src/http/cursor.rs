//! What the link to a page's successor carries: the whole search and the place where it goes on, sealed. It tells nobody
//! what was searched for, it fits the path that it was made for alone, and no other than this region's gateways can make
//! one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, AeadCore, OsRng, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::fhir::instant::Instant;
use crate::fhir::outcome::{Issue, IssueCode};
use crate::store::Place;

/// A search that goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// The parameters that are applied, but for those of a single page.
    pub pairs: Vec<(String, String)>,
    /// When the first page was asked for, in milliseconds since 1970: what is relative to now stays as it was.
    pub asked: i64,
    /// How many matches may still come (`_maxresults`).
    pub left: Option<u64>,
    pub place: Place,
}

/// Changes with the form of what is sealed.
const FORM: u8 = 1;
const NONCE: usize = 24;

/// Characters that a link may have with clients and proxies that are not patient.
const LONGEST: usize = 48_000;

impl Cursor {
    pub fn asked(&self) -> Instant {
        Instant(self.asked)
    }

    /// Sealed for a path.
    pub fn seal(&self, key: &[u8; 32], path: &str) -> Result<String> {
        let plain = serde_json::to_vec(self).map_err(|error| Error::internal("cursor", &error))?;
        let nonce = XChaCha20Poly1305::generate_nonce(&mut OsRng);
        let payload = Payload { msg: &plain, aad: path.as_bytes() };
        let sealed = XChaCha20Poly1305::new(key.into()).encrypt(&nonce, payload);
        let sealed = sealed.map_err(|error| Error::internal("cursor", &error))?;
        let text = URL_SAFE_NO_PAD.encode([&[FORM], nonce.as_slice(), &sealed].concat());
        if text.len() > LONGEST { Err(too_long()) } else { Ok(text) }
    }

    /// What was sealed for the path; 400 for anything else.
    pub fn open(text: &str, key: &[u8; 32], path: &str) -> Result<Cursor> {
        let opened = || {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
            let (&form, rest) = bytes.split_first()?;
            let (nonce, sealed) = rest.split_at_checked(NONCE).filter(|_| form == FORM)?;
            let payload = Payload { msg: sealed, aad: path.as_bytes() };
            let plain = XChaCha20Poly1305::new(key.into()).decrypt(XNonce::from_slice(nonce), payload).ok()?;
            serde_json::from_slice(&plain).ok()
        };
        opened().ok_or_else(not_ours)
    }
}

/// A link that was changed, is another path's, or comes from before what it asks for was changed.
pub fn not_ours() -> Error {
    Error::bad_parameter(
        "_cursor",
        "_cursor は、このサーバーがこの URL のために返した next リンクのままに使ってください。もう使えない場合は、検索をやり直してください。",
        "Use _cursor as a next link of this server has it, at the same path. If it is no longer accepted, search again.",
    )
}

fn too_long() -> Error {
    Error::bad_request(Issue::error(
        IssueCode::TooLong,
        "検索条件が長すぎて、続きのページへのリンクを作れません。値を分けて検索するか、_count を大きくしてください。",
        "The search is too long for a link to its next page. Search for fewer values at a time, or ask for a larger _count.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::SortValue;

    fn cursor() -> Cursor {
        let values = vec![SortValue::Missing, SortValue::Double(u64::MAX), SortValue::Text("院".into())];
        let place = Place { at: 0, values, key: i64::MIN };
        Cursor { pairs: vec![("name".into(), "山田".into())], asked: 7, left: Some(3), place }
    }

    #[test]
    fn what_is_sealed_is_opened_with_the_same_key_for_the_same_path() {
        let sealed = cursor().seal(&[1; 32], "Patient").unwrap();
        assert_eq!(Cursor::open(&sealed, &[1; 32], "Patient").unwrap(), cursor());
        assert!(Cursor::open(&sealed, &[2; 32], "Patient").is_err(), "another key");
        assert!(Cursor::open(&sealed, &[1; 32], "Practitioner").is_err(), "another path");
        assert_ne!(sealed, cursor().seal(&[1; 32], "Patient").unwrap(), "nobody can tell that two are the same");
    }

    #[test]
    fn whatever_is_changed_is_refused() {
        let sealed = cursor().seal(&[1; 32], "").unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(&sealed).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(Cursor::open(&URL_SAFE_NO_PAD.encode(&changed), &[1; 32], "").is_err(), "{at}");
            assert!(Cursor::open(&URL_SAFE_NO_PAD.encode(&bytes[..at]), &[1; 32], "").is_err(), "{at}");
        }
        for text in ["", "x", "あ", &format!("{sealed}="), &format!("{sealed}A")] {
            assert!(Cursor::open(text, &[1; 32], "").is_err(), "{text}");
        }
    }

    #[test]
    fn a_search_that_fits_no_link_is_refused() {
        let long = Cursor { pairs: vec![("_id".into(), "a,".repeat(LONGEST / 2))], ..cursor() };
        assert_eq!(long.seal(&[1; 32], "").unwrap_err().issues[0].code, IssueCode::TooLong);
    }
}
