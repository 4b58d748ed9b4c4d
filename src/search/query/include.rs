//! `_include` and `_revinclude`: what comes with the matches. R4 `search.html#include`.

use crate::error::Result;
use crate::search::request::Include;

use super::{Reader, refusal};

impl Reader<'_> {
    /// `*`, `Type:*`, `Type:parameter` or `Type:parameter:Target`.
    pub(super) fn include(&self, name: &str, value: &str) -> Result<Include> {
        super::check_value(name, value)?;
        let (word, modifier) = match name.split_once(':') {
            Some((word, modifier)) => (word, Some(modifier)),
            None => (name, None),
        };
        let iterate = match modifier {
            None => false,
            Some("iterate") => true,
            Some(modifier) => return Err(refusal::modifier(name, modifier, &["iterate"])),
        };
        let parts: Vec<&str> = value.split(':').collect();
        let (source, code, target) = match parts.as_slice() {
            ["*"] => (None, None, None),
            [source, "*"] => (Some(*source), None, None),
            [source, code] => (Some(*source), Some(*code), None),
            [source, code, target] if *code != "*" => (Some(*source), Some(*code), Some(*target)),
            _ => {
                return Err(refusal::value(
                    name,
                    "「型:参照パラメータ」か「型:参照パラメータ:対象の型」の形で書いてください。例: ServiceRequest:requester",
                    "it is written Type:parameter or Type:parameter:Target, such as ServiceRequest:requester.",
                ));
            }
        };
        if let Some(source) = source.filter(|source| !self.is_searched(source)) {
            return Err(refusal::unknown_type(name, source));
        }
        if let (Some(source), Some(code)) = (source, code) {
            let parameter = self.reference(name, source, code)?;
            if let Some(target) = target {
                self.target(name, parameter, target)?;
            }
        }
        let owned = |part: Option<&str>| part.map(str::to_owned);
        Ok(Include {
            reverse: word == "_revinclude",
            source: owned(source),
            code: owned(code),
            target: owned(target),
            iterate,
        })
    }
}
